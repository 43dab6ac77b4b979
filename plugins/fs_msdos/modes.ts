/** What a file looks like: owner and mode bits, of which the volume has none, from the options or the mount point; times. */
import type { Attr, MountRequest } from "../../src/plugin.ts";
import { ATTR_ARCHIVE, ATTR_READ_ONLY } from "../../src/wire/fat.ts";
import type { MsdosOptions } from "./mod.ts";
import type { Node } from "./node.ts";
import { fromDos, type Zone } from "./times.ts";

export interface Modes {
  readonly uid: number;
  readonly gid: number;
  /** Bits files and directories may have (mount_msdos -m, -M): each given alone also sets the other. */
  readonly mask: number;
  readonly dirmask: number;
}
export function modesOf({ options: o, over }: MountRequest<MsdosOptions>): Modes {
  return {
    uid: o.uid ?? over.uid,
    gid: o.gid ?? over.gid,
    mask: o.mask ?? o.dirmask ?? over.mode & 0o777,
    dirmask: o.dirmask ?? o.mask ?? over.mode & 0o777,
  };
}
/** The read-only attribute takes a file's write bits; on directories it means something else to Windows. */
function modeOf(m: Modes, isDir: boolean, attr: number): number {
  if (isDir) return m.dirmask;
  return attr & ATTR_READ_ONLY ? m.mask & 0o555 : m.mask;
}

/** What all files of a volume have in common. */
export interface Look {
  readonly modes: Modes;
  readonly zone: Zone;
  /** Creation times are kept. */
  readonly long: boolean;
  readonly clusterSize: number;
}
/** chflags(2): set where the archive attribute is not. */
export const SF_ARCHIVED = 0x1_0000;

/** A node as stat(2) shows it. */
export function describe(node: Node, size: number, { modes, zone, long, clusterSize }: Look): Attr {
  const [mtime, mtimensec] = fromDos(node.mdate, node.mtime, 0, zone);
  const [atime] = fromDos(node.adate || node.mdate, 0, 0, zone);
  const created = long && node.cdate !== 0;
  const [born, bornNsec] = created ? fromDos(node.cdate, node.ctime, node.ctimeTenth, zone) : [mtime, mtimensec];
  return {
    ino: node.ino,
    type: node.isDir ? "dir" : "file",
    size,
    mode: modeOf(modes, node.isDir, node.attr),
    nlink: 1,
    uid: modes.uid,
    gid: modes.gid,
    allocated: Math.ceil(size / clusterSize) * clusterSize,
    blockSize: clusterSize,
    atime,
    mtime,
    mtimensec,
    // What make and rsync go by must not stand still while the data changes: the later of both.
    ctime: Math.max(born, mtime),
    ctimensec: born > mtime ? bornNsec : mtimensec,
    birthtime: born,
    birthtimensec: bornNsec,
    flags: node.isDir || node.attr & ATTR_ARCHIVE ? 0 : SF_ARCHIVED,
  };
}
