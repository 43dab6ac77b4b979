/** Owner and mode bits of a volume that has none: from the options, else from the mount point. */
import type { MountRequest } from "../../src/plugin.ts";
import { ATTR_READ_ONLY } from "../../src/wire/fat.ts";
import type { MsdosOptions } from "./mod.ts";

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
export function modeOf(m: Modes, isDir: boolean, attr: number): number {
  if (isDir) return m.dirmask;
  return attr & ATTR_READ_ONLY ? m.mask & 0o555 : m.mask;
}
