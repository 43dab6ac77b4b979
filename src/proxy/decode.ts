/**
 * CBOR (RFC 8949) as frames have it: numbers, strings, byte strings, true, false, null and arrays of those, lengths given
 * first. Anything else in a frame is none of ours. What it reads is hostile: every length is checked before it is used.
 */
import { viewOf } from "../lib/struct.ts";

/** Arrays in arrays: a batch has three. */
const DEEPEST = 8;
/** Strings up to here are read by hand where they are ASCII: most paths. */
const SHORT = 64;
const utf8 = new TextDecoder("utf-8", { ignoreBOM: true });

let source: Uint8Array;
let at = 0;
/** For the few that need it. */
let view: DataView | undefined;
/** Thrown for what is not as it should be; the stack is of no use to anybody. */
const malformed: unknown = { malformed: true };

/** Bytes [at, at + n) exist; they are passed over. */
function pass(n: number): number {
  const from = at;
  if (n > source.length - from) throw malformed;
  at = from + n;
  return from;
}
function big(from: number): number {
  const d = (view ??= viewOf(source));
  const n = d.getUint32(from) * 0x1_0000_0000 + d.getUint32(from + 4);
  if (!Number.isSafeInteger(n)) throw malformed;
  return n;
}
/** The number behind a head's byte: in it, or in the 1, 2, 4 or 8 bytes after it. */
function argument(info: number): number {
  if (info < 24) return info;
  if (info > 27) throw malformed;
  const from = pass(1 << (info - 24));
  const b = source;
  if (info === 24) return b[from]!;
  if (info === 25) return (b[from]! << 8) | b[from + 1]!;
  if (info === 26) return ((b[from]! << 24) | (b[from + 1]! << 16) | (b[from + 2]! << 8) | b[from + 3]!) >>> 0;
  return big(from);
}
function text(n: number): string {
  const from = pass(n);
  if (n <= SHORT) {
    let s = "";
    let i = from;
    for (; i < at && source[i]! < 0x80; i++) s += String.fromCharCode(source[i]!);
    if (i === at) return s;
  }
  return utf8.decode(source.subarray(from, at));
}
function array(n: number, depth: number): unknown[] {
  // Each item has at least a byte.
  if (n > source.length - at || depth > DEEPEST) throw malformed;
  const items: unknown[] = [];
  for (let i = 0; i < n; i++) items.push(item(depth));
  return items;
}
/** RFC 8949, appendix D. */
function half(n: number): number {
  const [sign, exponent, fraction] = [n & 0x8000 ? -1 : 1, (n >> 10) & 31, n & 1023];
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (1024 + fraction) * 2 ** (exponent - 25);
}
function simple(info: number): unknown {
  if (info === 20 || info === 21) return info === 21;
  if (info === 22 || info === 23) return info === 22 ? null : undefined;
  if (info < 25 || info > 27) throw malformed;
  const from = pass(1 << (info - 24));
  const d = (view ??= viewOf(source));
  return info === 25 ? half(d.getUint16(from)) : info === 26 ? d.getFloat32(from) : d.getFloat64(from);
}
function item(depth: number): unknown {
  const first = source[pass(1)]!;
  const info = first & 31;
  switch (first >> 5) {
    case 0:
      return argument(info);
    case 1:
      return -1 - argument(info);
    case 2: {
      const from = pass(argument(info));
      return source.subarray(from, at);
    }
    case 3:
      return text(argument(info));
    case 4:
      return array(argument(info), depth + 1);
    case 7:
      return simple(info);
    default:
      throw malformed; // maps and tags
  }
}

const NONE = new Uint8Array(0);
/** The array in a frame's body; undefined: no array, or nothing a frame may have. Byte strings are views of `body`. */
export function decodeFrame(body: Uint8Array): unknown[] | undefined {
  if ((body[0]! & 0xe0) !== 0x80) return undefined;
  source = body;
  at = 0;
  view = undefined;
  try {
    const items = item(0) as unknown[];
    return at === body.length ? items : undefined;
  } catch (e) {
    if (e !== malformed) throw e;
    return undefined;
  } finally {
    source = NONE;
  }
}
