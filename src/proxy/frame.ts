/**
 * The `cbor` wire: u32 length (little-endian), then a CBOR array. A request is [reqno, sysnum, ...args], a reply [reqno,
 * errno, ret, ret2, ...outs]. Out-arguments go as the length wanted. A batch is [reqno, "batch", after, [sysnum, ...args], ...],
 * where an argument [call, register] is a result of an earlier call, and its reply [reqno, 0, [errno, ret, ret2, ...outs],
 * ...]. How an array is written is in encode.ts, how it is read in decode.ts.
 */

/** What a cbor client says first: as a sysproxy frame length it would be absurd. */
export const MAGIC = new TextEncoder().encode("RUMPCBOR");
/** Version of this wire, in the hello frame. */
export const VERSION = 1;
/** Longest frame: the longest transfer and room for the rest. */
export const MAX_FRAME = (4 << 20) + (64 << 10);
/** Longest one of somebody who has not said who it is: it holds next to no memory. */
export const MAX_HELLO = 4 << 10;
/** Longest banner line. */
export const MAX_BANNER = 96;

const EMPTY = new Uint8Array(0);

const lengthAt = (b: Uint8Array, at: number) =>
  (b[at]! | (b[at + 1]! << 8) | (b[at + 2]! << 16) | (b[at + 3]! << 24)) >>> 0;
/** Memory for frames that come in pieces, of which most of the time one comes at once. */
let spare: Uint8Array | undefined;
/** Longest memory that is kept for the next such frame. */
const SPARE = 1 << 20;
const LITTLE = 4 << 10;
const USUAL = 128 << 10;
function room(n: number): Uint8Array {
  if (n < LITTLE) return new Uint8Array(n); // many slow clients must not hold much
  if (!spare || spare.length < n) return new Uint8Array(Math.max(n, USUAL));
  const memory = spare;
  spare = undefined;
  return memory;
}
function giveBack(memory: Uint8Array): void {
  if (memory.length >= USUAL && memory.length <= SPARE && memory.length > (spare?.length ?? 0)) spare = memory;
}

/** Puts frames together from a stream. A frame is lent to `take`, whose false stops until `resume`. */
export class Frames {
  readonly #take: (body: Uint8Array) => boolean;
  readonly #longest: () => number;
  #held: Uint8Array = EMPTY;
  /** How much of `held` is filled; the rest is room for the frame under way. */
  #filled = 0;
  /** What was longer than may be. */
  tooLong = 0;
  /** Set by `take`: it goes on using what it was lent. Told and cleared by `lost`. */
  kept = false;

  constructor(take: (body: Uint8Array) => boolean, longest = () => MAX_FRAME) {
    this.#take = take;
    this.#longest = longest;
  }
  /** False: stopped, by `take` or by a frame that is too long. */
  push(bytes: Uint8Array): boolean {
    if (this.#filled === 0) return this.#run(bytes);
    const all = this.#append(bytes);
    // The middle of a long frame: its bytes are where they belong.
    if (all.length >= 4 && all.length < 4 + lengthAt(all, 0) && lengthAt(all, 0) <= this.#longest()) return true;
    return this.#runHeld(all);
  }
  /** Go on with what was left when `take` stopped. */
  resume(): boolean {
    return this.#filled === 0 || this.#runHeld(this.#held.subarray(0, this.#filled));
  }
  /** Whether what was pushed is still used. */
  lost(): boolean {
    const lost = this.kept;
    this.kept = false;
    return lost;
  }
  #append(bytes: Uint8Array): Uint8Array {
    const need = this.#filled + bytes.length;
    if (need > this.#held.length) {
      const grown = new Uint8Array(Math.max(need, this.#held.length * 2));
      grown.set(this.#held.subarray(0, this.#filled));
      this.#held = grown;
    }
    this.#held.set(bytes, this.#filled);
    this.#filled = need;
    return this.#held.subarray(0, need);
  }
  /** What was held is used up, or held again. */
  #runHeld(bytes: Uint8Array): boolean {
    const before = this.#held;
    this.#held = EMPTY;
    this.#filled = 0;
    const go = this.#run(bytes);
    if (!this.lost()) giveBack(before);
    return go;
  }
  #run(bytes: Uint8Array): boolean {
    let at = 0;
    while (at + 4 <= bytes.length) {
      const n = lengthAt(bytes, at);
      if (n > this.#longest()) {
        this.tooLong = n;
        return false;
      }
      const end = at + 4 + n;
      if (end > bytes.length) break;
      const go = this.#take(bytes.subarray(at + 4, end));
      at = end;
      if (!go) {
        this.#keep(bytes, at);
        return false;
      }
    }
    this.#keep(bytes, at);
    return true;
  }
  /** What is left over, with room for the whole frame so that it is copied once. */
  #keep(bytes: Uint8Array, at: number): void {
    if (at === bytes.length) return;
    const rest = bytes.subarray(at);
    const whole = rest.length < 4 ? 4 : 4 + lengthAt(rest, 0);
    this.#held = room(Math.max(rest.length, Math.min(whole, 4 + this.#longest())));
    this.#held.set(rest);
    this.#filled = rest.length;
  }
}
