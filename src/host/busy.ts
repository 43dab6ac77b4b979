/** What the loop looks at itself, busily, before it sleeps: memory that watchers know of, and the descriptor something came from last. */
import type { Watcher } from "../plugin.ts";
import { Spin } from "./spin.ts";

/** Looks between two questions for events: of memory, which cost next to nothing, and where each is a system call. */
const FREE_LOOKS = 64;
const LOOKS = 8;
/** Looks between two looks at the clock. */
const CLOCK = 8;

/** See the head of this file. */
export class Busy {
  readonly #watchers = new Set<Watcher>();
  readonly #spin: Spin;
  readonly #failed: (e: unknown) => void;
  /** Where something is expected to come from. */
  #latest: (() => boolean) | undefined;
  #expecting = false;
  #looks = 0;

  /** `failed` is told what a watcher threw: it is asked no more. */
  constructor(now: () => number, failed: (e: unknown) => void) {
    this.#spin = new Spin(now);
    this.#failed = failed;
  }
  /** Something is expected within microseconds. */
  get expecting(): boolean {
    return this.#expecting;
  }
  watch(watcher: Watcher): void {
    this.#watchers.add(watcher);
    this.#expecting = true;
  }
  unwatch(watcher: Watcher): void {
    this.#watchers.delete(watcher);
  }
  expect(look: () => boolean): void {
    this.#latest = look;
    this.#expecting = true;
  }
  /** Serve what has come; false: nothing had. */
  look(): boolean {
    let found = this.#latest !== undefined && this.#try(this.#latest);
    for (const watcher of this.#watchers) {
      if (!this.#ask(watcher)) continue;
      found = true;
      this.#latest = undefined; // who calls through memory sends nothing
    }
    if (found) this.#expecting = true;
    return found;
  }
  /** Wait where something is expected, asking for events by `poll` between. How many there are; 0: none, or it came to be looked at. */
  wait(poll: () => number): number {
    if (!this.#expecting) return 0;
    this.#expecting = false;
    if (!this.#spin.worth()) return 0;
    let n = 0;
    this.#spin.until(() => (this.#turn() && (n = poll()) !== 0) || this.look(), CLOCK);
    return n;
  }
  /** The loop is about to sleep; true: a watcher had something after all. */
  rest(): boolean {
    this.#latest = undefined;
    for (const watcher of this.#watchers) {
      if (watcher.rest()) {
        this.look();
        return true;
      }
      this.#watchers.delete(watcher);
    }
    return false;
  }
  /** Whether it is the others' turn: who always has something must not keep them waiting. */
  #turn(): boolean {
    return ++this.#looks % (this.#latest ? LOOKS : FREE_LOOKS) === 0;
  }
  #try(look: () => boolean): boolean {
    try {
      return look();
    } catch (e) {
      this.#latest = undefined;
      this.#failed(e);
      return false;
    }
  }
  #ask(watcher: Watcher): boolean {
    try {
      return watcher.look();
    } catch (e) {
      this.unwatch(watcher);
      this.#failed(e);
      return false;
    }
  }
}
