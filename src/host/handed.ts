/** An end of a pair of local sockets that was handed to us (Linux), in the loop. It is never waited for, whatever its flags say. */
import { type EndReady, type FuseDevice, GONE, type Handed, NOT_NOW, type SocketEnd } from "../lib/socket_end.ts";
import { cstring, pin, raw, result } from "./ffi.ts";
import type { Loop, Pinned } from "./host.ts";

const AF_UNIX = 1;
const SOL_SOCKET = 1;
const SO_TYPE = 3;
const SO_OOBINLINE = 10;
const SO_ACCEPTCONN = 30;
const SO_DOMAIN = 39;
const STREAM = 1;
const SEQPACKET = 5;
const MSG_OOB = 1;
const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;
const SIOCATMARK = 0x8905;
/** linux/fuse.h: _IOR(229, 0, uint32_t). */
const FUSE_DEV_IOC_CLONE = 0x8004e500;
const O_RDWR = 2;
const O_NONBLOCK = 0o4000;
const O_CLOEXEC = 0o2000000;
const SHUT_RD = 0;
const SHUT_WR = 1;
const EAGAIN = -11;
const EINTR = -4;
const ENOBUFS = -105;
// poll.h; struct pollfd is a descriptor and two shorts
const POLLIN = 1;
const POLLPRI = 2;
const POLLERR = 8;
const POLLHUP = 0x10;
const one = new Uint8Array([1, 0, 0, 0]);
/** An int, for ioctl(2). */
let int: Pinned | undefined;
/** struct pollfd. */
const pollfd = new Uint8Array(8);
const pollView = new DataView(pollfd.buffer);

function option(fd: number, name: number): number | undefined {
  const value = new Uint8Array(4);
  const got = raw.getsockopt(fd, SOL_SOCKET, name, value, new Uint8Array([4, 0, 0, 0]));
  return got < 0 ? undefined : new DataView(value.buffer).getInt32(0, true);
}
/** What a descriptor is that somebody handed to us; one that is of no use is closed. */
export function handedEnd(fd: number, loop: Loop): Handed | undefined {
  const type = option(fd, SO_TYPE);
  if (type === undefined) return handedMount(fd);
  const local = option(fd, SO_DOMAIN) === AF_UNIX && (type === STREAM || type === SEQPACKET);
  // Of those that are no pair, nobody is at the other end.
  const connected = raw.getpeername(fd, new Uint8Array(128), new Uint8Array([128, 0, 0, 0])) === 0;
  if (local && option(fd, SO_ACCEPTCONN) === 0 && connected) return new LoopEnd(fd, type === SEQPACKET, loop);
  raw.close(fd);
  return undefined;
}

/**
 * The mount behind somebody's /dev/fuse, through a description of our own: they could take O_NONBLOCK from theirs, and the
 * requests we were told of. The kernel itself says whether it is one; it is served as long as either is open.
 */
function handedMount(fd: number): FuseDevice | undefined {
  const own = result(raw.open(cstring("/dev/fuse"), O_RDWR | O_NONBLOCK | O_CLOEXEC, 0));
  const { address, view } = (int ??= pin(16));
  view.setInt32(0, fd, true);
  const is = own >= 0 && raw.ioctl(own, FUSE_DEV_IOC_CLONE, address) === 0;
  raw.close(fd);
  if (is) return { fuse: own, close: () => void raw.close(own) };
  if (own >= 0) raw.close(own);
  return undefined;
}

/** An end of a pair of our own, which stays the caller's to close. */
export const ownEnd = (fd: number, loop: Loop): SocketEnd => new LoopEnd(fd, option(fd, SO_TYPE) === SEQPACKET, loop);

/** See the head of this file. */
class LoopEnd implements SocketEnd {
  readonly records: boolean;
  readonly #fd: number;
  readonly #loop: Loop;
  #on: ((what: EndReady) => void) | undefined;
  #read = true;
  #write = false;
  #open = true;

  constructor(fd: number, records: boolean, loop: Loop) {
    this.#fd = fd;
    this.records = records;
    this.#loop = loop;
    // So that urgent data is never lost: else who reads on passes over it.
    if (!records) raw.setsockopt(fd, SOL_SOCKET, SO_OOBINLINE, one, 4);
  }
  get #interest() {
    return { read: this.#read, write: this.#write, urgent: this.#read && !this.records };
  }
  watch(on: (what: EndReady) => void): void {
    this.#on = on;
    this.#loop.add(this.#fd, this.#interest, (what) => {
      on({ ...what, gone: what.error });
      return false;
    });
  }
  interest(read: boolean, write: boolean): void {
    if (!this.#on || (this.#read === read && this.#write === write)) return;
    this.#read = read;
    this.#write = write;
    this.#loop.change(this.#fd, this.#interest);
  }
  rest(): void {
    if (!this.#on) return;
    this.#on = undefined;
    this.#loop.remove(this.#fd);
  }
  receive(into: Uint8Array): number {
    return moved(result(raw.recv(this.#fd, into, into.length, MSG_DONTWAIT)));
  }
  send(from: Uint8Array): number {
    const n = moved(result(raw.send(this.#fd, from, from.length, MSG_DONTWAIT | MSG_NOSIGNAL)));
    // Whoever got something may answer at once.
    if (n > 0 && this.#on) this.#loop.expect(this.#look);
    return n;
  }
  /** Whether there is something: who has read without asking would miss that it is urgent. */
  readonly #look = (): boolean => {
    if (!this.#on || !this.#read) return false;
    pollView.setInt32(0, this.#fd, true);
    pollView.setUint32(4, POLLIN | POLLPRI, true);
    if (raw.poll(pollfd, 1, 0) <= 0) return false;
    const seen = pollView.getUint16(6, true);
    this.#on({
      readable: (seen & POLLIN) !== 0,
      urgent: (seen & POLLPRI) !== 0,
      writable: false,
      gone: (seen & (POLLERR | POLLHUP)) !== 0,
    });
    return true;
  };
  atMark(): boolean {
    const { address, view } = (int ??= pin(16));
    return raw.ioctl(this.#fd, SIOCATMARK, address) === 0 && view.getInt32(0, true) !== 0;
  }
  sendUrgent(byte: Uint8Array): number {
    return moved(result(raw.send(this.#fd, byte, 1, MSG_DONTWAIT | MSG_NOSIGNAL | MSG_OOB)));
  }
  shutdown(how: "sending" | "receiving"): void {
    raw.shutdown(this.#fd, how === "sending" ? SHUT_WR : SHUT_RD);
  }
  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.rest();
    raw.close(this.#fd);
  }
}
/** What recv(2) or send(2) came to. Memory that is short for the moment is no end. */
const moved = (n: number): number => n >= 0 ? n : n === EAGAIN || n === EINTR || n === ENOBUFS ? NOT_NOW : GONE;
