/** Sending and receiving with struct msghdr, one or many at once (NetBSD: uipc_syscalls.c, recvmmsg(2)). */
import { errno, SysError } from "../abi/errno.ts";
import {
  MSG_CTRUNC,
  MSG_DONTWAIT,
  MSG_EOR,
  MSG_TRUNC,
  MSG_WAITFORONE,
  O_NONBLOCK,
  SOCK_SEQPACKET,
} from "../abi/flags.ts";
import { MMSGHDR, MSGHDR } from "../abi/structs.ts";
import type { Handlers } from "../kern/dispatch.ts";
import type { File } from "../kern/file.ts";
import { milliseconds } from "../kern/poll.ts";
import type { Lwp } from "../kern/proc.ts";
import { then } from "../lib/async.ts";
import { viewOf } from "../lib/struct.ts";
import type { Async } from "../plugin.ts";
import { controlOf, deliver } from "./control.ts";
import type { Taken } from "./inbox.ts";
import { Socket } from "./socket.ts";

/** Longest address (sys/socket.h: sa_len is a byte). */
const MAX_ADDRESS = 255;
/** Messages one call may have (NetBSD cuts at as many). */
const MANY = 1024;

/** The socket behind a descriptor, and its open file. */
export function socketOf(lwp: Lwp, fd: number): { readonly so: Socket; readonly nb: boolean; readonly file: File } {
  const file = lwp.proc.files.get(fd);
  if (!(file.ops instanceof Socket)) throw errno.ENOTSOCK;
  return { so: file.ops, nb: (file.flags & O_NONBLOCK) !== 0, file };
}
/** An address as it came, copied. EINVAL: no address is as long. */
export function address(name: Uint8Array): Uint8Array {
  if (name.length < 2 || name.length > MAX_ADDRESS) throw errno.EINVAL;
  return name.slice();
}

interface Sent {
  readonly s: number;
  readonly data: Uint8Array;
  readonly to: Uint8Array | undefined;
  readonly control: Uint8Array | undefined;
  readonly flags: number;
}
/** sendto(2) and its kin: the bytes that went. */
export function send(lwp: Lwp, { s, data, to, control, flags }: Sent): Async<number> {
  const { so, nb } = socketOf(lwp, s);
  if (flags & MSG_EOR && so.type !== SOCK_SEQPACKET) throw errno.EOPNOTSUPP;
  const beside = controlOf(lwp, control);
  const name = to && to.length > 0 ? address(to) : undefined;
  return so.send(lwp, { data, to: name, ...beside }, flags, nb);
}
/** Where one message is received. */
interface Into {
  readonly header: DataView;
  readonly name: Uint8Array | undefined;
  readonly control: Uint8Array | undefined;
}
/** Fill in a struct msghdr and what it points at. */
function fill(lwp: Lwp, { header, name, control }: Into, taken: Taken, flags: number): number {
  const beside = deliver(lwp, taken, control, flags);
  const from = (taken.name ?? new Uint8Array(0)).subarray(0, name?.length ?? 0);
  name?.set(from);
  header.setUint32(MSGHDR.namelen, from.length, true);
  header.setUint32(MSGHDR.controllen, beside.length, true);
  const cut = (taken.cut ? MSG_TRUNC : 0) | (beside.cut ? MSG_CTRUNC : 0);
  header.setInt32(MSGHDR.flags, cut | (taken.beside?.flags ?? 0), true);
  return taken.length;
}

/** One message of many: its struct mmsghdr, and its pieces of the memory they have together. */
interface Piece {
  readonly header: DataView;
  readonly iov: Uint8Array;
  readonly name: Uint8Array;
  readonly control: Uint8Array;
}
type Many = Readonly<Record<"mmsg" | "iov" | "name" | "control", Uint8Array>>;
/** EFAULT: they have more than there is. */
function piecesOf({ mmsg, iov, name, control }: Many): Piece[] {
  const pieces: Piece[] = [];
  const at = { iov: 0, name: 0, control: 0 };
  const next = (of: keyof typeof at, memory: Uint8Array, length: number) => {
    const from = at[of];
    at[of] += length;
    if (at[of] > memory.length) throw errno.EFAULT;
    return memory.subarray(from, at[of]);
  };
  for (let m = 0; m + MMSGHDR.size <= mmsg.length && pieces.length < MANY; m += MMSGHDR.size) {
    const header = viewOf(mmsg.subarray(m, m + MMSGHDR.size));
    pieces.push({
      header,
      iov: next("iov", iov, header.getUint32(MMSGHDR.length, true)),
      name: next("name", name, header.getUint32(MSGHDR.namelen, true)),
      control: next("control", control, header.getUint32(MSGHDR.controllen, true)),
    });
  }
  return pieces;
}
/** Do something with each in turn; how many it went well for. An error of the first is the call's. */
async function each(pieces: readonly Piece[], one: (p: Piece, i: number) => Async<number>, enough: () => boolean) {
  for (const [i, p] of pieces.entries()) {
    try {
      p.header.setUint32(MMSGHDR.length, await one(p, i), true);
    } catch (e) {
      if (i === 0 || !(e instanceof SysError)) throw e;
      return i;
    }
    if (enough()) return i + 1;
  }
  return pieces.length;
}

/** `now`: milliseconds, never back. */
export const messageCalls = (
  now: () => number,
): Handlers<"sendto" | "sendmsg" | "recvmsg" | "sendmmsg" | "recvmmsg"> => ({
  sendto: (lwp, { s, buf, flags, to }) => send(lwp, { s, data: buf, to, control: undefined, flags }),
  sendmsg: (lwp, { s, name, iov, control, flags }) => send(lwp, { s, data: iov, to: name, control, flags }),
  sendmmsg(lwp, { s, flags, ...many }) {
    const one = ({ iov, name, control }: Piece) => send(lwp, { s, data: iov, to: name, control, flags });
    return each(piecesOf(many), one, () => false);
  },
  recvmsg(lwp, { s, msg, name, iov, control, flags }) {
    const { so, nb } = socketOf(lwp, s);
    const into = { header: viewOf(msg), name, control };
    return then(so.receive(lwp, iov, flags, nb), (taken) => fill(lwp, into, taken, flags));
  },
  recvmmsg(lwp, { s, flags, timeout, ...many }) {
    const { so, nb } = socketOf(lwp, s);
    const ms = milliseconds(timeout, 1e9);
    const end = ms === undefined ? Infinity : now() + ms;
    const later = flags & MSG_WAITFORONE ? MSG_DONTWAIT : 0;
    const one = (p: Piece, i: number) => {
      const how = (flags & ~MSG_WAITFORONE) | (i > 0 ? later : 0);
      return then(so.receive(lwp, p.iov, how, nb), (taken) => fill(lwp, p, taken, flags));
    };
    // The time is looked at when a message has come, as NetBSD does; a stream has ended where nothing comes.
    return each(piecesOf(many), one, () => now() >= end || so.cantReceive);
  },
});
