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
