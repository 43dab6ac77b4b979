/** What lsattr(1), chattr(1) and their like ask by ioctl(2) of Linux (linux/fs.h): flags, generation, project. */
import { viewOf } from "../../src/lib/struct.ts";
import type { Sys } from "../../src/plugin.ts";
import { FL_APPEND, FL_IMMUTABLE, FL_NODUMP, FL_PROJINHERIT, Inode } from "../../src/wire/ext2.ts";
import type { Layout } from "./layout.ts";
import type { Node } from "./node.ts";

const FS_IOC_GETFLAGS = 0x8008_6601;
const FS_IOC_SETFLAGS = 0x4008_6602;
const FS_IOC_GETVERSION = 0x8008_7601;
const FS_IOC_FSGETXATTR = 0x801c_581f;
const FS_IOC_GETFSLABEL = 0x8100_9431;
const LABEL_ROOM = 256;
/** struct fsxattr: flags, hints, extents, project, pad. */
const FSXATTR_SIZE = 28;
const FSXATTR_PROJECT = 12;
/** FS_XFLAG_* by i_flags. */
const xflags: readonly (readonly [flag: number, xflag: number])[] = [
  [FL_IMMUTABLE, 8],
  [FL_APPEND, 0x10],
  [FL_NODUMP, 0x80],
  [FL_PROJINHERIT, 0x200],
];
const word = (value: number, size: number): Uint8Array => {
  const out = new Uint8Array(size);
  viewOf(out).setUint32(0, value, true);
  return out;
};
/** The answer's bytes; `setFlags`: change i_flags, absent where nothing is written. ENOTTY for what it does not know. */
export function ioctl(
  { errno }: Sys,
  l: Layout,
  command: number,
  data: Uint8Array,
  node: Node,
  setFlags: ((flags: number) => void) | undefined,
): Uint8Array {
  switch (command) {
    case FS_IOC_GETFLAGS:
      return word(node.flags, 8);
    case FS_IOC_SETFLAGS:
      if (!setFlags) throw errno.EROFS;
      if (data.length < 4) throw errno.EINVAL;
      setFlags(viewOf(data).getUint32(0, true));
      return new Uint8Array(0);
    case FS_IOC_GETVERSION:
      return word(Inode.get.generation(node.view, 0), 8);
    case FS_IOC_FSGETXATTR: {
      const out = word(xflags.reduce((all, [flag, x]) => (node.flags & flag ? all | x : all), 0), FSXATTR_SIZE);
      if (node.has("project")) viewOf(out).setUint32(FSXATTR_PROJECT, Inode.get.project(node.view, 0), true);
      return out;
    }
    case FS_IOC_GETFSLABEL: {
      const out = new Uint8Array(LABEL_ROOM);
      out.set(new TextEncoder().encode(l.label).subarray(0, LABEL_ROOM - 1));
      return out;
    }
    default:
      throw errno.ENOTTY;
  }
}
