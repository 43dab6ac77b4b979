/** A disk as a file of a fixed size (rump's etfs type `reg` of what is no whole file of the host). */
import { errno } from "../abi/errno.ts";
import { anyByte } from "../lib/aligned.ts";
import { then } from "../lib/async.ts";
import type { Attr, BlockDevice, SetAttr, Volume } from "../plugin.ts";

/** The volume whose root is the file; times and mode are kept while it is lent. */
export function deviceFile(disk: BlockDevice, now: () => number): Volume<symbol> {
  const root = Symbol(disk.name);
  const device = anyByte(disk, errno.EIO);
  const { size, write } = device;
  const time = Math.floor(now() / 1000);
  let attr: Attr = { ino: 2, type: "file", size, mode: write ? 0o600 : 0o400, atime: time, mtime: time, ctime: time };
  /** How much of a transfer lies within. */
  const within = (offset: number, length: number) => Math.max(0, Math.min(length, size - offset));
  return {
    root,
    label: disk.name,
    readOnly: write === undefined,
    getattr: () => attr,
    lookup: () => undefined,
    readdir: () => [],
    setattr(_node, change: SetAttr) {
      if (change.size !== undefined && change.size !== size) throw errno.EINVAL;
      attr = { ...attr, ...change, size };
    },
    read(_node, into, offset) {
      const n = within(offset, into.length);
      return n === 0 ? 0 : then(device.read(into.subarray(0, n), offset), () => n);
    },
    ...write && {
      write(_node: symbol, from: Uint8Array, offset: number) {
        const n = within(offset, from.length);
        if (n === 0 && from.length > 0) throw errno.ENOSPC;
        return then(write.call(device, from.subarray(0, n), offset), () => n);
      },
    },
    fsync: () => device.flush?.(),
    sync: () => device.flush?.(),
    unmount: () => then(device.flush?.(), () => device.close?.()),
  };
}
