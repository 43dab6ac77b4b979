/** CRC-32 as GPT, gzip and zip have it (ISO 3309: polynomial EDB88320 reflected, start and end complemented). */

let table: Uint32Array | undefined;
function makeTable(): Uint32Array {
  return Uint32Array.from({ length: 256 }, (_, n) => {
    let c = n;
    for (let bit = 0; bit < 8; bit++) c = c & 1 ? (c >>> 1) ^ 0xedb88320 : c >>> 1;
    return c;
  });
}

/** The checksum of `bytes`; `before`: that of what came before them. */
export function crc32(bytes: Uint8Array, before = 0): number {
  table ??= makeTable();
  let c = ~before;
  for (let i = 0; i < bytes.length; i++) c = table[(c ^ bytes[i]!) & 0xff]! ^ (c >>> 8);
  return ~c >>> 0;
}
