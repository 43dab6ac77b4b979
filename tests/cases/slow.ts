import tmpfs from "../../plugins/fs_tmpfs/mod.ts";
import type { FsDriver } from "../../src/plugin.ts";

/** A driver whose every answer comes later: the kernel's other path. */
export const slow: FsDriver = {
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
