/** What a bad link does to frames: they are lost, doubled, damaged, late, out of order; the same for the same seed. */
import type { Between } from "../../src/lib/net_wrapper.ts";
import type { Sys } from "../../src/plugin.ts";
import type { Faults } from "./options.ts";

interface Waiting {
  /** When it arrives, milliseconds. */
  readonly at: number;
  readonly frame: Uint8Array;
}

/** Numbers from 0 to 1 of a seed (mulberry32). */
function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** See the head of this file. */
export class BadLink implements Between {
  readonly #sys: Pick<Sys, "now" | "callout">;
  readonly #faults: Faults;
  readonly #random: () => number;
  #deliver: (frame: Uint8Array) => void = () => {};
  /** Soonest first. */
  readonly #waiting: Waiting[] = [];
  /** When what was sent so far has gone out, at the link's rate. */
  #busy = 0;
  #cancel: (() => void) | undefined;

  constructor(sys: Pick<Sys, "now" | "callout">, faults: Faults) {
    this.#sys = sys;
    this.#faults = faults;
    this.#random = randomOf(faults.seed);
  }
  /** A frame, lent, goes onto the link, and is delivered if it arrives. */
  send(frame: Uint8Array, deliver: (frame: Uint8Array) => void): void {
    this.#deliver = deliver;
    const { loss, duplicate } = this.#faults;
    // All are drawn for every frame: what one option does, does not change another one's luck.
    const [lost, twice] = [this.#random() < loss, this.#random() < duplicate];
    const sent = this.#damaged(frame);
    const early = this.#random() < this.#faults.reorder;
    const late = this.#random();
    if (lost) return;
    for (let i = 0; i < (twice ? 2 : 1); i++) this.#carry(sent, early, late);
  }
  /** Nothing of what is under way arrives any more. */
  down(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    this.#waiting.length = 0;
    this.#busy = 0;
  }

  #damaged(frame: Uint8Array): Uint8Array {
    const [hit, where] = [this.#random(), this.#random()];
    if (hit >= this.#faults.corrupt) return frame;
    const bit = Math.floor(where * frame.length * 8);
    const copy = frame.slice();
    copy[bit >>> 3]! ^= 1 << (bit & 7);
    return copy;
  }
  #carry(frame: Uint8Array, early: boolean, late: number): void {
    const { delay, jitter, rate, queue } = this.#faults;
    if (rate === 0 && (early || (delay === 0 && jitter === 0))) return this.#deliver(frame);
    if (this.#waiting.length >= queue) return;
    const now = this.#sys.now();
    const gone = rate === 0 ? now : (this.#busy = Math.max(now, this.#busy) + (frame.length * 8000) / rate);
    this.#wait({ at: gone + (early ? 0 : Math.max(0, delay + (2 * late - 1) * jitter)), frame: frame.slice() }, now);
  }
  #wait(w: Waiting, now: number): void {
    let at = this.#waiting.length;
    while (at > 0 && this.#waiting[at - 1]!.at > w.at) at--;
    this.#waiting.splice(at, 0, w);
    if (at === 0) this.#arm(now);
  }
  #arm(now: number): void {
    this.#cancel?.();
    const next = this.#waiting[0];
    this.#cancel = next && this.#sys.callout(Math.max(0, next.at - now), () => this.#due());
  }
  #due(): void {
    this.#cancel = undefined;
    const now = this.#sys.now();
    // Only those there are now: what is sent meanwhile comes later.
    for (let n = this.#waiting.length; n > 0 && this.#waiting[0]!.at <= now; n--) {
      this.#deliver(this.#waiting.shift()!.frame);
      if (this.#waiting.length === 0) break;
    }
    this.#arm(now);
  }
}
