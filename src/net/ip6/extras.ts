/** What stands between IPv6's header and what it carries, and where the packet goes first (RFC 8200, 4.1; RFC 3542, 7 to 9). */
import { In6Addr } from "../../lib/in6.ts";
import { viewOf } from "../../lib/struct.ts";
import { IPPROTO_DSTOPTS, IPPROTO_HOPOPTS, IPPROTO_ROUTING, Ipv6 } from "../../wire/ipv6.ts";
import type { Packet } from "../packet.ts";

/** Headers are a multiple of 8 bytes; the first of each, the next header's number, is filled in. */
export interface Headers6 {
  readonly hopByHop?: Uint8Array | undefined;
  /** Options for each node the routing header names; that header, of type 0; and options for the last of them. */
  readonly routingOptions?: Uint8Array | undefined;
  readonly routing?: Uint8Array | undefined;
  readonly destinationOptions?: Uint8Array | undefined;
}
export interface Extras6 extends Headers6 {
  /** A neighbour the packet goes to, whatever the routes say. */
  readonly nextHop?: In6Addr | undefined;
  /** Bytes of the headers. */
  readonly length: number;
}
/** In the order in which they stand in a packet. */
const ORDER = [
  ["hopByHop", IPPROTO_HOPOPTS],
  ["routingOptions", IPPROTO_DSTOPTS],
  ["routing", IPPROTO_ROUTING],
  ["destinationOptions", IPPROTO_DSTOPTS],
] as const;
/** Of a routing header of type 0: where its addresses begin. */
const ADDRESSES = 8;
const ADDRESS = 16;

/** Undefined: there is nothing of all that. */
export function extras(e: Omit<Extras6, "length">): Extras6 | undefined {
  let length = 0;
  for (const [name] of ORDER) length += e[name]?.length ?? 0;
  return length > 0 || e.nextHop ? { ...e, length } : undefined;
}
/** Where a packet with a routing header goes first. */
export const firstHop = (routing: Uint8Array): In6Addr => In6Addr.read(viewOf(routing), ADDRESSES);
/** Write the headers, and their numbers, into a packet whose IPv6 header is there; `protocol`: of what follows them. */
export function writeHeaders(p: Packet, e: Headers6, protocol: number, destination: In6Addr): void {
  let nextAt = p.start + Ipv6.at.next;
  let at = p.start + Ipv6.size;
  for (const [name, number] of ORDER) {
    const header = e[name];
    if (!header) continue;
    p.bytes[nextAt] = number;
    p.bytes.set(header, at);
    if (number === IPPROTO_ROUTING) visit(p, at, at + header.length, destination);
    nextAt = at;
    at += header.length;
  }
  p.bytes[nextAt] = protocol;
}
/** The first address is that of the packet; the destination is the last. */
function visit({ bytes, view }: Packet, at: number, end: number, destination: In6Addr): void {
  bytes.copyWithin(at + ADDRESSES, at + ADDRESSES + ADDRESS, end);
  destination.write(view, end - ADDRESS);
}
/** What every fragment carries (RFC 8200, 4.5): where it ends, and where the number of what follows it stands. */
export function unfragmentable({ bytes, start, end }: Packet): { readonly to: number; readonly nextAt: number } {
  let found = { to: start + Ipv6.size, nextAt: start + Ipv6.at.next };
  let { to, nextAt } = found;
  for (;;) {
    const kind = bytes[nextAt];
    const passed = kind === IPPROTO_HOPOPTS || kind === IPPROTO_ROUTING;
    // Destination options are, if a routing header comes behind them.
    if ((!passed && kind !== IPPROTO_DSTOPTS) || to + ADDRESSES > end) return found;
    nextAt = to;
    to += 8 + 8 * bytes[to + 1]!;
    if (passed) found = { to, nextAt };
  }
}
