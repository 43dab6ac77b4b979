/** Structures of network interfaces as ioctl(2) has them (NetBSD amd64: net/if.h, net/if_media.h, netinet6/in6_var.h); sizes as recorded. */
import { bytes, chars, i16, i32, i64, struct, u16, u32, u64, u8 } from "../lib/struct.ts";

/** Room for an interface's name, with its end mark. */
export const IFNAMSIZ = 16;
const name = chars(IFNAMSIZ);
const storage = bytes(128);

/** struct ifreq with an address (struct sockaddr) in it. */
export const Ifreq = struct("le", { name, addr: storage }, 144);
/** struct ifreq with interface flags: 16 bits, what follows is left alone. */
export const IfreqFlags = struct("le", { name, flags: u16, rest: bytes(126) }, 144);
/** struct ifreq with a number: metric, MTU, media, index, DLT, the flags of an address. */
export const IfreqValue = struct("le", { name, value: i32, rest: bytes(124) }, 144);
/** struct ifreq with a buffer elsewhere (SIOCGIFDESCR, SIOCSIFDESCR). */
export const IfreqBuffer = struct("le", { name, length: u32, pad: u32, buffer: u64, rest: bytes(112) }, 144);
/** struct ifaliasreq: an address, its other end or broadcast address, its mask. */
export const Ifaliasreq = struct("le", { name, addr: bytes(16), dstaddr: bytes(16), mask: bytes(16) }, 64);
/** struct if_laddrreq: an address of any family, or of the link. */
export const IfLaddrreq = struct(
  "le",
  { name, flags: u32, prefixlen: u32, addr: storage, dstaddr: storage },
  280,
);
/** struct if_laddrreq's flags (IFLR_*): a prefix is given; the link address is in use; it is the one the device was made with. */
export const IFLR = { PREFIX: 0x8000, ACTIVE: 0x4000, FACTORY: 0x2000 } as const;
/** struct if_addrprefreq: which of several addresses is preferred. */
export const IfAddrprefreq = struct("le", { name, preference: i16, pad: bytes(6), addr: storage }, 152);
/** struct ifconf: `length` bytes of struct ifreq at `buffer`. */
export const Ifconf = struct("le", { length: i32, pad: u32, buffer: u64 }, 16);
/** struct if_clonereq: room for `count` names at `buffer`; there are `total`. */
export const IfClonereq = struct("le", { total: i32, count: i32, buffer: u64 }, 16);
/** struct ifdrv: what only a driver understands, `length` bytes at `data`; linkstr, too. */
export const Ifdrv = struct("le", { name, command: u64, length: u64, data: u64 }, 40);
/** struct ifdrv's commands of SIOCGLINKSTR and SIOCSLINKSTR (IFLINKSTR_*): only how long it is; none any more. */
export const IFLINKSTR = { QUERYLEN: 1, UNSET: 2 } as const;
/** struct ifmediareq: room for `count` media words at `list`. */
export const Ifmediareq = struct("le", {
  name,
  current: i32,
  mask: i32,
  status: i32,
  active: i32,
  count: i32,
  pad: u32,
  list: u64,
}, 48);
/** net/if_media.h (IFM_*): Ethernet, whatever suits; status: it can be told, and there is a link. */
export const IFM = {
  ETHER: 0x20,
  AUTO: 0,
  MANUAL: 1,
  NONE: 2,
  AVALID: 1,
  ACTIVE: 2,
  FDX: 0x10_0000,
  HDX: 0x20_0000,
} as const;
/** struct ifcapreq: IFCAP_* that it has, and that are on. */
export const Ifcapreq = struct("le", { name, capabilities: u64, enabled: u64 }, 32);
/** IFCAP_*: cutting of TCP's segments; checksums of TCP and UDP over both families, received and sent. */
export const IFCAP = { TSOv4: 0x80, CHECKSUMS: 0x3fc00, TSOv6: 0x4_0000 } as const;
/** struct eccapreq: ETHERCAP_*. */
export const Eccapreq = struct("le", { name, capabilities: i32, enabled: i32 }, 24);

/** struct if_data: numbers since the interface was made, or since SIOCZIFDATA. */
const data = {
  type: u8,
  addrlen: u8,
  hdrlen: u8,
  pad0: u8,
  linkState: i32,
  mtu: u64,
  metric: u64,
  baudrate: u64,
  ipackets: u64,
  ierrors: u64,
  opackets: u64,
  oerrors: u64,
  collisions: u64,
  ibytes: u64,
  obytes: u64,
  imcasts: u64,
  omcasts: u64,
  iqdrops: u64,
  noproto: u64,
  lastchange: i64,
  lastchangeNsec: i64,
} as const;
export const IfData = struct("le", data, 136);
/** struct ifdatareq: an interface's struct if_data. */
export const Ifdatareq = struct("le", { name, data: bytes(IfData.size) }, 152);
/** Where struct if_data begins in struct ifdatareq. */
export const IFDATAREQ_DATA = IFNAMSIZ;
/** if_data's type (net/if_types.h IFT_*) and link state (LINK_STATE_*). */
export const IFT = { OTHER: 1, ETHER: 6, LOOP: 24, TUNNEL: 131, L2VLAN: 135, BRIDGE: 209, GIF: 240 } as const;
export const LINK_STATE = { UNKNOWN: 0, DOWN: 1, UP: 2 } as const;

/** struct in6_ifreq with an address. */
export const In6Ifreq = struct("le", { name, addr: bytes(28), rest: bytes(244) }, 288);
/** struct in6_ifreq with the flags of an address (IN6_IFF_*). */
export const In6IfreqFlags = struct("le", { name, flags: i32, rest: bytes(268) }, 288);
/** struct in6_addrlifetime: when an address ends to be valid and preferred (seconds of the clock, 0: never), and for how long it was given. */
const lifetime = { expire: i64, preferred: i64, vltime: u32, pltime: u32 } as const;
/** struct in6_ifreq with the lifetimes of an address. */
export const In6IfreqLifetime = struct("le", { name, ...lifetime, rest: bytes(248) }, 288);
/** struct in6_aliasreq. */
export const In6Aliasreq = struct("le", {
  name,
  addr: bytes(28),
  dstaddr: bytes(28),
  prefixmask: bytes(28),
  flags: i32,
  ...lifetime,
}, 128);
/** in6_addrlifetime's "for ever". */
export const ND6_INFINITE_LIFETIME = 0xffff_ffff;
/** struct in6_ndireq: how neighbours of a link are found. */
export const In6Ndireq = struct("le", {
  name,
  linkmtu: u32,
  maxmtu: u32,
  basereachable: u32,
  reachable: u32,
  retrans: u32,
  flags: u32,
  recalctm: i32,
  chlim: u8,
  initialized: u8,
  randoms: bytes(24),
  pad: u16,
}, 72);
/** What an interface does with IPv6 (netinet6/nd6.h ND6_IFF_*). */
export const ND6_IFF = {
  PERFORMNUD: 0x01,
  ACCEPT_RTADV: 0x02,
  IFDISABLED: 0x08,
  AUTO_LINKLOCAL: 0x20,
  OVERRIDE_RTADV: 0x40,
} as const;
/** struct in6_nbrinfo: what is known of a neighbour. */
export const In6Nbrinfo = struct("le", {
  name,
  addr: bytes(16),
  asked: i64,
  isrouter: i32,
  state: i32,
  expire: i32,
  pad: u32,
}, 56);

/** What an IPv4 address is (netinet/in_var.h IN_IFF_*), and one of IPv6 (netinet6/in6_var.h IN6_IFF_*): names of bits, lowest first. */
export const IN_IFF_NAMES = ["tentative", "duplicated", "detached"] as const;
export const IN6_IFF_NAMES = [
  "anycast",
  "tentative",
  "duplicated",
  "detached",
  "deprecated",
  "nodad",
  "autoconf",
  "temporary",
] as const;
/** IFCAP_* as ifconfig(8) shows them, from bit 7 on. */
export const IFCAP_NAMES = [
  "TSO4",
  "IP4CSUM_Rx",
  "IP4CSUM_Tx",
  "TCP4CSUM_Rx",
  "TCP4CSUM_Tx",
  "UDP4CSUM_Rx",
  "UDP4CSUM_Tx",
  "TCP6CSUM_Rx",
  "TCP6CSUM_Tx",
  "UDP6CSUM_Rx",
  "UDP6CSUM_Tx",
  "TSO6",
] as const;
