/**
 * Busy waiting where the other side is busy too: waking another CPU costs more than a call. It pays only while both run at
 * once, which nobody tells us: so there is an account. What was waited for in vain is taken from it, what a wait that was worth
 * it saved is put in, and a small part of all time, so that it is tried again now and then. With nothing in it one sleeps.
 */
/** Microseconds of one wait: it must outlast waking the other side, who did not wait for us. */
const PATIENCE_US = 100;
/** Microseconds a wait saves that was worth it. */
const SAVED_US = 10;
/** Of all time, the part that may be waited in vain. */
const SHARE = 1 / 64;
/** Microseconds in the account at first, and at most. */
const FIRST_US = 500;
const MOST_US = 1000;
/** Looks between two looks at the clock. */
const LOOKS = 32;

/** On one CPU the other side cannot do anything while we wait. */
export const alone: boolean =
  ((globalThis as { navigator?: { hardwareConcurrency?: number } }).navigator?.hardwareConcurrency ?? 1) < 2;
const pause: () => void = (Atomics as { pause?: () => void }).pause ?? (() => {});

/** See the head of this file; one for each thing that is waited for. */
export class Spin {
  readonly #now: () => number;
  #account = FIRST_US;
  /** When the account was last looked at, milliseconds. */
  #seen: number;

  /** `now`: milliseconds. */
  constructor(now: () => number) {
    this.#now = now;
    this.#seen = now();
  }
  /** Whether waiting busily is likely to pay this time. */
  worth(): boolean {
    if (alone) return false;
    if (this.#account >= PATIENCE_US) return true;
    const now = this.#now();
    this.#account += (now - this.#seen) * 1000 * SHARE;
    this.#seen = now;
    return this.#account >= PATIENCE_US;
  }
  /** Look until it is there; false: it takes too long, sleep. `looks`: between two looks at the clock. */
  until(there: () => boolean, looks = LOOKS): boolean {
    if (there()) return true;
    const start = this.#now();
    const end = start + PATIENCE_US / 1000;
    let now: number;
    do {
      for (let i = 0; i < looks; i++) {
        pause();
        if (there()) return this.#paid();
      }
    } while ((now = this.#now()) < end);
    // Not what the machine did meanwhile.
    this.#account -= PATIENCE_US;
    this.#seen = now;
    return false;
  }
  #paid(): true {
    this.#account = Math.min(this.#account + SAVED_US, MOST_US);
    return true;
  }
}
