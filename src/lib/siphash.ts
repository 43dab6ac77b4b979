/** HalfSipHash-2-4: a keyed hash of 32-bit words that who does not know the key cannot foresee (Aumasson and Bernstein, SipHash). */

/** The hash of `words` by a key of two words. Signed. */
export function halfSipHash(key: Int32Array, words: readonly number[]): number {
  const k0 = key[0]!;
  const k1 = key[1]!;
  let v0 = k0;
  let v1 = k1;
  let v2 = k0 ^ 0x6c796765;
  let v3 = k1 ^ 0x74656462;
  const rounds = (n: number) => {
    for (let i = 0; i < n; i++) {
      v0 = (v0 + v1) | 0;
      v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
      v0 = (v0 << 16) | (v0 >>> 16);
      v2 = (v2 + v3) | 0;
      v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
      v0 = (v0 + v3) | 0;
      v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
      v2 = (v2 + v1) | 0;
      v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
      v2 = (v2 << 16) | (v2 >>> 16);
    }
  };
  for (const word of words) {
    v3 ^= word;
    rounds(2);
    v0 ^= word;
  }
  const last = (words.length * 4) << 24;
  v3 ^= last;
  rounds(2);
  v0 ^= last;
  v2 ^= 0xff;
  rounds(4);
  return v1 ^ v3;
}
