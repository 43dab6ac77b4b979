/** Attributes with their gaps filled, and who may do what with them (NetBSD: genfs_can_access, genfs_can_chmod …). */
import { errno } from "../abi/errno.ts";
import { modeOfType, S_ISVTX, SF_APPEND, SF_IMMUTABLE, UF_APPEND, UF_IMMUTABLE } from "../abi/flags.ts";
import { Stat } from "../abi/structs.ts";
import { viewOf } from "../lib/struct.ts";
import type { Cred } from "../kern/proc.ts";
import type { Attr } from "../plugin.ts";

export const READ = 4;
export const WRITE = 2;
export const EXECUTE = 1;

/** Mode bits of a file whose driver keeps none. */
export const modeOf = (a: Attr): number => a.mode ?? (a.type === "dir" ? 0o755 : a.type === "link" ? 0o777 : 0o644);

/** EACCES unless `cred` may do all of `want` (READ | WRITE | EXECUTE). */
export function access(a: Attr, cred: Cred, want: number): void {
  const mode = modeOf(a);
  if (cred.euid === 0) {
    // The super-user may all, but execute only what somebody may execute.
    if (want & EXECUTE && a.type !== "dir" && (mode & 0o111) === 0) throw errno.EACCES;
    return;
  }
  const shift = cred.euid === (a.uid ?? 0) ? 6 : inGroup(cred, a.gid ?? 0) ? 3 : 0;
  if (((mode >> shift) & want) !== want) throw errno.EACCES;
}
/** Whether somebody is in a group. */
export const inGroup = (cred: Cred, gid: number) => cred.egid === gid || cred.groups.includes(gid);

/** EPERM unless `cred` owns the file. */
export function owns(a: Attr, cred: Cred): void {
  if (cred.euid !== 0 && cred.euid !== (a.uid ?? 0)) throw errno.EPERM;
}
/** EPERM when the file may not be changed, or (with `append` false) only be added to. */
export function changeable(a: Attr, append = false): void {
  const flags = a.flags ?? 0;
  if (flags & (UF_IMMUTABLE | SF_IMMUTABLE)) throw errno.EPERM;
  if (!append && flags & (UF_APPEND | SF_APPEND)) throw errno.EPERM;
}
/** Whether a name may be removed from a directory: its rights, flags, and the sticky bit's rule. */
export function removable(dir: Attr, file: Attr, cred: Cred): void {
  access(dir, cred, WRITE | EXECUTE);
  changeable(dir, false);
  changeable(file, false);
  if (!(modeOf(dir) & S_ISVTX) || cred.euid === 0) return;
  if (cred.euid !== (dir.uid ?? 0) && cred.euid !== (file.uid ?? 0)) throw errno.EPERM;
}
/** Whether a name may be added to a directory. */
export function addable(dir: Attr, cred: Cred): void {
  access(dir, cred, WRITE | EXECUTE);
  changeable(dir, true);
}

const BLOCK = 512;
/** Fill a zeroed struct stat. */
export function fillStat(into: Uint8Array, a: Attr, dev: number): void {
  const d = viewOf(into);
  const { set } = Stat;
  set.dev(d, 0, dev);
  set.mode(d, 0, modeOfType[a.type] | modeOf(a));
  set.ino(d, 0, a.ino);
  set.nlink(d, 0, a.nlink ?? 1);
  set.uid(d, 0, a.uid ?? 0);
  set.gid(d, 0, a.gid ?? 0);
  set.rdev(d, 0, a.rdev ?? 0);
  set.atime(d, 0, a.atime ?? 0);
  set.atimensec(d, 0, a.atimensec ?? 0);
  set.mtime(d, 0, a.mtime ?? 0);
  set.mtimensec(d, 0, a.mtimensec ?? 0);
  set.ctime(d, 0, a.ctime ?? a.mtime ?? 0);
  set.ctimensec(d, 0, a.ctimensec ?? a.mtimensec ?? 0);
  set.birthtime(d, 0, a.birthtime ?? 0);
  set.birthtimensec(d, 0, a.birthtimensec ?? 0);
  set.size(d, 0, a.size);
  set.blocks(d, 0, Math.ceil((a.allocated ?? a.size) / BLOCK));
  set.blksize(d, 0, a.blockSize ?? 4096);
  set.flags(d, 0, a.flags ?? 0);
}
