/** The decoder of xz and of LZMA alone, with xz as the other side. */
import { execFileSync } from "node:child_process";
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import process from "node:process";
import { describe, it } from "node:test";
import { crc32 } from "../../src/lib/crc32.ts";
import { Crc64 } from "../../src/lib/crc64.ts";
import { Sha256 } from "../../src/lib/sha256.ts";
import { unpackLzma, xzUnpacker } from "../../src/lib/xz.ts";
import { assert, assertEquals } from "../assert.ts";
import { randomOf, scratchDir, seedOf } from "../cases/fat_images.ts";

const unpackXz = xzUnpacker();
const scratch = scratchDir();
/** By files: a pipe that is written and read at once may stand still. */
function xz(bytes: Uint8Array, ...words: string[]): Uint8Array {
  writeFileSync(`${scratch}/in`, bytes);
  execFileSync("sh", ["-c", `xz -c ${words.join(" ")} ${scratch}/in > ${scratch}/out 2> ${scratch}/err`]);
  return new Uint8Array(readFileSync(`${scratch}/out`));
}
const same = (a: Uint8Array | undefined, b: Uint8Array) => a !== undefined && Buffer.from(a).equals(b);
function noise(length: number): Uint8Array {
  const random = randomOf(1);
  return Uint8Array.from({ length }, () => random(256));
}
const text = new TextEncoder().encode(Array.from({ length: 30_000 }, (_, i) => `line ${i * i % 9973}\n`).join(""));
const program = new Uint8Array(readFileSync("/bin/sh"));
const contents: readonly (readonly [string, Uint8Array])[] = [
  ["nothing", new Uint8Array(0)],
  ["one byte", Uint8Array.of(7)],
  ["noise", noise(100_000)],
  ["zeros", new Uint8Array(1_000_000)],
  ["text", text],
  ["a program", program],
];
const FILTERS = ["x86", "x86=start=4096", "arm", "armthumb", "arm64", "powerpc", "sparc", "delta=dist=3"];
const words: readonly (readonly string[])[] = [
  ["-6"],
  ["-0"],
  ["-C", "none"],
  ["-C", "crc32", "--block-size=100000"],
  ["-C", "sha256", "-T2", "--block-size=50000"],
  ["--lzma2=preset=1,lc=0,lp=4,pb=0"],
  ["--lzma2=preset=1,lc=1,lp=3,pb=4,dict=4KiB"],
  ...FILTERS.map((filter) => [`--${filter}`, "--lzma2=preset=0"]),
];

describe("xz", () => {
  for (const [what, bytes] of contents) {
    it(`${what}: whatever xz is told, what it packs is unpacked, and nothing longer than allowed`, () => {
      for (const w of words) {
        const packed = xz(bytes, ...w);
        assert(same(unpackXz(packed, bytes.length), bytes), w.join(" "));
        if (bytes.length > 0) assertEquals(unpackXz(packed, bytes.length - 1), undefined, w.join(" "));
      }
    });
    it(`${what}: LZMA alone is unpacked`, () => {
      assert(same(unpackLzma(xz(bytes, "--format=lzma"), bytes.length), bytes));
    });
  }
  it("checks are those of others", () => {
    const bytes = noise(1000);
    const pieces = [bytes.subarray(0, 3), bytes.subarray(3, 64), bytes.subarray(64, 64), bytes.subarray(64)];
    const sha = new Sha256();
    for (const piece of pieces) sha.update(piece);
    assertEquals(Buffer.from(sha.digest()).toString("hex"), createHash("sha256").update(bytes).digest("hex"));
    const digits = new TextEncoder().encode("123456789");
    assertEquals(crc32(digits), 0xcbf43926);
    const crc = new Crc64();
    for (const piece of [digits.subarray(0, 2), digits.subarray(2)]) crc.update(piece);
    assertEquals(Buffer.from(crc.digest()).readBigUInt64LE(), 0x995dc9bbdf1939fan);
  });
  it("a changed byte anywhere is noticed", () => {
    const bytes = text.subarray(0, 300);
    for (const check of ["crc32", "crc64", "sha256"]) {
      const packed = xz(bytes, "-C", check);
      for (let i = 0; i < packed.length; i++) {
        const bad = packed.slice();
        bad[i]! ^= 1 << i % 8;
        assertEquals(unpackXz(bad, 1000), undefined, `${check}: byte ${i}`);
        assertEquals(unpackXz(packed.subarray(0, i), 1000), undefined, `${check}: cut at ${i}`);
      }
    }
  });
  const ROUNDS = Number(process.env.ROUNDS ?? 3000);
  it(`${ROUNDS} damaged streams without checks: bytes or nothing`, () => {
    const seed = seedOf();
    const most = 20_000;
    const packed = [
      ...["-0", "--x86", "--arm64"].map((w) =>
        xz(program.subarray(0, most), "-C", "none", w, ...w === "-0" ? [] : ["--lzma2"])
      ),
    ];
    const alone = xz(text.subarray(0, most), "--format=lzma");
    for (let i = 0; i < ROUNDS; i++) {
      const random = randomOf(seed + i);
      const [from, unpack] = i % 4 === 3 ? [alone, unpackLzma] as const : [packed[i % 4]!, unpackXz] as const;
      const bad = from.slice(0, random(4) === 0 ? random(from.length) : from.length);
      for (let n = random(4); n >= 0; n--) bad[24 + random(bad.length)] = random(256);
      const got = unpack(bad, most);
      assert(got === undefined || got.length <= most, `SEED=${seed + i}`);
    }
  });
});
