/** Removing and moving names: unlink, rmdir, rename, and their *at(2) forms. */
import { errno } from "../abi/errno.ts";
import { AT_REMOVEDIR, NOTE_DELETE, NOTE_RENAME } from "../abi/flags.ts";
import { then } from "../lib/async.ts";
import type { Handlers } from "../kern/dispatch.ts";
import type { Lwp } from "../kern/proc.ts";
import type { Async, Attr } from "../plugin.ts";
import { addable, removable } from "./access.ts";
import { dirOf } from "./file.ts";
import { existing, type Found, namei, startOf } from "./namei.ts";
import type { Vnode } from "./mount.ts";

const attrOf = ({ mount, node }: Vnode): Async<Attr> => mount.volume.getattr(node);

/** Attributes of a directory and of what is in it, once removal is allowed. */
function mayRemove(lwp: Lwp, { dir }: Found, file: Vnode): Async<Attr> {
  dir.mount.writable();
  return then(attrOf(dir), (d) =>
    then(attrOf(file), (f) => {
      removable(d, f, lwp.proc.cred);
      return f;
    }));
}
/** A node lost a name: its driver hears of it when nobody holds it, else at the last release. */
function gone(file: Vnode): Async<void> {
  file.mount.happened(file.node, NOTE_DELETE);
  return then(file.hold().release(), () => undefined);
}

/** Remove a name. */
export function unlinkAt(lwp: Lwp, path: string, start?: Vnode): Async<number> {
  return then(namei(lwp, path, false, start), (found) => {
    const file = existing(found);
    if (found.name === "" || found.name === "." || found.name === "..") throw errno.EPERM;
    if (file.mount !== found.dir.mount) throw errno.EBUSY;
    return then(mayRemove(lwp, found, file), ({ type }) => {
      if (type === "dir") throw errno.EPERM;
      const { dir, name } = found;
      return then(dir.mount.volume.unlink(dir.node, name, file.node), () => {
        dir.mount.changed(dir.node, name);
        return then(gone(file), () => 0);
      });
    });
  });
}

/** Remove an empty directory. */
export function rmdirAt(lwp: Lwp, path: string, start?: Vnode): Async<number> {
  return then(namei(lwp, path, false, start), (found) => {
    const { dir, name } = found;
    const file = existing(found);
    if (found.type !== "dir") throw errno.ENOTDIR;
    if (name === ".") throw errno.EINVAL;
    if (name === "..") throw errno.ENOTEMPTY;
    if (name === "" || file.mount !== dir.mount) throw errno.EBUSY;
    return then(mayRemove(lwp, found, file), () =>
      then(dir.mount.volume.rmdir(dir.node, name, file.node), () => {
        dir.mount.changed(dir.node, name);
        file.mount.removed(file.node);
        return then(gone(file), () => 0);
      }));
  });
}

/** What rename(2) refuses whatever the file system; true: nothing is to be done. */
function refuseRename(from: Found, to: Found): boolean {
  for (const { name } of [from, to]) if (name === "." || name === ".." || name === "") throw errno.EINVAL;
  const file = existing(from);
  if (from.dir.mount !== to.dir.mount) throw errno.EXDEV;
  if (file.mount !== from.dir.mount || (to.vnode && to.vnode.mount !== to.dir.mount)) throw errno.EBUSY;
  if (from.type === "dir" && isWithin(to.dir, file)) throw errno.EINVAL;
  if (from.type !== "dir" && to.slash) throw errno.ENOTDIR;
  if (!to.vnode) return false;
  if (from.type === "dir" && to.type !== "dir") throw errno.ENOTDIR;
  if (from.type !== "dir" && to.type === "dir") throw errno.EISDIR;
  // Two names of one file: nothing happens, unless they are spellings of one name in one directory.
  return to.vnode.same(file) && !(from.dir.same(to.dir) && from.dir.mount.volume.foldsCase && from.name !== to.name);
}
/** Whether `dir` is `ancestor` or below it. */
function isWithin(dir: Vnode, ancestor: Vnode): boolean {
  let node: unknown = dir.node;
  for (let i = 0; i < MAX_DEPTH; i++) {
    if (node === ancestor.node) return true;
    const place = dir.mount.place(node);
    if (!place) return false;
    node = place.dir;
  }
  throw errno.ELOOP;
}
const MAX_DEPTH = 10_000;

function renameAt(lwp: Lwp, from: Found, to: Found): Async<number> {
  if (refuseRename(from, to)) return 0;
  const file = existing(from);
  const { mount } = from.dir;
  const target = to.vnode && !to.vnode.same(file) ? to.vnode : undefined;
  return then(mayRemove(lwp, from, file), () =>
    then(target ? mayRemove(lwp, to, target) : attrOf(to.dir), (attr) => {
      if (!target) addable(attr, lwp.proc.cred);
      if (mount.isRemoved(to.dir.node)) throw errno.ENOENT;
      const done = mount.volume.rename(from.dir.node, from.name, file.node, to.dir.node, to.name, target?.node);
      return then(done, () => {
        mount.changed(from.dir.node, from.name);
        mount.changed(to.dir.node, to.name);
        mount.happened(file.node, NOTE_RENAME);
        if (from.type === "dir") mount.seen(file.node, to.dir.node, to.name);
        if (target && to.type === "dir") mount.removed(target.node);
        return then(target && gone(target), () => 0);
      });
    }));
}
/** Move a name; from and to where relative paths begin. */
export function renamePaths(lwp: Lwp, from: string, to: string, fromStart?: Vnode, toStart?: Vnode): Async<number> {
  return then(namei(lwp, from, false, fromStart), (f) => {
    existing(f);
    return then(namei(lwp, to, false, toStart), (t) => renameAt(lwp, f, t));
  });
}

/** The calls that remove and move names. */
export const nameCalls: Handlers<"unlink" | "unlinkat" | "rmdir" | "rename" | "renameat" | "__posix_rename"> = {
  unlink: (lwp, { path }) => unlinkAt(lwp, path),
  unlinkat(lwp, { fd, path, flag }) {
    const start = startOf(lwp, fd, path, dirOf);
    return flag & AT_REMOVEDIR ? rmdirAt(lwp, path, start) : unlinkAt(lwp, path, start);
  },
  rmdir: (lwp, { path }) => rmdirAt(lwp, path),
  rename: (lwp, { from, to }) => renamePaths(lwp, from, to),
  __posix_rename: (lwp, { from, to }) => renamePaths(lwp, from, to),
  renameat: (lwp, { fromfd, from, tofd, to }) =>
    renamePaths(lwp, from, to, startOf(lwp, fromfd, from, dirOf), startOf(lwp, tofd, to, dirOf)),
};
