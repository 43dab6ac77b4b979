/** ext2 after a crash: e2fsck mends it, and what was synced is there. */
import process from "node:process";
import { describe, it } from "node:test";
import ext2fs from "../../plugins/fs_ext2fs/mod.ts";
import type { FsDriver } from "../../src/plugin.ts";
import { assertEquals } from "../assert.ts";
import { emptyImage, mended } from "../cases/ext_images.ts";
import { randomOf, seedOf } from "../cases/fat_images.ts";
import { brokenPromises, crashedImage, crashLife } from "../cases/image_crash.ts";
import { imageListing } from "../cases/image_walk.ts";

/** CRASHES: how many on each volume; more by hand. */
const CRASHES = Number(process.env.CRASHES ?? 25);
const driver = ext2fs as FsDriver;

describe("ext2fs in a crash", () => {
  for (const options of ["-t ext2 -b 1024", "-t ext2 -b 4096 -O ^filetype"]) {
    it(`mke2fs ${options}: ${CRASHES} crashes, and what was synced is there when e2fsck has been`, async () => {
      const seed = seedOf();
      const random = randomOf(seed);
      const life = await crashLife(driver, emptyImage(options, 8192), random, 8);
      for (let i = 0; i < CRASHES; i++) {
        const n = random(life.journal.length + 1);
        const { bytes } = mended(crashedImage(life, n, random));
        const found = await imageListing(driver, bytes);
        assertEquals(brokenPromises(life, n, found), "", `SEED=${seed}, crash ${i} after ${n} steps`);
      }
    });
  }
});
