/** Advisory locks: fcntl(2)'s on ranges, a process's; flock(2)'s on whole files, an open file's (NetBSD: vfs_lockf.c). */
import { errno } from "../abi/errno.ts";
import { F_GETLK, F_RDLCK, F_SETLKW, F_UNLCK, F_WRLCK, LOCK_EX, LOCK_NB, LOCK_SH, LOCK_UN } from "../abi/flags.ts";
import { Flock } from "../abi/structs.ts";
import { then } from "../lib/async.ts";
import { viewOf } from "../lib/struct.ts";
import type { Async } from "../plugin.ts";
import type { File } from "./file.ts";
import { type Lwp, Proc } from "./proc.ts";
import { type Callout, sleep, Waiters } from "./wait.ts";

export interface Lock {
  /** A process, or an open file of flock's. */
  readonly owner: object;
  /** Of programs of the host, for which flock(2) and fcntl(2) are worlds apart: which of them; left out: both. */
  readonly world?: "flock" | "fcntl";
  readonly exclusive: boolean;
  readonly start: number;
  /** One past the last byte; Infinity: to the end, wherever that is. */
  readonly end: number;
}
/** Locks on one file: more would be somebody's mistake. */
const MAX_LOCKS = 1024;

/** The locks on one file. */
export class Locks {
  #held: Lock[] = [];
  readonly #changes = new Waiters();
  /** Whose locks each waiting owner waits for: a circle would never end. */
  readonly #waits: Map<object, object>;

  constructor(waits: Map<object, object>) {
    this.#waits = waits;
  }
  get empty(): boolean {
    return this.#held.length === 0;
  }
  /** A lock of somebody else that is in the way. */
  conflict(wanted: Lock): Lock | undefined {
    return this.#held.find((l) =>
      l.owner !== wanted.owner && l.start < wanted.end && wanted.start < l.end && (l.exclusive || wanted.exclusive) &&
      (l.world ?? wanted.world) === (wanted.world ?? l.world)
    );
  }
  /** Set it, waiting for those in the way. Throws EAGAIN where it may not wait, EDEADLK, EINTR. */
  set(lwp: Lwp, wanted: Lock, wait: boolean, callout: Callout): Async<void> {
    const other = this.conflict(wanted);
    if (!other) return this.#put(wanted);
    if (!wait) throw errno.EAGAIN;
    if (this.#circle(wanted.owner, other.owner)) throw errno.EDEADLK;
    return this.#setLater(lwp, wanted, callout);
  }
  async #setLater(lwp: Lwp, wanted: Lock, callout: Callout): Promise<void> {
    for (let other = this.conflict(wanted); other; other = this.conflict(wanted)) {
      if (this.#circle(wanted.owner, other.owner)) throw errno.EDEADLK;
      this.#waits.set(wanted.owner, other.owner);
      try {
        await sleep(lwp, [this.#changes], callout);
      } finally {
        this.#waits.delete(wanted.owner);
      }
    }
    this.#put(wanted);
  }
  #circle(owner: object, other: object): boolean {
    for (let at: object | undefined = other; at; at = this.#waits.get(at)) if (at === owner) return true;
    return false;
  }
  #put(wanted: Lock): void {
    this.clear(wanted.owner, wanted.start, wanted.end);
    if (this.#held.length >= MAX_LOCKS) throw errno.ENOLCK;
    this.#held.push(wanted);
  }
  /** Take an owner's locks off a range; what sticks out stays. Throws ENOLCK where that would make too many. */
  clear(owner: object, start = 0, end = Infinity): void {
    const rest: Lock[] = [];
    for (const l of this.#held) {
      if (l.owner !== owner || l.end <= start || end <= l.start) {
        rest.push(l);
        continue;
      }
      if (l.start < start) rest.push({ ...l, end: start });
      if (end < l.end) rest.push({ ...l, start: end });
    }
    if (rest.length > this.#held.length && rest.length > MAX_LOCKS) throw errno.ENOLCK;
    this.#held = rest;
    this.#changes.wake();
  }
}

function locksOf(file: File): Locks {
  if (!file.ops.locks) throw errno.EINVAL;
  return file.ops.locks(file);
}
const SEEK_CUR = 1;
const SEEK_END = 2;
/** The range of a struct flock. */
function range(file: File, raw: Uint8Array): Async<readonly [number, number]> {
  const d = viewOf(raw);
  const whence = Flock.get.whence(d, 0);
  if (whence > SEEK_END) throw errno.EINVAL;
  const base = whence === SEEK_CUR ? file.offset : whence === SEEK_END ? file.ops.size?.(file) ?? 0 : 0;
  return then(base, (b) => {
    const [from, len] = [b + Flock.get.start(d, 0), Flock.get.len(d, 0)];
    const [start, end] = len < 0 ? [from + len, from] : [from, len === 0 ? Infinity : from + len];
    if (start < 0) throw errno.EINVAL;
    return [start, end] as const;
  });
}
/** fcntl(2) F_GETLK, F_SETLK and F_SETLKW. */
export function recordLock(lwp: Lwp, file: File, cmd: number, raw: Uint8Array, callout: Callout): Async<number> {
  const locks = locksOf(file);
  const type = Flock.get.type(viewOf(raw), 0);
  if (type < F_RDLCK || type > F_WRLCK) throw errno.EINVAL;
  if (cmd !== F_GETLK && (type === F_RDLCK ? !file.readable : type === F_WRLCK && !file.writable)) throw errno.EBADF;
  return then(range(file, raw), ([start, end]) => {
    const wanted = { owner: lwp.proc, exclusive: type === F_WRLCK, start, end };
    if (cmd === F_GETLK) return tell(raw, locks.conflict(wanted));
    if (type !== F_UNLCK) return then(locks.set(lwp, wanted, cmd === F_SETLKW, callout), () => 0);
    locks.clear(lwp.proc, start, end);
    return 0;
  });
}
/** Describe the lock in the way; the owner of an open file's is -1. */
function tell(raw: Uint8Array, lock: Lock | undefined): number {
  const d = viewOf(raw);
  if (!lock) {
    Flock.set.type(d, 0, F_UNLCK);
    return 0;
  }
  Flock.write(d, 0, {
    start: lock.start,
    len: lock.end === Infinity ? 0 : lock.end - lock.start,
    pid: lock.owner instanceof Proc ? lock.owner.pid : -1,
    type: lock.exclusive ? F_WRLCK : F_RDLCK,
    whence: 0,
  });
  return 0;
}
/** flock(2). */
export function wholeLock(lwp: Lwp, file: File, how: number, callout: Callout): Async<number> {
  if (!file.ops.locks) throw errno.EOPNOTSUPP;
  const locks = locksOf(file);
  const kind = how & ~LOCK_NB;
  if (kind === LOCK_UN) {
    locks.clear(file);
    return 0;
  }
  if (kind !== LOCK_SH && kind !== LOCK_EX) throw errno.EINVAL;
  const wanted = { owner: file, exclusive: kind === LOCK_EX, start: 0, end: Infinity };
  return then(locks.set(lwp, wanted, (how & LOCK_NB) === 0, callout), () => 0);
}
