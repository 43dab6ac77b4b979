/** What ndp(8) asks of routers and prefixes (NetBSD amd64: netinet6/nd6.h, netinet6/in6_var.h). */
import { bytes, i64, struct, u16, u32, u8 } from "../lib/struct.ts";

/** struct in6_defrouter, an array of which is net.inet6.icmp6.nd6_drlist. `expire`: seconds of the clock. */
export const In6Defrouter = struct("le", {
  rtaddr: bytes(28),
  flags: u8,
  pad0: u8,
  rtlifetime: u16,
  expire: i64,
  ifIndex: u16,
  pad1: bytes(6),
}, 48);
/**
 * struct in6_prefix, which is followed by `advrtrs` struct sockaddr_in6; all of them, one behind the other, are
 * net.inet6.icmp6.nd6_prlist. `raflags`: 1 on the link, 2 autonomous. `expire`: seconds of the clock; 0: never.
 */
export const In6Prefix = struct("le", {
  prefix: bytes(28),
  raflags: u32,
  prefixlen: u8,
  origin: u8,
  pad0: u16,
  vltime: u32,
  pltime: u32,
  pad1: u32,
  expire: i64,
  flags: u32,
  refcnt: u32,
  ifIndex: u16,
  advrtrs: u16,
  pad2: u32,
}, 72);
/** `origin`: a router's advertisement. */
export const PR_ORIG_RA = 1;
/** `raflags` */
export const PRF_RA = { ONLINK: 1, AUTONOMOUS: 2 } as const;
/** `flags` (NDPRF_*). */
export const NDPRF_ONLINK = 1;
