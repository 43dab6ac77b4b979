/**
 * The `cbor` wire: u32 length (little-endian), then a CBOR array. A request is [reqno, sysnum, ...args], a reply [reqno,
 * errno, ret, ret2, ...outs]. Out-arguments go as the length wanted. A long last byte string follows its head without
 * going through the encoder.
 */
// Not "cbor-x": that loads its native addon, which ends Deno when it was built for another runtime.
import { Decoder } from "cbor-x/decode";
import { Encoder } from "cbor-x/encode";

/** What a cbor client says first: as a sysproxy frame length it would be absurd. */
export const MAGIC = new TextEncoder().encode("RUMPCBOR");
/** Version of this wire, in the hello frame. */
export const VERSION = 1;
/** Longest frame: the longest transfer and room for the rest. */
export const MAX_FRAME = (4 << 20) + (64 << 10);
/** Longest banner line. */
export const MAX_BANNER = 96;

const options = { useRecords: false, tagUint8Array: false, variableMapSize: true, mapsAsObjects: true } as const;
const encoder = new Encoder(options);
const decoder = new Decoder(options);
/** From here on a payload is not copied through the encoder. */
const LONG = 8 << 10;
const EMPTY = new Uint8Array(0);

/** The parts of a frame, to be sent together. The first is the encoder's: send it before the next frame is made. */
export function encodeFrame(items: readonly unknown[]): Uint8Array[] {
  const last = items[items.length - 1];
  if (last instanceof Uint8Array && last.length >= LONG) return longFrame(items, last);
  const body = encoder.encode(items) as Uint8Array;
  const frame = new Uint8Array(4 + body.length);
  frame.set(body, 4);
  putLength(frame, body.length);
  return [frame];
}
/** An array whose last item is the empty byte string ends in its head, 0x40: a longer head and the bytes take its place. */
function longFrame(items: readonly unknown[], last: Uint8Array): Uint8Array[] {
  const body = encoder.encode([...items.slice(0, -1), EMPTY]) as Uint8Array;
  const head = body.length - 1;
  const frame = new Uint8Array(4 + head + 5);
  frame.set(body.subarray(0, head), 4);
  frame[4 + head] = 0x5a; // byte string, 32-bit length
  new DataView(frame.buffer).setUint32(4 + head + 1, last.length);
  putLength(frame, head + 5 + last.length);
  return [frame, last];
}
function putLength(frame: Uint8Array, n: number): void {
  frame[0] = n & 255;
  frame[1] = (n >>> 8) & 255;
  frame[2] = (n >>> 16) & 255;
  frame[3] = n >>> 24;
}

/** The array in a frame's body; undefined: no array, or no CBOR. Byte strings are views of `body`. */
export function decodeFrame(body: Uint8Array): unknown[] | undefined {
  // An array head first: maps, tags and strings are refused before they cost anything.
  if ((body[0]! & 0xe0) !== 0x80) return undefined;
  try {
    const items: unknown = decoder.decode(body);
    return Array.isArray(items) ? items : undefined;
  } catch {
    return undefined;
  }
}

const lengthAt = (b: Uint8Array, at: number) =>
  (b[at]! | (b[at + 1]! << 8) | (b[at + 2]! << 16) | (b[at + 3]! << 24)) >>> 0;

/** Puts frames together from a stream. A frame is lent to `take`, whose false stops until `resume`. */
export class Frames {
  readonly #take: (body: Uint8Array) => boolean;
  #held: Uint8Array = EMPTY;
  /** How much of `held` is filled; the rest is room for the frame under way. */
  #filled = 0;
  /** What was longer than MAX_FRAME. */
  tooLong = 0;

  constructor(take: (body: Uint8Array) => boolean) {
    this.#take = take;
  }
  /** False: stopped, by `take` or by a frame that is too long. */
  push(bytes: Uint8Array): boolean {
    if (this.#filled === 0) return this.#run(bytes);
    const all = this.#append(bytes);
    // The middle of a long frame: its bytes are where they belong.
    if (all.length >= 4 && all.length < 4 + lengthAt(all, 0) && lengthAt(all, 0) <= MAX_FRAME) return true;
    return this.#run(all);
  }
  /** Go on with what was left when `take` stopped. */
  resume(): boolean {
    const rest = this.#held.subarray(0, this.#filled);
    this.#held = EMPTY;
    this.#filled = 0;
    return rest.length === 0 || this.#run(rest);
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
  #run(bytes: Uint8Array): boolean {
    let at = 0;
    while (at + 4 <= bytes.length) {
      const n = lengthAt(bytes, at);
      if (n > MAX_FRAME) {
        this.tooLong = n;
        return false;
      }
      if (at + 4 + n > bytes.length) return this.#keep(bytes.subarray(at), 4 + n);
      const go = this.#take(bytes.subarray(at + 4, at + 4 + n));
      at += 4 + n;
      if (!go) {
        this.#keep(bytes.subarray(at), 0);
        return false;
      }
    }
    return this.#keep(bytes.subarray(at), 4);
  }
  /** What is left over, with room for the whole frame so that it is copied once. */
  #keep(rest: Uint8Array, whole: number): true {
    if (rest.length === 0) {
      this.#held = EMPTY;
      this.#filled = 0;
      return true;
    }
    const held = new Uint8Array(Math.max(whole, rest.length));
    held.set(rest);
    this.#held = held;
    this.#filled = rest.length;
    return true;
  }
}
