/** Work done when nothing has changed for a while: what was written is on the disk soon, and not each time. */
import type { Sys } from "../plugin.ts";

/** Changes are written when nothing has changed for this long, milliseconds: a killed process loses little. */
const QUIET = 1000;
/** And after so many of these in any case. */
const PATIENCE = 30;

export class WhenQuiet {
  readonly #sys: Pick<Sys, "callout">;
  readonly #work: () => void;
  readonly #failed: (e: unknown) => void;
  readonly #quiet: number;
  #busy = false;
  #cancel: () => void = () => {};

  /** `failed`: the work threw this; it is tried again later. `quiet`: milliseconds, where they are not a second. */
  constructor(sys: Pick<Sys, "callout">, work: () => void, failed: (e: unknown) => void, quiet = QUIET) {
    this.#sys = sys;
    this.#work = work;
    this.#failed = failed;
    this.#quiet = quiet;
  }
  /** Something has changed after all was done: from now on it waits for quiet. */
  begin(): void {
    this.#wait(PATIENCE);
  }
  /** Something has changed. */
  touch(): void {
    this.#busy = true;
  }
  /** There is nothing to do any more, or nobody who does it. */
  cancel(): void {
    this.#cancel();
  }
  #wait(patience: number): void {
    this.#busy = false;
    this.#cancel();
    this.#cancel = this.#sys.callout(
      this.#quiet,
      () => (this.#busy && patience > 1 ? this.#wait(patience - 1) : this.#try()),
    );
  }
  #try(): void {
    try {
      this.#work();
    } catch (e) {
      this.#failed(e);
      this.#wait(PATIENCE);
    }
  }
}
