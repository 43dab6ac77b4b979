/** One timer for all that ends: `look` is called at the next deadline, and says when it wants to be called again. */
export class Lifetimes {
  readonly #now: () => number;
  readonly #callout: (ms: number, fn: () => void) => () => void;
  /** Do what is due; the next deadline, Infinity: there is none. */
  readonly #look: (now: number) => number;
  #cancel: () => void = () => {};

  constructor(
    { now, callout }: { readonly now: () => number; readonly callout: (ms: number, fn: () => void) => () => void },
    look: (now: number) => number,
  ) {
    this.#now = now;
    this.#callout = callout;
    this.#look = look;
  }
  /** Deadlines may be others now. */
  changed(): void {
    this.#cancel();
    const next = this.#look(this.#now());
    this.#cancel(); // what was done may have changed deadlines, too
    if (next === Infinity) return void (this.#cancel = () => {});
    this.#cancel = this.#callout(Math.min(MOST, Math.max(LEAST, next - this.#now())), () => this.changed());
  }
  stop(): void {
    this.#cancel();
  }
}
/** Milliseconds between looks. */
const LEAST = 10;
const MOST = 3_600_000;
