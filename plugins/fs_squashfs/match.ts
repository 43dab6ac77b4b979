/** Matches, of LZ4 and LZO. */

/** Copy bytes from `distance` before; what is copied may overlap what it makes: a run repeats. */
export function copyMatch(out: Uint8Array, to: number, distance: number, length: number): void {
  for (let done = 0; done < length;) {
    const part = Math.min(length - done, distance + done);
    out.copyWithin(to + done, to - distance, to - distance + part);
    done += part;
  }
}
