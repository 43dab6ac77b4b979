/** Addresses of the Internet as NetBSD's programs see them (netinet/in.h). */
import { In6Addr } from "../lib/in6.ts";
import { bytes, struct, u16, u32, u8, viewOf } from "../lib/struct.ts";
import { AF_INET, AF_INET6 } from "./flags.ts";

/** struct sockaddr_in: its length and family, then port and address in network order. */
const Head = struct("be", { length: u8, family: u8, port: u16, address: u32 }, 8);
export const SOCKADDR_IN = 16;

export function sockaddrIn(address: number, port: number): Uint8Array {
  const bytes = new Uint8Array(SOCKADDR_IN);
  Head.write(viewOf(bytes), 0, { length: SOCKADDR_IN, family: AF_INET, port, address });
  return bytes;
}
/** Undefined: it is none. */
export function parseSockaddrIn(bytes: Uint8Array): { readonly address: number; readonly port: number } | undefined {
  if (bytes.length < SOCKADDR_IN || bytes[1] !== AF_INET) return undefined;
  const d = viewOf(bytes);
  return { address: Head.get.address(d, 0), port: Head.get.port(d, 0) };
}

/** struct sockaddr_in6 in network order but for `scope`, which is in the host's: the index of the link an address needs. */
const Head6 = struct("be", { length: u8, family: u8, port: u16, flow: u32, address: bytes(16), scope: u32 }, 28);
export const SOCKADDR_IN6 = 28;

export function sockaddrIn6(address: In6Addr, port: number): Uint8Array {
  const made = new Uint8Array(SOCKADDR_IN6);
  const d = viewOf(made);
  Head6.write(d, 0, { length: SOCKADDR_IN6, family: AF_INET6, port });
  address.write(d, Head6.at.address);
  d.setUint32(Head6.at.scope, address.zone, true);
  return made;
}
/** Undefined: it is none. What is of one link's scope has its zone; one that the KAME form carries inside is understood. */
export function parseSockaddrIn6(from: Uint8Array): { readonly address: In6Addr; readonly port: number } | undefined {
  if (from.length < SOCKADDR_IN6 || from[1] !== AF_INET6) return undefined;
  const d = viewOf(from);
  const address = unembedded(In6Addr.read(d, Head6.at.address), d.getUint32(Head6.at.scope, true));
  return { address, port: Head6.get.port(d, 0) };
}
/** NetBSD's programs may write a link-local address with its interface's index in the second 16 bits. */
function unembedded(address: In6Addr, scope: number): In6Addr {
  if (!address.scoped) return address;
  const inside = address.a & 0xffff;
  // Multicasts of a prefix have that there (RFC 3306).
  if (inside === 0 || (address.multicast && ((address.a >>> 20) & 15) !== 0)) return address.in(scope);
  return new In6Addr(address.a & ~0xffff, address.b, address.c, address.d, scope || inside);
}

/** A mask as kernels tell it: no longer than its last byte that is not 0. */
export function inetMask(mask: number): Uint8Array {
  const whole = sockaddrIn(mask, 0);
  let length = 8;
  while (length > 4 && whole[length - 1] === 0) length--;
  const out = whole.slice(0, length === 4 ? 0 : length);
  if (out.length > 0) out[0] = length;
  return out;
}
/** A mask, whole or cut as `inetMask` cuts it; its family may be anything but none. Undefined: it is none. */
export function parseInetMask(from: Uint8Array): number | undefined {
  const length = Math.min(from[0] ?? 0, from.length);
  if (length < 5) return undefined;
  let mask = 0;
  for (let i = 4; i < 8; i++) mask = mask * 256 + (i < length ? from[i]! : 0);
  return mask;
}

/** A mask of IPv6 as programs see it: a whole struct sockaddr_in6. */
export const in6Mask = (length: number): Uint8Array => sockaddrIn6(ONES.masked(length), 0);
const ONES = new In6Addr(-1, -1, -1, -1);
/** The length of a mask, whole or cut behind its last byte that is not 0. Undefined: none was given; -1: it has holes. */
export function parseIn6Mask(from: Uint8Array): number | undefined {
  const given = Math.min(from[0] ?? 0, from.length);
  if (given === 0) return undefined;
  const whole = new Uint8Array(SOCKADDR_IN6);
  whole.set(from.subarray(Head6.at.address, Math.min(given, Head6.at.scope)), Head6.at.address);
  const mask = In6Addr.read(viewOf(whole), Head6.at.address);
  const length = mask.common(ONES);
  return mask.equals(ONES.masked(length)) ? length : -1;
}
