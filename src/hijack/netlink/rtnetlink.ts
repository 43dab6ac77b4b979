/** Messages about interfaces, addresses, routes and neighbours as Linux programs ask for them (linux/netlink.h, linux/rtnetlink.h, linux/if_link.h, linux/if_addr.h, linux/neighbour.h). */
import { i32, struct, u16, u32, u64, u8 } from "../../lib/struct.ts";

/** Messages and attributes begin at multiples of this. */
export const ALIGNMENT = 4;
/** struct nlmsghdr. */
export const Nlmsghdr = struct("le", { length: u32, type: u16, flags: u16, seq: u32, pid: u32 }, 16);
/** struct rtattr. */
export const Rtattr = struct("le", { length: u16, type: u16 }, 4);
/** Of an attribute's type: what tells how it is written. */
export const NLA_TYPE_MASK = 0x3fff;
/** struct sockaddr_nl. */
export const SockaddrNl = struct("le", { family: u16, pad: u16, pid: u32, groups: u32 }, 12);
/** Address families by Linux' numbers (linux/socket.h). */
export const AF = { UNSPEC: 0, INET: 2, INET6: 10, NETLINK: 16 } as const;
/** Messages of no family (NLMSG_*); from MIN on they are requests. */
export const NLMSG = { ERROR: 2, DONE: 3, MIN: 0x10 } as const;
/** Flags of a message (NLM_F_*). */
export const NLM_F = { REQUEST: 1, MULTI: 2, ACK: 4, DUMP: 0x300 } as const;
/** Kinds of messages (RTM_*): of four, the third asks. */
export const RTM = {
  NEWLINK: 16,
  GETLINK: 18,
  NEWADDR: 20,
  GETADDR: 22,
  NEWROUTE: 24,
  GETROUTE: 26,
  NEWNEIGH: 28,
  GETNEIGH: 30,
} as const;
/** Of a message's type: which of four it is, and the one that asks. */
export const RTM_KIND = { MASK: 3, GET: 2 } as const;

/** struct ifinfomsg. */
export const Ifinfomsg = struct("le", { family: u8, pad: u8, type: u16, index: i32, flags: u32, change: u32 }, 16);
/** Flags of an interface that netdevice(7) has no bits for (IFF_*). */
export const IFF_LOWER_UP = 0x1_0000;
/** Attributes of an interface (IFLA_*). */
export const IFLA = {
  ADDRESS: 1,
  BROADCAST: 2,
  IFNAME: 3,
  MTU: 4,
  QDISC: 6,
  STATS: 7,
  TXQLEN: 13,
  OPERSTATE: 16,
  STATS64: 23,
  ALT_IFNAME: 53,
} as const;
/** Whether an interface works (RFC 2863; linux/if.h IF_OPER_*). */
export const OPER = { UNKNOWN: 0, DOWN: 2, UP: 6 } as const;
const counters = <F>(field: F) => ({
  rxPackets: field,
  txPackets: field,
  rxBytes: field,
  txBytes: field,
  rxErrors: field,
  txErrors: field,
  rxDropped: field,
  txDropped: field,
  multicast: field,
  collisions: field,
  rxLengthErrors: field,
  rxOverErrors: field,
  rxCrcErrors: field,
  rxFrameErrors: field,
  rxFifoErrors: field,
  rxMissedErrors: field,
  txAbortedErrors: field,
  txCarrierErrors: field,
  txFifoErrors: field,
  txHeartbeatErrors: field,
  txWindowErrors: field,
  rxCompressed: field,
  txCompressed: field,
  rxNohandler: field,
});
/** struct rtnl_link_stats; numbers wrap. */
export const LinkStats = struct("le", counters(u32), 96);
/** struct rtnl_link_stats64. */
export const LinkStats64 = struct("le", { ...counters(u64), rxOtherhostDropped: u64 }, 200);

/** struct ifaddrmsg. */
export const Ifaddrmsg = struct("le", { family: u8, prefix: u8, flags: u8, scope: u8, index: u32 }, 8);
/** Attributes of an address (IFA_*). */
export const IFA = { ADDRESS: 1, LOCAL: 2, LABEL: 3, BROADCAST: 4, FLAGS: 8 } as const;
/** Stays until it is deleted (IFA_F_*). */
export const IFA_F_PERMANENT = 0x80;
/** How far addresses and routes mean something (RT_SCOPE_*). */
export const SCOPE = { UNIVERSE: 0, LINK: 253, HOST: 254 } as const;

/** struct rtmsg. */
export const Rtmsg = struct("le", {
  family: u8,
  prefix: u8,
  sourcePrefix: u8,
  tos: u8,
  table: u8,
  protocol: u8,
  scope: u8,
  type: u8,
  flags: u32,
}, 12);
/** Attributes of a route (RTA_*). */
export const RTA = { DST: 1, OIF: 4, GATEWAY: 5, PREFSRC: 7, METRICS: 8, TABLE: 15 } as const;
/** Within RTA_METRICS (RTAX_*). */
export const RTAX_MTU = 2;
/** Tables of routes (RT_TABLE_*). */
export const TABLE = { MAIN: 254, LOCAL: 255 } as const;
/** Who made a route (RTPROT_*). */
export const RTPROT = { REDIRECT: 1, KERNEL: 2, BOOT: 3 } as const;
/** What becomes of packets (RTN_*). */
export const RTN = { UNICAST: 1, LOCAL: 2, BROADCAST: 3, BLACKHOLE: 6, UNREACHABLE: 7 } as const;
/** It answers for one destination (RTM_F_CLONED). */
export const RTM_F_CLONED = 0x200;

/** struct ndmsg. */
export const Ndmsg = struct("le", { family: u8, pad: u8, pad2: u16, index: i32, state: u16, flags: u8, type: u8 }, 12);
/** Attributes of a neighbour (NDA_*). */
export const NDA = { DST: 1, LLADDR: 2 } as const;
/** What is known of a neighbour (NUD_*). */
export const NUD = { INCOMPLETE: 1, REACHABLE: 2, STALE: 4, PERMANENT: 0x80 } as const;
/** Flags of a neighbour (NTF_*). */
export const NTF_PROXY = 8;
