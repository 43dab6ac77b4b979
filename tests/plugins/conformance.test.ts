import msdos from "../../plugins/fs_msdos/mod.ts";
import tmpfs from "../../plugins/fs_tmpfs/mod.ts";
import type { FsDriver } from "../../src/plugin.ts";
import rumpfs from "../../plugins/fs_tmpfs/rumpfs.ts";
import { conformance } from "../conformance/fs.ts";
import { fatDisk } from "../vfs/helpers.ts";

conformance(tmpfs, { options: { size: 2 ** 33 } });
conformance(rumpfs, { lacks: ["dirlinks"] });
for (const bits of [12, 16, 32] as const) {
  conformance(msdos, { title: `msdos FAT${bits}`, device: () => fatDisk(bits) });
}
/** A driver whose every answer comes later: the kernel's other path. */
const slow: FsDriver = {
  ...(tmpfs as FsDriver),
  name: "slowfs",
  async mount(sys, device, request) {
    const volume = await tmpfs.mount(sys, device, request as never);
    return new Proxy(volume, {
      get(target, key) {
        const value = (target as unknown as Record<string | symbol, unknown>)[key];
        if (typeof value !== "function") return value;
        return async (...args: unknown[]) => {
          await undefined;
          return (value as (...a: unknown[]) => unknown).apply(target, args);
        };
      },
    }) as never;
  },
};
conformance(slow, { options: { size: 2 ** 33 } });
