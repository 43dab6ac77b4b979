/**
 * CBOR (RFC 8949) as our frames need it: numbers, strings, byte strings, null and arrays. Written one behind the other into
 * memory that is used up and then left to whoever still has a part of it; a long byte string is not copied, wherever it stands.
 */
const PAGE = 64 << 10;
/** From here on a byte string becomes a part of its own. */
export const LONG = 4 << 10;
/** The longest head: a byte, then 64 bits. */
const HEAD = 9;
/** Bytes of UTF-8 a UTF-16 unit takes at most. */
const WIDEST = 3;
/** Strings up to here are written by hand where they are ASCII: most paths. */
const SHORT = 64;
const MAJOR = { negative: 0x20, bytes: 0x40, text: 0x60, array: 0x80 } as const;
const NULL = 0xf6;
const FALSE = 0xf4;
const DOUBLE = 0xfb;

const utf8 = new TextEncoder();
let page = new Uint8Array(PAGE);
let view = new DataView(page.buffer);
/** Where the next byte goes, and the part under way begins. */
let at = 0;
let start = 0;
let parts: Uint8Array[] = [];
/** Bytes in the parts that are closed. */
let closed = 0;

/** The part under way is over. */
function cut(): void {
  if (at === start) return;
  parts.push(page.subarray(start, at));
  closed += at - start;
  start = at;
}
/** Room for `n` bytes more in one piece. */
function reserve(n: number): void {
  if (at + n <= page.length) return;
  cut();
  page = new Uint8Array(Math.max(PAGE, n));
  view = new DataView(page.buffer);
  at = start = 0;
}
function head(major: number, n: number): void {
  if (n < 24) page[at++] = major | n;
  else if (n < 0x100) {
    page[at++] = major | 24;
    page[at++] = n;
  } else if (n < 0x1_0000) {
    page[at++] = major | 25;
    page[at++] = n >>> 8;
    page[at++] = n & 255;
  } else {
    page[at++] = major | 26;
    view.setUint32(at, n);
    at += 4;
  }
}
function number(n: number): void {
  reserve(HEAD);
  if (n >>> 0 === n && !Object.is(n, -0)) return head(0, n);
  if ((n | 0) === n && n < 0) return head(MAJOR.negative, -1 - n);
  // Longer integers too: readers would make BigInts of those, and a double has all that fit a number.
  page[at++] = DOUBLE;
  view.setFloat64(at, n);
  at += 8;
}
function bytes(b: Uint8Array): void {
  const long = b.length >= LONG;
  reserve(HEAD + (long ? 0 : b.length));
  head(MAJOR.bytes, b.length);
  if (long) {
    cut();
    parts.push(b);
    closed += b.length;
  } else {
    page.set(b, at);
    at += b.length;
  }
}
function text(s: string): void {
  reserve(HEAD + s.length * WIDEST);
  if (s.length <= SHORT && ascii(s)) return;
  const encoded = utf8.encode(s);
  head(MAJOR.text, encoded.length);
  page.set(encoded, at);
  at += encoded.length;
}
/** False: it is not, and nothing is written. */
function ascii(s: string): boolean {
  const before = at;
  head(MAJOR.text, s.length);
  for (let i = 0; i < s.length; i++) {
    const c = s.charCodeAt(i);
    if (c > 0x7f) {
      at = before;
      return false;
    }
    page[at++] = c;
  }
  return true;
}
function array(items: readonly unknown[]): void {
  reserve(HEAD);
  head(MAJOR.array, items.length);
  for (let i = 0; i < items.length; i++) item(items[i]);
}
function item(x: unknown): void {
  if (typeof x === "number") number(x);
  else if (typeof x === "string") text(x);
  else if (x instanceof Uint8Array) bytes(x);
  else if (Array.isArray(x)) array(x);
  else if (x === null || x === undefined || typeof x === "boolean") {
    reserve(1);
    page[at++] = typeof x === "boolean" ? FALSE + Number(x) : NULL;
  } else throw new TypeError(`a frame cannot carry ${typeof x}`);
}

/** The parts of a frame, to be sent together: u32 length (little-endian), then the array. Long byte strings are lent. */
export function encodeFrame(items: readonly unknown[]): Uint8Array[] {
  closed = 0;
  reserve(4 + HEAD);
  start = at;
  const [first, place] = [view, at];
  at += 4;
  array(items);
  cut();
  first.setUint32(place, closed - 4, true);
  const frame = parts;
  parts = []; // what is lent is not held
  return frame;
}
