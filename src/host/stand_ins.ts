/**
 * Sockets of the host that stand in for a rump kernel's (AF_UNIX pairs): a program has one end, we or the rump kernel have
 * the other. What a socket of TCP or UDP tells by poll(2) and errors is made with what such a pair has.
 */
import { check } from "./errors.ts";
import { cstring, pin, raw, result } from "./ffi.ts";

/** What came of a receive. */
export interface Taken {
  /** Bytes there were, also those that found no room; minus the host's errno. */
  readonly length: number;
  /** Lent until the next one. */
  readonly bytes: Uint8Array;
  /** The content of the file that came along. */
  readonly tag: Uint8Array | undefined;
}
/** See the head of this file. Results below 0 are minus the host's errno. */
export interface StandIns {
  /** `records`: message boundaries are kept. Throws HostError. */
  pair(records: boolean, nonblocking: boolean): readonly [ours: number, theirs: number];
  close(fd: number): void;
  /** O_NONBLOCK of whoever else has it. */
  nonblocking(fd: number): boolean;
  /** Make an end unwritable by bytes the other one will find; how many. */
  choke(fd: number): number;
  /** Make it writable again: `ours` is the other end. */
  unchoke(fd: number, ours: number, bytes: number): void;
  /** A byte for the other end, so that poll(2) sees it. */
  token(fd: number): void;
  /** Take one back. */
  untoken(fd: number): void;
  /** No more comes from us. */
  finish(fd: number): void;
  /** The address family of a socket: the host's number. */
  family(fd: number): number;
  /** The error an end has met, which is forgotten. */
  error(fd: number): number;
  /** Without waiting. `flags`: MSG_* of the host; at most `length` bytes. */
  receive(fd: number, length: number, flags: number): Taken;
  /** Without waiting or signals. */
  send(fd: number, bytes: Uint8Array, flags: number): number;
  /** A record, and a file of ours beside it. */
  sendTagged(fd: number, bytes: Uint8Array, file: number): number;
  /** A file without a name with that content. Throws HostError. */
  memory(content: Uint8Array): number;
}

const AF_UNIX = 1;
const STREAM = 1;
const SEQPACKET = 5;
const NONBLOCK = 0o4000;
const CLOEXEC = 0o2000000;
const SOL_SOCKET = 1;
const SO_ERROR = 4;
const SO_SNDBUF = 7;
const SO_DOMAIN = 39;
const SCM_RIGHTS = 1;
const MFD_CLOEXEC = 1;
const NAME = cstring("rump");
const F_GETFL = 3;
const F_SETFL = 4;
const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;
const MSG_TRUNC = 0x20;
const MSG_CMSG_CLOEXEC = 0x40000000;
const SHUT_WR = 1;
const POLLOUT = 4;
/** Most filler: a buffer of the least size takes two bytes. */
const MOST_FILLER = 64;
const WINDOW = 256 << 10;
const MAX_TAG = 4096;
/** struct msghdr of Linux, a struct iovec, and struct cmsghdr with a descriptor. */
const AT = { message: 0, iov: 64, control: 96, pollfd: 160, value: 176, tag: 256, end: 256 + MAX_TAG };
const CONTROL = 24;
/** The length of a struct cmsghdr with one descriptor. */
const RIGHTS = 20;

/** See the head of this file. */
export class Pairs implements StandIns {
  readonly #m = pin(AT.end);
  readonly #window = pin(WINDOW);

  pair(records: boolean, nonblocking: boolean): readonly [ours: number, theirs: number] {
    const both = new Uint8Array(8);
    const type = (records ? SEQPACKET : STREAM) | NONBLOCK | CLOEXEC;
    check(result(raw.socketpair(AF_UNIX, type, 0, both)), "socketpair");
    const d = new DataView(both.buffer);
    const [ours, theirs] = [d.getInt32(0, true), d.getInt32(4, true)];
    if (!nonblocking) raw.fcntl(theirs, F_SETFL, 0);
    return [ours, theirs];
  }
  close(fd: number): void {
    raw.close(fd);
  }
  nonblocking(fd: number): boolean {
    return (raw.fcntl(fd, F_GETFL, 0) & NONBLOCK) !== 0;
  }
  choke(fd: number): number {
    this.#setBuffer(fd, 1);
    let sent = 0;
    this.#window.bytes[0] = 0;
    while (sent < MOST_FILLER && this.#writable(fd) && this.#sendWindow(fd, 1) === 1) sent++;
    return sent;
  }
  unchoke(fd: number, ours: number, bytes: number): void {
    // What it was: the kernel doubles what it is told.
    this.#setBuffer(fd, this.#integer(ours, SO_SNDBUF) / 2);
    if (bytes > 0) raw.recvfrom(ours, this.#window.address, bytes, MSG_DONTWAIT, 0, 0);
  }
  token(fd: number): void {
    this.#window.bytes[0] = 1;
    this.#sendWindow(fd, 1);
  }
  untoken(fd: number): void {
    raw.recvfrom(fd, this.#window.address, 1, MSG_DONTWAIT, 0, 0);
  }
  finish(fd: number): void {
    raw.shutdown(fd, SHUT_WR);
  }
  family(fd: number): number {
    return this.#integer(fd, SO_DOMAIN);
  }
  error(fd: number): number {
    return this.#integer(fd, SO_ERROR);
  }
  receive(fd: number, length: number, flags: number): Taken {
    const room = Math.min(length, WINDOW);
    const how = flags | MSG_DONTWAIT | MSG_TRUNC | MSG_CMSG_CLOEXEC;
    const n = result(raw.recvmsg(fd, this.#message(room), how));
    const tag = n < 0 ? undefined : this.#tag();
    return { length: n, bytes: this.#window.bytes.subarray(0, Math.max(0, Math.min(n, room))), tag };
  }
  send(fd: number, bytes: Uint8Array, flags: number): number {
    this.#window.bytes.set(bytes);
    return result(this.#sendWindow(fd, bytes.length, flags));
  }
  sendTagged(fd: number, bytes: Uint8Array, file: number): number {
    this.#window.bytes.set(bytes);
    const at = this.#message(bytes.length);
    const { view } = this.#m;
    view.setUint32(AT.control, RIGHTS, true);
    view.setInt32(AT.control + 8, SOL_SOCKET, true);
    view.setInt32(AT.control + 12, SCM_RIGHTS, true);
    view.setInt32(AT.control + 16, file, true);
    return result(raw.sendmsg(fd, at, MSG_DONTWAIT | MSG_NOSIGNAL));
  }
  memory(content: Uint8Array): number {
    const fd = check(result(raw.memfd_create(NAME, MFD_CLOEXEC)), "memfd_create");
    check(result(raw.pwrite(fd, content, content.length, 0)), "memfd_create");
    return fd;
  }

  #sendWindow(fd: number, length: number, flags = 0): number {
    return raw.sendto(fd, this.#window.address, length, flags | MSG_DONTWAIT | MSG_NOSIGNAL, 0, 0);
  }
  /** A struct msghdr for the window, with room for a descriptor. */
  #message(length: number): number {
    const { bytes, view, address } = this.#m;
    const long = (at: number, value: number) => view.setBigUint64(at, BigInt(value), true);
    bytes.fill(0, AT.message, AT.control + CONTROL);
    long(AT.iov, this.#window.address);
    long(AT.iov + 8, length);
    long(AT.message + 16, address + AT.iov);
    long(AT.message + 24, 1);
    long(AT.message + 32, address + AT.control);
    long(AT.message + 40, CONTROL);
    return address + AT.message;
  }
  /** The content of the file that came along. */
  #tag(): Uint8Array | undefined {
    const { bytes, view } = this.#m;
    if (view.getUint32(AT.message + 40, true) < RIGHTS || view.getUint32(AT.control, true) < RIGHTS) return undefined;
    const file = view.getInt32(AT.control + 16, true);
    const n = result(raw.pread(file, bytes.subarray(AT.tag, AT.end), MAX_TAG, 0));
    raw.close(file);
    return n > 0 ? bytes.slice(AT.tag, AT.tag + n) : undefined;
  }
  #integer(fd: number, name: number): number {
    const { bytes, view } = this.#m;
    view.setInt32(AT.value, 0, true);
    view.setInt32(AT.value + 4, 4, true);
    raw.getsockopt(fd, SOL_SOCKET, name, bytes.subarray(AT.value), bytes.subarray(AT.value + 4));
    return view.getInt32(AT.value, true);
  }
  #setBuffer(fd: number, size: number): void {
    this.#m.view.setInt32(AT.value, size, true);
    raw.setsockopt(fd, SOL_SOCKET, SO_SNDBUF, this.#m.bytes.subarray(AT.value), 4);
  }
  #writable(fd: number): boolean {
    const { bytes, view } = this.#m;
    view.setInt32(AT.pollfd, fd, true);
    view.setInt32(AT.pollfd + 4, POLLOUT, true);
    return raw.poll(bytes.subarray(AT.pollfd), 1, 0) > 0 && (view.getUint16(AT.pollfd + 6, true) & POLLOUT) !== 0;
  }
}
