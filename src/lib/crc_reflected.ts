/** Cyclic checks of 32 bits whose polynomials are written with their bits reversed: a word of four bytes a step. */

/** Tables of a byte at its place in a word of four. */
function tablesOf(polynomial: number): readonly Uint32Array[] {
  const first = Uint32Array.from({ length: 256 }, (_, n) => {
    let c = n;
    for (let bit = 0; bit < 8; bit++) c = c & 1 ? (c >>> 1) ^ polynomial : c >>> 1;
    return c;
  });
  const all = [first];
  for (let i = 1; i < 4; i++) all.push(all[i - 1]!.map((c) => (c >>> 8) ^ first[c & 0xff]!));
  return all;
}

/** The register after `bytes` of [from, to); `before`: what it was. It is complemented neither at the start nor at the end. */
export type Register = (bytes: Uint8Array, before: number, from?: number, to?: number) => number;

/** The check of a polynomial. */
export function reflectedCrc(polynomial: number): Register {
  let tables: readonly Uint32Array[] | undefined;
  return (bytes, before, from = 0, to = bytes.length) => {
    tables ??= tablesOf(polynomial);
    const [t0, t1, t2, t3] = tables as [Uint32Array, Uint32Array, Uint32Array, Uint32Array];
    let c = before | 0;
    let i = from;
    for (; i + 4 <= to; i += 4) {
      c ^= bytes[i]! | (bytes[i + 1]! << 8) | (bytes[i + 2]! << 16) | (bytes[i + 3]! << 24);
      c = t3[c & 0xff]! ^ t2[(c >>> 8) & 0xff]! ^ t1[(c >>> 16) & 0xff]! ^ t0[c >>> 24]!;
    }
    for (; i < to; i++) c = t0[(c ^ bytes[i]!) & 0xff]! ^ (c >>> 8);
    return c >>> 0;
  };
}
