/** CRC-32, most significant bit first (polynomial 04C11DB7): the journal's checksums of version 1. */

let table: Uint32Array | undefined;
function makeTable(): Uint32Array {
  return Uint32Array.from({ length: 256 }, (_, n) => {
    let c = n << 24;
    for (let bit = 0; bit < 8; bit++) c = c & 0x8000_0000 ? (c << 1) ^ 0x04c1_1db7 : c << 1;
    return c >>> 0;
  });
}
/** The register after `bytes`; `before`: what it was. */
export function crc32be(bytes: Uint8Array, before: number): number {
  table ??= makeTable();
  let c = before;
  for (let i = 0; i < bytes.length; i++) c = (c << 8) ^ table[((c >>> 24) ^ bytes[i]!) & 0xff]!;
  return c >>> 0;
}
