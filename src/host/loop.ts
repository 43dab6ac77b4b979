/**
 * The one loop (Linux): epoll by FFI, read first and wait after. The runtime's own epoll descriptor is one of those
 * waited for, so promises, timers and signals of the runtime go on; while none is pending they cost nothing.
 */
import { check } from "./errors.ts";
import { packedEvents, pin, raw, result } from "./ffi.ts";
import type { Watcher } from "../plugin.ts";
import { linkTarget } from "./stat.ts";
import type { Interest, Loop, Pinned, Ready } from "./host.ts";
import { Busy } from "./busy.ts";

// sys/epoll.h
const EPOLLIN = 1;
const EPOLLPRI = 2;
const EPOLLOUT = 4;
const EPOLLERR = 8;
const EPOLLHUP = 0x10;
const CTL_ADD = 1;
const CTL_DEL = 2;
const CTL_MOD = 3;
const CLOEXEC = 0o2000000;
const EINTR = -4;
/** struct epoll_event: u32 events, then u64 data, of which we keep a descriptor and its generation. */
const EVENT = packedEvents ? 12 : 16;
const DATA = EVENT - 8;
const EVENTS = 128;
/** Rounds a descriptor that has more to do, or what puts off more and more, is called again before the others get their turn. */
const FAIR = 64;
/** Milliseconds: longest wait while promises are pending; while idle; and longest work without a turn of the runtime. */
const PENDING_MS = 1;
const IDLE_MS = 1000;
const BUSY_MS = 50;
/** Turns of the microtask queue a pending promise gets before the runtime's whole event loop turns. */
const MICROTASKS = 8;
/** Turns after promises were settled: as long as any chain of those who wait for each other. */
const CHAIN = 32;
/** Rounds between looks at the clock. */
const CLOCK = 63;

interface Watch {
  readonly fd: number;
  /** Tells this watch from an earlier one of the same descriptor number. */
  readonly generation: number;
  readonly ready: (what: Ready) => boolean;
}
interface Timer {
  readonly at: number;
  readonly fn: () => void;
}

const more: Ready = { readable: true, writable: false, error: false, urgent: false };
/** Shared objects: what happened costs no allocation. */
const whats: readonly Ready[] = Array.from({ length: 16 }, (_, i) => ({
  readable: (i & 1) !== 0,
  writable: (i & 2) !== 0,
  error: (i & 4) !== 0,
  urgent: (i & 8) !== 0,
}));
const whatOf = (events: number): Ready =>
  whats[
    (events & EPOLLIN ? 1 : 0) | (events & EPOLLOUT ? 2 : 0) | (events & (EPOLLERR | EPOLLHUP) ? 4 : 0) |
    (events & EPOLLPRI ? 8 : 0)
  ]!;
const bits = (i: Interest) => (i.read ? EPOLLIN : 0) | (i.write ? EPOLLOUT : 0) | (i.urgent ? EPOLLPRI : 0);

/** The runtime's own epoll: the first one there is (undocumented: without it slices of time serve). */
function runtimeEpoll(): number {
  for (let fd = 0; fd < LOOKED_AT; fd++) if (linkTarget(`/proc/self/fd/${fd}`)?.includes("[eventpoll]")) return fd;
  return -1;
}
/** Descriptors: the runtime's are among its first. */
const LOOKED_AT = 256;

/** What a loop needs of its runtime. */
export interface LoopOptions {
  /** One turn of the runtime's event loop that serves its timers and promises. */
  readonly turn: () => Promise<void>;
  /** One that surely serves its descriptors and signals too; it may be slower. */
  readonly ioTurn: () => Promise<void>;
  readonly now: () => number;
  /** Run all microtasks there are, and theirs; left out: they run only when somebody awaits. */
  readonly microtasks?: () => void;
  /** Called when serving begins. */
  readonly warm: () => void;
}

/** See the head of this file. */
export class EpollLoop implements Loop {
  onError: (e: unknown) => void = () => {};
  readonly now: () => number;
  readonly #options: LoopOptions;
  readonly #watches = new Map<number, Watch>();
  /** Those who said they have more to do. */
  #hot: Watch[] = [];
  readonly #timers: Timer[] = [];
  #soon: (() => void)[] = [];
  #memory: Pinned | undefined;
  #epoll = -1;
  #runtime = -1;
  #generation = 0;
  #pending = 0;
  #settled = false;
  #stopped = false;
  #rounds = 0;
  #lastTurn = 0;
  /** Rounds since something happened: waiting may take its time. */
  #quiet = 0;
  readonly #busy: Busy;

  constructor(options: LoopOptions) {
    this.#options = options;
    this.now = options.now;
    this.#busy = new Busy(options.now, (e) => this.onError(e));
  }
  add(fd: number, interest: Interest, ready: (what: Ready) => boolean): void {
    this.open();
    const watch = { fd, generation: ++this.#generation >>> 0, ready };
    this.#control(CTL_ADD, watch, bits(interest));
    this.#watches.set(fd, watch);
  }
  change(fd: number, interest: Interest): void {
    const watch = this.#watches.get(fd);
    if (watch) this.#control(CTL_MOD, watch, bits(interest));
  }
  remove(fd: number): void {
    const watch = this.#watches.get(fd);
    if (!watch) return;
    this.#watches.delete(fd);
    raw.epoll_ctl(this.#epoll, CTL_DEL, fd, this.#memory!.address);
  }
  watch(watcher: Watcher): void {
    this.#busy.watch(watcher);
  }
  unwatch(watcher: Watcher): void {
    this.#busy.unwatch(watcher);
  }
  expect(look: () => boolean): void {
    this.#busy.expect(look);
  }
  timer(ms: number, fn: () => void): () => void {
    const timer = { at: this.#options.now() + ms, fn };
    const list = this.#timers;
    // Sorted, latest first: the next one due is popped from the end.
    list.splice(place(list, timer.at), 0, timer);
    return () => {
      const at = list.indexOf(timer);
      if (at >= 0) list.splice(at, 1);
    };
  }
  soon(fn: () => void): void {
    this.#soon.push(fn);
  }
  pending(change: 1 | -1): void {
    this.#pending += change;
    this.#quiet = 0;
  }
  settled(): void {
    this.#settled = true;
  }
  stop(): void {
    this.#stopped = true;
  }

  async run(): Promise<void> {
    this.#options.warm();
    this.open();
    this.#lastTurn = this.#options.now();
    while (!this.#stopped) {
      const io = this.#pump();
      for (let i = 0; i < MICROTASKS && this.#pending > 0 && !this.#stopped; i++) await undefined;
      if (this.#settled && !this.#stopped) {
        this.#settled = false;
        for (let i = 0; i < CHAIN; i++) await undefined;
      }
      if (this.#stopped) break;
      if (!io && this.#pending === 0) {
        // Who waited for the promise that is done now is told some microtasks later.
        for (let i = 0; i < MICROTASKS; i++) await undefined;
        continue;
      }
      // Not every descriptor of the runtime need be behind the one we know.
      if (io || this.#quiet > 1) await this.#options.ioTurn();
      // After news from outside as well: what it set going may need another turn (a child's exit, then its status).
      await this.#options.turn();
      this.#lastTurn = this.#options.now();
    }
    this.#stopped = false;
  }

  /** Serve without the runtime until it must turn. True: its descriptors or signals want it. */
  #pump(): boolean {
    while (!this.#stopped) {
      this.#serveHot();
      this.#putOff();
      if (this.#stopped) break;
      const n = this.#wait();
      if (n === EINTR) return true;
      this.#due();
      const io = this.#dispatch(check(n, "epoll_wait"));
      this.#putOff();
      if (this.#pending > 0 || this.#settled) this.#goOn();
      if (io || this.#late(n)) return true;
      if ((this.#pending > 0 && !this.#turned) || this.#settled) return false;
    }
    return false;
  }
  /** Who waits for promises goes on at once, where the runtime can do that. */
  #goOn(): void {
    const { microtasks } = this.#options;
    if (!microtasks) return;
    this.#settled = false;
    microtasks();
  }
  /** The runtime has turned but now: promises that need more than microtasks can wait, it wakes us for its descriptors. */
  get #turned(): boolean {
    return this.#options.microtasks !== undefined && this.#options.now() - this.#lastTurn < PENDING_MS;
  }
  /** The runtime's turn has come by the clock. */
  #late(n: number): boolean {
    if (n > 0 && (++this.#rounds & CLOCK) !== 0) return false;
    return this.#options.now() - this.#lastTurn >= BUSY_MS;
  }

  #serveHot(): void {
    if (this.#hot.length === 0) return;
    const hot = this.#hot;
    this.#hot = [];
    for (const watch of hot) {
      let again = true;
      for (let i = 0; again && i < FAIR && !this.#stopped; i++) again = this.#call(watch, more);
      if (again) this.#hot.push(watch);
    }
  }
  /** What was put off until what was done is done; rounds of it, since it may put off more. */
  #putOff(): void {
    for (let i = 0; this.#soon.length > 0 && i < FAIR; i++) {
      const all = this.#soon;
      this.#soon = [];
      for (const fn of all) this.#run(fn);
    }
  }
  #run(fn: () => void): void {
    try {
      fn();
    } catch (e) {
      this.onError(e);
    }
  }
  #wait(): number {
    const timeout = this.#timeout();
    if (timeout === 0) {
      if (this.#busy.look()) this.#quiet = 0;
      return this.#poll(0);
    }
    const n = this.#busy.wait(this.#now);
    if (n !== 0) return n;
    if (!this.#busy.expecting && !this.#busy.rest()) return this.#poll(timeout);
    this.#quiet = 0;
    return 0;
  }
  readonly #now = () => this.#poll(0);
  #poll(timeout: number): number {
    return result(raw.epoll_wait(this.#epoll, this.#memory!.address, EVENTS, timeout));
  }
  #timeout(): number {
    // Also when what was called again has settled promises: those who wait for them go on first.
    if (this.#hot.length > 0 || this.#soon.length > 0 || this.#settled) return 0;
    // A promise that has just come up may be done after one turn; only then waiting for descriptors pays.
    const longest = this.#pending === 0 ? IDLE_MS : this.#quiet > 0 || this.#turned ? PENDING_MS : 0;
    this.#quiet++;
    const next = this.#timers.at(-1);
    if (!next || longest === 0) return longest;
    return Math.max(0, Math.min(longest, Math.ceil(next.at - this.#options.now())));
  }
  /** Call the ready ones; true when the runtime has something to do. */
  #dispatch(n: number): boolean {
    const { view } = this.#memory!;
    let io = false;
    for (let at = 0; at < n * EVENT; at += EVENT) {
      const fd = view.getInt32(at + DATA, true);
      if (fd === this.#runtime) {
        io = true;
        continue;
      }
      const watch = this.#watches.get(fd);
      if (!watch || watch.generation !== view.getUint32(at + DATA + 4, true)) continue; // removed by an earlier one
      this.#quiet = 0;
      if (this.#call(watch, whatOf(view.getUint32(at, true)))) this.#hot.push(watch);
    }
    return io;
  }
  #call(watch: Watch, what: Ready): boolean {
    if (this.#watches.get(watch.fd) !== watch) return false;
    try {
      return watch.ready(what);
    } catch (e) {
      this.onError(e);
      return false;
    }
  }
  #due(): void {
    const list = this.#timers;
    if (list.length === 0) return;
    const now = this.#options.now();
    while (list.length > 0 && list.at(-1)!.at <= now && !this.#stopped) {
      const { fn } = list.pop()!;
      this.#quiet = 0;
      this.#run(fn);
    }
  }

  open(): void {
    if (this.#epoll >= 0) return;
    // The event array, and one struct for epoll_ctl behind it.
    this.#memory = pin((EVENTS + 1) * EVENT);
    this.#runtime = runtimeEpoll();
    this.#epoll = check(result(raw.epoll_create1(CLOEXEC)), "epoll");
    if (this.#runtime < 0) return;
    try {
      this.#control(CTL_ADD, { fd: this.#runtime, generation: 0 }, EPOLLIN);
    } catch {
      this.#runtime = -1; // slices of time then
    }
  }
  #control(op: number, watch: { readonly fd: number; readonly generation: number }, events: number): void {
    const { view, address } = this.#memory!;
    const at = EVENTS * EVENT;
    view.setUint32(at, events, true);
    view.setInt32(at + DATA, watch.fd, true);
    view.setUint32(at + DATA + 4, watch.generation, true);
    check(result(raw.epoll_ctl(this.#epoll, op, watch.fd, address + at)), "epoll_ctl");
  }
}

/** Where a timer goes in a list sorted latest first; equal ones stay in order. */
function place(list: readonly Timer[], at: number): number {
  let low = 0;
  let high = list.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (list[middle]!.at > at) low = middle + 1;
    else high = middle;
  }
  return low;
}
