import ext2fs from "../../plugins/fs_ext2fs/mod.ts";
import { diskOn } from "../cases/fat_images.ts";
import { emptyImage } from "../cases/ext_images.ts";
import { conformance } from "../conformance/fs.ts";

const variants: Readonly<Record<string, string>> = {
  "ext2fs of 1 KiB blocks": "-t ext2 -b 1024 -N 8192",
  "ext2fs of 4 KiB blocks, inodes of 256 bytes": "-t ext2 -b 4096 -I 256 -N 8192",
};
for (const [title, options] of Object.entries(variants)) {
  // Some claims count the files of the root.
  conformance(ext2fs, {
    title,
    device: () => diskOn(emptyImage(options, 16384, "debugfs -w -R 'rmdir lost+found' e.img")),
  });
}
