/** exFAT volumes as mkfs.exfat makes them, and what fsck.exfat says of them. */
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import process from "node:process";
import { bootSum, parseBoot } from "../../plugins/fs_exfat/boot.ts";
import { sealSet } from "../../plugins/fs_exfat/entries.ts";
import exfat from "../../plugins/fs_exfat/mod.ts";
import type { ExfatOptions } from "../../plugins/fs_exfat/options.ts";
import { parseOptions } from "../../src/kern/driver_options.ts";
import { viewOf } from "../../src/lib/struct.ts";
import type { BlockDevice, Volume } from "../../src/plugin.ts";
import { diskOn, plainSys, type Random, scratchDir } from "./fat_images.ts";

const env = { ...process.env, PATH: `${process.env.PATH}:/sbin:/usr/sbin`, LC_ALL: "C" };
const made = new Map<string, Uint8Array>();
/** An empty volume; a copy each time. `-S 4096` before the options of mkfs.exfat: sectors of that size. */
export function emptyExfat(size: string, options = ""): Uint8Array {
  const key = `${size} ${options}`;
  let bytes = made.get(key);
  if (!bytes) made.set(key, bytes = make(size, options));
  return bytes.slice();
}
function make(size: string, options: string): Uint8Array {
  const image = `${scratchDir()}/empty.exfat`;
  const [, sector, rest] = /^(?:-S (\d+) )?(.*)$/.exec(options)!;
  const on = sector
    ? `l=$(losetup -f --show -b ${sector} ${image}); trap 'losetup -d $l' EXIT; mkfs.exfat ${rest} $l`
    : "";
  const command = `rm -f ${image}; truncate -s ${size} ${image}; ${on || `mkfs.exfat ${options} ${image}`}`;
  const r = spawnSync("sh", ["-ec", command], { env, encoding: "utf8" });
  if (r.status !== 0) throw new Error(`${command}: ${r.stdout}${r.stderr}`);
  return new Uint8Array(readFileSync(image));
}
/** Why there can be no sectors of 4096 bytes ("-S 4096 ..."); false: there can. */
export const noLargeSectors = () =>
  (process.getuid?.() !== 0 || spawnSync("losetup", ["-f"], { env }).status !== 0) && "no loop devices";
/** What fsck.exfat finds; empty: nothing. */
export function fsckExfat(bytes: Uint8Array): string {
  const { status, said } = fsck(bytes, "-n");
  return status === 0 && /: clean\. /.test(said) ? "" : said;
}
/** What fsck.exfat makes of it. */
export function mendedExfat(bytes: Uint8Array): { readonly bytes: Uint8Array; readonly said: string } {
  const { image, said } = fsck(bytes, "-y");
  return { bytes: new Uint8Array(readFileSync(image)), said };
}
function fsck(bytes: Uint8Array, how: string): { image: string; status: number | null; said: string } {
  const image = `${scratchDir()}/checked.exfat`;
  writeFileSync(image, bytes);
  const r = spawnSync("fsck.exfat", [how, image], { env, encoding: "utf8" });
  return { image, status: r.status, said: r.stdout + r.stderr };
}

/** A volume with directories, long names, and files one after the other and in pieces. */
export async function filledExfat(size: string, options: string): Promise<Uint8Array> {
  const disk = diskOn(emptyExfat(size, options));
  const volume = await mountOn(disk);
  const make = { mode: 0o755, uid: 0, gid: 0 };
  const dirs = [volume.root];
  for (let i = 0; i < 6; i++) dirs.push(await volume.mkdir!(dirs[i >> 1], `directory number ${i}`, make));
  for (const [i, dir] of dirs.entries()) {
    const files = [];
    for (let k = 0; k < 12; k++) files.push(await volume.create!(dir, `${"name ".repeat(k)}${i}.${k}`, make));
    for (let piece = 0; piece < 4; piece++) {
      for (const [k, file] of files.entries()) {
        await volume.write!(file, new Uint8Array(700 * (k % 4)).fill(k + 1), piece * 700 * (k % 4));
      }
    }
    await volume.setattr!(files[5], { size: 30_000 });
  }
  await volume.unmount!();
  return disk.bytes;
}
const mountOn = async (device: BlockDevice): Promise<Volume> =>
  await exfat.mount(plainSys(), device, {
    options: parseOptions(exfat.options as never, {}) as ExfatOptions,
    source: "image",
    readOnly: false,
    over: { uid: 0, gid: 0, mode: 0o755 },
  }) as Volume;

const EDGES = [0, 1, 2, 3, 0x7f, 0x80, 0xff, 0xffff, 0xffff_fff7, 0xffff_ffff];
/**
 * Damage that gets past the checksums: fields of entry sets, of the bitmap's and the up-case table's entry, entries of the
 * FAT, fields of the boot sector; their sums are put right again most of the time.
 */
export function mutateExfat(bytes: Uint8Array, random: Random): void {
  const layout = parseBoot(bytes.subarray(0, 512), bytes.length);
  if (typeof layout === "string") throw new Error(layout);
  const d = viewOf(bytes);
  const sets: number[] = [];
  for (let at = layout.heap; at + 32 <= bytes.length; at += 32) {
    if (bytes[at]! >= 0x81 && bytes[at]! <= 0x85) sets.push(at);
  }
  const edge = () => random(3) === 0 ? random(layout.clusters + 4) : EDGES[random(EDGES.length)]!;
  for (let n = 1 + random(4); n > 0; n--) {
    const kind = random(8);
    if (kind === 0) d.setUint32(layout.fat + random(layout.clusters + 2) * 4, edge(), true);
    else if (kind === 1) reboot(bytes, random, layout.sectorSize);
    else if (kind === 2) bytes[layout.heap + random(2000)] = random(256);
    else mutateSet(bytes, sets[random(sets.length)]!, random, edge);
  }
}
/** Fields: type, flags, length of the name, bytes that are valid, first cluster, size. */
const FIELDS = [[0, 1], [33, 1], [35, 1], [40, 8], [52, 4], [56, 8], [4, 2], [1, 1], [64, 1], [66, 2]] as const;
function mutateSet(bytes: Uint8Array, at: number, random: Random, edge: () => number): void {
  const set = bytes.subarray(at, at + (bytes[at + 1]! + 1) * 32);
  if (bytes[at] !== 0x85 || set.length < 96) {
    bytes[at + random(32)] = edge();
    return;
  }
  const [field, size] = FIELDS[random(FIELDS.length)]!;
  const value = edge();
  for (let i = 0; i < size; i++) set[field + i] = Math.floor(value / 256 ** i);
  if (random(8) > 0) sealSet(set);
}
function reboot(bytes: Uint8Array, random: Random, sectorSize: number): void {
  for (const at of [0, 12 * sectorSize]) {
    bytes[at + 64 + random(49)] = EDGES[random(EDGES.length)]!;
    const sum = bootSum(bytes.subarray(at, at + 11 * sectorSize));
    for (let i = 0; i < sectorSize; i += 4) viewOf(bytes).setUint32(at + 11 * sectorSize + i, sum, true);
  }
}

/** What our check finds, mending it all if `mend`; kinds that cannot be mended are marked. */
export async function checkedExfat(bytes: Uint8Array, mend: boolean): Promise<string[]> {
  const found: string[] = [];
  const { write, ...device } = diskOn(bytes);
  await exfat.check!(plainSys(), mend ? { ...device, write: write! } : device, {
    options: parseOptions(exfat.options as never, {}) as ExfatOptions,
    found(f) {
      found.push(`${f.kind}${f.repair ? "" : "!"}: ${f.path ?? ""} ${f.text}`);
      return mend;
    },
    phase: () => {},
    progress: () => true,
  });
  return found;
}
