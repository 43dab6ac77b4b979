/** Damaged ext2, ext3 and ext4: an errno or files, for reading and for writing, in bounded time. */
import process from "node:process";
import { describe, it } from "node:test";
import ext2fs from "../../plugins/fs_ext2fs/mod.ts";
import type { FsDriver } from "../../src/plugin.ts";
import { assert } from "../assert.ts";
import { filledImage } from "../cases/ext_images.ts";
import { randomOf, seedOf } from "../cases/fat_images.ts";
import { abuseImage, mutateImage, type Ranges } from "../cases/image_walk.ts";

/** IMAGES: how many on each volume; more by hand. */
const IMAGES = Number(process.env.IMAGES ?? 40);
/** Superblock, descriptors and tables of inodes come first; directories and pointers somewhere behind. */
const ranges = (bytes: Uint8Array): Ranges => [
  [1024, 2048],
  [2048, 16_384],
  [16_384, 400_000],
  [400_000, Math.min(bytes.length, 4 << 20)],
];

describe("ext2fs on damaged images", () => {
  for (const options of ["-t ext2 -b 1024", "-t ext3", "-t ext4 -b 1024", "-t ext4 -I 1024 -O inline_data"]) {
    for (const writing of options.includes("ext2 ") ? [false, true] : [false]) {
      it(`mke2fs ${options}: ${IMAGES} of them ${writing ? "written" : "read"}`, async () => {
        const seed = seedOf();
        const sound = filledImage(options);
        let longest = 0;
        for (let i = 0; i < IMAGES; i++) {
          const copy = sound.slice();
          mutateImage(copy, randomOf(seed + i), ranges(copy));
          try {
            longest = Math.max(longest, await abuseImage(ext2fs as FsDriver, copy, {}, writing));
          } catch (e) {
            throw new Error(`SEED=${seed + i}`, { cause: e });
          }
        }
        process.stderr.write(`# SEED=${seed} IMAGES=${IMAGES}: longest ${Math.round(longest)} ms\n`);
        assert(longest < 5000, `SEED=${seed}: ${longest} ms`);
      });
    }
  }
});
