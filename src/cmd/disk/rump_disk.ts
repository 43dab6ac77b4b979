/** A device or file of a rump kernel as a disk: each transfer is a system call. */
import { errno } from "../../abi/errno.ts";
import type { BlockDevice } from "../../plugin.ts";
import type { SyncCalls } from "../client.ts";

const O_RDWR = 2;
const SEEK_END = 2;
const PIECE = 64 << 10;

/** Open it; for writing where that is allowed and wanted. EBUSY: it is mounted. Throws SysError. */
export function rumpDisk(sys: SyncCalls, path: string, write: boolean): BlockDevice {
  const open = () => {
    if (!write) return { fd: sys.open({ path, flags: 0 }), write };
    try {
      return { fd: sys.open({ path, flags: O_RDWR }), write };
    } catch (e) {
      if (e !== errno.EROFS && e !== errno.EACCES) throw e;
      return { fd: sys.open({ path, flags: 0 }), write: false };
    }
  };
  const file = open();
  const { fd } = file;
  const size = sys.lseek({ fd, offset: 0, whence: SEEK_END }) as number;
  return {
    name: path,
    blockSize: 512,
    size,
    read(into, offset) {
      for (let at = 0; at < into.length;) {
        const n = sys.pread({ fd, buf: into.subarray(at, at + PIECE), offset: offset + at });
        if (n <= 0) throw errno.EIO;
        at += n;
      }
    },
    ...(file.write
      ? {
        write(from: Uint8Array, offset: number) {
          for (let at = 0; at < from.length;) {
            const n = sys.pwrite({ fd, buf: from.subarray(at, at + PIECE), offset: offset + at });
            if (n <= 0) throw errno.EIO;
            at += n;
          }
        },
        flush: () => void sys.fsync({ fd }),
      }
      : {}),
    close: () => void sys.close({ fd }),
  };
}
