/** IPv4, ICMP and UDP headers (RFC 791, 792, 768). */
import { struct, u16, u32, u8 } from "../lib/struct.ts";

/** Without options. */
export const Ipv4 = struct("be", {
  versionIhl: u8,
  tos: u8,
  length: u16,
  id: u16,
  fragment: u16,
  ttl: u8,
  protocol: u8,
  checksum: u16,
  source: u32,
  destination: u32,
}, 20);
export const IP_DF = 0x4000;
export const IP_MF = 0x2000;
export const IP_OFFSET = 0x1fff;
export const IPPROTO_ICMP = 1;
export const IPPROTO_IGMP = 2;
export const IPPROTO_TCP = 6;
export const IPPROTO_UDP = 17;

/** Options of the header (RFC 791, 3.1); all but the first two have a length in their second byte. */
export const IPOPT_EOL = 0;
export const IPOPT_NOP = 1;
export const IPOPT_RR = 7;
export const IPOPT_TS = 68;
export const IPOPT_LSRR = 131;
export const IPOPT_SSRR = 137;
/** Of every IGMP message: routers look at it (RFC 2113). */
export const IPOPT_RA = 148;

/** The rest is the type's own. */
export const Icmp = struct("be", { type: u8, code: u8, checksum: u16, id: u16, seq: u16 }, 8);
export const ICMP_ECHOREPLY = 0;
export const ICMP_UNREACH = 3;
export const ICMP_REDIRECT = 5;
export const ICMP_ECHO = 8;
export const ICMP_TIMXCEED = 11;
export const ICMP_PARAMPROB = 12;
export const ICMP_TSTAMP = 13;
export const ICMP_TSTAMPREPLY = 14;
export const ICMP_MASKREQ = 17;
export const ICMP_MASKREPLY = 18;
/** The last piece of a packet did not come in time. */
export const TIMXCEED_REASS = 1;
export const UNREACH_NET = 0;
export const UNREACH_HOST = 1;
export const UNREACH_PROTOCOL = 2;
export const UNREACH_PORT = 3;
export const UNREACH_NEEDFRAG = 4;
export const UNREACH_SRCFAIL = 5;

export const Udp = struct("be", { source: u16, destination: u16, length: u16, checksum: u16 }, 8);
