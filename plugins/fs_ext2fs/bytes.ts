/** Little-endian numbers in blocks that are looked into at few places: a DataView of each would cost more than the reading. */

export const u16At = (b: Uint8Array, at: number): number => b[at]! | (b[at + 1]! << 8);
export const u32At = (b: Uint8Array, at: number): number =>
  (b[at]! | (b[at + 1]! << 8) | (b[at + 2]! << 16) | (b[at + 3]! << 24)) >>> 0;
export function put16(b: Uint8Array, at: number, n: number): void {
  b[at] = n;
  b[at + 1] = n >>> 8;
}
export function put32(b: Uint8Array, at: number, n: number): void {
  put16(b, at, n);
  put16(b, at + 2, n >>> 16);
}

/** A directory entry's length; blocks of 64 KiB have a way of their own to say how long they are. */
export function lengthAt(block: Uint8Array, at: number): number {
  const length = u16At(block, at + 4);
  return block.length === 65536 && (length === 65535 || length === 0)
    ? 65536
    : (length & 0xfffc) | ((length & 3) << 16);
}
