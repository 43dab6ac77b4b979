/** Text of struct sockaddr of any family, as NetBSD's route and netstat write it in numbers (sbin/route, rtutil). */
import { AF_INET, AF_INET6, AF_LINK } from "../../abi/flags.ts";
import { parseIn6Mask, parseInetMask, parseSockaddrIn, parseSockaddrIn6 } from "../../abi/inet.ts";
import { IFT } from "../../abi/net_structs.ts";
import { parseSockaddrDl } from "../../abi/route_structs.ts";
import { formatIpv6, In6Addr } from "../../lib/in6.ts";
import { formatIpv4, formatMac } from "../../lib/inet.ts";

/** The name of an interface by its index, for `fe80::1%shmif0`; left out: no zone is written. */
export type ZoneName = (index: number) => string;
/** Scopes of one link (RFC 4291): only those are written with a zone. */
const LINK_SCOPE = 2;

/** An IPv6 address; NetBSD's programs write the index of an address of one interface only within it. */
export function in6Text(address: In6Addr, zoneName?: ZoneName): string {
  const { a, b, c, d, zone, scope } = address;
  if (zone === 0 || !address.scoped) return formatIpv6(address);
  if (address.multicast && scope !== LINK_SCOPE) return formatIpv6(new In6Addr(a | (zone & 0xffff), b, c, d));
  return zoneName ? `${formatIpv6(address)}%${zoneName(zone)}` : formatIpv6(address);
}
/** `link#2`, `02:00:00:00:00:01`, `lo0`, `gre0:0a.01`. */
function linkText(sa: Uint8Array): string | undefined {
  const link = parseSockaddrDl(sa);
  if (!link) return undefined;
  const { name, mac, type, index } = link;
  if (name === "" && mac.length === 0) return `link#${index}`;
  if (type === IFT.ETHER && mac.length > 0) return formatMac(mac);
  const bytes = [...mac].map((b) => b.toString(16)).join(".");
  return [printable(name), bytes].filter((t) => t !== "").join(":");
}
/** Names of interfaces are others' words. */
const printable = (text: string) => text.replace(/\p{C}/gu, "?");
/** What nobody here understands: its family and bytes. */
const unknownText = (sa: Uint8Array) =>
  `(${sa[1] ?? 0}) Q${[...sa.subarray(2, sa[0])].map((b) => b.toString(16).padStart(2, "0")).join(".")}`;

/** An address of a host, a gateway or a link; one with nothing in it is `default`. */
export function sockaddrText(sa: Uint8Array, zoneName?: ZoneName): string {
  if ((sa[0] ?? 0) === 0) return "default";
  if (sa[1] === AF_INET) {
    const { address } = parseSockaddrIn(whole(sa, 16))!;
    return address === 0 ? "default" : formatIpv4(address);
  }
  if (sa[1] === AF_INET6) return in6Text(parseSockaddrIn6(whole(sa, 28))!.address, zoneName);
  return (sa[1] === AF_LINK ? linkText(sa) : undefined) ?? unknownText(sa);
}
/** Addresses may be cut behind their last byte that is not 0. */
function whole(sa: Uint8Array, size: number): Uint8Array {
  if (sa.length >= size) return sa;
  const out = new Uint8Array(size);
  out.set(sa);
  return out;
}
/** A network: `10.0.0/24`, `fe80::%lo0/64`, `default`; the mask as the kernel tells it. */
export function netName(sa: Uint8Array, mask: Uint8Array, zoneName?: ZoneName): string {
  if (sa[1] === AF_INET) return net4(parseSockaddrIn(whole(sa, 16))!.address, parseInetMask(mask) ?? 0);
  if (sa[1] !== AF_INET6) return sockaddrText(sa, zoneName);
  const length = Math.max(0, parseIn6Mask(mask) ?? 0);
  const { address } = parseSockaddrIn6(whole(sa, 28))!;
  if (length === 0 && address.unspecified) return "default";
  return `${in6Text(address.masked(length), zoneName)}/${length}`;
}
/** Bytes that the prefix does not reach are left out. */
function net4(address: number, mask: number): string {
  // Up to the last bit that is on, whatever holes there are.
  const length = mask === 0 ? 0 : Math.clz32(mask & -mask) + 1;
  if (address === 0 && length === 0) return "default";
  const bytes = formatIpv4(address).split(".");
  const shown = length < 9 ? 1 : length < 17 ? 2 : length < 25 ? 3 : 4;
  return `${bytes.slice(0, shown).join(".")}/${length}`;
}
