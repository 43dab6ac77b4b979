/** The check of exFAT: it agrees with fsck.exfat on what is sound, and makes what is not so. */
import process from "node:process";
import { describe, it } from "node:test";
import exfat from "../../plugins/fs_exfat/mod.ts";
import { SysError } from "../../src/abi/errno.ts";
import type { FsDriver } from "../../src/plugin.ts";
import { assert, assertEquals } from "../assert.ts";
import { checkedExfat, emptyExfat, filledExfat, fsckExfat, mutateExfat } from "../cases/exfat_images.ts";
import { randomOf, seedOf } from "../cases/fat_images.ts";
import { brokenPromises, crashedImage, crashLife } from "../cases/image_crash.ts";
import { imageListing } from "../cases/image_walk.ts";

/** CRASHES, IMAGES: more by hand. */
const CRASHES = Number(process.env.CRASHES ?? 25);
const IMAGES = Number(process.env.IMAGES ?? 60);
const driver = exfat as FsDriver;

describe("the check of exfat", () => {
  for (const options of ["-c 512", "-c 4K", "-c 32K --pack-bitmap"]) {
    it(`finds nothing on a sound volume, mkfs.exfat ${options}`, async () => {
      assertEquals(await checkedExfat(await filledExfat("8M", options), false), []);
    });
  }
  it(`mends ${CRASHES} crashed volumes: what was synced is there, and fsck.exfat finds nothing`, async () => {
    const seed = seedOf();
    const random = randomOf(seed);
    const life = await crashLife(driver, emptyExfat("8M", "-c 512"), random, 8);
    for (let i = 0; i < CRASHES; i++) {
      const n = random(life.journal.length + 1);
      const where = `SEED=${seed}, crash ${i} after ${n} of ${life.journal.length} steps`;
      const image = crashedImage(life, n, random);
      const found = await checkedExfat(image, true);
      assertEquals(brokenPromises(life, n, await imageListing(driver, image)), "", `${where}\n${found.join("\n")}`);
      assertEquals([...await checkedExfat(image, false), fsckExfat(image)], [""], where);
    }
  });
  it(`mends ${IMAGES} damaged volumes: the second time there is only what cannot be mended`, async () => {
    const seed = seedOf();
    const sound = await filledExfat("4M", "-c 512");
    let mended = 0;
    for (let i = 0; i < IMAGES; i++) {
      const image = sound.slice();
      mutateExfat(image, randomOf(seed + i));
      try {
        const found = await checkedExfat(image, true);
        const left = await checkedExfat(image, false);
        assertEquals(left.filter((f) => !/^[a-z-]+!|^dirty/.test(f)), [], `${found.join("\n")}`);
        if (left.length === 0) {
          // Of a later revision it does not look at anything.
          const said = fsckExfat(image);
          if (!/unsupported exfat version: 1\./.test(said)) assertEquals(said, "");
          mended++;
        }
      } catch (e) {
        if (!(e instanceof SysError)) throw new Error(`SEED=${seed + i}`, { cause: e });
      }
    }
    assert(mended > IMAGES / 4, `${mended} of ${IMAGES} are as good as new`);
  });
});
