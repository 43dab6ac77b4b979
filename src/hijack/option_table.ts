/** Options of sockets: Linux's levels and numbers (asm-generic/socket.h, linux/in.h, in6.h, tcp.h), and what of NetBSD's they are. */
import * as BSD from "../abi/flags.ts";
import * as IP from "../abi/inet_options.ts";
import * as IPV6 from "../abi/inet6_options.ts";

/**
 * What an option's value is: the same on both sides; a switch, which NetBSD tells by its bit; a buffer's size, which Linux
 * tells doubled; ICMPv6 types, which one lets pass and the other blocks; a group, with an interface's index behind it; the
 * address of an interface, likewise; a byte, told as an int; a name, padded to 16 bytes; a struct tcp_info.
 */
export type Form = "same" | "switch" | "size" | "types" | "group" | "interface" | "byte" | "name" | "tcp_info";
/**
 * `bsd`: NetBSD's level and number. `native`: the host's kernel does it on what stands in. `kept`: it changes nothing here,
 * and is told as it was set, before that as `value`. `own`: answered by `options.ts`.
 */
export type Option =
  | { readonly bsd: readonly [level: number, name: number]; readonly form: Form }
  | { readonly how: "native" | "own" }
  | { readonly how: "kept"; readonly value: readonly number[] };

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
const IPPROTO_UDP = 17;
const IPPROTO_IPV6 = 41;
const IPPROTO_ICMPV6 = 58;
const socket = (name: number, form: Form = "switch"): Option => ({ bsd: [BSD.SOL_SOCKET, name], form });
const ip = (name: number, form: Form = "same"): Option => ({ bsd: [IP.IPPROTO_IP, name], form });
const ip6 = (name: number, form: Form = "same"): Option => ({ bsd: [IPPROTO_IPV6, name], form });
const tcp = (name: number, form: Form = "same"): Option => ({ bsd: [IPPROTO_TCP, name], form });
const native: Option = { how: "native" };
const keptAs = (...value: number[]): Option => ({ how: "kept", value });
const kept = keptAs(0);
const own: Option = { how: "own" };

/**
 * By level, then by number. What is missing is refused, so that programs go another way: what would need a receiver's help or
 * more of a kernel than there is (ZEROCOPY, TXTIME, TIMESTAMPING, REUSEPORT_*BPF, PASSCRED, BINDTODEVICE; TCP: MD5SIG, REPAIR,
 * ULP, INQ, ZEROCOPY_RECEIVE; UDP: CORK, SEGMENT, GRO; IP and IPv6: source filters, MCAST_*, MTU, UNICAST_IF).
 */
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
    19: native, // SNDLOWAT
    21: native, // SNDTIMEO
    26: native, // ATTACH_FILTER
    27: native, // DETACH_FILTER
    29: socket(BSD.SO_TIMESTAMP),
    [SO.ACCEPTCONN]: own,
    32: socket(BSD.SO_SNDBUF, "size"), // SNDBUFFORCE
    33: socket(BSD.SO_RCVBUF, "size"), // RCVBUFFORCE
    [SO.PROTOCOL]: own,
    [SO.DOMAIN]: own,
    36: kept, // MARK
    40: kept, // RXQ_OVFL
    42: native, // PEEK_OFF
    44: native, // LOCK_FILTER
    45: kept, // SELECT_ERR_QUEUE
    46: kept, // BUSY_POLL
    47: keptAs(-1, -1), // MAX_PACING_RATE
    48: native, // BPF_EXTENSIONS
    49: keptAs(-1), // INCOMING_CPU
    50: native, // ATTACH_BPF
    57: native, // COOKIE
    69: kept, // PREFER_BUSY_POLL
    74: keptAs(1), // TXREHASH
  },
  [SOL.IP]: {
    1: ip(IP.IP_TOS),
    2: ip(IP.IP_TTL),
    3: ip(IP.IP_HDRINCL),
    4: ip(IP.IP_OPTIONS),
    6: ip(IP.IP_RECVOPTS),
    7: ip(IP.IP_RETOPTS),
    8: ip(IP.IP_RECVPKTINFO), // PKTINFO
    10: keptAs(1), // MTU_DISCOVER
    11: kept, // RECVERR
    12: ip(IP.IP_RECVTTL),
    13: kept, // RECVTOS
    15: kept, // FREEBIND
    19: kept, // TRANSPARENT
    21: ip(IP.IP_MINTTL),
    24: kept, // BIND_ADDRESS_NO_PORT
    32: ip(IP.IP_MULTICAST_IF, "interface"),
    26: kept, // RECVERR_RFC4884
    33: ip(IP.IP_MULTICAST_TTL, "byte"),
    34: ip(IP.IP_MULTICAST_LOOP, "byte"),
    35: ip(IP.IP_ADD_MEMBERSHIP, "group"),
    36: ip(IP.IP_DROP_MEMBERSHIP, "group"),
    49: keptAs(1), // MULTICAST_ALL
  },
  [SOL.TCP]: {
    1: tcp(1), // NODELAY
    2: tcp(2), // MAXSEG
    3: kept, // CORK
    4: tcp(3), // KEEPIDLE
    5: tcp(5), // KEEPINTVL
    6: tcp(6), // KEEPCNT
    7: keptAs(6), // SYNCNT
    8: keptAs(60), // LINGER2
    9: kept, // DEFER_ACCEPT
    10: kept, // WINDOW_CLAMP
    11: tcp(9, "tcp_info"),
    12: keptAs(1), // QUICKACK
    13: tcp(0x20, "name"), // CONGESTION: NetBSD's TCP_CONGCTL
    16: kept, // THIN_LINEAR_TIMEOUTS
    17: kept, // THIN_DUPACK
    18: kept, // USER_TIMEOUT
    23: kept, // FASTOPEN
    25: kept, // NOTSENT_LOWAT
    30: kept, // FASTOPEN_CONNECT
    37: kept, // TX_DELAY
  },
  [SOL.IPV6]: {
    7: ip6(IPV6.IPV6_CHECKSUM),
    16: ip6(IPV6.IPV6_UNICAST_HOPS),
    17: ip6(IPV6.IPV6_MULTICAST_IF),
    18: ip6(IPV6.IPV6_MULTICAST_HOPS),
    19: ip6(IPV6.IPV6_MULTICAST_LOOP),
    20: ip6(IPV6.IPV6_JOIN_GROUP),
    21: ip6(IPV6.IPV6_LEAVE_GROUP),
    11: kept, // FLOWINFO
    23: keptAs(1), // MTU_DISCOVER
    25: kept, // RECVERR
    26: ip6(IPV6.IPV6_V6ONLY),
    29: keptAs(1), // MULTICAST_ALL
    31: kept, // RECVERR_RFC4884
    33: kept, // FLOWINFO_SEND
    49: ip6(IPV6.IPV6_RECVPKTINFO),
    50: ip6(IPV6.IPV6_PKTINFO),
    51: ip6(IPV6.IPV6_RECVHOPLIMIT),
    52: ip6(IPV6.IPV6_HOPLIMIT),
    53: ip6(IPV6.IPV6_RECVHOPOPTS),
    54: ip6(IPV6.IPV6_HOPOPTS),
    55: ip6(IPV6.IPV6_RTHDRDSTOPTS),
    56: ip6(IPV6.IPV6_RECVRTHDR),
    57: ip6(IPV6.IPV6_RTHDR),
    58: ip6(IPV6.IPV6_RECVDSTOPTS),
    59: ip6(IPV6.IPV6_DSTOPTS),
    60: ip6(IPV6.IPV6_RECVPATHMTU),
    62: ip6(IPV6.IPV6_DONTFRAG),
    66: ip6(IPV6.IPV6_RECVTCLASS),
    67: ip6(IPV6.IPV6_TCLASS),
    70: keptAs(1), // AUTOFLOWLABEL
    75: kept, // TRANSPARENT
    78: kept, // FREEBIND
  },
  [SOL.ICMPV6]: { 1: { bsd: [IPPROTO_ICMPV6, IPV6.ICMP6_FILTER], form: "types" } },
  // ICMP_FILTER; IPV6_CHECKSUM, which ping asks for: ICMPv6 has one always.
  [SOL.RAW]: { 1: kept, 7: kept },
};

/** Linux's numbers of a family and a type. */
const AF_INET = 2;
const SOCK_STREAM = 1;
interface Kind {
  readonly family: number;
  readonly type: number;
}
const hasLevel = ({ family, type }: Kind, level: number): boolean =>
  (level !== SOL.TCP || type === SOCK_STREAM) && (level !== SOL.IPV6 || family !== AF_INET);

/** Of IPv4's options that sockets of IPv6 have as well, and NetBSD's have not: what is not 0 (TTL, MULTICAST_TTL, MULTICAST_LOOP). */
const inSix: Readonly<Record<number, number>> = { 2: 64, 33: 1, 34: 1 };
/** Undefined: sockets of that kind have no such option. */
export function optionOf(kind: Kind, level: number, name: number): Option | undefined {
  const option = hasLevel(kind, level) ? table[level]?.[name] : undefined;
  return option && level === SOL.IP && kind.family !== AF_INET && "bsd" in option ? keptAs(inSix[name] ?? 0) : option;
}
const OWN_LEVELS: ReadonlySet<number> = new Set([SOL.SOCKET, SOL.IP, SOL.TCP, IPPROTO_UDP]);
/** Whether an option of IPv4's is asked for on a level there is none of: that is EOPNOTSUPP there (ip_getsockopt). */
export const isStrange = (kind: Kind, level: number): boolean =>
  kind.family === AF_INET &&
  (!OWN_LEVELS.has(level) || (level === SOL.TCP) !== (kind.type === SOCK_STREAM) && level > 1);
