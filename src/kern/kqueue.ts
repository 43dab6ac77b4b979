/** kqueue(2): what a queue watches, and the events it gives (NetBSD: kern_event.c). Reading, writing, files and timers. */
import { errno } from "../abi/errno.ts";
import {
  EV_ADD,
  EV_CLEAR,
  EV_DELETE,
  EV_DISABLE,
  EV_ENABLE,
  EV_EOF,
  EV_ERROR,
  EV_ONESHOT,
  EVFILT_READ,
  EVFILT_TIMER,
  EVFILT_VNODE,
  EVFILT_WRITE,
  O_CLOEXEC,
  O_NONBLOCK,
  O_RDWR,
  POLLHUP,
  POLLIN,
  POLLOUT,
  S_IFIFO,
} from "../abi/flags.ts";
import { Kevent, Stat } from "../abi/structs.ts";
import { viewOf } from "../lib/struct.ts";
import type { Async, Sys } from "../plugin.ts";
import type { Handlers } from "./dispatch.ts";
import { File, type Fileops } from "./file.ts";
import type { Kernel } from "./kernel.ts";
import type { Lwp, Proc } from "./proc.ts";
import { milliseconds, readiness, until } from "./poll.ts";
import { Waiters } from "./wait.ts";

/** Something watched (struct knote). */
interface Note {
  readonly ident: number;
  readonly filter: number;
  flags: number;
  udata: Uint8Array;
  disabled: boolean;
  /** What is watched, of READ and WRITE; it must still be the descriptor's file. */
  readonly file?: File;
  /** Of VNODE: what is wanted, and what has happened (NOTE_*). */
  wanted: number;
  happened: number;
  /** Of a timer: how often it went off since it was last told, and its end. */
  fired: number;
  cancel?: () => void;
  /** EV_CLEAR: was told, and is not told again until it has been quiet or has changed. */
  told: boolean;
  /** Undoes the nesting of queues. */
  leave?: () => void;
  unwatch?: () => void;
}
const idle = { disabled: false, fired: 0, told: false, wanted: 0, happened: 0 };
/** Watched by one queue at most. */
const MAX_NOTES = 4096;
/** The shortest period of a timer, ms. */
const SHORTEST = 1;
const CONTROL = EV_ADD | EV_DELETE | EV_ENABLE | EV_DISABLE;

class Queue implements Fileops {
  readonly seekable = false;
  readonly changes = new Waiters();
  readonly #sys: Sys;
  readonly #proc: Proc;
  readonly #notes = new Map<string, Note>();
  /** Queues this one watches, and queues that watch it: one of them is 0, so that there are no circles, and looking is cheap. */
  #inner = 0;
  #outer = 0;

  constructor(sys: Sys, proc: Proc) {
    this.#sys = sys;
    this.#proc = proc;
  }
  about() {
    return { type: "kqueue" };
  }
  poll(): number {
    return [...this.#notes.values()].some((n) => this.#ready(n)) ? POLLIN : 0;
  }
  stat(_file: File, into: Uint8Array): void {
    Stat.set.mode(viewOf(into), 0, S_IFIFO);
    Stat.set.size(viewOf(into), 0, this.#notes.size);
  }
  close(): void {
    for (const key of [...this.#notes.keys()]) this.#drop(key);
  }

  /** Apply one struct kevent at `at`. Throws its errno. */
  change(d: DataView, at: number): void {
    const { get } = Kevent;
    const [ident, filter, flags] = [get.ident(d, at), get.filter(d, at), get.flags(d, at)];
    const key = `${filter}:${ident}`;
    if (flags & EV_DELETE) {
      if (!this.#notes.has(key)) throw errno.ENOENT;
      return this.#drop(key);
    }
    const note = this.#notes.get(key) ?? (flags & EV_ADD ? this.#watch(key, ident, filter) : undefined);
    if (!note) throw errno.ENOENT;
    if (flags & EV_ADD) {
      note.flags = flags & ~CONTROL;
      note.udata = get.udata(d, at).slice();
      note.told = false;
      note.wanted = get.fflags(d, at);
      if (filter === EVFILT_TIMER) this.#start(note, get.data(d, at));
    }
    if (flags & EV_DISABLE) note.disabled = true;
    if (flags & EV_ENABLE) note.disabled = false;
    this.changes.wake();
  }
  #watch(key: string, ident: number, filter: number): Note {
    if (this.#notes.size >= MAX_NOTES) throw errno.ENOMEM;
    const note: Note = { ident, filter, flags: 0, udata: new Uint8Array(8), ...idle };
    if (filter === EVFILT_TIMER) this.#notes.set(key, note);
    else if (filter === EVFILT_READ || filter === EVFILT_WRITE) {
      const file = this.#proc.files.get(ident);
      if (file.ops instanceof Queue) this.#nest(note, file.ops);
      this.#notes.set(key, Object.assign(note, { file }));
      this.#listen(note, file);
    } else if (filter === EVFILT_VNODE) this.#follow(key, note);
    else throw errno.EINVAL;
    return note;
  }
  /** What becomes of a file. */
  #follow(key: string, note: Note): void {
    const file = this.#proc.files.get(note.ident);
    if (!file.ops.events) throw errno.EINVAL;
    this.#notes.set(key, Object.assign(note, { file }));
    note.unwatch = file.ops.events((what) => {
      note.happened |= what & note.wanted;
      this.changes.wake();
    });
  }
  #nest(note: Note, inner: Queue): void {
    if (inner === this || this.#outer > 0 || inner.#inner > 0) throw errno.ELOOP;
    this.#inner++;
    inner.#outer++;
    note.leave = () => {
      this.#inner--;
      inner.#outer--;
    };
  }
  #listen(note: Note, file: File): void {
    const { changes } = file.ops;
    if (!changes) return;
    const woken = () => {
      note.told = false;
      this.changes.wake();
    };
    changes.add(woken);
    note.unwatch = () => changes.remove(woken);
  }
  #start(note: Note, ms: number): void {
    note.cancel?.();
    note.fired = 0;
    const fire = () => {
      note.fired++;
      if (note.flags & EV_ONESHOT) delete note.cancel;
      else note.cancel = this.#sys.callout(Math.max(SHORTEST, ms), fire);
      this.changes.wake();
    };
    note.cancel = this.#sys.callout(Math.max(SHORTEST, ms), fire);
  }
  #drop(key: string): void {
    const note = this.#notes.get(key)!;
    note.cancel?.();
    note.unwatch?.();
    note.leave?.();
    this.#notes.delete(key);
  }
  #ready(note: Note): boolean {
    if (note.disabled || note.told) return false;
    if (note.filter === EVFILT_VNODE) return note.happened !== 0;
    if (!note.file) return note.fired > 0;
    return (readiness(note.file) & (note.filter === EVFILT_READ ? POLLIN | POLLHUP : POLLOUT | POLLHUP)) !== 0;
  }
  /** Write what is ready, as much as there is room for; how many. */
  take(into: Uint8Array): number {
    const d = viewOf(into);
    let at = 0;
    for (const [key, note] of this.#notes) {
      if (at + Kevent.size > into.length) break;
      // A descriptor that was closed takes its notes along.
      if (note.file && this.#proc.files.find(note.ident) !== note.file) this.#drop(key);
      else if (this.#ready(note)) {
        this.#write(d, at, note);
        at += Kevent.size;
        if (note.flags & EV_ONESHOT) this.#drop(key);
        else if (note.flags & EV_CLEAR) this.#clear(note);
        note.fired = 0;
      }
    }
    return at / Kevent.size;
  }
  #clear(note: Note): void {
    if (note.filter === EVFILT_VNODE) note.happened = 0;
    else note.told = note.file !== undefined;
  }
  #write(d: DataView, at: number, note: Note): void {
    const vnode = note.filter === EVFILT_VNODE;
    const hangup = note.file && !vnode && readiness(note.file) & POLLHUP;
    Kevent.write(d, at, {
      ident: note.ident,
      filter: note.filter,
      flags: note.flags | (hangup ? EV_EOF : 0),
      fflags: note.happened,
      data: vnode ? 0 : note.file ? sizeOf(note.file) : note.fired,
      udata: note.udata,
    });
  }
}
/** Bytes there are to read, where the file knows at once. */
function sizeOf(file: File): number {
  const raw = new Uint8Array(Stat.size);
  const done = file.ops.stat?.(file, raw);
  return done instanceof Promise ? 0 : Stat.get.size(viewOf(raw), 0);
}

function queueOf(lwp: Lwp, fd: number): Queue {
  const { ops } = lwp.proc.files.get(fd);
  if (!(ops instanceof Queue)) throw errno.EBADF;
  return ops;
}
/** Changes that fail are told as events where there is room for them, else the call fails. */
function change(queue: Queue, changes: Uint8Array, events: Uint8Array | undefined): number {
  const d = viewOf(changes);
  let told = 0;
  for (let at = 0; at + Kevent.size <= changes.length; at += Kevent.size) {
    try {
      queue.change(d, at);
    } catch (e) {
      const room = (events?.length ?? 0) - told * Kevent.size;
      if (room < Kevent.size) throw e;
      const into = told++ * Kevent.size;
      events!.set(changes.subarray(at, at + Kevent.size), into);
      Kevent.write(viewOf(events!), into, { flags: EV_ERROR, data: (e as { errno: number }).errno });
    }
  }
  return told;
}

export const kqueueSyscalls = (k: Kernel): Handlers<"kqueue" | "kqueue1" | "kevent"> => {
  const open = (lwp: Lwp, flags: number) => {
    if (flags & ~(O_CLOEXEC | O_NONBLOCK)) throw errno.EINVAL;
    const file = new File(new Queue(k.sys, lwp.proc), O_RDWR);
    return lwp.proc.files.install(file, (flags & O_CLOEXEC) !== 0);
  };
  return {
    kqueue: (lwp) => open(lwp, 0),
    kqueue1: (lwp, { flags }) => open(lwp, flags),
    kevent(lwp, { fd, changelist, eventlist, timeout }): Async<number> {
      const queue = queueOf(lwp, fd);
      const ms = milliseconds(timeout, 1e9);
      const told = changelist ? change(queue, changelist, eventlist) : 0;
      if (told > 0 || !eventlist || eventlist.length < Kevent.size) return told;
      return until(lwp, k.sys.callout, () => k.host.now(), ms, (things) => {
        things.add(queue.changes);
        return queue.take(eventlist);
      });
    },
  };
};
