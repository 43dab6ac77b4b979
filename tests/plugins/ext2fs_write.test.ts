/** ext2 written: the same calls on tmpfs give the same, and e2fsck has nothing to say. */
import process from "node:process";
import { describe, it } from "node:test";
import ext2fs from "../../plugins/fs_ext2fs/mod.ts";
import type { FsDriver } from "../../src/plugin.ts";
import { assertEquals } from "../assert.ts";
import { liveBeside } from "../cases/beside_tmpfs.ts";
import { emptyImage, fsck } from "../cases/ext_images.ts";
import { randomOf, seedOf } from "../cases/fat_images.ts";
import { memoryDisk } from "../kern/fake.ts";

const STEPS = Number(process.env.STEPS ?? 4000);

describe("ext2fs beside tmpfs", () => {
  for (
    const options of [
      "-t ext2 -b 1024",
      "-t ext2 -b 4096",
      "-t ext2 -I 128 -O ^sparse_super,^filetype,^resize_inode -b 1024",
    ]
  ) {
    it(`mke2fs ${options}: ${STEPS} calls give what they give there, and e2fsck finds nothing`, async () => {
      const image = emptyImage(options, 32 << 10);
      const disk = memoryDisk(image.length);
      disk.bytes.set(image);
      const seed = seedOf();
      try {
        await liveBeside({
          driver: ext2fs as FsDriver,
          device: disk,
          random: randomOf(seed),
          steps: STEPS,
          unix: true,
        });
        assertEquals(fsck(disk.bytes), "");
      } catch (e) {
        throw new Error(`SEED=${seed}`, { cause: e });
      }
    });
  }
});
