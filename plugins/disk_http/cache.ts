/** Blocks of an image in memory, the ones used longest ago dropped; who reads on and on has the next ones under way. */

import { type Async, then, times } from "../../src/lib/async.ts";

/** Bytes of a block: a request costs about as much as so many. */
export const BLOCK = 64 << 10;
/** Blocks that are read ahead at most. */
const AHEAD = 64;
/** A range that takes longer is cut in half next time. */
const LONG_MS = 2000;

interface Source {
  readonly size: number;
  read(into: Uint8Array, offset: number): Promise<void>;
}
type Block = Uint8Array | Promise<Uint8Array>;

export class Cache {
  readonly #source: Source;
  readonly #most: number;
  /** In the order of use; a promise: it is under way. */
  readonly #blocks = new Map<number, Block>();
  /** Where the last read ended. */
  #next = -1;
  /** Blocks to read ahead. */
  #ahead = 0;
  #limit = AHEAD;

  /** `bytes`: to keep. */
  constructor(source: Source, bytes: number) {
    this.#source = source;
    this.#most = Math.floor(bytes / BLOCK);
  }
  /** Fill all of `into`, at once where it is here. Rejects with what the source says. */
  read(into: Uint8Array, offset: number): Async<void> {
    if (into.length === 0) return;
    const [first, last] = [Math.floor(offset / BLOCK), Math.floor((offset + into.length - 1) / BLOCK)];
    // The next one, or one that begins within what the last one touched: readers cut what they want as they like.
    const goesOn = offset === this.#next || Math.floor(this.#next / BLOCK) === first;
    this.#ahead = goesOn ? Math.min(Math.max(1, this.#ahead * 2), this.#limit) : 0;
    this.#next = offset + into.length;
    const wanted = this.#want(first, last);
    const done = times(wanted.length, (i) =>
      then(wanted[i]!, (block) => {
        const start = (first + i) * BLOCK;
        const from = Math.max(offset, start);
        into.set(block.subarray(from - start, offset + into.length - start), from - offset);
      }));
    return then(done, () => this.#trim());
  }
  /** The blocks [first, last], and those behind them that are likely next, asked for. */
  #want(first: number, last: number): Block[] {
    const end = Math.ceil(this.#source.size / BLOCK);
    const least = Math.min(end, last + 1);
    const most = Math.min(end, last + 1 + this.#ahead);
    for (let n = first; n < least; n++) this.#used(n);
    // What is missing now goes with what follows it; later ones are asked for half a window before they are needed.
    const missing = this.#missing(first, most);
    const soon = missing < least || missing - last <= this.#ahead / 2;
    if (missing < most && soon) this.#fetchAll(missing, most);
    return Array.from({ length: least - first }, (_, i) => this.#blocks.get(first + i)!);
  }
  #missing(from: number, to: number): number {
    let n = from;
    while (n < to && this.#blocks.has(n)) n++;
    return n;
  }
  #fetchAll(from: number, to: number): void {
    for (let n = from; n < to; n = this.#missing(n, to)) {
      const end = Math.min(this.#gap(n, to), n + AHEAD);
      this.#fetch(n, end);
      n = end;
    }
  }
  /** Where the blocks that are not there end. */
  #gap(from: number, to: number): number {
    let n = from;
    while (n < to && !this.#blocks.has(n)) n++;
    return n;
  }
  /** Ask for [from, to) by one request. */
  #fetch(from: number, to: number): void {
    const bytes = new Uint8Array(Math.min(this.#source.size, to * BLOCK) - from * BLOCK);
    const began = Date.now();
    const all = this.#source.read(bytes, from * BLOCK).then(() => {
      const slow = Date.now() - began > LONG_MS;
      this.#limit = slow ? Math.max(1, this.#limit >> 1) : Math.min(AHEAD, this.#limit + 1);
    });
    for (let n = from; n < to; n++) {
      const block = all.then(() => {
        const own = bytes.slice((n - from) * BLOCK, (n - from + 1) * BLOCK);
        if (this.#blocks.get(n) === block) this.#blocks.set(n, own);
        return own;
      });
      block.catch(() => this.#blocks.get(n) === block && this.#blocks.delete(n));
      this.#blocks.set(n, block);
    }
  }
  #used(n: number): void {
    const block = this.#blocks.get(n);
    if (!block) return;
    this.#blocks.delete(n);
    this.#blocks.set(n, block);
  }
  #trim(): void {
    for (const [n, block] of this.#blocks) {
      if (this.#blocks.size <= this.#most) return;
      if (block instanceof Uint8Array) this.#blocks.delete(n);
    }
  }
}
