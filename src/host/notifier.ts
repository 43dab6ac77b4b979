/**
 * Programs stopped at system calls by a seccomp filter (seccomp_unotify(2)): what they asked, answers, their memory and
 * their descriptors. Layouts: linux/seccomp.h.
 */
import process from "node:process";
import { check, errnoName, hostError } from "./errors.ts";
import { pin, raw, result } from "./ffi.ts";
import { readWhole } from "./stat.ts";

/** A call a program is stopped at. */
export interface Trapped {
  /** Of this stop: no other one has it. */
  readonly id: bigint;
  /** The thread. */
  readonly tid: number;
  readonly nr: number;
  /** An argument as a C int. */
  int(argument: number): number;
  /** An argument as a pointer or size_t: inexact beyond 2^53, where nothing is. */
  long(argument: number): number;
}
/** See the head of this file. Nothing throws: failures are minus the host's errno. */
export interface Notifier {
  /** The next call; undefined: its program was killed or interrupted meanwhile, or there is none. Do not block in it. */
  next(): Trapped | undefined;
  /** What the call returns: `value`, or with an errno (the host's) -1. False: nobody waits for it any more. */
  answer(id: bigint, value: number, errno?: number): boolean;
  /** Let the host's kernel do it. */
  resume(id: bigint): boolean;
  /** The call returns a new descriptor of what `fd` is here: its number there. */
  inject(id: bigint, fd: number, closeOnExec: boolean): number;
  /** Whether it still waits: what was read of its memory and descriptors before is its own, then. */
  waits(id: bigint): boolean;
  /** Bytes of its memory, all or minus an errno; they are copied. At most 128 KiB. */
  read(tid: number, address: number, into: Uint8Array): number;
  write(tid: number, address: number, from: Uint8Array): number;
  /** The inode of the socket a descriptor of it is; 0: none. */
  socketOf(tid: number, fd: number): number;
  /** What a descriptor of it is, as one of ours. */
  open(tid: number, fd: number): number;
  /** Kill it. */
  kill(tid: number): void;
  /** The inode of a descriptor of ours. */
  inode(fd: number): number;
}
/** Most bytes of a program's memory in one go. */
const WINDOW = 128 << 10;

// linux/seccomp.h
const RECV = 0xc0502100;
const SEND = 0xc0182101;
const ID_VALID = 0x40082102;
const ADDFD = 0x40182103;
const SET_FLAGS = 0x40082104;
const SYNC_WAKE_UP = 1;
const ADDFD_SEND = 2;
const CONTINUE = 1;
const O_CLOEXEC = 0o2000000;
/** struct seccomp_notif: id, pid, flags, then struct seccomp_data: nr, arch, instruction pointer, args[6]. */
const NOTIF = { size: 80, id: 0, pid: 8, nr: 16, args: 32 } as const;
/** asm/unistd.h; the same on both machines. */
const PIDFD_OPEN = 434;
const PIDFD_GETFD = 438;
const PIDFD_THREAD = 0o200;
const SET_MODE_FILTER = 1;
const NEW_LISTENER = 8;
const SPEC_ALLOW = 4;
const PR_SET_NO_NEW_PRIVS = 38;
const SECCOMP: Readonly<Record<string, number>> = { x64: 317, arm64: 277 };
const ESRCH = -3;
const EBUSY = -16;
const SIGKILL = 9;
const AT_EMPTY_PATH = 0x1000;
const STATX_INO = 0x100;
/** struct statx */
const STX = { size: 256, mode: 28, ino: 32 } as const;
const S_IFMT = 0o170000;
const S_IFSOCK = 0o140000;
/** Threads whose pidfd is kept: opening one costs as much as the rest of a call. */
const PIDFDS = 64;

/** The calling thread, and what it starts, are stopped by a filter (struct sock_filter[]); who listens. Throws HostError. */
export function seccompListener(program: Uint8Array): number {
  const m = pin(16 + program.length);
  m.bytes.set(program, 16);
  m.view.setUint16(0, program.length / 8, true);
  m.view.setBigUint64(8, BigInt(m.address + 16), true);
  check(result(raw.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)), "prctl");
  const nr = SECCOMP[process.arch];
  if (nr === undefined) throw hostError("ENOSYS", "seccomp");
  const fd = result(Number(raw.syscall(nr, SET_MODE_FILTER, NEW_LISTENER | SPEC_ALLOW, m.address, 0)));
  if (fd === EBUSY) throw hostError("EBUSY", "seccomp: a program that is hijacked or supervised already");
  if (fd < 0) throw hostError(errnoName(-fd), "seccomp");
  return fd;
}

class Stop implements Trapped {
  readonly id: bigint;
  readonly tid: number;
  readonly nr: number;
  readonly #args: DataView;
  constructor(d: DataView<ArrayBuffer>) {
    this.id = d.getBigUint64(NOTIF.id, true);
    this.tid = d.getInt32(NOTIF.pid, true);
    this.nr = d.getInt32(NOTIF.nr, true);
    const at = d.byteOffset + NOTIF.args;
    this.#args = new DataView(d.buffer.slice(at, at + 48));
  }
  int(argument: number): number {
    return this.#args.getInt32(argument * 8, true);
  }
  long(argument: number): number {
    return this.#args.getUint32(argument * 8 + 4, true) * 2 ** 32 + this.#args.getUint32(argument * 8, true);
  }
}

/** Offsets of the structures calls take, in one piece of memory. */
const AT = {
  notif: 0,
  answer: 128,
  addfd: 192,
  id: 256,
  local: 320,
  remote: 384,
  statx: 512,
  path: 1024,
  link: 1088,
  end: 1152,
};
const LINK = AT.end - AT.link;

/** Over a listener's descriptor. */
class Listener implements Notifier {
  readonly #listener: number;
  readonly #m = pin(AT.end);
  readonly #window = pin(WINDOW);
  readonly #pidfds = new Map<number, number>();

  constructor(listener: number) {
    this.#listener = listener;
    raw.ioctl(listener, SET_FLAGS, SYNC_WAKE_UP); // Linux 6.6: both on one CPU
  }
  next(): Trapped | undefined {
    const { bytes, view } = this.#m;
    bytes.fill(0, AT.notif, AT.notif + NOTIF.size);
    return this.#ioctl(RECV, AT.notif) === 0 ? new Stop(view) : undefined;
  }
  answer(id: bigint, value: number, error = 0): boolean {
    return this.#reply(id, error === 0 ? value : 0, error, 0);
  }
  resume(id: bigint): boolean {
    return this.#reply(id, 0, 0, CONTINUE);
  }
  inject(id: bigint, fd: number, closeOnExec: boolean): number {
    const { view } = this.#m;
    view.setBigUint64(AT.addfd, id, true);
    view.setUint32(AT.addfd + 8, ADDFD_SEND, true);
    view.setInt32(AT.addfd + 12, fd, true);
    view.setInt32(AT.addfd + 16, 0, true);
    view.setUint32(AT.addfd + 20, closeOnExec ? O_CLOEXEC : 0, true);
    return result(this.#ioctl(ADDFD, AT.addfd));
  }
  waits(id: bigint): boolean {
    this.#m.view.setBigUint64(AT.id, id, true);
    return this.#ioctl(ID_VALID, AT.id) === 0;
  }
  read(tid: number, address: number, into: Uint8Array): number {
    if (into.length > WINDOW) return -EFAULT;
    const n = this.#move("process_vm_readv", tid, address, into.length);
    if (n > 0) into.set(this.#window.bytes.subarray(0, n));
    return n;
  }
  write(tid: number, address: number, from: Uint8Array): number {
    if (from.length > WINDOW) return -EFAULT;
    this.#window.bytes.set(from);
    return this.#move("process_vm_writev", tid, address, from.length);
  }
  socketOf(tid: number, fd: number): number {
    const { bytes, address } = this.#m;
    const path = bytes.subarray(AT.path, AT.link);
    path[utf8.encodeInto(`/proc/${tid}/fd/${fd}`, path).written] = 0;
    const end = AT.link + Number(raw.readlink(path, address + AT.link, LINK));
    if (end < AT.link) return this.#byDuplicate(tid, fd);
    if (!SOCKET.every((c, i) => bytes[AT.link + i] === c)) return 0;
    let inode = 0;
    for (let at = AT.link + SOCKET.length; at < end - 1; at++) inode = inode * 10 + bytes[at]! - ZERO;
    return inode;
  }
  open(tid: number, fd: number): number {
    for (let again = false;; again = true) {
      const of = this.#pidfd(tid);
      if (of < 0) return of;
      const r = result(Number(raw.syscall(PIDFD_GETFD, of, fd, 0, 0)));
      if (r !== ESRCH || again) return r;
      this.#forget(tid); // that one is gone, and its number has been given to another
    }
  }
  kill(tid: number): void {
    raw.kill(tid, SIGKILL);
  }
  inode(fd: number): number {
    const { view, address } = this.#m;
    const r = raw.statx(fd, EMPTY, AT_EMPTY_PATH, STATX_INO, address + AT.statx);
    if (r < 0 || (view.getUint16(AT.statx + STX.mode, true) & S_IFMT) !== S_IFSOCK) return 0;
    return Number(view.getBigUint64(AT.statx + STX.ino, true));
  }

  #ioctl(command: number, at: number): number {
    return raw.ioctl(this.#listener, command, this.#m.address + at);
  }
  #reply(id: bigint, value: number, error: number, flags: number): boolean {
    const { view } = this.#m;
    view.setBigUint64(AT.answer, id, true);
    view.setBigInt64(AT.answer + 8, BigInt(value), true);
    view.setInt32(AT.answer + 16, -error, true);
    view.setUint32(AT.answer + 20, flags, true);
    return this.#ioctl(SEND, AT.answer) === 0;
  }
  /** `length` bytes between our window and its memory: all of them, or EFAULT. */
  #move(call: "process_vm_readv" | "process_vm_writev", tid: number, at: number, length: number): number {
    if (!(at < 2 ** 63)) return -EFAULT;
    const { address } = this.#m;
    this.#iovec(AT.local, this.#window.address, length);
    this.#iovec(AT.remote, at, length);
    const n = result(raw[call](tid, address + AT.local, 1, address + AT.remote, 1, 0));
    return n < 0 || n === length ? n : -EFAULT;
  }
  #iovec(at: number, base: number, length: number): void {
    this.#m.view.setBigUint64(at, BigInt(base), true);
    this.#m.view.setBigUint64(at + 8, BigInt(length), true);
  }
  #pidfd(tid: number): number {
    const known = this.#pidfds.get(tid);
    if (known !== undefined) return known;
    const thread = result(Number(raw.syscall(PIDFD_OPEN, tid, PIDFD_THREAD, 0, 0)));
    const fd = thread < 0 ? result(Number(raw.syscall(PIDFD_OPEN, leader(tid), 0, 0, 0))) : thread;
    if (fd < 0) return fd;
    if (this.#pidfds.size >= PIDFDS) this.#forget(this.#pidfds.keys().next().value!);
    this.#pidfds.set(tid, fd);
    return fd;
  }
  #forget(tid: number): void {
    raw.close(this.#pidfds.get(tid)!);
    this.#pidfds.delete(tid);
  }
  /** Of a program whose /proc is not ours to look at. */
  #byDuplicate(tid: number, fd: number): number {
    const ours = this.open(tid, fd);
    if (ours < 0) return 0;
    const inode = this.inode(ours);
    raw.close(ours);
    return inode;
  }
}
export const notifier = (listener: number): Notifier => new Listener(listener);
const EFAULT = 14;
const utf8 = new TextEncoder();
const SOCKET = utf8.encode("socket:[");
const ZERO = 48;
const EMPTY = new Uint8Array(1);

/** The process a thread is of: a pidfd of a thread itself needs Linux 6.9. */
function leader(tid: number): number {
  try {
    const status = new TextDecoder().decode(readWhole(`/proc/${tid}/status`));
    return Number(/^Tgid:\s*(\d+)/m.exec(status)?.[1] ?? tid);
  } catch {
    return tid;
  }
}
