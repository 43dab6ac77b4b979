/** What IPv6 knows of an interface: addresses, and what ND and its routers say of the link (NetBSD: in6_ifextra, nd_ifinfo). */
import { ND6_IFF } from "../../abi/net_structs.ts";
import { In6Addr } from "../../lib/in6.ts";
import type { Interface } from "../interface.ts";
import { RTF } from "../../abi/route_structs.ts";
import type { Route6 } from "./routes.ts";

/** netinet6/in6_var.h: an address's state. */
export const IN6_IFF_ANYCAST = 0x01;
export const IN6_IFF_TENTATIVE = 0x02;
export const IN6_IFF_DUPLICATED = 0x04;
export const IN6_IFF_DETACHED = 0x08;
export const IN6_IFF_DEPRECATED = 0x10;
export const IN6_IFF_NODAD = 0x20;
export const IN6_IFF_AUTOCONF = 0x40;
export const IN6_IFF_TEMPORARY = 0x80;
/** It cannot be used (yet). */
export const IN6_IFF_NOTREADY = IN6_IFF_TENTATIVE | IN6_IFF_DUPLICATED | IN6_IFF_DETACHED;

/** ND6_IFF_* by their own names: an interface's. */
export const {
  PERFORMNUD: ND6_IFF_PERFORMNUD,
  ACCEPT_RTADV: ND6_IFF_ACCEPT_RTADV,
  IFDISABLED: ND6_IFF_IFDISABLED,
  AUTO_LINKLOCAL: ND6_IFF_AUTO_LINKLOCAL,
  OVERRIDE_RTADV: ND6_IFF_OVERRIDE_RTADV,
} = ND6_IFF;

/** An IPv6 address of an interface. */
export interface In6IfAddress {
  readonly iface: Interface;
  readonly address: In6Addr;
  /** Of its network's prefix. */
  length: number;
  /** IN6_IFF_* */
  flags: number;
  /** Milliseconds of the clock; Infinity: for ever. */
  preferredUntil: number;
  validUntil: number;
  /** Its network is not (known to be) on the link. */
  offLink: boolean;
}
const ANY = new In6Addr(0, 0, 0, 0);
/** RFC 4861, 10: milliseconds. */
const REACHABLE = 30_000;
const RETRANSMIT = 1000;

export class In6Interface {
  readonly iface: Interface;
  readonly addresses: In6IfAddress[] = [];
  /** The way to whatever is on the link. */
  readonly onLink: Route6;
  /** It is up, and that is known here. */
  running = false;
  flags: number;
  /** Hops of packets that are sent; 0: the stack's own number. */
  hopLimit = 0;
  /** Milliseconds a neighbour is known to be there, on average; between solicitations. */
  baseReachable = REACHABLE;
  reachable: number;
  retransmit = RETRANSMIT;
  /** What a router said the link's packets may have; 0: nobody did. */
  routerMtu = 0;
  /** 0 to 1. */
  readonly random: () => number;

  constructor(iface: Interface, random: () => number) {
    this.iface = iface;
    this.onLink = {
      destination: ANY,
      length: 0,
      gateway: undefined,
      iface,
      flags: RTF.UP,
      mtu: 0,
      used: 0,
      expires: Infinity,
    };
    this.random = random;
    this.flags = ND6_IFF_PERFORMNUD | ND6_IFF_AUTO_LINKLOCAL | (iface.loopback ? 0 : ND6_IFF_ACCEPT_RTADV);
    this.reachable = this.randomReachable();
  }
  /** Between half and one and a half of the average (RFC 4861, 6.3.2). */
  randomReachable(): number {
    return this.baseReachable * (0.5 + this.random());
  }
  get mtu(): number {
    return this.routerMtu ? Math.min(this.routerMtu, this.iface.mtu) : this.iface.mtu;
  }
  get index(): number {
    return this.iface.index;
  }
  get disabled(): boolean {
    return (this.flags & ND6_IFF_IFDISABLED) !== 0;
  }
  find(address: In6Addr): In6IfAddress | undefined {
    return this.addresses.find((a) => a.address.equals(address));
  }
  /** Its link-local address; undefined: it has none that can be used. */
  get linkLocal(): In6IfAddress | undefined {
    return this.addresses.find((a) => a.address.linkLocal && (a.flags & IN6_IFF_NOTREADY) === 0);
  }
}

/** The lower half of an address that an Ethernet address makes (RFC 4291, appendix A). */
export function eui64(mac: Uint8Array): readonly [c: number, d: number] {
  const [m0, m1, m2, m3, m4, m5] = mac as unknown as number[];
  return [((m0! ^ 2) << 24) | (m1! << 16) | (m2! << 8) | 0xff, (0xfe << 24) | (m3! << 16) | (m4! << 8) | m5!];
}
const LINK_LOCAL = 0xfe80_0000;
export const linkLocalOf = (c: number, d: number, zone: number): In6Addr => new In6Addr(LINK_LOCAL, 0, c, d, zone);
/** ff02::1:ff00:0/104 and the last 24 bits (RFC 4291, 2.7.1). */
export const solicitedNode = ({ d }: In6Addr, zone: number): In6Addr =>
  new In6Addr(0xff02_0000, 0, 1, 0xff00_0000 | (d & 0xff_ffff), zone);
export const allNodes = (zone: number): In6Addr => new In6Addr(0xff02_0000, 0, 0, 1, zone);
export const allRouters = (zone: number): In6Addr => new In6Addr(0xff02_0000, 0, 0, 2, zone);
