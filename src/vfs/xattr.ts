/** Extended attributes, room and entries of open files: the calls that are one driver operation each. */
import { errno, SysError } from "../abi/errno.ts";
import { then } from "../lib/async.ts";
import { encodeName } from "../lib/text.ts";
import type { Handlers } from "../kern/dispatch.ts";
import type { Async } from "../plugin.ts";
import { access, changeable, READ, WRITE } from "./access.ts";
import { VnodeFile, vnodeOf } from "./file.ts";
import { lookup } from "./namei.ts";

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
function checkName(name: string): void {
  if (name === "") throw errno.EINVAL;
  if (name.length > MAX_NAME) throw errno.ENAMETOOLONG;
}

export const xattrCalls: Handlers<"getxattr" | "setxattr" | "listxattr" | "removexattr"> = {
  getxattr(lwp, { path, name, value }) {
    checkName(name);
    return then(lookup(lwp, path), ({ mount: { volume }, node }) =>
      then(volume.getattr(node), (attr) => {
        access(attr, lwp.proc.cred, READ);
        return then(volume.getxattr(node, name), (found) => {
          if (!found) throw errno.ENOATTR;
          return give(found, value);
        });
      }));
  },
  setxattr(lwp, { path, name, value, flags }) {
    checkName(name);
    return then(lookup(lwp, path), ({ mount, node }) => {
      const volume = mount.writable();
      return then(volume.getattr(node), (attr) => {
        access(attr, lwp.proc.cred, WRITE);
        changeable(attr);
        return then(volume.getxattr(node, name), (old) => {
          if (old && flags & XATTR_CREATE) throw errno.EEXIST;
          if (!old && flags & XATTR_REPLACE) throw errno.ENOATTR;
          return then(volume.setxattr(node, name, value.slice()), () => 0);
        });
      });
    });
  },
  listxattr: (lwp, { path, list }) =>
    then(
      lookup(lwp, path),
      ({ mount: { volume }, node }) =>
        then(volume.listxattr(node), (names) => give(encodeName([...names].map((n) => `${n}\0`).join("")), list)),
    ),
  removexattr(lwp, { path, name }) {
    checkName(name);
    return then(lookup(lwp, path), ({ mount, node }) => {
      const volume = mount.writable();
      return then(volume.getattr(node), (attr) => {
        access(attr, lwp.proc.cred, WRITE);
        changeable(attr);
        return then(volume.removexattr(node, name), (was) => {
          if (!was) throw errno.ENOATTR;
          return 0;
        });
      });
    });
  },
};

function range(pos: number, length: number): void {
  if (pos < 0 || length <= 0) throw errno.EINVAL;
  if (!Number.isSafeInteger(pos + length)) throw errno.EFBIG;
}

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
      const done: Async<void> = vnode.mount.writable().allocate(vnode.node, pos, len, false);
      return done instanceof Promise ? done.then(() => 0, refused) : 0;
    } catch (e) {
      return refused(e);
    }
  },
  fdiscard(lwp, { fd, pos, len }) {
    range(pos, len);
    const { mount, node } = vnodeOf(lwp, fd);
    if (!lwp.proc.files.get(fd).writable) throw errno.EBADF;
    return then(mount.writable().punch(node, pos, len), () => 0);
  },
  getdents(lwp, { fd, buf }) {
    const file = lwp.proc.files.get(fd);
    if (!(file.ops instanceof VnodeFile)) throw errno.EINVAL;
    return file.ops.getdents(file, buf);
  },
};
