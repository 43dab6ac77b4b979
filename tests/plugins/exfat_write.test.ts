/** exFAT written: the same calls on tmpfs give the same, and fsck.exfat has nothing to say. */
import process from "node:process";
import { describe, it } from "node:test";
import exfat from "../../plugins/fs_exfat/mod.ts";
import type { FsDriver } from "../../src/plugin.ts";
import { assertEquals } from "../assert.ts";
import { liveBeside } from "../cases/beside_tmpfs.ts";
import { emptyExfat, fsckExfat, noLargeSectors } from "../cases/exfat_images.ts";
import { randomOf, seedOf } from "../cases/fat_images.ts";
import { memoryDisk } from "../kern/fake.ts";

const STEPS = Number(process.env.STEPS ?? 2000);

describe("exfat beside tmpfs", () => {
  for (
    const [size, options] of [["32M", "-c 512"], ["32M", "-c 4K"], ["64M", "-c 32K --pack-bitmap"], [
      "64M",
      "-S 4096 -c 4K",
    ]] as const
  ) {
    const skip = options.startsWith("-S") && noLargeSectors();
    it(
      `mkfs.exfat ${options}: ${STEPS} calls give what they give there, and fsck.exfat finds nothing`,
      { skip },
      async () => {
        const image = emptyExfat(size, options);
        const disk = memoryDisk(image.length);
        disk.bytes.set(image);
        const seed = seedOf();
        try {
          await liveBeside({
            driver: exfat as FsDriver,
            device: disk,
            random: randomOf(seed),
            steps: STEPS,
            unix: false,
          });
          assertEquals(fsckExfat(disk.bytes), "");
        } catch (e) {
          throw new Error(`SEED=${seed}`, { cause: e });
        }
      },
    );
  }
});
