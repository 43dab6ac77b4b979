import exfat from "../../plugins/fs_exfat/mod.ts";
import { emptyExfat } from "../cases/exfat_images.ts";
import { diskOn } from "../cases/fat_images.ts";
import { conformance } from "../conformance/fs.ts";

conformance(exfat, { device: () => diskOn(emptyExfat("8M", "-c 512")) });
