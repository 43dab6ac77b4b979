import { describe, it } from "node:test";
import ext2fs from "../../plugins/fs_ext2fs/mod.ts";
import { assertEquals } from "../assert.ts";
import { filledImage, sourceTree } from "../cases/ext_images.ts";
import { hostListing, imageListing, type Listing } from "../cases/image_walk.ts";

/** Options of mke2fs, each with what is done to the image then. */
const volumes: Readonly<Record<string, readonly [options: string, after?: string]>> = {
  "ext2 of 1 KiB blocks": ["-t ext2 -b 1024"],
  "ext2 of 4 KiB blocks": ["-t ext2 -b 4096"],
  "ext2 of 64 KiB blocks": ["-t ext2 -b 65536"],
  "ext2 of revision 0": ["-t ext2 -r 0 -b 1024"],
  "ext2 without file types": ["-t ext2 -O ^filetype,dir_index -I 128", "e2fsck -fyD f.img > fsck.out || true"],
  "ext2 with spread descriptors": ["-t ext2 -b 1024 -O meta_bg,^resize_inode"],
  ext3: ["-t ext3"],
  ext4: ["-t ext4"],
  "ext4 with indexed directories": ["-t ext4 -b 1024", "e2fsck -fyD f.img > fsck.out || true"],
  "ext4 with data in inodes": ["-t ext4 -I 1024 -O inline_data"],
  "ext4 of clusters": ["-t ext4 -O bigalloc -C 16384"],
  "ext4 with uninit_bg": ["-t ext4 -O ^metadata_csum,^64bit,uninit_bg"],
  "ext4 without checksums": ["-t ext4 -O ^metadata_csum"],
  "ext4 with meta_bg and a seed of its own": ["-t ext4 -b 1024 -O meta_bg,^resize_inode,metadata_csum_seed"],
  "ext4 with two copies of the superblock": ["-t ext4 -b 1024 -O sparse_super2"],
  "ext4 with features that are only told": ["-t ext4 -O casefold,encrypt,verity,quota,project,ea_inode,large_dir,mmp"],
  "ext4 with orphan file and fast commits": ["-t ext4 -O orphan_file,fast_commit"],
  "ext4 by pointers": ["-t ext4 -O ^extent,^64bit"],
};
/** As the source has it; mke2fs does not bring the times of all files over. */
const compared = { mtime: false };
const host = hostListing(sourceTree(), compared);
const without = ({ "lost+found": _, ...rest }: Listing): Listing => rest;

describe("ext2fs reads", () => {
  for (const [name, [options, after]] of Object.entries(volumes)) {
    it(`${name}: all that mke2fs put there`, async () => {
      const log: string[] = [];
      const image = filledImage(options, 32, after);
      const seen = await imageListing(ext2fs, image, { ...compared, log });
      assertEquals(without(seen), host);
      assertEquals(log, []);
    });
  }
});
