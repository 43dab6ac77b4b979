/** Frames of Zstandard (RFC 8878): how long one is, found by the headers of its blocks. */
import { viewOf } from "./struct.ts";

const MAGIC = 0xfd2f_b528;
/** Bytes of the dictionary's number and of the content's size, by their codes. */
const DICTIONARY = [0, 1, 2, 4] as const;
const CONTENT = [0, 2, 4, 8] as const;
const RLE = 1;

/** Bytes of the frame that begins at `at`; undefined: there is none, or not all of it. */
export function zstdFrame(bytes: Uint8Array, at = 0): number | undefined {
  const d = viewOf(bytes);
  if (at + 6 > bytes.length || d.getUint32(at, true) !== MAGIC) return undefined;
  const descriptor = bytes[at + 4]!;
  const single = (descriptor & 0x20) !== 0;
  const content = descriptor >> 6 === 0 && single ? 1 : CONTENT[descriptor >> 6]!;
  let end = at + 5 + (single ? 0 : 1) + DICTIONARY[descriptor & 3]! + content;
  for (let last = false; !last;) {
    if (end + 3 > bytes.length) return undefined;
    const header = bytes[end]! | bytes[end + 1]! << 8 | bytes[end + 2]! << 16;
    last = (header & 1) !== 0;
    end += 3 + ((header >> 1 & 3) === RLE ? 1 : header >> 3);
  }
  end += descriptor & 4 ? 4 : 0;
  return end <= bytes.length ? end - at : undefined;
}
