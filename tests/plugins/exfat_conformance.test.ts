import exfat from "../../plugins/fs_exfat/mod.ts";
import { emptyExfat } from "../cases/exfat_images.ts";
import { diskOn } from "../cases/fat_images.ts";
import { conformance } from "../conformance/fs.ts";

for (const [size, options] of [["8M", "-c 512"], ["16M", "-c 4K"]] as const) {
  conformance(exfat, { title: `exfat, mkfs.exfat ${options}`, device: () => diskOn(emptyExfat(size, options)) });
}
