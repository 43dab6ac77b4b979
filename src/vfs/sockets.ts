/** Names of local sockets: files of type socket, and who is behind them (NetBSD: v_socket). */
import { errno } from "../abi/errno.ts";
import type { SocketNames } from "../kern/sockets.ts";
import { then } from "../lib/async.ts";
import { access, WRITE } from "./access.ts";
import { lookup, namei } from "./namei.ts";
import { makeAt } from "./open.ts";
import type { Mount } from "./mount.ts";

const MODE = 0o777;

export function socketNames(): SocketNames {
  const behind = new Map<unknown, object>();
  const bound = (mount: Mount, node: unknown, socket: object) => {
    mount.hold(node);
    behind.set(node, socket);
    return () => {
      behind.delete(node);
      return mount.release(node);
    };
  };
  return {
    bind: (lwp, path, socket) =>
      then(namei(lwp, path, false), (found) => {
        if (found.vnode) throw errno.EADDRINUSE;
        if (found.slash) throw errno.ENOENT;
        const { mount } = found.dir;
        const made = makeAt(
          lwp,
          found,
          MODE,
          (dir, make) => dir.mount.volume.mknod(dir.node, found.name, { ...make, type: "sock", rdev: 0 }),
        );
        return then(made, (node) => bound(mount, node, socket));
      }),
    find: (lwp, path) =>
      then(lookup(lwp, path), (vnode) =>
        then(vnode.mount.volume.getattr(vnode.node), (attr) => {
          if (attr.type !== "sock") throw errno.ENOTSOCK;
          access(attr, lwp.proc.cred, WRITE);
          const socket = behind.get(vnode.node);
          if (!socket) throw errno.ECONNREFUSED;
          return socket;
        })),
  };
}
