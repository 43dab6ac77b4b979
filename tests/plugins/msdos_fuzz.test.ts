import process from "node:process";
import { describe, it } from "node:test";
import { assert, assertEquals } from "../assert.ts";
import { fileAt, mounted } from "../cases/fat_crash.ts";
import { checked, filled, Hand, randomOf, seedOf } from "../cases/fat_images.ts";
import { abused, AMBIGUOUS, listed, mutate, untouched } from "../cases/fat_mutate.ts";

/** IMAGES: how many on each volume; more by hand. */
const IMAGES = Number(process.env.IMAGES ?? 600);
const volumes = [[12, 1], [12, 4], [16, 1], [32, 1]] as const;
/**
 * Mutations that once went wrong: of two entries of one name the one that could not be true was kept; the copy of the boot
 * sector was written over FSInfo; of two sound chains that crossed one was cut, also in a directory that was lost.
 */
const relived = [
  [16, 1, 6_249_619],
  [12, 4, 40_006_821],
  [16, 1, 40_008_042],
  [32, 1, 15_026_709],
  [32, 1, 40_525_599],
  [32, 1, 40_614_451],
] as const;
/** Milliseconds one image may take, mounted twice, written, checked twice: far more than it does. */
const LONGEST = 10_000;

describe("damaged volumes", () => {
  it("two files of one name can both be read", async () => {
    const bytes = await filled(16);
    const h = new Hand(bytes);
    h.bytes[h.entry("SHORT7  TXT") + 5] = 0x36;
    const volume = mounted(bytes);
    const sizes = ["short6.txt", "short6.txt~2"].map((path) => fileAt(volume, path)?.length);
    assertEquals(sizes, [6 * 797, 7 * 797]);
  });
  it("of two files with one cluster the one whose length fits is read and kept, whichever comes first", async () => {
    const sound = await filled(16);
    const [one, two] = ["SHORT6  TXT", "SHORT7  TXT"];
    for (const [bad, good] of [[one, two], [two, one]] as const) {
      const bytes = sound.slice();
      const h = new Hand(bytes);
      h.link(h.start(bad), h.next(h.start(good)));
      const path = `${good.slice(0, 6).toLowerCase()}.txt`;
      const volume = mounted(bytes);
      fileAt(volume, `${bad.slice(0, 6).toLowerCase()}.txt`);
      assertEquals(fileAt(volume, path), fileAt(mounted(sound), path));
      await checked(bytes, () => true);
      assertEquals(fileAt(mounted(bytes), path), fileAt(mounted(sound), path));
    }
  });
  for (const [bits, perCluster, seed] of relived) {
    it(`FAT${bits}, ${perCluster} sectors a cluster: what mutation ${seed} did not touch is read, and survives writing and fsck`, async () => {
      const sound = await filled(bits, perCluster);
      const bytes = sound.slice();
      const still = untouched(listed(sound), bytes, mutate(bytes, randomOf(seed)));
      assertEquals(await abused(bytes, still), "");
    });
  }
  for (const [bits, perCluster] of volumes) {
    it(`FAT${bits}, ${perCluster} sectors a cluster: what ${IMAGES} mutations did not touch is read, survives writing and fsck, and fsck ends`, async () => {
      const seed = seedOf();
      const sound = await filled(bits, perCluster);
      const files = listed(sound);
      assertEquals(await abused(sound, files), "");
      let [intact, ambiguous, longest] = [0, 0, 0];
      for (let i = 0; i < IMAGES; i++) {
        const bytes = sound.slice();
        const still = untouched(files, bytes, mutate(bytes, randomOf(seed + i)));
        intact += still.length;
        const start = performance.now();
        const wrong = await abused(bytes, still);
        longest = Math.max(longest, performance.now() - start);
        if (wrong.startsWith(AMBIGUOUS)) ambiguous++;
        else assertEquals(wrong, "", `SEED=${seed + i}`);
      }
      assert(intact > IMAGES && ambiguous <= 2 + IMAGES / 500, `${intact} intact files, ${ambiguous} crossings`);
      assert(longest < LONGEST, `${longest} ms`);
      const report = `longest ${Math.round(longest)} ms, ${
        process.memoryUsage().rss >> 20
      } MiB, ${ambiguous} crossings`;
      if (IMAGES > 1000) process.stderr.write(`${report}\n`);
    });
  }
});
