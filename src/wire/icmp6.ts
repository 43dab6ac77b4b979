/** ICMPv6 (RFC 4443), Neighbor Discovery (RFC 4861), Multicast Listener Discovery (RFC 2710, 3810). */
import { bytes, struct, u16, u32, u8 } from "../lib/struct.ts";

/** `data` is the type's own. */
export const Icmp6 = struct("be", { type: u8, code: u8, checksum: u16, data: u32 }, 8);
export const ICMP6_DST_UNREACH = 1;
export const ICMP6_PACKET_TOO_BIG = 2;
export const ICMP6_TIME_EXCEEDED = 3;
export const ICMP6_PARAM_PROB = 4;
export const ICMP6_ECHO_REQUEST = 128;
export const ICMP6_ECHO_REPLY = 129;
export const MLD_LISTENER_QUERY = 130;
export const MLD_LISTENER_REPORT = 131;
export const MLD_LISTENER_DONE = 132;
export const ND_ROUTER_SOLICIT = 133;
export const ND_ROUTER_ADVERT = 134;
export const ND_NEIGHBOR_SOLICIT = 135;
export const ND_NEIGHBOR_ADVERT = 136;
export const ND_REDIRECT = 137;
export const MLDV2_LISTENER_REPORT = 143;

export const DST_UNREACH_NOROUTE = 0;
export const DST_UNREACH_ADMIN = 1;
export const DST_UNREACH_BEYONDSCOPE = 2;
export const DST_UNREACH_ADDR = 3;
export const DST_UNREACH_NOPORT = 4;
export const TIME_EXCEED_TRANSIT = 0;
export const TIME_EXCEED_REASSEMBLY = 1;
export const PARAMPROB_HEADER = 0;
export const PARAMPROB_NEXTHEADER = 1;
export const PARAMPROB_OPTION = 2;

/** Neighbor solicitation and advertisement. */
export const Neighbor = struct("be", { type: u8, code: u8, checksum: u16, flags: u32, target: bytes(16) }, 24);
export const NA_ROUTER = 0x8000_0000;
export const NA_SOLICITED = 0x4000_0000;
export const NA_OVERRIDE = 0x2000_0000;
export const Redirect = struct("be", {
  type: u8,
  code: u8,
  checksum: u16,
  reserved: u32,
  target: bytes(16),
  destination: bytes(16),
}, 40);
/** Router advertisement; times in milliseconds but for the router's, which is in seconds. */
export const RouterAdvert = struct("be", {
  type: u8,
  code: u8,
  checksum: u16,
  hopLimit: u8,
  flags: u8,
  lifetime: u16,
  reachable: u32,
  retransmit: u32,
}, 16);
export const RA_MANAGED = 0x80;
export const RA_OTHER = 0x40;

/** Options: a type and their length in units of 8 bytes. */
export const ND_OPT_SOURCE_LINKADDR = 1;
export const ND_OPT_TARGET_LINKADDR = 2;
export const ND_OPT_PREFIX = 3;
export const ND_OPT_REDIRECTED = 4;
export const ND_OPT_MTU = 5;
export const ND_OPT_NONCE = 14;
export const PrefixInfo = struct("be", {
  type: u8,
  units: u8,
  length: u8,
  flags: u8,
  /** Seconds; all ones: for ever. */
  valid: u32,
  preferred: u32,
  reserved: u32,
  prefix: bytes(16),
}, 32);
export const PREFIX_ONLINK = 0x80;
export const PREFIX_AUTO = 0x40;

/** RFC 2710, and the head of RFC 3810's query. */
export const Mld = struct("be", {
  type: u8,
  code: u8,
  checksum: u16,
  maxDelay: u16,
  reserved: u16,
  group: bytes(16),
}, 24);
/** What RFC 3810's query has behind that. */
export const MldQuery = struct("be", { flags: u8, interval: u8, sources: u16 }, 4);
/** RFC 3810, 5.2: a record of a report, followed by its sources. */
export const MldRecord = struct("be", { type: u8, auxiliary: u8, sources: u16, group: bytes(16) }, 20);

/** Node information (RFC 4620): `code` of a query says what its subject is, of a reply what came of it. */
export const NodeInfo = struct("be", {
  type: u8,
  code: u8,
  checksum: u16,
  about: u16,
  flags: u16,
  nonce: bytes(8),
}, 16);
export const ICMP6_NI_QUERY = 139;
export const ICMP6_NI_REPLY = 140;
export const NI_SUBJ_IPV6 = 0;
export const NI_SUBJ_FQDN = 1;
export const NI_SUCCESS = 0;
export const NI_UNKNOWN = 2;
export const NI_QTYPE = { NOOP: 0, SUPTYPES: 1, FQDN: 2, NODEADDR: 3, IPV4ADDR: 4 } as const;
/** Of addresses: not all had room; of all interfaces; and which of them. */
export const NI_TRUNCATE = 1;
export const NI_ALL = 2;
export const NI_LINKLOCAL = 8;
export const NI_SITELOCAL = 16;
export const NI_GLOBAL = 32;
/** NetBSD's own. */
export const NI_ANYCAST = 64;
