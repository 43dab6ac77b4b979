/** Messages of the routing socket and of sysctl net.route (NetBSD amd64: net/route.h, net/if.h, net/if_dl.h; 7.99.34 as recorded). */
import { bytes, chars, i32, i64, struct, u16, u32, u64, u8, viewOf } from "../lib/struct.ts";
import { AF_LINK } from "./flags.ts";
import { IfData, IFNAMSIZ } from "./net_structs.ts";

/** Version of the messages. */
export const RTM_VERSION = 4;
/** Kinds of messages (RTM_*). */
export const RTM = {
  ADD: 0x1,
  DELETE: 0x2,
  CHANGE: 0x3,
  GET: 0x4,
  LOSING: 0x5,
  REDIRECT: 0x6,
  MISS: 0x7,
  LOCK: 0x8,
  NEWADDR: 0xc,
  DELADDR: 0xd,
  IFANNOUNCE: 0x10,
  IFINFO: 0x14,
  CHGADDR: 0x15,
} as const;
/** What a route is (RTF_*). */
export const RTF = {
  UP: 0x1,
  GATEWAY: 0x2,
  HOST: 0x4,
  REJECT: 0x8,
  DYNAMIC: 0x10,
  MODIFIED: 0x20,
  /** Of a message: it was done. */
  DONE: 0x40,
  MASK: 0x80,
  /** Hosts of this network are neighbours (shown C by netstat). */
  CONNECTED: 0x100,
  /** A neighbour's link address (RTF_LLINFO before). */
  LLDATA: 0x400,
  STATIC: 0x800,
  BLACKHOLE: 0x1000,
  PROTO2: 0x4000,
  PROTO1: 0x8000,
  /** Answer for others (arp -s ... pub). */
  ANNOUNCE: 0x20000,
  LOCAL: 0x40000,
  BROADCAST: 0x80000,
} as const;
/** Which addresses follow a message, in this order (RTA_*). */
export const RTA = {
  DST: 0x1,
  GATEWAY: 0x2,
  NETMASK: 0x4,
  GENMASK: 0x8,
  IFP: 0x10,
  IFA: 0x20,
  AUTHOR: 0x40,
  BRD: 0x80,
  TAG: 0x100,
} as const;
/** Which metrics are meant (`inits`), or may not change (`locks`) (RTV_*). */
export const RTV = {
  MTU: 0x1,
  HOPCOUNT: 0x2,
  EXPIRE: 0x4,
  RPIPE: 0x8,
  SPIPE: 0x10,
  SSTHRESH: 0x20,
  RTT: 0x40,
  RTTVAR: 0x80,
} as const;
/** sysctl(3) top-level number of "net". */
export const CTL_NET = 4;
/** sysctl net.route.0.FAMILY.OPERATION.ARGUMENT (NET_RT_*). */
export const NET_RT = { DUMP: 1, FLAGS: 2, IFLIST: 5 } as const;

/** struct rt_metrics. */
const metrics = {
  locks: u64,
  mtu: u64,
  hopcount: u64,
  recvpipe: u64,
  sendpipe: u64,
  ssthresh: u64,
  /** Microseconds. */
  rtt: u64,
  rttvar: u64,
  /** Seconds of the clock; 0: never. */
  expire: i64,
  pksent: i64,
} as const;
/** What all messages begin with. */
export const MsgHead = struct("le", { msglen: u16, version: u8, type: u8 }, 4);
/** struct rt_msghdr. */
export const RtMsghdr = struct("le", {
  msglen: u16,
  version: u8,
  type: u8,
  index: u16,
  pad0: u16,
  flags: u32,
  addrs: i32,
  pid: i32,
  seq: i32,
  errno: i32,
  use: i32,
  inits: u32,
  pad1: u32,
  ...metrics,
}, 120);
/** struct if_msghdr; struct if_data stands at IF_MSGHDR_DATA. `flags` has the 16 bits of an interface, the last one spread. */
export const IfMsghdr = struct("le", {
  msglen: u16,
  version: u8,
  type: u8,
  addrs: i32,
  flags: i32,
  index: u16,
  pad: u16,
  data: bytes(IfData.size),
}, 152);
export const IF_MSGHDR_DATA = 16;
/** struct ifa_msghdr. */
export const IfaMsghdr = struct("le", {
  msglen: u16,
  version: u8,
  type: u8,
  addrs: i32,
  flags: i32,
  metric: i32,
  index: u16,
  pad: bytes(6),
}, 24);
/** struct if_announcemsghdr. */
export const IfAnnouncemsghdr = struct("le", {
  msglen: u16,
  version: u8,
  type: u8,
  index: u16,
  name: chars(IFNAMSIZ),
  what: u16,
}, 24);
/** if_announcemsghdr's `what` (IFAN_*). */
export const IFAN = { ARRIVAL: 0, DEPARTURE: 1 } as const;

/** struct sockaddr_dl up to the name and, behind it, the link address. */
export const SockaddrDl = struct("le", {
  length: u8,
  family: u8,
  index: u16,
  type: u8,
  nlen: u8,
  alen: u8,
  slen: u8,
}, 8);
/** An interface as an address: its index, IFT_* type, name and link address. */
export interface LinkAddress {
  readonly index: number;
  readonly type: number;
  readonly name: string;
  readonly mac: Uint8Array;
}
export function sockaddrDl({ index, type, name, mac }: LinkAddress): Uint8Array {
  const text = new TextEncoder().encode(name);
  const out = new Uint8Array(SockaddrDl.size + text.length + mac.length);
  const sizes = { length: out.length, nlen: text.length, alen: mac.length };
  SockaddrDl.write(viewOf(out), 0, { family: AF_LINK, index, type, ...sizes });
  out.set(text, SockaddrDl.size);
  out.set(mac, SockaddrDl.size + text.length);
  return out;
}
/** Undefined: it is none. */
export function parseSockaddrDl(from: Uint8Array): LinkAddress | undefined {
  if (from.length < SockaddrDl.size || from[1] !== AF_LINK) return undefined;
  const { index, type, nlen, alen } = SockaddrDl.dump(viewOf(from), 0);
  const end = SockaddrDl.size + nlen + alen;
  if (end > from.length) return undefined;
  const name = new TextDecoder().decode(from.subarray(SockaddrDl.size, SockaddrDl.size + nlen));
  return { index, type, name, mac: from.slice(SockaddrDl.size + nlen, end) };
}

/** Bytes an address takes in a message: a multiple of 8, and never none. */
export const rtRoundup = (length: number): number => (length > 0 ? (length + 7) & ~7 : 8);
/** Addresses of a message by their RTA_* bit. */
export type MessageAddresses = ReadonlyMap<number, Uint8Array>;
/** The addresses behind a message's header, as `addrs` says; undefined: they do not fit. One that is left out (length 0) is empty. */
export function parseAddresses(from: Uint8Array, at: number, addrs: number): MessageAddresses | undefined {
  const found = new Map<number, Uint8Array>();
  for (let bit = 1; bit <= RTA.TAG; bit <<= 1) {
    if ((addrs & bit) === 0) continue;
    const length = from[at];
    if (length === undefined || at + length > from.length) return undefined;
    found.set(bit, from.subarray(at, at + length));
    at += rtRoundup(length);
  }
  return found;
}
/** Header (its length is set here) and addresses, in the order of their bits. */
export function buildMessage(header: Uint8Array, addresses: MessageAddresses): Uint8Array {
  const sorted = [...addresses].sort(([a], [b]) => a - b);
  const out = new Uint8Array(sorted.reduce((n, [, a]) => n + rtRoundup(a.length), header.length));
  out.set(header);
  let at = header.length;
  for (const [, a] of sorted) {
    out.set(a, at);
    at += rtRoundup(a.length);
  }
  MsgHead.set.msglen(viewOf(out), 0, out.length);
  return out;
}
