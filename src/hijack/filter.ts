/**
 * The seccomp(2) filter of a hijacked program: stops it at calls about sockets and lets everything else through. What a
 * filter decides by the number alone the kernel decides without running it, so that other calls cost nothing.
 */
import {
  ALLOW,
  AND,
  ARCH,
  architectures,
  argumentAt,
  assemble,
  ERRNO,
  type Instruction,
  JEQ,
  JGE,
  LD,
  type Machine,
  NOTIFY,
  NR,
  RET,
  X32,
} from "../lib/seccomp.ts";
import { elder, type LinuxCall, numberOf } from "./linux_calls.ts";

/** Which sockets are the rump kernel's: address families by Linux's numbers; only AF_INET and AF_INET6 are, of any. */
export interface SocketRules {
  readonly families: readonly number[];
}
/** What a program to be hijacked still does itself when the filter is there: sendmsg(2) of one message on one descriptor. */
export interface HandOver {
  readonly fd: number;
  /** Address of its struct msghdr. */
  readonly message: number;
}

const AF_INET = 2;
const AF_INET6 = 10;
/** Linux' number of netlink(7). */
export const AF_NETLINK = 16;
/** Interfaces, addresses, routes, neighbours: netlink/. */
const NETLINK_ROUTE = 0;
/** Lists sockets (ss(8)): who has none of it reads /proc/net. */
const NETLINK_SOCK_DIAG = 4;
const ENOSYS = 38;
const EPROTONOSUPPORT = 93;
/** Commands 0x8900..: those before this one are about owners and the urgent mark, which the stand-in has itself. */
const SIOC = 0x8900;
const SIOC_MASK = 0xffffff00;
const FIRST_SIOC = 0x8906;

/** Stopped whatever their arguments. */
const always: readonly LinuxCall[] = [
  "connect",
  "bind",
  "listen",
  "shutdown",
  "accept",
  "accept4",
  "getsockname",
  "getpeername",
  "setsockopt",
  "getsockopt",
  "recvmsg",
  "recvmmsg",
  "sendmmsg",
];

const end = (k: number): Instruction => [RET, 0, 0, k];
const load = (at: number): Instruction => [LD, 0, 0, at];
/** `then`, where the value loaded is `k`. */
const when = (k: number, ...then: Instruction[]): Instruction[] => [[JEQ, 0, then.length, k], ...then];

/** Sockets of the families; interfaces and sockets of the host are not told to who has others. */
function sockets({ families }: SocketRules): Instruction[] {
  const ours = families.filter((family) => family === AF_INET || family === AF_INET6);
  const netlink = [
    load(argumentAt(2)),
    ...when(NETLINK_ROUTE, end(NOTIFY)),
    ...when(NETLINK_SOCK_DIAG, end(ERRNO | EPROTONOSUPPORT)),
    end(ALLOW),
  ];
  return [
    load(argumentAt(0)),
    ...ours.flatMap((family) => when(family, end(NOTIFY))),
    ...(ours.length > 0 ? when(AF_NETLINK, ...netlink) : []),
    end(ALLOW),
  ];
}
/** Without an address the stand-in does it by itself. */
const addressed: readonly Instruction[] = [
  load(argumentAt(4)),
  [JEQ, 0, 3, 0],
  load(argumentAt(4) + 4),
  ...when(0, end(ALLOW)),
  end(NOTIFY),
];
const ioctls: readonly Instruction[] = [
  load(argumentAt(1)),
  [AND, 0, 0, SIOC_MASK],
  [JEQ, 1, 0, SIOC],
  end(ALLOW),
  load(argumentAt(1)),
  [JGE, 1, 0, FIRST_SIOC],
  end(ALLOW),
  end(NOTIFY),
];
function sendmsg(own: HandOver | undefined): Instruction[] {
  if (!own) return [end(NOTIFY)];
  const high = [load(argumentAt(1) + 4), ...when(Math.floor(own.message / 2 ** 32), end(ALLOW)), end(NOTIFY)];
  const low = [load(argumentAt(1)), ...when(own.message >>> 0, ...high), end(NOTIFY)];
  return [load(argumentAt(0)), ...when(own.fd, ...low), end(NOTIFY)];
}

/** The filter for a machine, as struct sock_filter[]. `own`: see HandOver. */
export function hijackFilter(machine: Machine, rules: SocketRules, own?: HandOver): Uint8Array<ArrayBuffer> {
  const on = (call: LinuxCall, ...then: Instruction[]) => when(numberOf(call, machine), ...then);
  const { audit, calls } = elder[machine];
  const others = calls.flatMap((nr) => when(nr, end(ERRNO | ENOSYS)));
  const foreign = [...when(audit, load(NR), ...others), end(ALLOW)];
  return assemble([
    load(ARCH),
    [JEQ, foreign.length, 0, architectures[machine]],
    ...foreign,
    load(NR),
    ...(machine === "x64" ? [[JGE, 0, 1, X32], end(ERRNO | ENOSYS)] as Instruction[] : []),
    // It reaches sockets past every filter.
    ...on("io_uring_setup", end(ERRNO | ENOSYS)),
    ...always.flatMap((call) => on(call, end(NOTIFY))),
    ...on("socket", ...sockets(rules)),
    ...on("sendto", ...addressed),
    ...on("recvfrom", ...addressed),
    ...on("ioctl", ...ioctls),
    ...on("sendmsg", ...sendmsg(own)),
    end(ALLOW),
  ]);
}
