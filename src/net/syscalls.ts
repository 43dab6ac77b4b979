/** The socket calls (NetBSD: uipc_syscalls.c). */
import { errno } from "../abi/errno.ts";
import { O_NONBLOCK, O_RDWR, SOCK_CLOEXEC, SOCK_NONBLOCK, SOCK_NOSIGPIPE } from "../abi/flags.ts";
import type { Handlers } from "../kern/dispatch.ts";
import { File } from "../kern/file.ts";
import type { Lwp } from "../kern/proc.ts";
import { then } from "../lib/async.ts";
import { viewOf } from "../lib/struct.ts";
import type { Async } from "../plugin.ts";
import { dropRights } from "./inbox.ts";
import { address, socketOf } from "./messages.ts";
import type { Net } from "./net.ts";
import { getOption, setOption } from "./options.ts";
import { Socket } from "./socket.ts";

const TYPE_FLAGS = SOCK_CLOEXEC | SOCK_NONBLOCK | SOCK_NOSIGPIPE;
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

type Names =
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
  recvfrom(lwp, { s, buf, flags, from, fromlenaddr }) {
    const { so, nb } = socketOf(lwp, s);
    return then(so.receive(lwp, buf, flags, nb), ({ length, name, rights }) => {
      dropRights(rights); // there is no place for descriptors
      tell(name, from, fromlenaddr);
      return length;
    });
  },
  shutdown(lwp, { s, how }) {
    socketOf(lwp, s).so.shutdown(how);
    return 0;
  },
  setsockopt(lwp, { s, level, name, val }) {
    setOption(socketOf(lwp, s).so, level, name, val ?? new Uint8Array(0), lwp);
    return 0;
  },
  getsockopt(lwp, { s, level, name, val, avalsize }) {
    tell(getOption(socketOf(lwp, s).so, level, name), val, avalsize);
    return 0;
  },
});
