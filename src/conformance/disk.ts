/** What every disk driver must do: bytes are where they were written, transfers keep to the disk, buffers are lent. */
import type { BlockDevice, DiskDriver, Sys } from "../plugin.ts";
import { assert, assertEquals } from "./assert.ts";
import { pattern, refused } from "./claim.ts";
import type { Case } from "./fs.ts";

/** Bytes looked at from either end. */
const SPAN = 1 << 20;

interface DiskClaim {
  readonly name: string;
  readonly writes?: true;
  run(d: BlockDevice): Promise<void>;
}
const unit = (d: BlockDevice) => Math.max(d.blockSize, 512);
/** Whole units of the disk, at most `SPAN` bytes. */
const span = (d: BlockDevice) => Math.floor(Math.min(d.size, SPAN) / unit(d)) * unit(d);
async function read(d: BlockDevice, offset: number, length: number): Promise<Uint8Array> {
  const into = new Uint8Array(length).fill(0xaa);
  await d.read(into, offset);
  return into;
}
const answer = async (work: () => unknown) => await refused((async () => void (await work()))());

const claims: readonly DiskClaim[] = [
  {
    name: "size and block size are whole numbers, and it has a name",
    async run(d) {
      assert(Number.isSafeInteger(d.size) && d.size > 0, `size ${d.size}`);
      assert(Number.isSafeInteger(d.blockSize) && d.blockSize > 0, `block size ${d.blockSize}`);
      assertEquals([typeof d.name, d.name === ""], ["string", false]);
      await undefined;
    },
  },
  {
    name: "the same is read whole and in blocks, from the start and up to the end",
    async run(d) {
      for (const from of [0, Math.floor((d.size - span(d)) / unit(d)) * unit(d)]) {
        const whole = await read(d, from, span(d));
        for (let at = 0; at < whole.length; at += unit(d) * 7) {
          const n = Math.min(unit(d), whole.length - at);
          assertEquals(await read(d, from + at, n), whole.slice(at, at + n), `at ${from + at}`);
        }
      }
    },
  },
  {
    name: "many reads at once do not disturb each other",
    async run(d) {
      const n = Math.min(16, Math.floor(span(d) / unit(d)));
      const alone: Uint8Array[] = [];
      for (let i = 0; i < n; i++) alone.push(await read(d, i * unit(d), unit(d)));
      assertEquals(await Promise.all(alone.map((_, i) => read(d, i * unit(d), unit(d)))), alone);
    },
  },
  {
    name: "transfers past the end are EIO",
    async run(d) {
      const end = Math.ceil(d.size / d.blockSize) * d.blockSize;
      for (const at of [end, end - d.blockSize, end + unit(d) * 1000]) {
        const into = new Uint8Array(unit(d) * 2);
        assertEquals(await answer(() => d.read(into, at)), "EIO", `read at ${at}`);
        if (d.write) assertEquals(await answer(() => d.write!(into, at)), "EIO", `write at ${at}`);
      }
    },
  },
  {
    name: "what nextData passes over are zeros",
    async run(d) {
      for (const from of [0, unit(d), Math.floor(d.size / unit(d) / 2) * unit(d)]) {
        const next = await d.nextData?.(from) ?? from;
        assert(next >= from && next <= Math.max(from, d.size), `${next}, asked from ${from} of ${d.size}`);
        const whole = Math.floor(Math.min(next - from, SPAN) / unit(d)) * unit(d);
        assertEquals(await read(d, from, whole), new Uint8Array(whole), `from ${from} to ${next}`);
      }
    },
  },
  {
    name: "what is written is read, and its neighbours stay",
    writes: true,
    async run(d) {
      const before = await read(d, 0, span(d));
      const [at, bytes] = [unit(d), pattern(unit(d) * 2, 3)];
      await d.write!(bytes, at);
      assertEquals(await read(d, at, bytes.length), bytes);
      before.set(bytes, at);
      assertEquals(await read(d, 0, span(d)), before);
    },
  },
  {
    name: "buffers are lent: what the caller does to them afterwards changes nothing",
    writes: true,
    async run(d) {
      const bytes = pattern(unit(d), 5);
      await d.write!(bytes, 0);
      bytes.fill(0);
      (await read(d, 0, unit(d))).fill(1);
      assertEquals(await read(d, 0, unit(d)), pattern(unit(d), 5));
    },
  },
  {
    name: "flush succeeds, of an idle disk and of a written one, twice",
    writes: true,
    async run(d) {
      for (let i = 0; i < 2; i++) {
        await d.flush?.();
        await d.write!(pattern(unit(d), i), 0);
      }
      await d.flush?.();
    },
  },
];
/** All claims on a disk driver; each opens it anew. What is there gets overwritten where it can be. */
export function diskCases(sys: Sys, driver: DiskDriver, options: unknown): Case[] {
  return claims.map(({ name, writes, run }) => ({
    group: "disk",
    name,
    skip: false,
    async run() {
      const disk = await driver.open(sys, options);
      try {
        if (!writes || disk.write) await run(disk);
      } finally {
        await disk.close?.();
      }
    },
  }));
}
