/** exFAT after a crash: fsck.exfat mends it, and what was synced is there. */
import process from "node:process";
import { describe, it } from "node:test";
import exfat from "../../plugins/fs_exfat/mod.ts";
import type { FsDriver } from "../../src/plugin.ts";
import { assertEquals } from "../assert.ts";
import { emptyExfat, fsckExfat, mendedExfat } from "../cases/exfat_images.ts";
import { randomOf, seedOf } from "../cases/fat_images.ts";
import { brokenPromises, crashedImage, crashLife } from "../cases/image_crash.ts";
import { imageListing } from "../cases/image_walk.ts";

/** CRASHES: how many on each volume; more by hand. */
const CRASHES = Number(process.env.CRASHES ?? 25);
const driver = exfat as FsDriver;

describe("exfat in a crash", () => {
  for (const options of ["-c 512", "-c 4K"]) {
    it(`mkfs.exfat ${options}: ${CRASHES} crashes, and what was synced is there when fsck.exfat has been`, async () => {
      const seed = seedOf();
      const random = randomOf(seed);
      const life = await crashLife(driver, emptyExfat("8M", options), random, 8);
      for (let i = 0; i < CRASHES; i++) {
        const n = random(life.journal.length + 1);
        const where = `SEED=${seed}, crash ${i} after ${n} of ${life.journal.length} steps`;
        const { bytes, said } = mendedExfat(crashedImage(life, n, random));
        assertEquals(brokenPromises(life, n, await imageListing(driver, bytes)), "", `${where}\n${said}`);
        assertEquals(fsckExfat(bytes), "", where);
      }
    });
  }
});
