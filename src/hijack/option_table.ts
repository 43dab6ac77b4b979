/** Options of sockets: Linux's levels and numbers (asm-generic/socket.h, linux/in.h, in6.h, tcp.h), and what of NetBSD's they are. */
import * as BSD from "../abi/flags.ts";
import * as IP from "../abi/inet_options.ts";
import * as IPV6 from "../abi/inet6_options.ts";

/**
 * What an option's value is: the same on both sides; a switch, which NetBSD tells by its bit; a buffer's size, which Linux
 * tells doubled; ICMPv6 types, which one lets pass and the other blocks; a group, with an interface's index behind it; the
 * address of an interface, likewise; a struct tcp_info.
 */
export type Form = "same" | "switch" | "size" | "types" | "group" | "interface" | "tcp_info";
/**
 * `bsd`: NetBSD's level and number. `native`: the host's kernel does it on what stands in. `kept`: it changes nothing here,
 * and is told as it was set. `own`: answered by `options.ts`.
 */
export type Option =
  | { readonly bsd: readonly [level: number, name: number]; readonly form: Form }
  | { readonly how: "native" | "kept" | "own" };

/** Linux's levels. */
export const SOL = { SOCKET: 1, IP: 0, TCP: 6, IPV6: 41, ICMPV6: 58, RAW: 255 } as const;
/** Those `options.ts` answers, at SOL.SOCKET. */
export const SO = {
  TYPE: 3,
  ERROR: 4,
  PEERCRED: 17,
  RCVTIMEO: 20,
  ACCEPTCONN: 30,
  PROTOCOL: 38,
  DOMAIN: 39,
} as const;

const IPPROTO_TCP = 6;
const IPPROTO_IPV6 = 41;
const IPPROTO_ICMPV6 = 58;
const socket = (name: number, form: Form = "switch"): Option => ({ bsd: [BSD.SOL_SOCKET, name], form });
const ip = (name: number, form: Form = "same"): Option => ({ bsd: [IP.IPPROTO_IP, name], form });
const ip6 = (name: number, form: Form = "same"): Option => ({ bsd: [IPPROTO_IPV6, name], form });
const tcp = (name: number, form: Form = "same"): Option => ({ bsd: [IPPROTO_TCP, name], form });
const native: Option = { how: "native" };
const kept: Option = { how: "kept" };
const own: Option = { how: "own" };

/** By level, then by number. */
const table: Readonly<Record<number, Readonly<Record<number, Option>>>> = {
  [SOL.SOCKET]: {
    1: socket(BSD.SO_DEBUG),
    2: socket(BSD.SO_REUSEADDR),
    [SO.TYPE]: own,
    [SO.ERROR]: own,
    5: socket(BSD.SO_DONTROUTE),
    6: socket(BSD.SO_BROADCAST),
    7: socket(BSD.SO_SNDBUF, "size"),
    8: socket(BSD.SO_RCVBUF, "size"),
    9: socket(BSD.SO_KEEPALIVE),
    10: native, // OOBINLINE
    11: kept, // NO_CHECK
    12: kept, // PRIORITY
    13: socket(BSD.SO_LINGER, "same"),
    14: kept, // BSDCOMPAT
    15: socket(BSD.SO_REUSEPORT),
    [SO.PEERCRED]: own,
    18: native, // RCVLOWAT
    [SO.RCVTIMEO]: native,
    21: native, // SNDTIMEO
    26: native, // ATTACH_FILTER
    27: native, // DETACH_FILTER
    29: socket(BSD.SO_TIMESTAMP),
    [SO.ACCEPTCONN]: own,
    32: socket(BSD.SO_SNDBUF, "size"), // SNDBUFFORCE
    33: socket(BSD.SO_RCVBUF, "size"), // RCVBUFFORCE
    [SO.PROTOCOL]: own,
    [SO.DOMAIN]: own,
    46: kept, // BUSY_POLL
    49: kept, // INCOMING_CPU
  },
  [SOL.IP]: {
    1: ip(IP.IP_TOS),
    2: ip(IP.IP_TTL),
    3: ip(IP.IP_HDRINCL),
    4: ip(IP.IP_OPTIONS),
    6: ip(IP.IP_RECVOPTS),
    7: ip(IP.IP_RETOPTS),
    8: ip(IP.IP_RECVPKTINFO), // PKTINFO
    10: kept, // MTU_DISCOVER
    11: kept, // RECVERR
    12: ip(IP.IP_RECVTTL),
    13: kept, // RECVTOS
    15: kept, // FREEBIND
    21: ip(IP.IP_MINTTL),
    24: kept, // BIND_ADDRESS_NO_PORT
    32: ip(IP.IP_MULTICAST_IF, "interface"),
    33: ip(IP.IP_MULTICAST_TTL),
    34: ip(IP.IP_MULTICAST_LOOP),
    35: ip(IP.IP_ADD_MEMBERSHIP, "group"),
    36: ip(IP.IP_DROP_MEMBERSHIP, "group"),
    49: kept, // MULTICAST_ALL
  },
  [SOL.TCP]: {
    1: tcp(1), // NODELAY
    2: tcp(2), // MAXSEG
    3: kept, // CORK
    4: tcp(3), // KEEPIDLE
    5: tcp(5), // KEEPINTVL
    6: tcp(6), // KEEPCNT
    7: kept, // SYNCNT
    8: kept, // LINGER2
    9: kept, // DEFER_ACCEPT
    10: kept, // WINDOW_CLAMP
    11: tcp(9, "tcp_info"),
    12: kept, // QUICKACK
    13: tcp(0x20), // CONGESTION: NetBSD's TCP_CONGCTL
    18: kept, // USER_TIMEOUT
    25: kept, // NOTSENT_LOWAT
  },
  [SOL.IPV6]: {
    7: ip6(IPV6.IPV6_CHECKSUM),
    16: ip6(IPV6.IPV6_UNICAST_HOPS),
    17: ip6(IPV6.IPV6_MULTICAST_IF),
    18: ip6(IPV6.IPV6_MULTICAST_HOPS),
    19: ip6(IPV6.IPV6_MULTICAST_LOOP),
    20: ip6(IPV6.IPV6_JOIN_GROUP),
    21: ip6(IPV6.IPV6_LEAVE_GROUP),
    23: kept, // MTU_DISCOVER
    25: kept, // RECVERR
    26: ip6(IPV6.IPV6_V6ONLY),
    29: kept, // MULTICAST_ALL
    49: ip6(IPV6.IPV6_RECVPKTINFO),
    50: ip6(IPV6.IPV6_PKTINFO),
    51: ip6(IPV6.IPV6_RECVHOPLIMIT),
    52: ip6(IPV6.IPV6_HOPLIMIT),
    56: ip6(IPV6.IPV6_RECVRTHDR),
    62: ip6(IPV6.IPV6_DONTFRAG),
    66: ip6(IPV6.IPV6_RECVTCLASS),
    67: ip6(IPV6.IPV6_TCLASS),
  },
  [SOL.ICMPV6]: { 1: { bsd: [IPPROTO_ICMPV6, IPV6.ICMP6_FILTER], form: "types" } },
  [SOL.RAW]: { 1: kept }, // ICMP_FILTER
};

/** Undefined: there is no such option. */
export const optionOf = (level: number, name: number): Option | undefined => table[level]?.[name];
