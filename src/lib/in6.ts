/** IPv6 addresses as values that are never changed, and their text (RFC 4291, 4007, 5952; inet_pton(3)). */
import { formatIpv4, parseIpv4 } from "./inet.ts";

/** Scopes of addresses (RFC 4291, 2.7). */
export const SCOPE_LINK = 2;
export const SCOPE_SITE = 5;
export const SCOPE_GLOBAL = 14;
const MAPPED = 0xffff;

/** Four words, signed, the first of the text first; and for what means something on one link only, that link. */
export class In6Addr {
  readonly a: number;
  readonly b: number;
  readonly c: number;
  readonly d: number;
  /** Index of the interface an address of interface or link scope belongs to; 0: none is known, or it needs none. */
  readonly zone: number;
  #key: string | undefined;

  constructor(a: number, b: number, c: number, d: number, zone = 0) {
    this.a = a | 0;
    this.b = b | 0;
    this.c = c | 0;
    this.d = d | 0;
    this.zone = zone;
  }
  static read(d: DataView, at: number, zone = 0): In6Addr {
    return new In6Addr(d.getInt32(at), d.getInt32(at + 4), d.getInt32(at + 8), d.getInt32(at + 12), zone);
  }
  write(d: DataView, at: number): void {
    d.setInt32(at, this.a);
    d.setInt32(at + 4, this.b);
    d.setInt32(at + 8, this.c);
    d.setInt32(at + 12, this.d);
  }
  equals({ a, b, c, d, zone }: In6Addr): boolean {
    return this.d === d && this.c === c && this.b === b && this.a === a && this.zone === zone;
  }
  /** The same for equal addresses, and for no others: for maps. */
  get key(): string {
    const { a, b, c, d, zone } = this;
    return (this.#key ??= `${a},${b},${c},${d},${zone}`);
  }
  get unspecified(): boolean {
    return (this.a | this.b | this.c | this.d) === 0;
  }
  get loopback(): boolean {
    return (this.a | this.b | this.c) === 0 && this.d === 1;
  }
  get multicast(): boolean {
    return this.a >>> 24 === 0xff;
  }
  /** Of one address: fe80::/10. */
  get linkLocal(): boolean {
    return this.a >>> 22 === 0xfe80 >>> 6;
  }
  /** ::ffff:0:0/96: an IPv4 address, which is its last word. */
  get mapped(): boolean {
    return (this.a | this.b) === 0 && this.c === MAPPED;
  }
  /** How far it means something (RFC 4291, 2.7; 6724, 3.1). */
  get scope(): number {
    if (this.multicast) return (this.a >>> 16) & 15;
    if (this.linkLocal || this.loopback) return SCOPE_LINK;
    return this.a >>> 22 === 0xfec0 >>> 6 ? SCOPE_SITE : SCOPE_GLOBAL;
  }
  /** It means nothing without its link. */
  get scoped(): boolean {
    return isScoped(this.a);
  }
  /** The same on a link; for those that need one. */
  in(zone: number): In6Addr {
    return zone === this.zone ? this : new In6Addr(this.a, this.b, this.c, this.d, zone);
  }
  /** The network of its first `length` bits. */
  masked(length: number): In6Addr {
    const word = (n: number, i: number) => n & wordMask(length - 32 * i);
    return new In6Addr(word(this.a, 0), word(this.b, 1), word(this.c, 2), word(this.d, 3), this.zone);
  }
  /** Whether the first `length` bits are another's, too. */
  within(network: In6Addr, length: number): boolean {
    return this.common(network) >= length && this.zone === network.zone;
  }
  /** How many bits are the same from the first on. */
  common(o: In6Addr): number {
    if (this.a !== o.a) return Math.clz32(this.a ^ o.a);
    if (this.b !== o.b) return 32 + Math.clz32(this.b ^ o.b);
    if (this.c !== o.c) return 64 + Math.clz32(this.c ^ o.c);
    return 96 + Math.clz32(this.d ^ o.d);
  }
  toString(): string {
    return formatIpv6(this);
  }
}
/** Whether an address that begins with a word means nothing without its link. */
export const isScoped = (first: number): boolean =>
  first >>> 22 === 0xfe80 >>> 6 || (first >>> 24 === 0xff && ((first >>> 16) & 15) <= SCOPE_LINK);
const wordMask = (bits: number) => (bits <= 0 ? 0 : bits >= 32 ? -1 : ~0 << (32 - bits));

/** An IPv4 address as one of IPv6. */
export const mapIpv4 = (address: number): In6Addr => new In6Addr(0, 0, MAPPED, address);

/** The text of inet_pton(3), without a zone; undefined: it is none. */
export function parseIpv6(text: string): In6Addr | undefined {
  const halves = text.split("::");
  if (halves.length > 2 || text.length > 45) return undefined;
  const [head, tail] = halves.map((h, i) => groups(h, i === halves.length - 1));
  if (!head || (halves.length === 2 && !tail)) return undefined;
  const missing = 8 - head.length - (tail?.length ?? 0);
  if (tail ? missing < 1 : missing !== 0) return undefined;
  const all = [...head, ...new Array<number>(tail ? missing : 0).fill(0), ...(tail ?? [])];
  const word = (i: number) => (all[i]! << 16) | all[i + 1]!;
  return new In6Addr(word(0), word(2), word(4), word(6));
}
/** Groups of hexadecimal digits; the last two of the text may be an IPv4 address. */
function groups(text: string, last: boolean): number[] | undefined {
  if (text === "") return [];
  const parts = text.split(":");
  const found: number[] = [];
  for (const [i, part] of parts.entries()) {
    const v4 = last && i === parts.length - 1 ? parseIpv4(part) : undefined;
    if (v4 !== undefined) found.push(v4 >>> 16, v4 & 0xffff);
    else if (/^[0-9a-fA-F]{1,4}$/.test(part)) found.push(parseInt(part, 16));
    else return undefined;
  }
  return found;
}
/** The text of inet_ntop(3): the longest run of zeros left out, the first of equals; no zone. */
export function formatIpv6({ a, b, c, d }: In6Addr): string {
  if ((a | b) === 0 && ((c === 0 && d >>> 16 !== 0) || c === MAPPED)) {
    return `::${c === MAPPED ? "ffff:" : ""}${formatIpv4(d >>> 0)}`;
  }
  const all = [a, b, c, d].flatMap((w) => [w >>> 16, w & 0xffff]);
  const { from, length } = zeros(all);
  const hex = (part: readonly number[]) => part.map((n) => n.toString(16)).join(":");
  return length < 2 ? hex(all) : `${hex(all.slice(0, from))}::${hex(all.slice(from + length))}`;
}
function zeros(all: readonly number[]): { readonly from: number; readonly length: number } {
  let best = { from: 0, length: 0 };
  for (let from = 0; from < 8; from++) {
    let length = 0;
    while (from + length < 8 && all[from + length] === 0) length++;
    if (length > best.length) best = { from, length };
  }
  return best;
}
