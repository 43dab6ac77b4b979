/** CRC-32C (Castagnoli, RFC 3720: polynomial 82F63B78 reflected), as ext4, jbd2 and iSCSI use it. */

/** Tables of a byte at its place in a word of four: a word a step. */
let tables: readonly Uint32Array[] | undefined;
function makeTables(): readonly Uint32Array[] {
  const first = Uint32Array.from({ length: 256 }, (_, n) => {
    let c = n;
    for (let bit = 0; bit < 8; bit++) c = c & 1 ? (c >>> 1) ^ 0x82f63b78 : c >>> 1;
    return c;
  });
  const all = [first];
  for (let i = 1; i < 4; i++) all.push(all[i - 1]!.map((c) => (c >>> 8) ^ first[c & 0xff]!));
  return all;
}

/**
 * The register after `bytes` of [from, to); `before`: what it was. It is neither complemented at the start nor at the end:
 * formats begin with 0xffffffff, or with a seed, and complement the result or not.
 */
export function crc32c(bytes: Uint8Array, before: number, from = 0, to = bytes.length): number {
  tables ??= makeTables();
  const [t0, t1, t2, t3] = tables as [Uint32Array, Uint32Array, Uint32Array, Uint32Array];
  let c = before | 0;
  let i = from;
  for (; i + 4 <= to; i += 4) {
    c ^= bytes[i]! | (bytes[i + 1]! << 8) | (bytes[i + 2]! << 16) | (bytes[i + 3]! << 24);
    c = t3[c & 0xff]! ^ t2[(c >>> 8) & 0xff]! ^ t1[(c >>> 16) & 0xff]! ^ t0[c >>> 24]!;
  }
  for (; i < to; i++) c = t0[(c ^ bytes[i]!) & 0xff]! ^ (c >>> 8);
  return c >>> 0;
}
