/** IPv6 of a stack: what its parts share, and the ways of packets (RFC 8200; NetBSD: sys/netinet6). */
import { errno, type SysError } from "../../abi/errno.ts";
import { ND6_INFINITE_LIFETIME } from "../../abi/net_structs.ts";
import { In6Addr } from "../../lib/in6.ts";
import { DST_UNREACH_NOPORT, ICMP6_DST_UNREACH, ICMP6_PARAM_PROB, PARAMPROB_NEXTHEADER } from "../../wire/icmp6.ts";
import { IPPROTO_ICMPV6, Ipv6, IPV6_MMTU } from "../../wire/ipv6.ts";
import type { Interface } from "../interface.ts";
import type { IpHeader, IpProtocol } from "../ip.ts";
import type { Way } from "../outgoing.ts";
import type { Packet } from "../packet.ts";
import { RTF } from "../../abi/route_structs.ts";
import type { Inet6, Stack } from "../stack.ts";
import { PathMtu } from "../tcp/path_mtu.ts";
import { Addresses6 } from "./addresses.ts";
import { AddressCache } from "./cache.ts";
import { Dad } from "./dad.ts";
import { Fragments6 } from "./fragments.ts";
import { Icmp6 } from "./icmp6.ts";
import { Input6 } from "./input.ts";
import { IN6_IFF_NOTREADY, type In6Interface } from "./interface.ts";
import { Mld } from "./mld.ts";
import { NdMessages } from "./nd_messages.ts";
import { Neighbours6 } from "./nd.ts";
import { type Outgoing6, Output6 } from "./output.ts";
import { Routers } from "./routers.ts";
import { type Route6, Routes6 } from "./routes.ts";
import { Settings6 } from "./settings.ts";
import { selectSource } from "./source.ts";

const SECOND = 1000;

/** What a received header says. One object for all: copy what is kept. */
export interface Ipv6Header extends IpHeader {
  source: In6Addr;
  destination: In6Addr;
}
/** net.inet6.ip6.stats */
class Counters6 {
  received = 0;
  bad = 0;
  badVersion = 0;
  short = 0;
  badOptions = 0;
  tooManyHeaders = 0;
  badScope = 0;
  notMember = 0;
  delivered = 0;
  forwarded = 0;
  notForwarded = 0;
  sent = 0;
  noRoute = 0;
  fragmented = 0;
  fragmentsSent = 0;
  redirects = 0;
  cannotFragment = 0;
  noSource = 0;
  raw = 0;
  /** Packets to us by their first header behind IPv6's. */
  readonly headers = new Uint32Array(256);
}

export class Ip6 implements Inet6 {
  readonly stack: Stack;
  readonly settings = new Settings6();
  readonly counters = new Counters6();
  readonly cache = new AddressCache();
  readonly routes = new Routes6();
  readonly paths: PathMtu;
  readonly addresses: Addresses6;
  readonly dad: Dad;
  readonly nd: Neighbours6;
  readonly messages: NdMessages;
  readonly routers: Routers;
  readonly mld: Mld;
  readonly icmp: Icmp6;
  readonly fragments: Fragments6;
  /** Told of every packet to us: raw sockets. True: somebody wants its protocol. */
  raw: (p: Packet, header: Ipv6Header) => boolean = () => false;
  readonly #protocols = new Map<number, IpProtocol>();
  readonly #input: Input6;
  readonly #output: Output6;

  constructor(stack: Stack) {
    this.stack = stack;
    this.paths = new PathMtu(() => this.now(), IPV6_MMTU);
    this.addresses = new Addresses6(this);
    this.dad = new Dad(this);
    this.nd = new Neighbours6(this);
    this.messages = new NdMessages(this);
    this.routers = new Routers(this);
    this.mld = new Mld(this);
    this.icmp = new Icmp6(this);
    this.fragments = new Fragments6(this);
    this.#input = new Input6(this);
    this.#output = new Output6(this);
    this.register(IPPROTO_ICMPV6, this.icmp);
  }
  register(number: number, protocol: IpProtocol): void {
    this.#protocols.set(number, protocol);
  }
  protocol(number: number): IpProtocol | undefined {
    return this.#protocols.get(number);
  }
  /** Milliseconds, never back. */
  now(): number {
    return this.stack.kernel.host.now();
  }

  /** Seconds of the clock at which something ends; 0: never. */
  endsAt(until: number): number {
    return until === Infinity ? 0 : Math.ceil((until - this.now() + this.stack.kernel.host.wall()) / SECOND);
  }
  /** Seconds until something ends. */
  secondsLeft(until: number): number {
    return until === Infinity ? ND6_INFINITE_LIFETIME : Math.max(0, Math.ceil((until - this.now()) / SECOND));
  }

  // Packets

  input(p: Packet): void {
    this.#input.input(p);
  }
  output(o: Outgoing6, length: number, fill: (p: Packet, at: number) => void): SysError | undefined {
    return this.#output.output(o, length, fill);
  }
  /** Send a packet on its way that has a header. It is the link's afterwards. */
  transmit(p: Packet, route: Route6, nextHop: In6Addr, mtu: number): void {
    this.#output.transmit(p, route, nextHop, mtu);
  }
  noProtocol(p: Packet): void {
    this.icmp.complain(p, ICMP6_PARAM_PROB, PARAMPROB_NEXTHEADER, Ipv6.at.next);
  }
  noPort(p: Packet): void {
    this.icmp.complain(p, ICMP6_DST_UNREACH, DST_UNREACH_NOPORT);
  }

  // Addresses and routes

  isLocal(address: In6Addr): boolean {
    return this.addresses.isLocal(address);
  }
  /** Where a packet goes; `iface`: it has to go by that. Undefined: there is no way. */
  routeTo(to: In6Addr, iface?: Interface | undefined): Route6 | undefined {
    if (to.multicast) return this.#multicastRoute(to, iface);
    if (this.addresses.isLocal(to)) return this.#toSelf();
    if (to.linkLocal) return this.#onLink(to, iface);
    const route = this.routes.find(to);
    if (route && route.expires <= this.now()) {
      this.removeRoute(route);
      return this.routeTo(to, iface);
    }
    return iface && route && route.iface !== iface ? undefined : route;
  }
  /** A neighbour's link-local address needs no route, but to be told on which link. */
  #onLink(to: In6Addr, iface: Interface | undefined): Route6 | undefined {
    const by = this.stack.byIndex(to.zone) ?? iface;
    if (!by || (iface && iface !== by)) return undefined;
    return this.routes.find(to) ?? this.addresses.of(by).onLink;
  }
  /** By the interface that is named, that of its zone, that of the route, or the first there is. */
  #multicastRoute(to: In6Addr, iface: Interface | undefined): Route6 | undefined {
    const by = iface ?? this.stack.byIndex(to.zone);
    if (by) return this.addresses.of(by).onLink;
    const route = this.routes.find(to);
    if (route) return route;
    for (const i of this.stack.interfaces) if (i.up && !i.loopback && !to.zone) return this.addresses.of(i).onLink;
    return undefined;
  }
  #self: Route6 | undefined;
  #toSelf(): Route6 | undefined {
    const lo = this.stack.loopback;
    if (lo && this.#self?.iface !== lo) {
      this.#self = { ...this.addresses.of(lo).onLink, flags: RTF.UP | RTF.HOST | RTF.LOCAL };
    }
    return this.#self;
  }
  addRoute(route: Route6): void {
    this.routes.add(route);
    this.stack.tell({ kind: "route6", route, gone: false });
  }
  /** A route by way of a gateway: its neighbour must be on a link. ENETUNREACH otherwise. */
  gatewayRoute(destination: In6Addr, length: number, gateway: In6Addr): Route6 {
    const near = this.routes.find(gateway);
    if (!near || near.flags & RTF.GATEWAY) throw errno.ENETUNREACH;
    const flags = RTF.UP | RTF.GATEWAY | RTF.STATIC | (length === 128 ? RTF.HOST : 0);
    return { destination, length, gateway, iface: near.iface, flags, mtu: 0, used: 0, expires: Infinity };
  }
  removeRoute({ destination, length }: Route6): Route6 {
    const route = this.routes.remove(destination, length);
    this.stack.tell({ kind: "route6", route, gone: true });
    return route;
  }
  /** Of :: it is ::1: that is whom it reaches. */
  sourceFor(to: In6Addr, way?: Way): In6Addr | undefined {
    const source = selectSource(this, to, way);
    if (!source) this.counters.noSource++;
    return source;
  }
  mtuTo(to: In6Addr): number {
    const route = this.routeTo(to);
    return route ? this.mtuOf(to, route) : IPV6_MMTU;
  }
  mtuOf(to: In6Addr, route: Route6): number {
    const link = route.mtu || this.addresses.of(route.iface).mtu;
    return this.paths.limit(to, link);
  }
  of(iface: Interface): In6Interface {
    return this.addresses.of(iface);
  }

  // Interfaces

  changed(iface: Interface): void {
    this.addresses.changed(iface);
  }
  /** Neighbours are told of the link address unasked (RFC 4861, 7.2.6). */
  renamed(iface: Interface): void {
    for (const { address, flags } of this.of(iface).addresses) {
      if ((flags & IN6_IFF_NOTREADY) === 0) this.messages.advertise(iface, address);
    }
  }
  /** The interface is no more. */
  forget(iface: Interface): void {
    this.addresses.forget(iface);
    for (const route of [...this.routes]) if (route.iface === iface) this.removeRoute(route);
  }
  halt(): void {
    for (const iface of [...this.stack.interfaces]) this.addresses.stop(this.of(iface));
    this.fragments.clear();
  }
}
