/** Damaged exFAT: an errno or files, for reading and for writing, in bounded time. */
import process from "node:process";
import { describe, it } from "node:test";
import exfat from "../../plugins/fs_exfat/mod.ts";
import type { FsDriver } from "../../src/plugin.ts";
import { assert } from "../assert.ts";
import { filledExfat, mutateExfat } from "../cases/exfat_images.ts";
import { randomOf, seedOf } from "../cases/fat_images.ts";
import { abuseImage } from "../cases/image_walk.ts";

/** IMAGES: how many on each volume are read, and a twentieth of them written, which takes longer; more by hand. */
const READ = Number(process.env.IMAGES ?? 60);
/** Milliseconds no image may take on a machine that is busy. */
const LONG = 5000;

describe("exfat on damaged images", () => {
  for (const options of ["-c 512", "-c 4K"]) {
    for (const writing of [false, true]) {
      const images = Math.ceil(writing ? READ / 20 : READ);
      it(`mkfs.exfat ${options}: ${images} of them ${writing ? "written" : "read"}`, async () => {
        const seed = seedOf();
        const sound = await filledExfat("4M", options);
        let longest = 0;
        for (let i = 0; i < images; i++) {
          const copy = sound.slice();
          mutateExfat(copy, randomOf(seed + i));
          try {
            longest = Math.max(longest, await abuseImage(exfat as FsDriver, copy, {}, writing));
          } catch (e) {
            throw new Error(`SEED=${seed + i}`, { cause: e });
          }
        }
        process.stderr.write(`# SEED=${seed} IMAGES=${images}: longest ${Math.round(longest)} ms\n`);
        assert(longest < LONG, `SEED=${seed}: ${longest} ms`);
      });
    }
  }
});
