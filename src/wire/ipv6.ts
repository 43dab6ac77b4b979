/** The IPv6 header and its extensions (RFC 8200), addresses as runs of 16 bytes. */
import { bytes, struct, u16, u32, u8 } from "../lib/struct.ts";

export const Ipv6 = struct("be", {
  /** Version, traffic class, flow label. */
  flow: u32,
  /** Bytes behind this header. */
  length: u16,
  next: u8,
  hopLimit: u8,
  source: bytes(16),
  destination: bytes(16),
}, 40);
/** Every link carries packets of this size. */
export const IPV6_MMTU = 1280;

/** Numbers of headers. */
export const IPPROTO_HOPOPTS = 0;
export const IPPROTO_IPV6 = 41;
export const IPPROTO_ROUTING = 43;
export const IPPROTO_FRAGMENT = 44;
export const IPPROTO_ESP = 50;
export const IPPROTO_AH = 51;
export const IPPROTO_ICMPV6 = 58;
export const IPPROTO_NONE = 59;
export const IPPROTO_DSTOPTS = 60;

/** RFC 8200, 4.5. */
export const Fragment = struct("be", { next: u8, reserved: u8, offset: u16, id: u32 }, 8);
export const IP6F_MORE = 1;
export const IP6F_OFFSET = 0xfff8;

/** Options of hop-by-hop and destination options: the one byte, padding, and what routers look at (RFC 2711). */
export const IP6OPT_PAD1 = 0;
export const IP6OPT_PADN = 1;
export const IP6OPT_RTALERT = 5;
