/** Sequence numbers: 32 bits that go round, kept signed (RFC 9293, 3.4). */

/** How far `a` is ahead of `b`; negative: behind. */
export const distance = (a: number, b: number): number => (a - b) | 0;
export const before = (a: number, b: number): boolean => ((a - b) | 0) < 0;
export const after = (a: number, b: number): boolean => ((a - b) | 0) > 0;
export const later = (a: number, b: number): number => (((a - b) | 0) > 0 ? a : b);
