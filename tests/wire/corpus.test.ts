import { describe, it } from "node:test";
import process from "node:process";
import { readTables, sliceLocator } from "../../src/wire/slices.ts";
import { assert, assertEquals } from "../assert.ts";
import { fuzzDisks } from "../fuzz/disks.ts";
import { samples, sparseDisk } from "./corpus.ts";

const MiB = 1 << 20;
/** What the tools that made them say: name, type, offset, bytes. */
const expected: Readonly<Record<string, readonly (readonly [string, string, number, number])[]>> = {
  bsd_slice: [
    ["%MBR:1%", "Linux", MiB, 10 * MiB],
    ["%MBR:2%", "NetBSD", 11 * MiB, 60 * MiB],
    ["%DISKLABEL:c%", "unused", 11 * MiB, 60 * MiB],
    ["%DISKLABEL:d%", "unused", 0, 192780 * 512],
    ["%DISKLABEL:e%", "MSDOS", 11 * MiB, 20481 * 512],
  ],
  gpt_4096: [
    ["%GPT:1%", "EFI System", MiB, 16 * MiB],
    ["%GPT:2%", "Linux filesystem", 17 * MiB, 11776 * 4096],
  ],
  parted_msdos: [
    ["%MBR:1%", "W95 FAT32 (LBA)", MiB, 29 * MiB],
    ["%MBR:2%", "W95 Extended (LBA)", 30 * MiB, 30 * MiB],
    ["%MBR:5%", "W95 FAT16 (LBA)", 31 * MiB, 9 * MiB],
  ],
  sfdisk_logical: [
    ["%MBR:1%", "W95 FAT32 (LBA)", MiB, 20 * MiB],
    ["%MBR:2%", "Linux", 21 * MiB, 10 * MiB],
    ["%MBR:3%", "Extended", 31 * MiB, 69 * MiB],
    ["%MBR:5%", "FAT16", 32 * MiB, 8 * MiB],
    ["%MBR:6%", "W95 FAT16 (LBA)", 41 * MiB, 12 * MiB],
    ["%MBR:7%", "Linux swap", 54 * MiB, 5 * MiB],
  ],
  sgdisk_hybrid: [
    ["%GPT:1%", "EFI System", MiB, 20 * MiB],
    ["%GPT:2%", "Linux filesystem", 21 * MiB, 10 * MiB],
    ["%MBR:2%", "EFI System", MiB, 20 * MiB],
  ],
  sgdisk_two: [
    ["%GPT:1%", "EFI System", MiB, 20 * MiB],
    ["%GPT:5%", "Linux filesystem", 21 * MiB, 10 * MiB],
  ],
};

describe("partition tables made by sfdisk, fdisk, sgdisk and parted", () => {
  for (const [name, image] of samples()) {
    it(`${name} is read as its maker says`, () => {
      const { slices, complaints } = readTables(sparseDisk(image));
      assertEquals(slices.map((s) => [sliceLocator(s), s.type, s.offset, s.length]), [...expected[name]!] as never);
      assertEquals(complaints, []);
    });
  }
  it("changed in any way they cost little, and never more than an Error", () => {
    const seed = Number(process.env.SEED ?? Date.now() % 2 ** 32);
    const { problems, images } = fuzzDisks(2, seed);
    assertEquals(problems, [], `SEED=${seed}`);
    assert(images > 100, `${images} images`);
  });
});
