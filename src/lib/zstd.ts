/** Frames of Zstandard (RFC 8878): how long one is, found by the headers of its blocks. */
import { viewOf } from "./struct.ts";

const MAGIC = 0xfd2f_b528;
/** What frames that hold nothing to be unpacked begin with, but for the lowest four bits. */
export const SKIPPABLE = 0x184d_2a50;
/** Bytes of the dictionary's number and of the content's size, by their codes. */
const DICTIONARY = [0, 1, 2, 4] as const;
const CONTENT = [0, 2, 4, 8] as const;
const RLE = 1;

/** What a frame begins with. */
export interface FrameHeader {
  readonly size: number;
  /** Bytes it is unpacked to, where it tells; sizes past 2^53 are not exact. */
  readonly content: number | undefined;
  /** A check sum of four bytes follows its blocks. */
  readonly checked: boolean;
}
/** The header that begins at `at`; undefined: there is none, or not all of it. */
export function frameHeader(bytes: Uint8Array, at = 0): FrameHeader | undefined {
  const d = viewOf(bytes);
  if (at + 5 > bytes.length || d.getUint32(at, true) !== MAGIC) return undefined;
  const descriptor = bytes[at + 4]!;
  const single = (descriptor & 0x20) !== 0;
  const count = descriptor >> 6 === 0 && single ? 1 : CONTENT[descriptor >> 6]!;
  const contentAt = 5 + (single ? 0 : 1) + DICTIONARY[descriptor & 3]!;
  const size = contentAt + count;
  if (at + size > bytes.length) return undefined;
  const content = count === 0 ? undefined : contentOf(d, at + contentAt, count);
  return { size, content, checked: (descriptor & 4) !== 0 };
}
function contentOf(d: DataView, at: number, count: number): number {
  if (count === 1) return d.getUint8(at);
  // Sizes of two bytes begin where those of one end.
  if (count === 2) return d.getUint16(at, true) + 256;
  return d.getUint32(at, true) + (count === 8 ? d.getUint32(at + 4, true) * 2 ** 32 : 0);
}
/** Bytes of a block by its header of three, with that: what repeats a byte has one. */
export function blockSize(header: Uint8Array, at = 0): number {
  const word = header[at]! | header[at + 1]! << 8 | header[at + 2]! << 16;
  return 3 + ((word >> 1 & 3) === RLE ? 1 : word >> 3);
}

/** Bytes of the frame that begins at `at`; undefined: there is none, or not all of it. */
export function zstdFrame(bytes: Uint8Array, at = 0): number | undefined {
  const header = frameHeader(bytes, at);
  if (!header) return undefined;
  let end = at + header.size;
  for (let last = false; !last;) {
    if (end + 3 > bytes.length) return undefined;
    last = (bytes[end]! & 1) !== 0;
    end += blockSize(bytes, end);
  }
  end += header.checked ? 4 : 0;
  return end <= bytes.length ? end - at : undefined;
}
