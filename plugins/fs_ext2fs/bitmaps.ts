/** Bits in a row, least significant first in each byte. */

export const isSet = (bits: Uint8Array, i: number): boolean => (bits[i >> 3]! & (1 << (i & 7))) !== 0;

export function setBits(bits: Uint8Array, from: number, count: number): void {
  for (let i = from; i < from + count;) {
    if ((i & 7) === 0 && i + 8 <= from + count) {
      bits[i >> 3] = 0xff;
      i += 8;
    } else {
      bits[i >> 3]! |= 1 << (i & 7);
      i++;
    }
  }
}
/** How many bits of the first `count` are set. */
export function onesIn(bits: Uint8Array, count: number): number {
  let ones = 0;
  for (let i = 0; i < count >> 3; i++) {
    let b = bits[i]!;
    b -= (b >> 1) & 0x55;
    b = (b & 0x33) + ((b >> 2) & 0x33);
    ones += (b + (b >> 4)) & 0xf;
  }
  for (let i = count & ~7; i < count; i++) if (isSet(bits, i)) ones++;
  return ones;
}
/**
 * A bit of [0, count) that is not set: `from` itself, or where eight are free behind it, or any behind it, or any. -1: none.
 * `only`: not before `from`.
 */
export function firstZero(bits: Uint8Array, from: number, count: number, only = false): number {
  if (from < count && !isSet(bits, from)) return from;
  const byte = only ? -1 : bits.indexOf(0, (from >> 3) + 1);
  if (byte >= 0 && byte * 8 + 8 <= count) return byte * 8;
  const behind = anyZero(bits, from, count);
  return behind >= 0 || only ? behind : anyZero(bits, 0, Math.min(from, count));
}
function anyZero(bits: Uint8Array, from: number, count: number): number {
  for (let i = from; i < count;) {
    if ((i & 7) === 0 && bits[i >> 3] === 0xff) i += 8;
    else if (isSet(bits, i)) i++;
    else return i;
  }
  return -1;
}
/** How many bits in a row are not set from one that is not. */
export function zerosFrom(bits: Uint8Array, from: number, end: number): number {
  let i = from + 1;
  while (i < end && !isSet(bits, i)) i++;
  return i - from;
}
