/**
 * recvfrom(2), recvmsg(2), recvmmsg(2) of hijacked programs: of datagrams, which stand in the pair with their tags. Streams
 * are the host's business.
 */
import { errno, errnoOf } from "../abi/errno.ts";
import { viewOf } from "../lib/struct.ts";
import { decodeTag, type Tag } from "../lib/hijack_tag.ts";
import { controlToLinux } from "./control.ts";
import { toLinux } from "./sockaddr.ts";
import type { Sockets, Stand } from "./stand.ts";
import { checked, longAt, type Outcome, type Piece, type Stop } from "./stop.ts";

/** Linux's numbers. */
const MSG = {
  OOB: 1,
  PEEK: 2,
  CTRUNC: 8,
  TRUNC: 0x20,
  DONTWAIT: 0x40,
  ERRQUEUE: 0x2000,
  WAITFORONE: 0x10000,
} as const;
const EAGAIN = -11;
/** Largest datagram. */
const MOST = 64 << 10;
/** Messages one call may have (UIO_MAXIOV). */
export const MANY = 1024;
/** Milliseconds between looks whether who waits is still there. */
const LOOK_MS = 1000;

/** struct msghdr of Linux; struct mmsghdr has the bytes of its message behind it. */
export const MSGHDR = {
  name: 0,
  namelen: 8,
  iov: 16,
  iovlen: 24,
  control: 32,
  controllen: 40,
  flags: 48,
  size: 56,
} as const;
export const MMSGHDR = { length: 56, size: 64 } as const;

/** A datagram, and where it came from. */
interface Datagram {
  /** Bytes, also those that are not here. */
  readonly length: number;
  readonly bytes: Uint8Array;
  readonly tag: Tag | undefined;
}

/** What receives: datagrams of many, or of one `peer` always. */
type Receiving = Pick<Stand, "receiveTimeout" | "s" | "state" | "stream"> & { readonly peer?: Uint8Array };

/** The next datagram. EAGAIN: there is none, or not in time; an error the socket has met. */
async function next(
  sockets: Sockets,
  { stop, stand, fd }: Receiver,
  flags: number,
  until: number,
): Promise<Datagram> {
  if (flags & MSG.OOB) throw errno.EOPNOTSUPP;
  if (flags & MSG.ERRQUEUE) throw errno.EAGAIN; // nothing is queued there
  const waits = (flags & MSG.DONTWAIT) === 0 && !sockets.standIns.nonblocking(fd);
  for (;;) {
    const { length, bytes, tag } = sockets.standIns.receive(fd, MOST, flags & MSG.PEEK);
    const told = tag && decodeTag(tag);
    if (told && told.errno !== 0) {
      if (flags & MSG.PEEK) sockets.standIns.receive(fd, MOST, 0);
      throw errnoOf(told.errno);
    }
    if (length !== EAGAIN) return { length: checked(length), bytes: bytes.slice(), tag: told };
    if (!waits || !await readable(sockets, { stop, stand, fd }, until)) throw errno.EAGAIN;
  }
}
interface Receiver {
  readonly stop: Stop;
  readonly stand: Receiving;
  /** Ours of the program's end. */
  readonly fd: number;
}
/** Wait for something to come; false: the time is up, or nobody waits any more. */
function readable({ host: { loop } }: Sockets, { stop, fd }: Receiver, until: number): Promise<boolean> {
  return new Promise((resolve) => {
    const end = (there: boolean) => {
      cancel();
      loop.remove(fd);
      loop.settled();
      resolve(there);
    };
    const look = (): void => {
      if (loop.now() >= until || !stop.waits) end(false);
      else cancel = loop.timer(Math.min(LOOK_MS, until - loop.now()), look);
    };
    let cancel = loop.timer(Math.min(LOOK_MS, Math.max(0, until - loop.now())), look);
    loop.add(fd, { read: true, write: false }, () => (end(true), false));
  });
}
const deadline = ({ host: { loop } }: Sockets, { receiveTimeout }: Receiving) =>
  receiveTimeout > 0 ? loop.now() + receiveTimeout : Infinity;

/** Do it with a duplicate of the program's end. */
async function withEnd<T>({ standIns }: Sockets, stop: Stop, use: (fd: number) => Promise<T>): Promise<T> {
  const fd = stop.open(stop.int(0));
  try {
    return await use(fd);
  } finally {
    standIns.close(fd);
  }
}
/** Where a datagram came from, for a program; one without a tag is of the peer. */
async function sourceOf(sockets: Sockets, stand: Receiving, tag: Tag | undefined): Promise<Uint8Array> {
  if (stand.peer) return stand.peer;
  if (tag) return toLinux(tag.name);
  const asa = new Uint8Array(128);
  const alen = new Uint8Array([128, 0, 0, 0]);
  await sockets.client.sys.getpeername({ fdes: stand.s, asa, alen }).catch(() => {});
  return toLinux(asa.subarray(0, viewOf(alen).getUint32(0, true)));
}

/** The host has a stream's data; what it does not know is that it is connected to nothing, and that no errors are queued. */
function streamed({ state }: Receiving, flags: number): Outcome {
  if (flags & MSG.ERRQUEUE) throw errno.EAGAIN;
  if (state === "idle" || state === "listening") throw errno.ENOTCONN;
  return "resume";
}

export function recvfrom(sockets: Sockets, stop: Stop, stand: Receiving): Promise<Outcome> | Outcome {
  if (stand.stream) return streamed(stand, stop.int(3));
  return withEnd(sockets, stop, async (fd) => {
    const [flags, room] = [stop.int(3), stop.long(2)];
    const got = await next(sockets, { stop, stand, fd }, flags, deadline(sockets, stand));
    const part = got.bytes.subarray(0, Math.min(room, got.bytes.length));
    stop.write(stop.long(1), part);
    stop.writeCounted(stop.long(4), stop.long(5), await sourceOf(sockets, stand, got.tag));
    return flags & MSG.TRUNC ? got.length : part.length;
  });
}

/** Receive into a struct msghdr; what the call returns for it. */
async function one(sockets: Sockets, on: Receiver, at: number, flags: number, until: number): Promise<number> {
  const { stop, stand } = on;
  const d = viewOf(stop.read(at, MSGHDR.size));
  const pieces: readonly Piece[] = stop.vector(longAt(d, MSGHDR.iov), longAt(d, MSGHDR.iovlen));
  const got = await next(sockets, on, flags, until);
  const n = stop.scatter(pieces, got.bytes);
  const name = longAt(d, MSGHDR.name);
  if (name !== 0) {
    const source = await sourceOf(sockets, stand, got.tag);
    stop.write(name, source.subarray(0, Math.max(0, d.getInt32(MSGHDR.namelen, true))));
    stop.writeInt(at + MSGHDR.namelen, source.length);
  }
  const beside = got.tag ? controlToLinux(got.tag.control) : new Uint8Array(0);
  const fits = beside.length <= longAt(d, MSGHDR.controllen);
  if (fits) stop.write(longAt(d, MSGHDR.control), beside);
  const tail = new Uint8Array(12);
  viewOf(tail).setUint32(0, fits ? beside.length : 0, true);
  viewOf(tail).setInt32(8, (n < got.length ? MSG.TRUNC : 0) | (fits ? 0 : MSG.CTRUNC), true);
  stop.write(at + MSGHDR.controllen, tail);
  return flags & MSG.TRUNC ? got.length : n;
}
export function recvmsg(sockets: Sockets, stop: Stop, stand: Receiving): Promise<Outcome> | Outcome {
  if (stand.stream) return streamed(stand, stop.int(2));
  return withEnd(
    sockets,
    stop,
    (fd) => one(sockets, { stop, stand, fd }, stop.long(1), stop.int(2), deadline(sockets, stand)),
  );
}
export function recvmmsg(sockets: Sockets, stop: Stop, stand: Receiving): Promise<Outcome> | Outcome {
  if (stand.stream) return streamed(stand, stop.int(3));
  return withEnd(sockets, stop, async (fd) => {
    const [vector, count, flags] = [stop.long(1), Math.min(stop.int(2) >>> 0, MANY), stop.int(3)];
    const until = Math.min(deadline(sockets, stand), within(sockets, stop, stop.long(4)));
    for (let i = 0; i < count; i++) {
      const at = vector + i * MMSGHDR.size;
      const how = i > 0 && flags & MSG.WAITFORONE ? flags | MSG.DONTWAIT : flags;
      try {
        stop.writeInt(at + MMSGHDR.length, await one(sockets, { stop, stand, fd }, at, how, until));
      } catch (e) {
        if (i === 0) throw e;
        return i;
      }
    }
    return count;
  });
}
/** When a struct timespec from now is; without one, never. */
function within({ host: { loop } }: Sockets, stop: Stop, address: number): number {
  if (address === 0) return Infinity;
  const d = viewOf(stop.read(address, 16));
  const [seconds, nanoseconds] = [longAt(d, 0), longAt(d, 8)];
  if (!(nanoseconds < 1e9)) throw errno.EINVAL;
  return loop.now() + seconds * 1000 + nanoseconds / 1e6;
}
