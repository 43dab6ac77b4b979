/** The socket calls (NetBSD: uipc_syscalls.c). */
import { errno } from "../abi/errno.ts";
import {
  MSG_CTRUNC,
  MSG_EOR,
  MSG_TRUNC,
  O_NONBLOCK,
  O_RDWR,
  SOCK_CLOEXEC,
  SOCK_NONBLOCK,
  SOCK_NOSIGPIPE,
  SOCK_SEQPACKET,
} from "../abi/flags.ts";
import { MSGHDR } from "../abi/structs.ts";
import type { Handlers } from "../kern/dispatch.ts";
import { File } from "../kern/file.ts";
import type { Lwp } from "../kern/proc.ts";
import { then } from "../lib/async.ts";
import { viewOf } from "../lib/struct.ts";
import type { Async } from "../plugin.ts";
import { controlOf, deliver } from "./control.ts";
import { dropRights } from "./inbox.ts";
import type { Net } from "./net.ts";
import { getOption, setOption } from "./options.ts";
import { Socket } from "./socket.ts";

const TYPE_FLAGS = SOCK_CLOEXEC | SOCK_NONBLOCK | SOCK_NOSIGPIPE;
/** Longest address (sys/socket.h: sa_len is a byte). */
const MAX_ADDRESS = 255;

/** The socket behind a descriptor, and its open file. */
function socketOf(lwp: Lwp, fd: number): { readonly so: Socket; readonly nb: boolean; readonly file: File } {
  const file = lwp.proc.files.get(fd);
  if (!(file.ops instanceof Socket)) throw errno.ENOTSOCK;
  return { so: file.ops, nb: (file.flags & O_NONBLOCK) !== 0, file };
}
const fileOf = (so: Socket, flags: number) => new File(so, O_RDWR | (flags & SOCK_NONBLOCK ? O_NONBLOCK : 0));
/** A descriptor for a socket; it is closed when there is none left. */
function install({ proc: { files } }: Lwp, so: Socket, flags: number): number {
  try {
    return files.install(fileOf(so, flags), (flags & SOCK_CLOEXEC) !== 0);
  } catch (e) {
    void so.close();
    throw e;
  }
}
function address(name: Uint8Array): Uint8Array {
  if (name.length < 2 || name.length > MAX_ADDRESS) throw errno.EINVAL;
  return name.slice();
}
/** Tell an address, cut to the room there is; the length told is what was stored. */
function tell(name: Uint8Array | undefined, into: Uint8Array | undefined, length: Uint8Array | undefined): void {
  if (!length) return;
  const room = Math.min(into?.length ?? 0, viewOf(length).getUint32(0, true));
  const part = (name ?? new Uint8Array(0)).subarray(0, room);
  into?.set(part);
  viewOf(length).setUint32(0, part.length, true);
}

function socketpair(net: Net, lwp: Lwp, domain: number, type: number, protocol: number): readonly [number, number] {
  const { pair } = net.domain(domain);
  if (!pair) throw errno.EOPNOTSUPP;
  const make = () => net.create(domain, type & ~TYPE_FLAGS, protocol, lwp);
  const [a, b] = [make(), make()];
  pair(a, b);
  try {
    const first = install(lwp, a, type);
    try {
      return [first, install(lwp, b, type)];
    } catch (e) {
      void lwp.proc.files.remove(first);
      throw e;
    }
  } catch (e) {
    void b.close();
    throw e;
  }
}
function accept(
  lwp: Lwp,
  { s, name, anamelen, flags = 0 }: {
    readonly s: number;
    readonly name?: Uint8Array | undefined;
    readonly anamelen?: Uint8Array | undefined;
    readonly flags?: number;
  },
): Async<number> {
  if (flags & ~TYPE_FLAGS) throw errno.EINVAL;
  const { so, nb } = socketOf(lwp, s);
  return then(so.accept(lwp, nb), (came) => {
    const fd = install(lwp, came, flags);
    tell(came.protocol.name(true), name, anamelen);
    return fd;
  });
}

interface Sent {
  readonly s: number;
  readonly data: Uint8Array;
  readonly to: Uint8Array | undefined;
  readonly control: Uint8Array | undefined;
  readonly flags: number;
}
function send(lwp: Lwp, { s, data, to, control, flags }: Sent): Async<number> {
  const { so, nb } = socketOf(lwp, s);
  if (flags & MSG_EOR && so.type !== SOCK_SEQPACKET) throw errno.EOPNOTSUPP;
  const beside = controlOf(lwp, control);
  const name = to && to.length > 0 ? address(to) : undefined;
  return so.send(lwp, { data, to: name, ...beside }, flags, nb);
}

type Names =
  | "recvmsg"
  | "sendmsg"
  | "recvfrom"
  | "accept"
  | "paccept"
  | "getpeername"
  | "getsockname"
  | "connect"
  | "bind"
  | "setsockopt"
  | "listen"
  | "getsockopt"
  | "sendto"
  | "shutdown"
  | "socketpair"
  | "socket";

export const socketCalls = (net: Net): Handlers<Names> => ({
  socket: (lwp, { domain, type, protocol }) =>
    install(lwp, net.create(domain, type & ~TYPE_FLAGS, protocol, lwp), type),
  socketpair(lwp, { domain, type, protocol, rsv }) {
    const [a, b] = socketpair(net, lwp, domain, type, protocol);
    const d = viewOf(rsv);
    d.setInt32(0, a, true);
    d.setInt32(4, b, true);
    return 0;
  },
  bind: (lwp, { s, name }) => then(socketOf(lwp, s).so.protocol.bind(lwp, address(name)), () => 0),
  listen(lwp, { s, backlog }) {
    socketOf(lwp, s).so.listen(backlog);
    return 0;
  },
  accept: (lwp, args) => accept(lwp, args),
  paccept: (lwp, args) => accept(lwp, args),
  connect(lwp, { s, name }) {
    const { so, nb } = socketOf(lwp, s);
    return so.connect(lwp, address(name), nb);
  },
  getsockname(lwp, { fdes, asa, alen }) {
    tell(socketOf(lwp, fdes).so.protocol.name(false), asa, alen);
    return 0;
  },
  getpeername(lwp, { fdes, asa, alen }) {
    const name = socketOf(lwp, fdes).so.protocol.name(true);
    if (!name) throw errno.ENOTCONN;
    tell(name, asa, alen);
    return 0;
  },
  sendto: (lwp, { s, buf, flags, to }) => send(lwp, { s, data: buf, to, control: undefined, flags }),
  sendmsg: (lwp, { s, name, iov, control, flags }) => send(lwp, { s, data: iov, to: name, control, flags }),
  recvfrom(lwp, { s, buf, flags, from, fromlenaddr }) {
    const { so, nb } = socketOf(lwp, s);
    return then(so.receive(lwp, buf, flags, nb), ({ length, name, rights }) => {
      dropRights(rights); // there is no place for descriptors
      tell(name, from, fromlenaddr);
      return length;
    });
  },
  recvmsg(lwp, { s, msg, name, iov, control, flags }) {
    const { so, nb } = socketOf(lwp, s);
    return then(so.receive(lwp, iov, flags, nb), (taken) => {
      const beside = deliver(lwp, taken, control, flags);
      const d = viewOf(msg);
      const from = (taken.name ?? new Uint8Array(0)).subarray(0, name?.length ?? 0);
      name?.set(from);
      d.setUint32(MSGHDR.namelen, from.length, true);
      d.setUint32(MSGHDR.controllen, beside.length, true);
      d.setInt32(
        MSGHDR.flags,
        (taken.cut ? MSG_TRUNC : 0) | (beside.cut ? MSG_CTRUNC : 0) | (taken.beside?.flags ?? 0),
        true,
      );
      return taken.length;
    });
  },
  shutdown(lwp, { s, how }) {
    socketOf(lwp, s).so.shutdown(how);
    return 0;
  },
  setsockopt(lwp, { s, level, name, val }) {
    setOption(socketOf(lwp, s).so, level, name, val ?? new Uint8Array(0));
    return 0;
  },
  getsockopt(lwp, { s, level, name, val, avalsize }) {
    tell(getOption(socketOf(lwp, s).so, level, name), val, avalsize);
    return 0;
  },
});
