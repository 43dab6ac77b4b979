/**
 * Partition tables with bytes changed, cut and grown: whatever they say, reading them ends soon, reads little, and gives
 * parts of the disk or an Error with a reason. By hand: `bun tests/fuzz/disks.ts SECONDS [SEED]`.
 */
import process from "node:process";
import { crc32 } from "../../src/lib/crc32.ts";
import { viewOf } from "../../src/lib/struct.ts";
import { GptHeader } from "../../src/wire/gpt.ts";
import { type Locator, partitionsOf, readTables, resolve } from "../../src/wire/slices.ts";
import { samples, type Sparse, sparseDisk } from "../wire/corpus.ts";

type Random = (n: number) => number;
function seeded(seed: number): Random {
  let state = seed >>> 0;
  return (n) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * n);
  };
}
const WORDS = [0, 1, 2, 5, 127, 128, 511, 512, 513, 4096, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff];
/** Reads and bytes no image may cost. */
const MAX_READS = 5000;
const MAX_BYTES = 64 << 20;

/** A few bytes or words of a few sectors; now and then the sums are put right, so that what is behind them is reached. */
function mutate(random: Random, from: Sparse): Sparse {
  const sectors = new Map([...from.sectors].map(([at, bytes]) => [at, bytes.slice()]));
  const list = [...sectors.values()];
  for (let n = 1 + random(6); n > 0; n--) {
    const sector = list[random(list.length)]!;
    // Entries stand in these sectors' ends or starts: random places alone would rarely meet them.
    const at = random(2) === 0 ? random(508) : 446 + random(64 - 4);
    if (random(3) === 0) viewOf(sector).setUint32(at, WORDS[random(WORDS.length)]!, true);
    else sector[at] = random(256);
  }
  if (random(2) === 0) mend(sectors);
  const sizes = [from.size, from.size, from.size, random(4096), random(from.size), from.size * 4, 2 ** 50];
  return { size: sizes[random(sizes.length)]!, sectors };
}
function mend(sectors: Map<number, Uint8Array>): void {
  const disk = sparseDisk({ size: 2 ** 40, sectors });
  for (const sector of sectors.values()) {
    if (String.fromCharCode(...sector.subarray(0, 8)) !== "EFI PART") continue;
    const d = viewOf(sector);
    const { get, set } = GptHeader;
    const length = get.entries(d, 0) * get.entrySize(d, 0);
    if (length <= 1 << 20) {
      const size = get.here(d, 0) === 256 ? 4096 : 512;
      set.tableCrc(d, 0, crc32(disk.read(get.table(d, 0) * size, length)));
    }
    set.headerCrc(d, 0, 0);
    set.headerCrc(d, 0, crc32(sector.subarray(0, Math.min(512, get.headerSize(d, 0)))));
  }
}
const names: readonly Locator[] = [
  ...["1", "2", "5", "6", "EFI System"].flatMap((name) => [{ scheme: "GPT", name }, { scheme: "MBR", name }] as const),
  ...["a", "c", "e"].map((name) => ({ scheme: "DISKLABEL", name }) as const),
  { scheme: "OFFSET", name: "1m,100m" },
];

/** What is wrong with how a disk was read; undefined: nothing. */
function problem(image: Sparse): string | undefined {
  const disk = sparseDisk(image);
  for (const name of names) {
    try {
      const p = resolve(disk, name);
      const inside = p.offset >= 0 && p.length > 0 && p.missing >= 0 && p.offset + p.length <= disk.size;
      if (!inside) return `${name.scheme} ${name.name}: ${JSON.stringify(p)} of ${disk.size}`;
    } catch (e) {
      if (!(e instanceof Error) || e.constructor !== Error) return `${name.scheme} ${name.name}: ${e}`;
    }
  }
  const before = disk.reads;
  const { slices } = readTables(disk);
  if (slices.length > 10_000) return `${slices.length} partitions`;
  partitionsOf(disk);
  const { reads, bytes } = disk;
  if (reads > MAX_READS || bytes > MAX_BYTES) return `${reads} reads, ${before} before, ${bytes} bytes`;
  return undefined;
}

/** Fuzz for so many seconds; the first problem of each image that had one, and how many images there were. */
export function fuzzDisks(seconds: number, seed: number): { readonly problems: string[]; readonly images: number } {
  const random = seeded(seed);
  const all = [...samples()];
  const problems: string[] = [];
  let images = 0;
  for (const end = Date.now() + seconds * 1000; Date.now() < end && problems.length < 10; images++) {
    const [name, image] = all[random(all.length)]!;
    const found = problem(mutate(random, image));
    if (found) problems.push(`${name}, image ${images}: ${found}`);
  }
  return { problems, images };
}

if (import.meta.main) {
  const seed = Number(process.argv[3] ?? Date.now() % 2 ** 32);
  process.stderr.write(`seed ${seed}\n`);
  const { problems, images } = fuzzDisks(Number(process.argv[2] ?? 10), seed);
  process.stdout.write(`${images} images\n${problems.map((p) => `${p}\n`).join("")}`);
  process.exit(problems.length > 0 ? 1 : 0);
}
