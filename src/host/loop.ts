/**
 * The one loop (Linux): epoll by FFI, read first and wait after. The runtime's own epoll descriptor is one of those
 * waited for, so promises, timers and signals of the runtime go on; while none is pending they cost nothing.
 */
import { readdirSync, readlinkSync } from "node:fs";
import { check } from "./errors.ts";
import { pin, raw, result } from "./ffi.ts";
import type { Loop, Ready } from "./host.ts";

const EPOLLIN = 1;
const EPOLLOUT = 4;
const EPOLLERR = 8;
const EPOLLHUP = 0x10;
const CTL_ADD = 1;
const CTL_DEL = 2;
const CTL_MOD = 3;
const CLOEXEC = 0o2000000;
/** struct epoll_event on x86-64 is packed: u32 events, u64 data; elsewhere there is a hole before data. */
const EVENT = 12;
const EVENTS = 128;
/** Rounds a descriptor that has more to do is called again before the others get their turn. */
const FAIR = 64;
/** Milliseconds: longest wait while promises are pending; while idle; and longest work without a turn of the runtime. */
const PENDING_MS = 1;
const IDLE_MS = 1000;
const BUSY_MS = 50;

type Interest = { readonly read: boolean; readonly write: boolean };
interface Watch {
  readonly fd: number;
  readonly ready: (what: Ready) => boolean;
  /** Said to have more to do. */
  hot: boolean;
}
interface Timer {
  readonly at: number;
  readonly fn: () => void;
}

const more: Ready = { readable: true, writable: false, error: false };
const whats: Ready[] = Array.from({ length: 8 }, (_, i) => ({
  readable: (i & 1) !== 0,
  writable: (i & 2) !== 0,
  error: (i & 4) !== 0,
}));
/** Shared objects: what happened costs no allocation. */
const whatOf = (events: number): Ready =>
  whats[(events & EPOLLIN ? 1 : 0) | (events & EPOLLOUT ? 2 : 0) | (events & (EPOLLERR | EPOLLHUP) ? 4 : 0)]!;
const bits = (i: Interest) => (i.read ? EPOLLIN : 0) | (i.write ? EPOLLOUT : 0);

/** The runtime's own epoll: the first one there is when the main thread starts (undocumented: without it slices of time serve). */
function runtimeEpoll(): number | undefined {
  const own: number[] = [];
  for (const name of readdirSync("/proc/self/fd")) {
    try {
      if (readlinkSync(`/proc/self/fd/${name}`).includes("[eventpoll]")) own.push(Number(name));
    } catch {
      // it was the directory's own descriptor, closed by now
    }
  }
  return own.sort((a, b) => a - b)[0];
}

export interface LoopOptions {
  /** One turn of the runtime's event loop. */
  readonly turn: () => Promise<void>;
  readonly now: () => number;
  /** Told of what a ready function or timer throws: a bug. */
  readonly onError?: (e: unknown) => void;
}

export class EpollLoop implements Loop {
  readonly #options: LoopOptions;
  readonly #watches = new Map<number, Watch>();
  readonly #hot = new Set<Watch>();
  readonly #timers: Timer[] = [];
  readonly #memory = pin(EVENTS * EVENT + 16);
  #epoll = -1;
  #runtime = -1;
  #runtimeWatched = false;
  #pending = 0;
  #stopped = false;

  constructor(options: LoopOptions) {
    this.#options = options;
  }
  add(fd: number, interest: Interest, ready: (what: Ready) => boolean): void {
    this.#open();
    this.#control(CTL_ADD, fd, bits(interest));
    this.#watches.set(fd, { fd, ready, hot: false });
  }
  change(fd: number, interest: Interest): void {
    this.#control(CTL_MOD, fd, bits(interest));
  }
  remove(fd: number): void {
    const watch = this.#watches.get(fd);
    if (!watch) return;
    this.#watches.delete(fd);
    this.#hot.delete(watch);
    raw.epoll_ctl(this.#epoll, CTL_DEL, fd, this.#memory.address);
  }
  timer(ms: number, fn: () => void): () => void {
    const timer = { at: this.#options.now() + ms, fn };
    const list = this.#timers;
    let i = list.length;
    while (i > 0 && list[i - 1]!.at < timer.at) i--; // latest first: the next due one is popped from the end
    list.splice(i, 0, timer);
    return () => {
      const at = list.indexOf(timer);
      if (at >= 0) list.splice(at, 1);
    };
  }
  pending(change: 1 | -1): void {
    this.#pending += change;
  }
  stop(): void {
    this.#stopped = true;
  }

  async run(): Promise<void> {
    this.#open();
    this.#stopped = false;
    let lastTurn = this.#options.now();
    while (!this.#stopped) {
      const turn = this.#pump(lastTurn);
      if (this.#stopped) return;
      if (!turn) continue;
      await this.#options.turn();
      lastTurn = this.#options.now();
    }
  }

  /** Serve without the runtime until it must turn (true) or somebody stopped us. */
  #pump(lastTurn: number): boolean {
    for (;;) {
      this.#serveHot();
      if (this.#stopped) return false;
      const n = this.#wait();
      this.#due();
      if (n < 0) return true; // a signal
      if (this.#dispatch(n) || this.#pending > 0) return true;
      if (this.#stopped) return false;
      if (n === 0 && this.#hot.size === 0 && this.#options.now() - lastTurn >= IDLE_MS) return true;
      if (this.#hot.size > 0 && (++this.#rounds & 63) === 0 && this.#options.now() - lastTurn >= BUSY_MS) return true;
    }
  }
  #rounds = 0;

  /** Those who said they have more to do, some rounds each. */
  #serveHot(): void {
    if (this.#hot.size === 0) return;
    for (const watch of [...this.#hot]) {
      let again = true;
      for (let i = 0; again && i < FAIR; i++) {
        // promises that came up meanwhile must not starve
        again = this.#watches.get(watch.fd) === watch && this.#call(watch, more);
        if (this.#stopped) return;
      }
      if (!again) {
        watch.hot = false;
        this.#hot.delete(watch);
      }
    }
  }
  #wait(): number {
    return result(raw.epoll_wait(this.#epoll, this.#memory.address, EVENTS, this.#timeout()));
  }
  #timeout(): number {
    if (this.#hot.size > 0 || this.#stopped) return 0;
    const longest = this.#pending > 0 ? PENDING_MS : IDLE_MS;
    const next = this.#timers.at(-1);
    this.#watchRuntime();
    if (!next) return longest;
    return Math.max(0, Math.min(longest, Math.ceil(next.at - this.#options.now())));
  }
  /** Call the ready ones; true when the runtime has something to do. */
  #dispatch(n: number): boolean {
    const { view } = this.#memory;
    let turn = false;
    // The events are read before anything is called: a callback may wait, or remove descriptors.
    const found: [number, number][] = [];
    for (let i = 0; i < n; i++) found.push([view.getInt32(i * EVENT + 4, true), view.getUint32(i * EVENT, true)]);
    for (const [fd, events] of found) {
      if (fd === this.#runtime) {
        turn = true;
        continue;
      }
      const watch = this.#watches.get(fd);
      if (watch && this.#call(watch, whatOf(events)) && this.#watches.get(fd) === watch) {
        watch.hot = true;
        this.#hot.add(watch);
      }
    }
    return turn;
  }
  #call(watch: Watch, what: Ready): boolean {
    try {
      return watch.ready(what);
    } catch (e) {
      this.#options.onError?.(e);
      return false;
    }
  }
  #due(): void {
    const list = this.#timers;
    if (list.length === 0) return;
    const now = this.#options.now();
    while (list.length > 0 && list.at(-1)!.at <= now) {
      const { fn } = list.pop()!;
      try {
        fn();
      } catch (e) {
        this.#options.onError?.(e);
      }
    }
  }

  #open(): void {
    if (this.#epoll >= 0) return;
    this.#runtime = runtimeEpoll() ?? -1;
    this.#epoll = check(result(raw.epoll_create1(CLOEXEC)), "epoll");
  }
  /** An idle loop also wakes for the runtime's descriptor: a signal, a child's exit, a socket of node:net. */
  #watchRuntime(): void {
    if (this.#runtimeWatched || this.#runtime < 0) return;
    this.#runtimeWatched = true;
    try {
      this.#control(CTL_ADD, this.#runtime, EPOLLIN);
    } catch {
      this.#runtime = -1; // time slices then
    }
  }
  #control(op: number, fd: number, events: number): void {
    const { view, address } = this.#memory;
    const at = EVENTS * EVENT;
    view.setUint32(at, events, true);
    view.setInt32(at + 4, fd, true);
    view.setInt32(at + 8, 0, true);
    check(result(raw.epoll_ctl(this.#epoll, op, fd, address + at)), "epoll_ctl");
  }
}
