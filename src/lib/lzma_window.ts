/** Windows of LZMA: what is unpacked, and how far back that goes. */

/** What is unpacked: the new bytes, and before them what matches reach back to. */
export interface Window {
  readonly bytes: Uint8Array;
  /** Where the next byte goes. */
  at: number;
  /** The oldest byte that may be copied. */
  start: number;
  /** Where counting began, in its lower four bits: contexts go by positions. */
  origin: number;
}
/** A window, and what makes room in it. */
export interface Room extends Window {
  /** False: so many never fit. */
  room(count: number): boolean;
}

/** All that is unpacked, of a size known at most: nothing makes room. */
export class WholeWindow implements Room {
  readonly bytes: Uint8Array;
  at = 0;
  start = 0;
  origin = 0;
  constructor(size: number) {
    this.bytes = new Uint8Array(size);
  }
  room(count: number): boolean {
    return count <= this.bytes.length - this.at;
  }
}
/** Positions are counted in the lower four bits: bytes are moved by multiples of so many. */
const STEP = 16;

/** One that goes on without end: what is too far behind makes room. */
export class SlidingWindow implements Room {
  readonly bytes: Uint8Array;
  at = 0;
  start = 0;
  origin = 0;
  readonly #kept: number;

  /** `dictionary`: bytes that matches may reach back; `room`: bytes that must fit behind them. */
  constructor(dictionary: number, room: number) {
    this.#kept = Math.ceil(dictionary / STEP) * STEP;
    // Moving costs as much as is kept: half as much more room as that makes it rare.
    this.bytes = new Uint8Array(this.#kept + Math.max(room, this.#kept / 2) + STEP);
  }
  /** Make room for `count` bytes more; false: so many never fit. */
  room(count: number): boolean {
    if (this.at + count <= this.bytes.length) return true;
    const by = Math.floor(Math.max(0, this.at - this.#kept) / STEP) * STEP;
    this.bytes.copyWithin(0, by, this.at);
    this.at -= by;
    this.start = Math.max(0, this.start - by);
    return this.at + count <= this.bytes.length;
  }
}
