/** Pipes (NetBSD: sys_pipe.c). */
import { errno } from "../abi/errno.ts";
import {
  FIONREAD,
  O_CLOEXEC,
  O_NONBLOCK,
  O_RDONLY,
  O_WRONLY,
  POLLHUP,
  POLLIN,
  POLLOUT,
  POLLRDNORM,
  S_IFIFO,
} from "../abi/flags.ts";
import { Stat } from "../abi/structs.ts";
import { viewOf } from "../lib/struct.ts";
import type { Async, Sys } from "../plugin.ts";
import type { Handlers } from "./dispatch.ts";
import { File, type Fileops } from "./file.ts";
import type { Lwp } from "./proc.ts";
import { sleep, Waiters } from "./wait.ts";

/** Bytes a pipe holds. */
const ROOM = 64 << 10;
/** Writes up to this many bytes are never cut or mixed with others (sys/syslimits.h PIPE_BUF). */
const PIPE_BUF = 512;

/** Bytes one way. Memory is had when the first byte is written. */
class Stream {
  readonly changes: Waiters;
  readonly sys: Sys;
  #ring = new Uint8Array(0);
  #head = 0;
  size = 0;
  /** Whether somebody can still read, and write. */
  readable = true;
  writable = true;

  constructor(sys: Sys, changes: Waiters) {
    this.sys = sys;
    this.changes = changes;
  }
  get room(): number {
    return ROOM - this.size;
  }
  /** Take what is there, as much as fits. */
  #take(into: Uint8Array): number {
    const n = Math.min(into.length, this.size);
    const first = Math.min(n, ROOM - this.#head);
    into.set(this.#ring.subarray(this.#head, this.#head + first));
    into.set(this.#ring.subarray(0, n - first), first);
    this.#head = (this.#head + n) % ROOM;
    this.size -= n;
    return n;
  }
  #put(from: Uint8Array): number {
    if (this.#ring.length === 0) this.#ring = new Uint8Array(ROOM);
    const n = Math.min(from.length, this.room);
    const tail = (this.#head + this.size) % ROOM;
    const first = Math.min(n, ROOM - tail);
    this.#ring.set(from.subarray(0, first), tail);
    this.#ring.set(from.subarray(first, n), 0);
    this.size += n;
    return n;
  }
  read(lwp: Lwp, into: Uint8Array, wait: boolean): Async<number> {
    const n = this.#readNow(into);
    if (n !== undefined) return n;
    if (!wait) throw errno.EAGAIN;
    return this.#readLater(lwp, into);
  }
  /** Undefined: there is nothing yet. */
  #readNow(into: Uint8Array): number | undefined {
    if (into.length === 0) return 0;
    if (this.size === 0) return this.writable ? undefined : 0;
    const n = this.#take(into);
    this.changes.wake();
    return n;
  }
  async #readLater(lwp: Lwp, into: Uint8Array): Promise<number> {
    for (;;) {
      await sleep(lwp, [this.changes], this.sys.callout);
      const n = this.#readNow(into);
      if (n !== undefined) return n;
    }
  }
  /** All of it, where it may wait. */
  write(lwp: Lwp, from: Uint8Array, wait: boolean): Async<number> {
    const done = this.#writeNow(from, 0);
    if (done === from.length) return done;
    if (wait) return this.#writeLater(lwp, from, done);
    if (done === 0) throw errno.EAGAIN;
    return done;
  }
  /** Go on from `done` with what there is room for; how much is done then. */
  #writeNow(from: Uint8Array, done: number): number {
    if (!this.readable) throw errno.EPIPE;
    const rest = from.subarray(done);
    // Nobody is woken for nothing: two writers at a full pipe would wake each other for ever.
    if (this.room === 0 || (from.length <= PIPE_BUF && this.room < rest.length)) return done;
    const n = this.#put(rest);
    this.changes.wake();
    return done + n;
  }
  /** What has been written is told, whatever interrupts the rest. */
  async #writeLater(lwp: Lwp, from: Uint8Array, done: number): Promise<number> {
    while (done < from.length) {
      try {
        await sleep(lwp, [this.changes], this.sys.callout);
        done = this.#writeNow(from, done);
      } catch (e) {
        if (done === 0 || e === errno.EPIPE) throw e;
        break;
      }
    }
    return done;
  }
}

/** One end: what it reads from and what it writes to. */
class End implements Fileops {
  readonly seekable = false;
  readonly changes: Waiters;
  readonly #from: Stream | undefined;
  readonly #to: Stream | undefined;

  constructor(changes: Waiters, from: Stream | undefined, to: Stream | undefined) {
    this.changes = changes;
    this.#from = from;
    this.#to = to;
  }
  read(file: File, into: Uint8Array, _offset: number, lwp: Lwp): Async<number> {
    return this.#from!.read(lwp, into, (file.flags & O_NONBLOCK) === 0);
  }
  write(file: File, from: Uint8Array, _offset: number, lwp: Lwp): Async<number> {
    return this.#to!.write(lwp, from, (file.flags & O_NONBLOCK) === 0);
  }
  about() {
    return { type: "pipe" };
  }
  poll(): number {
    let ready = 0;
    const [from, to] = [this.#from, this.#to];
    if (from && (from.size > 0 || !from.writable)) ready |= POLLIN | POLLRDNORM;
    if (from && !from.writable) ready |= POLLHUP;
    if (to && (to.room >= PIPE_BUF || !to.readable)) ready |= POLLOUT;
    if (to && !to.readable) ready |= POLLHUP;
    return ready;
  }
  stat(_file: File, into: Uint8Array): void {
    const d = viewOf(into);
    Stat.set.mode(d, 0, S_IFIFO | 0o600);
    Stat.set.nlink(d, 0, 1);
    Stat.set.size(d, 0, this.#from?.size ?? this.#to?.size ?? 0);
    Stat.set.blksize(d, 0, ROOM);
  }
  ioctl(_file: File, command: number, data: Uint8Array | undefined): number {
    if (command !== FIONREAD || !data) throw errno.ENOTTY;
    viewOf(data).setInt32(0, this.#from?.size ?? 0, true);
    return 0;
  }
  close(): void {
    if (this.#from) this.#from.readable = false;
    if (this.#to) this.#to.writable = false;
    this.changes.wake();
  }
}

/** Open both ends: their descriptors. Nothing stays open when there is room for one only. */
function install({ proc: { files } }: Lwp, ends: readonly [File, File], cloexec: boolean): readonly [number, number] {
  const first = files.install(ends[0], cloexec);
  try {
    return [first, files.install(ends[1], cloexec)];
  } catch (e) {
    void files.remove(first);
    throw e;
  }
}
function pipe(sys: Sys, lwp: Lwp, flags = 0): readonly [number, number] {
  if (flags & ~(O_CLOEXEC | O_NONBLOCK)) throw errno.EINVAL;
  const changes = new Waiters();
  const stream = new Stream(sys, changes);
  const more = flags & O_NONBLOCK;
  const ends = [
    new File(new End(changes, stream, undefined), O_RDONLY | more),
    new File(new End(changes, undefined, stream), O_WRONLY | more),
  ] as const;
  return install(lwp, ends, (flags & O_CLOEXEC) !== 0);
}
function put(into: Uint8Array, [a, b]: readonly [number, number]): number {
  const d = viewOf(into);
  d.setInt32(0, a, true);
  d.setInt32(4, b, true);
  return 0;
}

export const pipeSyscalls = (sys: Sys): Handlers<"pipe" | "pipe2"> => ({
  pipe: (lwp) => pipe(sys, lwp),
  pipe2: (lwp, { fildes, flags }) => put(fildes, pipe(sys, lwp, flags)),
});
