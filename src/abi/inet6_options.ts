/** Options at level IPPROTO_IPV6 and what they carry (netinet6/in6.h, netinet/icmp6.h; RFC 3493, 3542). */
import { bytes, struct, u32 } from "../lib/struct.ts";

export const IPV6_UNICAST_HOPS = 4;
export const IPV6_MULTICAST_IF = 9;
export const IPV6_MULTICAST_HOPS = 10;
export const IPV6_MULTICAST_LOOP = 11;
export const IPV6_JOIN_GROUP = 12;
export const IPV6_LEAVE_GROUP = 13;
export const IPV6_PORTRANGE = 14;
export const IPV6_PORTALGO = 17;
/** At level IPPROTO_ICMPV6. */
export const ICMP6_FILTER = 18;
export const IPV6_CHECKSUM = 26;
export const IPV6_V6ONLY = 27;
export const IPV6_RTHDRDSTOPTS = 35;
export const IPV6_RECVPKTINFO = 36;
export const IPV6_RECVHOPLIMIT = 37;
export const IPV6_RECVRTHDR = 38;
export const IPV6_RECVHOPOPTS = 39;
export const IPV6_RECVDSTOPTS = 40;
export const IPV6_RECVRTHDRDSTOPTS = 41;
export const IPV6_USE_MIN_MTU = 42;
export const IPV6_RECVPATHMTU = 43;
export const IPV6_PATHMTU = 44;
export const IPV6_PKTINFO = 46;
export const IPV6_HOPLIMIT = 47;
export const IPV6_NEXTHOP = 48;
export const IPV6_HOPOPTS = 49;
export const IPV6_DSTOPTS = 50;
export const IPV6_RTHDR = 51;
export const IPV6_RECVTCLASS = 57;
export const IPV6_TCLASS = 61;
export const IPV6_DONTFRAG = 62;
export const IPV6_PREFER_TEMPADDR = 63;
export const IPV6_PORTRANGE_LOW = 2;

/** struct ipv6_mreq: a group, and the index of an interface (0: where the route leads). */
export const Ipv6Mreq = struct("le", { group: bytes(16), index: u32 }, 20);
/** struct in6_pktinfo. */
export const In6Pktinfo = struct("le", { address: bytes(16), index: u32 }, 20);
/** struct ip6_mtuinfo: the peer, and the largest packet that reaches it. */
export const Ip6Mtuinfo = struct("le", { address: bytes(28), mtu: u32 }, 32);
/** struct icmp6_filter: a bit a type. */
export const ICMP6_FILTER_SIZE = 32;
