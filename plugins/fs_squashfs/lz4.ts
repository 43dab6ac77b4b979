/** LZ4 blocks (lz4_Block_format.md): no runtime has them. */
import { copyMatch } from "./match.ts";

/** Unpack to `most` bytes at the most; undefined: it is damaged. */
export function unpackLz4(from: Uint8Array, most: number): Uint8Array | undefined {
  const out = new Uint8Array(most);
  let [i, n] = [0, 0];
  /** A length of 15 goes on in further bytes. */
  const more = (length: number): number => {
    if (length < 15) return length;
    let byte: number;
    do {
      if (i >= from.length) return Infinity;
      byte = from[i++]!;
      length += byte;
    } while (byte === 255);
    return length;
  };
  while (i < from.length) {
    const token = from[i++]!;
    const literals = more(token >> 4);
    if (i + literals > from.length || n + literals > most) return undefined;
    out.set(from.subarray(i, i + literals), n);
    [i, n] = [i + literals, n + literals];
    if (i === from.length) return out.subarray(0, n);
    if (i + 2 > from.length) return undefined;
    const distance = from[i]! | from[i + 1]! << 8;
    i += 2;
    const length = more(token & 15) + 4;
    if (distance === 0 || distance > n || n + length > most) return undefined;
    copyMatch(out, n, distance, length);
    n += length;
  }
  return undefined;
}
