/** Text of Internet addresses. IPv4 addresses are unsigned 32-bit numbers. */

/** Dotted decimal, four parts without leading zeros (inet_pton(3)); undefined: it is none. */
export function parseIpv4(text: string): number | undefined {
  const m = /^(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})$/.exec(text);
  if (!m) return undefined;
  let n = 0;
  for (let i = 1; i <= 4; i++) {
    const part = Number(m[i]);
    if (part > 255) return undefined;
    n = n * 256 + part;
  }
  return n;
}
export const formatIpv4 = (n: number): string => [n >>> 24, (n >>> 16) & 255, (n >>> 8) & 255, n & 255].join(".");
/** Six bytes in hexadecimal, as 02:0:0:00:0:1; undefined: they are not. */
export function parseMac(text: string): Uint8Array | undefined {
  const parts = text.split(":");
  const good = parts.length === 6 && parts.every((p) => /^[0-9a-f]{1,2}$/i.test(p));
  return good ? Uint8Array.from(parts, (p) => parseInt(p, 16)) : undefined;
}
/** A link address: `b2:a0:00:01:02:03`. */
export const formatMac = (mac: Uint8Array): string => [...mac].map((b) => b.toString(16).padStart(2, "0")).join(":");
/** The mask of a prefix. */
export const maskOf = (length: number): number => (length === 0 ? 0 : (~0 << (32 - length)) >>> 0);
/** The length of a mask's prefix; undefined: its ones are not together. */
export function prefixOf(mask: number): number | undefined {
  const length = Math.clz32(~mask);
  return maskOf(length) === mask ? length : undefined;
}
