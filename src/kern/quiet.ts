/** When there was much to do, and there is nothing to do any more, what it took of memory goes back to the system. */

/** Requests after which there is something to give back. */
const MUCH = 4096;
/** It is quiet when there were no more than so many in so many milliseconds. */
const FEW = 10;
const QUIET_MS = 2000;

/** See the head of this file. */
export class Quiet {
  readonly #timer: (ms: number, fn: () => void) => unknown;
  readonly #collect: () => void;
  #work = 0;
  #over = false;

  /** `timer` calls once after so many milliseconds; `collect` gives memory back. */
  constructor(timer: (ms: number, fn: () => void) => unknown, collect: () => void) {
    this.#timer = timer;
    this.#collect = collect;
  }
  /** A request was served; `weight`: as much work as so many. */
  served(weight = 1): void {
    const had = this.#work;
    this.#work += weight;
    if (had < MUCH && this.#work >= MUCH) this.#later();
  }
  /** There will be none any more. */
  end(): void {
    this.#over = true;
  }
  #later(): void {
    const seen = this.#work;
    this.#timer(QUIET_MS, () => {
      if (this.#over) return;
      if (this.#work - seen > FEW) return this.#later();
      this.#work = 0;
      this.#collect();
    });
  }
}
