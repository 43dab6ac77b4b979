/** Options every socket has, at level SOL_SOCKET (getsockopt(2)). */
import { errno } from "../abi/errno.ts";
import {
  SO_ACCEPTCONN,
  SO_ACCEPTFILTER,
  SO_BROADCAST,
  SO_DEBUG,
  SO_DONTROUTE,
  SO_ERROR,
  SO_KEEPALIVE,
  SO_LINGER,
  SO_NOSIGPIPE,
  SO_OOBINLINE,
  SO_OVERFLOWED,
  SO_RCVBUF,
  SO_RCVLOWAT,
  SO_RCVTIMEO,
  SO_REUSEADDR,
  SO_REUSEPORT,
  SO_SNDBUF,
  SO_SNDLOWAT,
  SO_SNDTIMEO,
  SO_TIMESTAMP,
  SO_TYPE,
  SO_USELOOPBACK,
  SOL_SOCKET,
} from "../abi/flags.ts";
import { Linger, Timespec } from "../abi/structs.ts";
import { milliseconds } from "../kern/poll.ts";
import type { Lwp } from "../kern/proc.ts";
import { viewOf } from "../lib/struct.ts";
import type { Socket } from "./socket.ts";

const BITS = SO_REUSEADDR | SO_KEEPALIVE | SO_DONTROUTE | SO_BROADCAST | SO_OOBINLINE | SO_REUSEPORT | SO_NOSIGPIPE |
  SO_TIMESTAMP | SO_USELOOPBACK | SO_DEBUG;
const TIMEVAL = 16;

interface Option {
  get(so: Socket): Uint8Array;
  set?(so: Socket, value: Uint8Array): void;
}
function intBytes(n: number): Uint8Array {
  const bytes = new Uint8Array(4);
  viewOf(bytes).setInt32(0, n, true);
  return bytes;
}
function intOf(value: Uint8Array): number {
  if (value.length < 4) throw errno.EINVAL;
  return viewOf(value).getInt32(0, true);
}
/** A number of the socket's own; `check` throws for what it cannot be. */
const number = (
  get: (so: Socket) => number,
  set?: (so: Socket, n: number) => void,
): Option => ({
  get: (so) => intBytes(get(so)),
  ...(set ? { set: (so, value) => set(so, intOf(value)) } : {}),
});
function size({ limits }: Socket, n: number): number {
  if (n <= 0) throw errno.EINVAL;
  if (n > limits.sbmax) throw errno.ENOBUFS;
  return n;
}
function low(n: number, limit: number): number {
  if (n <= 0) throw errno.EINVAL;
  return Math.min(n, limit);
}
function timeBytes(ms: number | undefined): Uint8Array {
  const bytes = new Uint8Array(TIMEVAL);
  const d = viewOf(bytes);
  Timespec.set.sec(d, 0, Math.floor((ms ?? 0) / 1000));
  Timespec.set.nsec(d, 0, Math.floor(((ms ?? 0) % 1000) * 1000)); // of a timeval: microseconds
  return bytes;
}
/** A struct timeval; 0 is for ever. */
function timeOf(value: Uint8Array): number | undefined {
  if (value.length < TIMEVAL) throw errno.EINVAL;
  try {
    return milliseconds(value, 1e6) || undefined;
  } catch {
    throw errno.EDOM;
  }
}
const linger: Option = {
  get(so) {
    const bytes = new Uint8Array(Linger.size);
    Linger.write(viewOf(bytes), 0, { onoff: so.options & SO_LINGER, linger: so.linger });
    return bytes;
  },
  set(so, value) {
    if (value.length < Linger.size) throw errno.EINVAL;
    const seconds = Linger.get.linger(viewOf(value), 0);
    if (seconds < 0 || seconds > 0x7fff) throw errno.EDOM;
    so.linger = seconds;
    so.options = Linger.get.onoff(viewOf(value), 0) ? so.options | SO_LINGER : so.options & ~SO_LINGER;
  },
};

const options: Readonly<Record<number, Option>> = {
  [SO_LINGER]: linger,
  // Filters are modules of NetBSD's kernel; none is there (accept_filter(9)).
  [SO_ACCEPTFILTER]: {
    get() {
      throw errno.EINVAL;
    },
    set(so) {
      throw so.listening ? errno.ENOENT : errno.EINVAL;
    },
  },
  [SO_OVERFLOWED]: number((so) => so.overflowed),
  [SO_ACCEPTCONN]: number((so) => so.options & SO_ACCEPTCONN),
  [SO_SNDBUF]: number((so) => so.sendLimit, (so, n) => void (so.sendLimit = size(so, n))),
  [SO_RCVBUF]: number((so) => so.inbox.limit, (so, n) => void (so.inbox.limit = size(so, n))),
  [SO_SNDLOWAT]: number((so) => so.sendLow, (so, n) => void (so.sendLow = low(n, so.sendLimit))),
  [SO_RCVLOWAT]: number((so) => so.receiveLow, (so, n) => void (so.receiveLow = low(n, so.inbox.limit))),
  [SO_TYPE]: number((so) => so.type),
  [SO_ERROR]: number((so) => {
    const { error } = so;
    so.error = undefined;
    return error?.errno ?? 0;
  }),
  [SO_SNDTIMEO]: { get: (so) => timeBytes(so.sendTimeout), set: (so, v) => void (so.sendTimeout = timeOf(v)) },
  [SO_RCVTIMEO]: { get: (so) => timeBytes(so.receiveTimeout), set: (so, v) => void (so.receiveTimeout = timeOf(v)) },
};

export function getOption(so: Socket, level: number, name: number): Uint8Array {
  if (level !== SOL_SOCKET) {
    if (!so.protocol.getOption) throw errno.ENOPROTOOPT;
    return so.protocol.getOption(level, name);
  }
  if (name & BITS && (name & (name - 1)) === 0) return intBytes(so.options & name);
  const option = options[name];
  if (!option) throw errno.ENOPROTOOPT;
  return option.get(so);
}
export function setOption(so: Socket, level: number, name: number, value: Uint8Array, lwp: Lwp): void {
  if (level !== SOL_SOCKET) {
    if (!so.protocol.setOption) throw errno.ENOPROTOOPT;
    return so.protocol.setOption(level, name, value, lwp);
  }
  if (name & BITS && (name & (name - 1)) === 0) {
    so.options = intOf(value) ? so.options | name : so.options & ~name;
    return so.protocol.optionsChanged?.();
  }
  const option = options[name];
  if (!option?.set) throw errno.ENOPROTOOPT;
  option.set(so, value);
}
