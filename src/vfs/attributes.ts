/** What files are and changing it: stat, chmod, chown, chflags, times, truncate, access, pathconf. */
import { errno } from "../abi/errno.ts";
import {
  AT_EACCESS,
  AT_SYMLINK_NOFOLLOW,
  NOTE_ATTRIB,
  PC_2_SYMLINKS,
  PC_CHOWN_RESTRICTED,
  PC_FILESIZEBITS,
  PC_LINK_MAX,
  PC_NAME_MAX,
  PC_NO_TRUNC,
  PC_PATH_MAX,
  PC_SYMLINK_MAX,
  PC_SYNC_IO,
  S_ISGID,
  S_ISUID,
  S_ISVTX,
  UTIME_NOW,
  UTIME_OMIT,
} from "../abi/flags.ts";
import { Timespec } from "../abi/structs.ts";
import { then } from "../lib/async.ts";
import { encodeName } from "../lib/text.ts";
import { viewOf } from "../lib/struct.ts";
import type { Handlers } from "../kern/dispatch.ts";
import type { Lwp } from "../kern/proc.ts";
import type { Async, Attr, SetAttr } from "../plugin.ts";
import { access, changeable, fillStat, inGroup, modeOf, owns, WRITE } from "./access.ts";
import { dirOf, vnodeOf } from "./file.ts";
import { lookup, startOf } from "./namei.ts";
import type { Vnode } from "./mount.ts";

const ok = () => 0;

function statVnode({ mount, node }: Vnode, into: Uint8Array): Async<number> {
  const attr = mount.volume.getattr(node);
  if (attr instanceof Promise) return attr.then((a) => (fillStat(into, a, mount.dev), 0));
  fillStat(into, attr, mount.dev);
  return 0;
}
const statPath = (lwp: Lwp, path: string, into: Uint8Array, follow: boolean, start?: Vnode): Async<number> => {
  const found = lookup(lwp, path, follow, start);
  return found instanceof Promise ? found.then((v) => statVnode(v, into)) : statVnode(found, into);
};

/** Change attributes after `allowed` had its say; makes the change from what there is. */
export function change(lwp: Lwp, vnode: Vnode, make: (a: Attr, lwp: Lwp) => SetAttr): Async<number> {
  const volume = vnode.mount.writable();
  return then(volume.getattr(vnode.node), (attr) => {
    const wanted = make(attr, lwp);
    if (wanted.flags === undefined) changeable(attr);
    return then(volume.setattr(vnode.node, wanted), () => {
      vnode.mount.happened(vnode.node, NOTE_ATTRIB);
      return ok();
    });
  });
}
/** For `change`. Users make no files sticky, and set-group-id only for a group of theirs (genfs_can_chmod). */
export const chmod = (mode: number) => (attr: Attr, lwp: Lwp): SetAttr => {
  const { cred } = lwp.proc;
  owns(attr, cred);
  if (cred.euid !== 0) {
    if (mode & S_ISVTX && attr.type !== "dir") throw errno.EFTYPE;
    if (mode & S_ISGID && !inGroup(cred, attr.gid ?? 0)) throw errno.EPERM;
  }
  return { mode: mode & 0o7777 };
};
const KEEP = 0xffff_ffff;
/** For `change`. Only the super-user gives files away; set-id bits do not survive it. */
export const chown = (uid: number, gid: number) => (attr: Attr, lwp: Lwp): SetAttr => {
  const { cred } = lwp.proc;
  owns(attr, cred);
  const toGroup = gid === KEEP || inGroup(cred, gid);
  const sameUser = uid === KEEP || uid === (attr.uid ?? 0);
  if (cred.euid !== 0 && !(sameUser && toGroup)) throw errno.EPERM;
  const mode = modeOf(attr);
  return {
    ...(uid === KEEP ? {} : { uid }),
    ...(gid === KEEP ? {} : { gid }),
    ...(cred.euid !== 0 && mode & (S_ISUID | S_ISGID) ? { mode: mode & ~(S_ISUID | S_ISGID) } : {}),
  };
};
/** The upper half is the super-user's, to set and to clear. */
const chflags = (flags: number) => (attr: Attr, lwp: Lwp): SetAttr => {
  const { cred } = lwp.proc;
  owns(attr, cred);
  if (cred.euid !== 0 && (flags ^ (attr.flags ?? 0)) & SF_SETTABLE) throw errno.EPERM;
  return { flags };
};
const SF_SETTABLE = 0xffff_0000;

/** Two times for access and modification: seconds and nanoseconds; UTIME_NOW and UTIME_OMIT as nanoseconds. */
export type Times = readonly [sec: number, nsec: number][];
function readTimes(raw: Uint8Array | undefined, unit: number): Times {
  if (!raw) return [[0, UTIME_NOW], [0, UTIME_NOW]];
  const d = viewOf(raw);
  return [0, 16].map((at) => {
    const sub = Timespec.get.nsec(d, at);
    const special = unit === 1 && (sub === UTIME_NOW || sub === UTIME_OMIT);
    if (!special && (sub < 0 || sub * unit >= 1e9)) throw errno.EINVAL;
    return [Timespec.get.sec(d, at), sub * unit] as [number, number];
  });
}
/** For `change`; `now`: milliseconds. The owner sets any time; who may write, the present. */
export const utimes = (times: Times, now: number) => (attr: Attr, lwp: Lwp): SetAttr => {
  const { cred } = lwp.proc;
  if (times.some(([, n]) => n !== UTIME_NOW)) owns(attr, cred);
  else if (cred.euid !== (attr.uid ?? 0)) access(attr, cred, WRITE);
  const out: Record<string, number> = {};
  for (const [i, name] of (["atime", "mtime"] as const).entries()) {
    const [sec, nsec] = times[i]!;
    if (nsec === UTIME_OMIT) continue;
    out[name] = nsec === UTIME_NOW ? Math.floor(now / 1000) : sec;
    out[`${name}nsec`] = nsec === UTIME_NOW ? Math.floor((now % 1000) * 1e6) : nsec;
  }
  return out;
};
const MICRO = 1000;

/** Cut or lengthen a file somebody may write. */
export function truncate(lwp: Lwp, vnode: Vnode, length: number): Async<number> {
  if (length < 0) throw errno.EINVAL;
  return then(vnode.mount.volume.getattr(vnode.node), (attr) => {
    if (attr.type === "dir") throw errno.EISDIR;
    access(attr, lwp.proc.cred, WRITE);
    // Fifos and devices have no size: as NetBSD's file systems, nothing happens.
    return attr.type === "file" ? change(lwp, vnode, () => ({ size: length })) : 0;
  });
}

function mayAccess(lwp: Lwp, path: string, how: number, effective: boolean, start?: Vnode): Async<number> {
  if (how & ~7) throw errno.EINVAL;
  return then(lookup(lwp, path, true, start), ({ mount, node }) =>
    then(mount.volume.getattr(node), (attr) => {
      const { cred } = lwp.proc;
      if (how & WRITE && attr.type !== "chr" && attr.type !== "blk") mount.writable();
      access(attr, effective ? cred : { ...cred, euid: cred.uid, egid: cred.gid }, how);
      return 0;
    }));
}

/** Limits that are not the file system's. */
const limits: Readonly<Record<number, number>> = {
  [PC_LINK_MAX]: 32767,
  [PC_PATH_MAX]: 1024,
  [PC_CHOWN_RESTRICTED]: 1,
  [PC_NO_TRUNC]: 1,
  [PC_SYNC_IO]: 1,
  [PC_FILESIZEBITS]: 64,
  [PC_SYMLINK_MAX]: 1024,
};
function pathconf({ mount: { volume } }: Vnode, name: number): Async<number> {
  if (name === PC_NAME_MAX) return then(volume.statfs(), (s) => s.nameMax ?? 255);
  if (name === PC_2_SYMLINKS) return 1;
  const limit = limits[name];
  if (limit === undefined) throw errno.EINVAL;
  return limit;
}

function readlink(lwp: Lwp, path: string, buf: Uint8Array, start?: Vnode): Async<number> {
  return then(
    lookup(lwp, path, false, start),
    ({ mount: { volume }, node }) =>
      then(volume.getattr(node), ({ type }) => {
        if (type !== "link") throw errno.EINVAL;
        return then(volume.readlink(node), (target) => {
          const bytes = encodeName(target).subarray(0, buf.length);
          buf.set(bytes);
          return bytes.length;
        });
      }),
  );
}

const nofollow = (flag: number) => (flag & AT_SYMLINK_NOFOLLOW) === 0;

type Stats =
  | "stat"
  | "lstat"
  | "fstatat"
  | "access"
  | "faccessat"
  | "pathconf"
  | "fpathconf"
  | "readlink"
  | "readlinkat";
const telling: Handlers<Stats> = {
  stat: (lwp, { path, ub }) => statPath(lwp, path, ub, true),
  lstat: (lwp, { path, ub }) => statPath(lwp, path, ub, false),
  fstatat: (lwp, { fd, path, buf, flag }) => statPath(lwp, path, buf, nofollow(flag), startOf(lwp, fd, path, dirOf)),
  access: (lwp, { path, flags }) => mayAccess(lwp, path, flags, false),
  faccessat: (lwp, { fd, path, amode, flag }) =>
    mayAccess(lwp, path, amode, (flag & AT_EACCESS) !== 0, startOf(lwp, fd, path, dirOf)),
  pathconf: (lwp, { path, name }) => then(lookup(lwp, path), (v) => pathconf(v, name)),
  fpathconf: (lwp, { fd, name }) => pathconf(vnodeOf(lwp, fd), name),
  readlink: (lwp, { path, buf }) => readlink(lwp, path, buf),
  readlinkat: (lwp, { fd, path, buf }) => readlink(lwp, path, buf, startOf(lwp, fd, path, dirOf)),
};

type Changes =
  | "chmod"
  | "lchmod"
  | "fchmod"
  | "fchmodat"
  | "__posix_chown"
  | "__posix_lchown"
  | "__posix_fchown"
  | "chown"
  | "lchown"
  | "fchown"
  | "fchownat"
  | "chflags"
  | "lchflags"
  | "fchflags"
  | "utimes"
  | "lutimes"
  | "futimes"
  | "utimensat"
  | "futimens"
  | "truncate";
/** Calls on attributes; `now` is the wall clock in milliseconds. */
export function attributeCalls(now: () => number): Handlers<Stats | Changes> {
  const at = (lwp: Lwp, path: string, follow: boolean, make: (a: Attr, lwp: Lwp) => SetAttr, start?: Vnode) =>
    then(lookup(lwp, path, follow, start), (v) => change(lwp, v, make));
  const on = (lwp: Lwp, fd: number, make: (a: Attr, lwp: Lwp) => SetAttr) => change(lwp, vnodeOf(lwp, fd), make);
  const times = (raw: Uint8Array | undefined, unit: number) => utimes(readTimes(raw, unit), now());
  return {
    ...telling,
    chmod: (lwp, { path, mode }) => at(lwp, path, true, chmod(mode)),
    lchmod: (lwp, { path, mode }) => at(lwp, path, false, chmod(mode)),
    fchmod: (lwp, { fd, mode }) => on(lwp, fd, chmod(mode)),
    fchmodat: (lwp, { fd, path, mode, flag }) =>
      at(lwp, path, nofollow(flag), chmod(mode), startOf(lwp, fd, path, dirOf)),
    __posix_chown: (lwp, { path, uid, gid }) => at(lwp, path, true, chown(uid, gid)),
    __posix_lchown: (lwp, { path, uid, gid }) => at(lwp, path, false, chown(uid, gid)),
    __posix_fchown: (lwp, { fd, uid, gid }) => on(lwp, fd, chown(uid, gid)),
    chown: (lwp, { path, uid, gid }) => at(lwp, path, true, chown(uid, gid)),
    lchown: (lwp, { path, uid, gid }) => at(lwp, path, false, chown(uid, gid)),
    fchown: (lwp, { fd, uid, gid }) => on(lwp, fd, chown(uid, gid)),
    fchownat: (lwp, { fd, path, owner, group, flag }) =>
      at(lwp, path, nofollow(flag), chown(owner, group), startOf(lwp, fd, path, dirOf)),
    chflags: (lwp, { path, flags }) => at(lwp, path, true, chflags(flags)),
    lchflags: (lwp, { path, flags }) => at(lwp, path, false, chflags(flags)),
    fchflags: (lwp, { fd, flags }) => on(lwp, fd, chflags(flags)),
    utimes: (lwp, { path, tptr }) => at(lwp, path, true, times(tptr, MICRO)),
    lutimes: (lwp, { path, tptr }) => at(lwp, path, false, times(tptr, MICRO)),
    futimes: (lwp, { fd, tptr }) => on(lwp, fd, times(tptr, MICRO)),
    utimensat: (lwp, { fd, path, tptr, flag }) =>
      at(lwp, path, nofollow(flag), times(tptr, 1), startOf(lwp, fd, path, dirOf)),
    futimens: (lwp, { fd, tptr }) => on(lwp, fd, times(tptr, 1)),
    truncate: (lwp, { path, length }) => then(lookup(lwp, path), (v) => truncate(lwp, v, length)),
  };
}
