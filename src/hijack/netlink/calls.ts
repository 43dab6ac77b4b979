/** Calls of hijacked programs on their netlink(7) sockets. */
import { errno } from "../../abi/errno.ts";
import { viewOf } from "../../lib/struct.ts";
import { AF, SockaddrNl } from "./rtnetlink.ts";
import { CLOEXEC, NONBLOCK } from "../connections.ts";
import { ioctl } from "../interfaces.ts";
import type { LinuxCall } from "../linux_calls.ts";
import { SO, SOL } from "../option_table.ts";
import { MANY, MMSGHDR, MSGHDR, recvfrom, recvmmsg, recvmsg } from "../receive.ts";
import { MAX_SOCKADDR } from "../sockaddr.ts";
import type { Sockets } from "../stand.ts";
import { longAt, type Outcome, type Stop } from "../stop.ts";
import { packed } from "./build.ts";
import { MOST, type Netlinks, NetlinkSocket, parseSockaddrNl } from "./socket.ts";

type Call = (sockets: Sockets, stop: Stop, socket: NetlinkSocket) => Promise<Outcome> | Outcome;
const TYPE = 0xf;
const SOCK_DGRAM = 2;
const SOCK_RAW = 3;
const SOL_NETLINK = 270;
/** Groups joined, left (NETLINK_*_MEMBERSHIP). */
const MEMBERSHIPS: readonly number[] = [1, 2];

/** socket(2) of AF_NETLINK. */
export function netlinkSocket(netlinks: Netlinks, sockets: Sockets, stop: Stop): Outcome {
  const flags = stop.int(1);
  const type = flags & TYPE;
  if (flags & ~(TYPE | NONBLOCK | CLOEXEC)) throw errno.EINVAL;
  if (type !== SOCK_RAW && type !== SOCK_DGRAM) throw errno.ESOCKTNOSUPPORT;
  const how = { nonblocking: (flags & NONBLOCK) !== 0, closeOnExec: (flags & CLOEXEC) !== 0 };
  NetlinkSocket.give(netlinks, sockets, stop, { type, ...how });
  return "answered";
}

function nameAt(stop: Stop, at: number, length: number) {
  if (length < 0 || length > MAX_SOCKADDR) throw errno.EINVAL;
  return parseSockaddrNl(stop.read(at, length));
}
const bind: Call = (_, stop, socket) => {
  const { pid, groups } = nameAt(stop, stop.long(1), stop.int(2));
  socket.bind(pid, stop.tid);
  socket.groups = groups;
  return 0;
};
const getsockname: Call = (_, stop, { pid, groups }) => {
  stop.writeCounted(stop.long(1), stop.long(2), packed(SockaddrNl, { family: AF.NETLINK, pid, groups }));
  return 0;
};
const getpeername: Call = (_, stop, { peer }) => {
  stop.writeCounted(stop.long(1), stop.long(2), peer);
  return 0;
};

/** Only the kernel is there to be sent to. */
function toKernel({ pid }: { readonly pid: number }): void {
  if (pid !== 0) throw errno.ECONNREFUSED;
}
const connect: Call = (_, stop, socket) => {
  toKernel(nameAt(stop, stop.long(1), stop.int(2)));
  socket.bind(0, stop.tid);
  return 0;
};
const sendto: Call = async (_, stop, socket) => {
  const length = stop.long(2);
  if (!(length <= MOST)) throw errno.EMSGSIZE;
  if (stop.long(4) !== 0) toKernel(nameAt(stop, stop.long(4), stop.int(5)));
  await socket.request(stop.read(stop.long(1), length), stop.tid);
  return length;
};
/** One message by its struct msghdr; bytes that went. */
async function one(stop: Stop, socket: NetlinkSocket, at: number): Promise<number> {
  const d = viewOf(stop.read(at, MSGHDR.size));
  const bytes = stop.gather(stop.vector(longAt(d, MSGHDR.iov), longAt(d, MSGHDR.iovlen)), MOST);
  const [name, length] = [longAt(d, MSGHDR.name), d.getInt32(MSGHDR.namelen, true)];
  if (name !== 0 && length !== 0) toKernel(nameAt(stop, name, length));
  await socket.request(bytes, stop.tid);
  return bytes.length;
}
const sendmsg: Call = (_, stop, socket) => one(stop, socket, stop.long(1));
const sendmmsg: Call = async (_, stop, socket) => {
  const [vector, count] = [stop.long(1), Math.min(stop.int(2) >>> 0, MANY)];
  for (let i = 0; i < count; i++) {
    const at = vector + i * MMSGHDR.size;
    try {
      stop.writeInt(at + MMSGHDR.length, await one(stop, socket, at));
    } catch (e) {
      if (i === 0) throw e;
      return i;
    }
  }
  return count;
};

/** Those of netlink's own that only tell more are refused, as by old kernels: programs do without. */
const setsockopt: Call = (_, stop, socket) => {
  const [level, name, length] = [stop.int(1), stop.int(2), stop.int(4)];
  if (level === SOL_NETLINK && MEMBERSHIPS.includes(name)) return 0;
  if (level !== SOL.SOCKET) throw errno.ENOPROTOOPT;
  if (name === SO.RCVTIMEO && length >= 16) {
    const d = viewOf(stop.read(stop.long(3), 16));
    socket.receiveTimeout = d.getInt32(0, true) * 1000 + d.getInt32(8, true) / 1000;
  }
  return "resume";
};
const getsockopt: Call = (_, stop, { kind }) => {
  const [level, name] = [stop.int(1), stop.int(2)];
  if (level !== SOL.SOCKET) throw errno.ENOPROTOOPT;
  const told = new Map([[SO.TYPE, kind.type], [SO.DOMAIN, kind.family], [SO.PROTOCOL, kind.protocol]] as const)
    .get(name as typeof SO.TYPE);
  if (told === undefined) return "resume";
  stop.writeCounted(stop.long(3), stop.long(4), new Uint8Array(new Int32Array([told]).buffer));
  return 0;
};
const never: Call = () => {
  throw errno.EOPNOTSUPP;
};

/** By their names. */
export const netlinkCalls: Readonly<Partial<Record<LinuxCall, Call>>> = {
  connect,
  bind,
  listen: never,
  accept: never,
  accept4: never,
  shutdown: never,
  getsockname,
  getpeername,
  getsockopt,
  setsockopt,
  ioctl,
  recvfrom,
  recvmsg,
  recvmmsg,
  sendto,
  sendmsg,
  sendmmsg,
};
