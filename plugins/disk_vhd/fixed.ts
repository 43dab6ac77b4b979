/** An image of fixed size: the disk's bytes, and a footer behind them. */
import { then } from "../../src/lib/async.ts";
import type { BlockDevice, DiskRequest, Sys } from "../../src/plugin.ts";

/** The first `size` bytes of an image as a disk. */
export function fixedDisk(
  base: BlockDevice,
  size: number,
  { source, readOnly }: DiskRequest,
  { errno }: Sys,
): BlockDevice {
  const inside = (bytes: Uint8Array, offset: number) => {
    if (!(offset >= 0) || offset + bytes.length > size) throw errno.EIO;
  };
  return {
    name: source,
    size,
    blockSize: base.blockSize,
    read(into, offset) {
      inside(into, offset);
      return base.read(into, offset);
    },
    ...!readOnly && base.write && {
      write(from: Uint8Array, offset: number) {
        inside(from, offset);
        return base.write!(from, offset);
      },
    },
    ...base.nextData && { nextData: (offset: number) => then(base.nextData!(offset), (at) => Math.min(at, size)) },
    flush: () => base.flush?.(),
    close: () => base.close?.(),
  };
}
