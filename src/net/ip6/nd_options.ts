/**
 * Options of Neighbor Discovery messages (RFC 4861, 4.6). Others, as routes (RFC 4191, 2.3) and name servers (RFC 8106), are
 * passed over, as by NetBSD: programs read those from a raw socket of ICMPv6, which is given every message whole.
 */
import {
  ND_OPT_MTU,
  ND_OPT_NONCE,
  ND_OPT_PREFIX,
  ND_OPT_SOURCE_LINKADDR,
  ND_OPT_TARGET_LINKADDR,
  PrefixInfo,
} from "../../wire/icmp6.ts";
import type { Packet } from "../packet.ts";

/** Options a message may have (net.inet6.icmp6.nd6_maxndopt), and prefixes among them. */
const MAX_OPTIONS = 32;
const MAX_PREFIXES = 16;
const UNIT = 8;
const MAC = 6;

export interface NdOptions {
  sourceMac: Uint8Array | undefined;
  targetMac: Uint8Array | undefined;
  /** Undefined: none. */
  mtu: number | undefined;
  nonce: Uint8Array | undefined;
  /** Where prefix options stand. */
  readonly prefixes: number[];
}
/** The options from `at` to the packet's end. Undefined: one is malformed, and so is the message. */
export function ndOptions(p: Packet, at: number): NdOptions | undefined {
  const found: NdOptions = {
    sourceMac: undefined,
    targetMac: undefined,
    mtu: undefined,
    nonce: undefined,
    prefixes: [],
  };
  for (let i = 0; at < p.end; i++) {
    if (at + UNIT > p.end || i >= MAX_OPTIONS) return undefined;
    const length = p.bytes[at + 1]! * UNIT;
    if (length === 0 || at + length > p.end) return undefined;
    read(found, p, at, length);
    at += length;
  }
  return found;
}
/** Unknown kinds are passed over. */
function read(found: NdOptions, p: Packet, at: number, length: number): void {
  const mac = () => p.bytes.slice(at + 2, at + 2 + MAC);
  switch (p.bytes[at]) {
    case ND_OPT_SOURCE_LINKADDR:
      found.sourceMac = mac();
      return;
    case ND_OPT_TARGET_LINKADDR:
      found.targetMac = mac();
      return;
    case ND_OPT_MTU:
      found.mtu = p.view.getUint32(at + 4);
      return;
    case ND_OPT_NONCE:
      found.nonce = p.bytes.slice(at + 2, at + length);
      return;
    case ND_OPT_PREFIX:
      if (length === PrefixInfo.size && found.prefixes.length < MAX_PREFIXES) found.prefixes.push(at);
      return;
  }
}
