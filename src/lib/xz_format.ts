/** The xz format (xz-file-format.txt 1.2): headers, the index at the end, and the checks. */
import { crc32 } from "./crc32.ts";
import { Crc64 } from "./crc64.ts";
import { Sha256 } from "./sha256.ts";
import { viewOf } from "./struct.ts";

export const STREAM_HEADER = 12;
const MAGIC = [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0] as const;
const LZMA2 = 0x21;
const MOST_FILTERS = 4;

/** What a block's bytes are checked by. */
export interface Check {
  update(bytes: Uint8Array): void;
  digest(): Uint8Array;
}
class Crc32 implements Check {
  #register = 0;
  update(bytes: Uint8Array): void {
    this.#register = crc32(bytes, this.#register);
  }
  digest(): Uint8Array {
    const d = new DataView(new ArrayBuffer(4));
    d.setUint32(0, this.#register, true);
    return new Uint8Array(d.buffer);
  }
}
const checks: Readonly<Record<number, () => Check>> = {
  1: () => new Crc32(),
  4: () => new Crc64(),
  10: () => new Sha256(),
};
/** A check by its number, unless it is unknown. */
export const checkOf = (id: number): Check | undefined => checks[id]?.();
/** Bytes a check takes. */
export const checkSize = (id: number): number => id === 0 ? 0 : 4 << Math.floor((id - 1) / 3);

/** The number of the check that a stream's header, or the flags at its end, tell of; undefined: they are none. */
export function streamCheck(header: Uint8Array | undefined): number | undefined {
  if (header?.length !== STREAM_HEADER || !MAGIC.every((byte, i) => header[i] === byte)) return undefined;
  return flagsOf(header, 6, 8);
}
/** Two bytes of flags, and elsewhere their check sum. */
function flagsOf(bytes: Uint8Array, at: number, sumAt: number): number | undefined {
  const good = viewOf(bytes).getUint32(sumAt, true) === crc32(bytes.subarray(6, 8));
  return good && bytes[at] === 0 && bytes[at + 1]! <= 15 ? bytes[at + 1] : undefined;
}
/** A stream's last bytes: how long its index is, and the check's number. */
export function parseFooter(bytes: Uint8Array): { readonly index: number; readonly check: number } | undefined {
  const d = viewOf(bytes);
  const good = bytes.length === STREAM_HEADER && bytes[10] === 0x59 && bytes[11] === 0x5a &&
    d.getUint32(0, true) === crc32(bytes.subarray(4, 10)) && bytes[8] === 0 && bytes[9]! <= 15;
  return good ? { index: (d.getUint32(4, true) + 1) * 4, check: bytes[9]! } : undefined;
}

/** Numbers of seven bits a byte, up to 2^53. */
class Numbers {
  at: number;
  readonly bytes: Uint8Array;
  constructor(bytes: Uint8Array, at: number) {
    this.bytes = bytes;
    this.at = at;
  }
  /** NaN: there is none. */
  next(): number {
    let value = 0;
    for (let scale = 1; scale < 2 ** 56; scale *= 128) {
      const byte = this.bytes[this.at++];
      if (byte === undefined) return NaN;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return byte === 0 && scale > 1 || !Number.isSafeInteger(value) ? NaN : value;
    }
    return NaN;
  }
  take(count: number): Uint8Array | undefined {
    if (!(count <= this.bytes.length - this.at)) return undefined;
    this.at += count;
    return this.bytes.subarray(this.at - count, this.at);
  }
}
/** What a block begins with. */
export interface BlockHeader {
  readonly size: number;
  readonly packed: number | undefined;
  readonly unpacked: number | undefined;
  /** Bytes its matches may reach back. */
  readonly dictionary: number;
  /** What was done before compression, in that order. */
  readonly filters: readonly { readonly id: number; readonly properties: Uint8Array }[];
}
/** Bytes of a block's header, by its first; of an index, where there is none. */
export const headerSize = (first: number): number => (first + 1) * 4;
/** A block's header, all of it. */
export function parseBlockHeader(bytes: Uint8Array): BlockHeader | undefined {
  const size = bytes.length;
  const sum = size - 4;
  if (sum < 4 || viewOf(bytes).getUint32(sum, true) !== crc32(bytes.subarray(0, sum))) return undefined;
  const flags = bytes[1]!;
  if (flags & 0x3c) return undefined;
  const n = new Numbers(bytes.subarray(0, sum), 2);
  const packed = flags & 0x40 ? n.next() : undefined;
  const unpacked = flags & 0x80 ? n.next() : undefined;
  const filters = [];
  for (let i = 0; i <= (flags & 3) && i < MOST_FILTERS; i++) {
    const id = n.next();
    const properties = n.take(n.next());
    if (!properties || Number.isNaN(id)) return undefined;
    filters.push({ id, properties });
  }
  const last = filters.pop()!;
  const dictionary = last.id === LZMA2 && last.properties.length === 1 ? dictionaryOf(last.properties[0]!) : undefined;
  const known = !Number.isNaN(packed ?? 0) && !Number.isNaN(unpacked ?? 0);
  return dictionary && known ? { size, packed, unpacked, dictionary, filters } : undefined;
}
function dictionaryOf(bits: number): number | undefined {
  if (bits > 40) return undefined;
  return bits === 40 ? 2 ** 32 - 1 : (2 | bits & 1) * 2 ** ((bits >> 1) + 11);
}

/** A block as the index has it: bytes without the filling at its end, and bytes unpacked. */
export interface Indexed {
  readonly packed: number;
  readonly unpacked: number;
}
/** An index, all of it, of at most `most` blocks. */
export function parseIndex(bytes: Uint8Array, most: number): Indexed[] | undefined {
  const sum = bytes.length - 4;
  if (sum < 4 || bytes[0] !== 0 || viewOf(bytes).getUint32(sum, true) !== crc32(bytes.subarray(0, sum))) {
    return undefined;
  }
  const n = new Numbers(bytes.subarray(0, sum), 1);
  const count = n.next();
  if (!(count <= most)) return undefined;
  const blocks: Indexed[] = [];
  for (let i = 0; i < count; i++) {
    const [packed, unpacked] = [n.next(), n.next()];
    if (!(packed > 4 && unpacked >= 0)) return undefined;
    blocks.push({ packed, unpacked });
  }
  return sum - n.at < 4 && bytes.subarray(n.at, sum).every((b) => b === 0) ? blocks : undefined;
}
