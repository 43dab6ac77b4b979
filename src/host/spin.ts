/** Busy waiting where the other side is busy too: waking another CPU costs more than a call. Where it does not pay it is not done. */
/** Microseconds of one wait: about what two wake-ups cost. */
const PATIENCE_US = 50;
/** Looks between two looks at the clock. */
const LOOKS = 32;
/** Failures in a row that are forgiven; then ever more chances are let pass, up to so many. */
const FORGIVEN = 8;
const MOST_SKIPPED = 24;

/** On one CPU the other side cannot do anything while we wait. */
export const alone: boolean =
  ((globalThis as { navigator?: { hardwareConcurrency?: number } }).navigator?.hardwareConcurrency ?? 1) < 2;
const pause: () => void = (Atomics as { pause?: () => void }).pause ?? (() => {});

/** See the head of this file; one for each thing that is waited for. */
export class Spin {
  readonly #now: () => number;
  #failures = 0;
  #skip = 0;

  /** `now`: milliseconds. */
  constructor(now: () => number) {
    this.#now = now;
  }
  /** Whether waiting busily is likely to pay this time. */
  worth(): boolean {
    if (alone) return false;
    if (this.#skip === 0) return true;
    this.#skip--;
    return false;
  }
  /** Look until it is there; false: it takes too long, sleep. `looks`: between two looks at the clock. */
  until(there: () => boolean, looks = LOOKS): boolean {
    const end = this.#now() + PATIENCE_US / 1000;
    do {
      for (let i = 0; i < looks; i++) {
        if (there()) return this.#ended(true);
        pause();
      }
    } while (this.#now() < end);
    return this.#ended(false);
  }
  #ended(success: boolean): boolean {
    if (success) this.#failures = 0;
    else if (++this.#failures > FORGIVEN) {
      this.#skip = Math.min(2 ** (this.#failures - FORGIVEN), MOST_SKIPPED);
    }
    return success;
  }
}
