import msdos from "../../plugins/fs_msdos/mod.ts";
import tmpfs from "../../plugins/fs_tmpfs/mod.ts";
import rumpfs from "../../plugins/fs_tmpfs/rumpfs.ts";
import { slow } from "../cases/slow.ts";
import { conformance } from "../conformance/fs.ts";
import { fatDisk } from "../vfs/helpers.ts";

conformance(tmpfs, { options: { size: 2 ** 33 } });
conformance(rumpfs, { lacks: ["dirlinks"] });
for (const bits of [12, 16, 32] as const) {
  conformance(msdos, { title: `msdos FAT${bits}`, device: () => fatDisk(bits) });
}
conformance(slow, { options: { size: 2 ** 33 } });
