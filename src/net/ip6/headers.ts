/** Looking through extension headers for the transport's (RFC 8200, 4). */
import { IPPROTO_DSTOPTS, IPPROTO_FRAGMENT, IPPROTO_HOPOPTS, IPPROTO_ROUTING } from "../../wire/ipv6.ts";
import type { Packet } from "../packet.ts";

/** Headers that are looked through. */
const MAX_HEADERS = 64;
const EXTENSIONS = new Set([IPPROTO_HOPOPTS, IPPROTO_ROUTING, IPPROTO_DSTOPTS]);

/** A transport's number, and where its header begins. */
export interface Transport {
  readonly protocol: number;
  readonly at: number;
}
/**
 * The transport behind the header `protocol` at `at`, which may begin where the packet ends. Undefined: a header is cut, or
 * it is a fragment that is not the first.
 */
export function transportBehind(p: Packet, protocol: number, at: number): Transport | undefined {
  for (let i = 0; i < MAX_HEADERS; i++) {
    const fragment = protocol === IPPROTO_FRAGMENT;
    if (!fragment && !EXTENSIONS.has(protocol)) return at <= p.end ? { protocol, at } : undefined;
    if (at + 8 > p.end || (fragment && p.view.getUint16(at + 2) >> 3 !== 0)) return undefined;
    protocol = p.bytes[at]!;
    at += fragment ? 8 : 8 + 8 * p.bytes[at + 1]!;
  }
  return undefined;
}
