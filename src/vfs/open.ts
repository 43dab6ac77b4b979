/** open(2) and making files: open, mkdir, symlink, mkfifo, mknod, link, and their *at(2) forms. */
import { errno } from "../abi/errno.ts";
import {
  MNT_NODEV,
  NOTE_ATTRIB,
  NOTE_LINK,
  O_APPEND,
  O_CLOEXEC,
  O_CREAT,
  O_DIRECTORY,
  O_EXCL,
  O_NOFOLLOW,
  O_RDONLY,
  O_REGULAR,
  O_TRUNC,
  O_WRONLY,
  S_IFBLK,
  S_IFCHR,
  S_IFIFO,
  S_IFMT,
  S_IFREG,
  S_IFSOCK,
} from "../abi/flags.ts";
import { then } from "../lib/async.ts";
import { File } from "../kern/file.ts";
import type { Handlers } from "../kern/dispatch.ts";
import type { Lwp } from "../kern/proc.ts";
import { superuser } from "../kern/identity.ts";
import type { Async, Attr, FileType, Make } from "../plugin.ts";
import { access, addable, changeable, READ, WRITE } from "./access.ts";
import { dirOf, VnodeFile } from "./file.ts";
import { existing, type Found, lookup, namei, startOf } from "./namei.ts";
import type { Devices } from "./specfs.ts";
import { Vnode } from "./mount.ts";

const KEPT_FLAGS = ~(O_CREAT | O_EXCL | O_TRUNC | O_CLOEXEC);

/** What a new file gets: mode after umask, the caller as owner, the directory's group. */
function makeOf(lwp: Lwp, dir: Attr, mode: number): Make {
  return { mode: mode & 0o7777 & ~lwp.proc.umask, uid: lwp.proc.cred.euid, gid: dir.gid ?? 0 };
}
/** Make something at a free place: rights are checked, the name forgotten where it was known as missing. */
export function makeAt<T>(
  lwp: Lwp,
  found: Found,
  mode: number,
  make: (dir: Vnode, make: Make) => Async<T>,
): Async<T> {
  if (found.vnode) throw errno.EEXIST;
  const { dir, name } = found;
  dir.mount.writable();
  if (dir.mount.isRemoved(dir.node)) throw errno.ENOENT;
  return then(dir.mount.volume.getattr(dir.node), (attr) => {
    addable(attr, lwp.proc.cred);
    return then(make(dir, makeOf(lwp, attr, mode)), (made) => {
      dir.mount.changed(dir.node, name);
      return made;
    });
  });
}

function install(lwp: Lwp, ops: File, flags: number): number {
  return lwp.proc.files.install(ops, (flags & O_CLOEXEC) !== 0);
}

function create(lwp: Lwp, found: Found, flags: number, mode: number): Async<number> {
  if (found.slash) throw errno.ENOENT;
  const made = makeAt(lwp, found, mode, (dir, make) => dir.mount.volume.create(dir.node, found.name, make));
  return then(made, (node) => {
    const vnode = new Vnode(found.dir.mount, node);
    return install(lwp, new File(new VnodeFile(vnode, false, found.name), flags & KEPT_FLAGS), flags);
  });
}

/** What open asks of a file's mode bits. */
function wanted(flags: number): number {
  const mode = flags & 3;
  return (mode === O_WRONLY ? 0 : READ) | (mode !== O_RDONLY || flags & O_TRUNC ? WRITE : 0);
}
/** Throws why a file with such attributes may not be opened so. */
function mayOpen(lwp: Lwp, attr: Attr, flags: number): void {
  const { type } = attr;
  if (type === "link" || (flags & O_REGULAR && type !== "file")) throw errno.EFTYPE;
  if (flags & O_DIRECTORY && type !== "dir") throw errno.ENOTDIR;
  const want = wanted(flags);
  if (type === "dir" && want & WRITE) throw errno.EISDIR;
  access(attr, lwp.proc.cred, want);
}
/** What opening does to a file that holds data: it may be cut. Throws why it may not be opened so. */
export function openData(lwp: Lwp, vnode: Vnode, attr: Attr, flags: number): Async<void> {
  const { mount, node } = vnode;
  mayOpen(lwp, attr, flags);
  if (wanted(flags) & WRITE) {
    mount.writable();
    changeable(attr, (flags & (O_TRUNC | O_APPEND)) === O_APPEND);
  }
  if (!(flags & O_TRUNC)) return undefined;
  // Also of an empty file: its times change (`: >file`).
  const cut = attr.type === "file" ? mount.volume.setattr(node, { size: 0 }) : undefined;
  return then(cut, () => mount.happened(node, NOTE_ATTRIB));
}
/** Refuse, or truncate and open. */
function openExisting(lwp: Lwp, devices: Devices, found: Found, attr: Attr, flags: number): Async<number> {
  const vnode = found.vnode!;
  const { type } = attr;
  mayOpen(lwp, attr, flags);
  if (type === "chr" || type === "blk") {
    if (vnode.mount.info.flags & MNT_NODEV) throw errno.ENXIO;
    return then(devices.open(vnode, attr, flags & KEPT_FLAGS), (file) => install(lwp, file, flags));
  }
  if (type === "fifo" || type === "sock") throw type === "sock" ? errno.EOPNOTSUPP : errno.ENXIO;
  return then(openData(lwp, vnode, attr, flags), () => {
    const ops = new VnodeFile(vnode, type === "dir", found.name);
    return install(lwp, new File(ops, flags & KEPT_FLAGS), flags);
  });
}

function openPath(lwp: Lwp, devices: Devices, path: string, flags: number, mode: number, start?: Vnode): Async<number> {
  if ((flags & 3) === 3) throw errno.EINVAL;
  const creating = (flags & O_CREAT) !== 0;
  const follow = !(flags & O_NOFOLLOW) && !(creating && flags & O_EXCL);
  return then(namei(lwp, path, follow, start), (found) => {
    if (creating && !found.vnode) return create(lwp, found, flags, mode);
    if (creating && flags & O_EXCL) throw errno.EEXIST;
    const vnode = existing(found);
    return then(vnode.mount.volume.getattr(vnode.node), (attr) => openExisting(lwp, devices, found, attr, flags));
  });
}

const types: Readonly<Record<number, FileType>> = {
  0: "file",
  [S_IFREG]: "file",
  [S_IFCHR]: "chr",
  [S_IFBLK]: "blk",
  [S_IFIFO]: "fifo",
  [S_IFSOCK]: "sock",
};
/** Make a file of any type but a directory; `mode` with its type. */
export function mknodAt(lwp: Lwp, path: string, mode: number, rdev: number, start?: Vnode): Async<number> {
  const type = types[mode & S_IFMT];
  if (!type) throw errno.EINVAL;
  if (type !== "fifo" && !superuser(lwp)) throw errno.EPERM;
  return then(namei(lwp, path, false, start), (found) => {
    const made = makeAt(lwp, found, mode, ({ mount: { volume }, node }, make): Async<unknown> => {
      if (found.slash) throw errno.ENOENT;
      if (type === "file") return volume.create(node, found.name, make);
      return volume.mknod(node, found.name, { ...make, type, rdev });
    });
    return then(made, () => 0);
  });
}
/** Make a directory. */
export function mkdirAt(lwp: Lwp, path: string, mode: number, start?: Vnode): Async<number> {
  return then(namei(lwp, path, false, start), (found) =>
    then(
      makeAt(lwp, found, mode & ~0o6000, (dir, make) => dir.mount.volume.mkdir(dir.node, found.name, make)),
      (node) => {
        found.dir.mount.seen(node, found.dir.node, found.name);
        return 0;
      },
    ));
}
/** Make a symbolic link. */
export function symlinkAt(lwp: Lwp, target: string, path: string, start?: Vnode): Async<number> {
  return then(namei(lwp, path, false, start), (found) =>
    then(
      makeAt(lwp, found, 0o777, (dir, make) => {
        if (found.slash) throw errno.ENOENT;
        return dir.mount.volume.symlink(dir.node, found.name, target, make);
      }),
      () => 0,
    ));
}
/** Give a file one more name. As recorded: a directory is EPERM before anything else, another file system EXDEV before EOPNOTSUPP. */
export function linkAt(lwp: Lwp, from: Vnode, path: string, start?: Vnode): Async<number> {
  return then(from.mount.volume.getattr(from.node), (attr) => {
    if (attr.type === "dir") throw errno.EPERM;
    return then(namei(lwp, path, false, start), (found) => {
      if (found.dir.mount !== from.mount) throw errno.EXDEV;
      changeable(attr);
      const { volume } = from.mount;
      return then(makeAt(lwp, found, 0, (dir) => volume.link(from.node, dir.node, found.name)), () => {
        from.mount.happened(from.node, NOTE_LINK);
        return 0;
      });
    });
  });
}

type Names =
  | "open"
  | "openat"
  | "mkdir"
  | "mkdirat"
  | "symlink"
  | "symlinkat"
  | "mkfifo"
  | "mkfifoat"
  | "mknodat"
  | "mknod"
  | "link"
  | "linkat";
/** The calls that make files, opening device nodes through `devices`. */
export const openCalls = (devices: Devices): Handlers<Names> => ({
  open: (lwp, { path, flags, mode }) => openPath(lwp, devices, path, flags, mode ?? 0),
  openat: (lwp, { fd, path, oflags, mode }) =>
    openPath(lwp, devices, path, oflags, mode ?? 0, startOf(lwp, fd, path, dirOf)),
  mkdir: (lwp, { path, mode }) => mkdirAt(lwp, path, mode),
  mkdirat: (lwp, { fd, path, mode }) => mkdirAt(lwp, path, mode, startOf(lwp, fd, path, dirOf)),
  symlink: (lwp, { path, link }) => symlinkAt(lwp, path, link),
  symlinkat: (lwp, { path1, fd, path2 }) => symlinkAt(lwp, path1, path2, startOf(lwp, fd, path2, dirOf)),
  mkfifoat: (lwp, { fd, path, mode }) =>
    mknodAt(lwp, path, S_IFIFO | (mode & 0o7777), 0, startOf(lwp, fd, path, dirOf)),
  mknodat: (lwp, { fd, path, mode, dev }) => mknodAt(lwp, path, mode, dev, startOf(lwp, fd, path, dirOf)),
  mkfifo: (lwp, { path, mode }) => mknodAt(lwp, path, S_IFIFO | (mode & 0o7777), 0),
  mknod: (lwp, { path, mode, dev }) => mknodAt(lwp, path, mode, dev),
  link: (lwp, { path, link }) => then(lookup(lwp, path), (from) => linkAt(lwp, from, link)),
  linkat: (lwp, { fd1, name1, fd2, name2, flags }) =>
    then(
      lookup(lwp, name1, (flags & AT_FOLLOW) !== 0, startOf(lwp, fd1, name1, dirOf)),
      (from) => linkAt(lwp, from, name2, startOf(lwp, fd2, name2, dirOf)),
    ),
});
const AT_FOLLOW = 0x400;
