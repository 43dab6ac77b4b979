/** Open files: what descriptors refer to (NetBSD: struct file and its fileops). */
import { errno, type SysError } from "../abi/errno.ts";
import { FD_CLOEXEC, O_ACCMODE, O_RDONLY, O_WRONLY } from "../abi/flags.ts";
import { then } from "../lib/async.ts";
import type { SocketEnd } from "../lib/socket_end.ts";
import type { Async } from "../plugin.ts";
import type { Locks } from "./locks.ts";
import type { Lwp } from "./proc.ts";
import type { Waiters } from "./wait.ts";

/** What vnodes, sockets, pipes and devices implement; what is absent gets its errno in `kern/descriptors.ts`. */
export interface Fileops {
  /** Whether it has an offset: pread, pwrite and lseek work. */
  readonly seekable: boolean;
  /** `lwp`: who asks, for those that have to wait. */
  read?(file: File, into: Uint8Array, offset: number, lwp: Lwp): Async<number>;
  write?(file: File, from: Uint8Array, offset: number, lwp: Lwp): Async<number>;
  /** Fill a zeroed struct stat (abi/structs.ts Stat). */
  stat?(file: File, into: Uint8Array): Async<void>;
  ioctl?(file: File, command: number, data: Uint8Array | undefined, lwp: Lwp): Async<number>;
  /** End of file for SEEK_END and O_APPEND. */
  size?(file: File): Async<number>;
  truncate?(file: File, length: number): Async<void>;
  sync?(file: File, dataOnly: boolean): Async<void>;
  /** A new offset is about to be set: EINVAL for one that cannot be. */
  seek?(file: File, offset: number): Async<void>;
  /** The last descriptor is gone. */
  close?(file: File): Async<void>;
  /**
   * Move data between it and a socket of the host until either is closed, holding the file; `ended` is told why, undefined:
   * in order. The end is the file's from then on, unless it throws. Left out: it cannot be.
   */
  splice?(file: File, end: SocketEnd, lwp: Lwp, ended: (why: SysError | undefined) => void): { close(): void };
  /** What it is ready for now (POLLIN …); left out: always for reading and writing. */
  poll?(file: File): number;
  /** Woken whenever `poll` may say something else. */
  readonly changes?: Waiters;
  /** Tell of what becomes of the file from now on (NOTE_*), until the result is called. */
  events?(happened: (note: number) => void): () => void;
  /** Advisory locks on what is open; left out: it cannot be locked. */
  locks?(file: File): Locks;
  /** What it is, for listings: file, dir, pipe, …; where its file system is mounted; the name it was opened by. */
  about?(
    file: File,
  ): { readonly type: string; readonly mount?: string; readonly name?: string; readonly socket?: number };
  /** A process, or an open file, has no locks on it any more. */
  unlock?(owner: object): void;
}

/** One open(2): shared by the descriptors that dup(2) makes. */
export class File {
  readonly ops: Fileops;
  /** Open flags: access mode, O_APPEND, O_NONBLOCK. */
  flags: number;
  offset = 0;
  /** Descriptors that refer to it. */
  refs = 0;
  constructor(ops: Fileops, flags: number) {
    this.ops = ops;
    this.flags = flags;
  }
  get readable(): boolean {
    return (this.flags & O_ACCMODE) !== O_WRONLY;
  }
  get writable(): boolean {
    return (this.flags & O_ACCMODE) !== O_RDONLY;
  }
}

/** Descriptors a process may have (getrlimit RLIMIT_NOFILE, hard). */
export const MAX_FILES = 1772;

/** A process's descriptor table. */
export class Descriptors {
  /** Told of each file a descriptor of this table leaves. */
  closing: (file: File) => void = () => {};
  /** RLIMIT_NOFILE, soft and hard. */
  limits: readonly [number, number] = [MAX_FILES, MAX_FILES];
  readonly #files: (File | undefined)[] = [];
  readonly #flags: number[] = [];
  /** No descriptor below is free: keeps allocation from scanning from 0. */
  #low = 0;

  /** The open file behind `fd`, or EBADF. */
  get(fd: number): File {
    const file = this.#files[fd];
    if (!file) throw errno.EBADF;
    return file;
  }
  find(fd: number): File | undefined {
    return this.#files[fd];
  }
  /** Give `file` the lowest free descriptor at or above `from`. */
  install(file: File, cloexec = false, from = 0): number {
    let fd = Math.max(from, this.#low);
    while (this.#files[fd]) fd++;
    if (fd >= this.limits[0]) throw errno.EMFILE;
    this.#set(fd, file, cloexec);
    if (from <= this.#low) this.#low = fd + 1;
    return fd;
  }
  /** Put `file` at `fd`, closing what was there. */
  place(fd: number, file: File, cloexec = false): Async<void> {
    if (fd < 0 || fd >= this.limits[0]) throw errno.EBADF;
    const old = this.#files[fd];
    if (old) this.closing(old);
    this.#set(fd, file, cloexec);
    return old && release(old);
  }
  /** Close a descriptor. */
  remove(fd: number): Async<void> {
    const file = this.get(fd);
    this.#files[fd] = undefined;
    if (fd < this.#low) this.#low = fd;
    this.closing(file);
    return release(file);
  }
  getFlags(fd: number): number {
    this.get(fd);
    return this.#flags[fd]!;
  }
  setFlags(fd: number, flags: number): void {
    this.get(fd);
    this.#flags[fd] = flags & FD_CLOEXEC;
  }
  /** Open descriptors, ascending. */
  *[Symbol.iterator](): Generator<[number, File]> {
    for (let fd = 0; fd < this.#files.length; fd++) {
      const file = this.#files[fd];
      if (file) yield [fd, file];
    }
  }
  /** For a child: the same open files at the same descriptors. */
  copy(): Descriptors {
    const copy = new Descriptors();
    copy.limits = this.limits;
    for (const [fd, file] of this) copy.#set(fd, file, (this.#flags[fd]! & FD_CLOEXEC) !== 0);
    return copy;
  }
  /** The process becomes another program. */
  closeOnExec(): Async<void> {
    let last: Async<void> = undefined;
    for (const [fd] of this) if (this.#flags[fd]! & FD_CLOEXEC) last = then(last, () => this.#quietly(fd));
    return last;
  }
  /** Close everything: the process ends. Every file is closed even when one fails. */
  closeAll(from = 0): Async<void> {
    let last: Async<void> = undefined;
    for (const [fd] of this) {
      if (fd >= from) last = then(last, () => this.#quietly(fd));
    }
    return last;
  }
  #quietly(fd: number): Async<void> {
    try {
      const done = this.remove(fd);
      return done instanceof Promise ? done.catch(() => {}) : done;
    } catch {
      return undefined; // nobody is left to be told
    }
  }
  #set(fd: number, file: File, cloexec: boolean): void {
    file.refs++;
    this.#files[fd] = file;
    this.#flags[fd] = cloexec ? FD_CLOEXEC : 0;
  }
}

/** One reference less: the last one closes it. */
export function release(file: File): Async<void> {
  if (--file.refs > 0) return undefined;
  file.ops.unlock?.(file);
  return file.ops.close?.(file);
}
