/** Extended attributes, room and entries of open files: the calls that are one driver operation each. */
import { errno, SysError } from "../abi/errno.ts";
import { NOTE_WRITE } from "../abi/flags.ts";
import { then } from "../lib/async.ts";
import { encodeName } from "../lib/text.ts";
import type { Handlers } from "../kern/dispatch.ts";
import type { Lwp } from "../kern/proc.ts";
import type { Async } from "../plugin.ts";
import { access, changeable, READ, WRITE } from "./access.ts";
import { VnodeFile, vnodeOf } from "./file.ts";
import type { FullVolume } from "./defaults.ts";
import type { Vnode } from "./mount.ts";
import { lookup, namei } from "./namei.ts";

const XATTR_CREATE = 1;
const XATTR_REPLACE = 2;
const MAX_NAME = 255;

/** A value into the caller's buffer; with an empty one only its size is told. */
function give(value: Uint8Array, into: Uint8Array): number {
  if (into.length === 0) return value.length;
  if (value.length > into.length) throw errno.ERANGE;
  into.set(value);
  return value.length;
}
/** EINVAL for none, ENAMETOOLONG. */
export function checkAttributeName(name: string): void {
  if (name === "") throw errno.EINVAL;
  if (name.length > MAX_NAME) throw errno.ENAMETOOLONG;
}

/** What is done to the attributes of a file. */
type Get = (vnode: Vnode, lwp: Lwp) => Async<number>;
/** An attribute into `value`, for which empty memory asks the size. */
export const get = (name: string, value: Uint8Array): Get => ({ mount: { volume }, node }, lwp) => {
  checkAttributeName(name);
  return then(volume.getattr(node), (attr) => {
    access(attr, lwp.proc.cred, READ);
    return then(volume.getxattr(node, name), (found) => {
      if (!found) throw errno.ENOATTR;
      return give(found, value);
    });
  });
};
/** What changes attributes needs of the file. */
function changing({ mount, node }: Vnode, lwp: Lwp, change: (volume: FullVolume) => Async<number>): Async<number> {
  const volume = mount.writable();
  return then(volume.getattr(node), (attr) => {
    access(attr, lwp.proc.cred, WRITE);
    changeable(attr);
    return change(volume);
  });
}
/** Set an attribute; `flags`: XATTR_*. */
export const set = (name: string, value: Uint8Array, flags: number): Get => (vnode, lwp) => {
  checkAttributeName(name);
  return changing(vnode, lwp, (volume) =>
    then(volume.getxattr(vnode.node, name), (old) => {
      if (old && flags & XATTR_CREATE) throw errno.EEXIST;
      if (!old && flags & XATTR_REPLACE) throw errno.ENOATTR;
      return then(volume.setxattr(vnode.node, name, value.slice()), () => 0);
    }));
};
/** Names of attributes, each ended by NUL. */
export const list = (into: Uint8Array): Get => ({ mount: { volume }, node }) =>
  then(volume.listxattr(node), (names) => give(encodeName([...names].map((n) => `${n}\0`).join("")), into));
/** Remove an attribute; ENOATTR where there is none. */
export const remove = (name: string): Get => (vnode, lwp) => {
  checkAttributeName(name);
  return changing(vnode, lwp, (volume) =>
    then(volume.removexattr(vnode.node, name), (was) => {
      if (!was) throw errno.ENOATTR;
      return 0;
    }));
};
const at = (lwp: Lwp, path: string, work: Get) => then(lookup(lwp, path), (vnode) => work(vnode, lwp));
const atLink = (lwp: Lwp, path: string, work: Get) =>
  then(namei(lwp, path, false), ({ vnode }) => {
    if (!vnode) throw errno.ENOENT;
    return work(vnode, lwp);
  });
const on = (lwp: Lwp, fd: number, work: Get) => work(vnodeOf(lwp, fd), lwp);

type Xattrs = "getxattr" | "setxattr" | "listxattr" | "removexattr";
export const xattrCalls: Handlers<Xattrs | `${"l" | "f"}${Xattrs}`> = {
  getxattr: (lwp, { path, name, value }) => at(lwp, path, get(name, value)),
  lgetxattr: (lwp, { path, name, value }) => atLink(lwp, path, get(name, value)),
  fgetxattr: (lwp, { fd, name, value }) => on(lwp, fd, get(name, value)),
  setxattr: (lwp, { path, name, value, flags }) => at(lwp, path, set(name, value, flags)),
  lsetxattr: (lwp, { path, name, value, flags }) => atLink(lwp, path, set(name, value, flags)),
  fsetxattr: (lwp, { fd, name, value, flags }) => on(lwp, fd, set(name, value, flags)),
  listxattr: (lwp, { path, list: into }) => at(lwp, path, list(into)),
  llistxattr: (lwp, { path, list: into }) => atLink(lwp, path, list(into)),
  flistxattr: (lwp, { fd, list: into }) => on(lwp, fd, list(into)),
  removexattr: (lwp, { path, name }) => at(lwp, path, remove(name)),
  lremovexattr: (lwp, { path, name }) => atLink(lwp, path, remove(name)),
  fremovexattr: (lwp, { fd, name }) => on(lwp, fd, remove(name)),
};

function range(pos: number, length: number): void {
  if (pos < 0 || length <= 0) throw errno.EINVAL;
  if (!Number.isSafeInteger(pos + length)) throw errno.EFBIG;
}

/** Set room aside, growing the file. */
export const allocate = ({ mount, node }: Vnode, pos: number, len: number): Async<void> =>
  then(mount.writable().allocate(node, pos, len, false), () => mount.happened(node, NOTE_WRITE));
/** Zero a range and give its room back. */
export const punch = ({ mount, node }: Vnode, pos: number, len: number): Async<void> =>
  then(mount.writable().punch(node, pos, len), () => mount.happened(node, NOTE_WRITE));

export const roomCalls: Handlers<"posix_fallocate" | "fdiscard" | "getdents"> = {
  // posix_fallocate(2) returns its error instead of failing.
  posix_fallocate(lwp, { fd, pos, len }) {
    const refused = (e: unknown): number => {
      if (e instanceof SysError) return e.errno;
      throw e;
    };
    try {
      range(pos, len);
      const vnode = vnodeOf(lwp, fd);
      if (!lwp.proc.files.get(fd).writable) throw errno.EBADF;
      const done = allocate(vnode, pos, len);
      return done instanceof Promise ? done.then(() => 0, refused) : 0;
    } catch (e) {
      return refused(e);
    }
  },
  fdiscard(lwp, { fd, pos, len }) {
    range(pos, len);
    const vnode = vnodeOf(lwp, fd);
    if (!lwp.proc.files.get(fd).writable) throw errno.EBADF;
    return then(punch(vnode, pos, len), () => 0);
  },
  getdents(lwp, { fd, buf }) {
    const file = lwp.proc.files.get(fd);
    if (!(file.ops instanceof VnodeFile)) throw errno.EINVAL;
    return file.ops.getdents(file, buf);
  },
};
