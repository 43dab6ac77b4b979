/** IPv4: receiving, forwarding, sending, fragments (RFC 791, 1122, 1812; NetBSD: ip_input.c, ip_output.c). */
import { errno, type SysError } from "../abi/errno.ts";
import { RTF } from "../abi/route_structs.ts";
import { viewOf } from "../lib/struct.ts";
import {
  ICMP_TIMXCEED,
  ICMP_UNREACH,
  IP_DF,
  IP_MF,
  IP_OFFSET,
  Ipv4,
  UNREACH_HOST,
  UNREACH_NEEDFRAG,
  UNREACH_NET,
  UNREACH_PROTOCOL,
} from "../wire/ipv4.ts";
import type { Address } from "./address.ts";
import { plainChecksum, sealHeader } from "./checksums.ts";
import { Fragments } from "./fragments.ts";
import type { Interface } from "./interface.ts";
import type { Packet } from "./packet.ts";
import type { Stack } from "./stack.ts";
import { type Route } from "./route.ts";

const VERSION_4 = 4;
const MIN_HEADER = 20;
const MAX_PACKET = 65535;
const BROADCAST = 0xffff_ffff;
const MULTICAST = 0xe000_0000;
const isMulticast = (a: number) => (a & 0xf000_0000) >>> 0 === MULTICAST;
const isLoopback = (a: number) => a >>> 24 === 127;

/** What a received packet's header says, of either family. One object for all: copy what is kept. */
export interface IpHeader {
  source: Address;
  destination: Address;
  /** The transport's number. */
  protocol: number;
  /** Hops it may still go, and its class of service. */
  ttl: number;
  tos: number;
  /** Where the header begins, and its length. */
  at: number;
  headerLength: number;
}
export interface Ipv4Header extends IpHeader {
  source: number;
  destination: number;
}
/** A packet of ours that an ICMP error is about: transport header at `at`, of which 8 bytes are there. */
export interface Returned {
  readonly source: Address;
  readonly destination: Address;
  readonly view: DataView;
  readonly at: number;
}
/** A protocol over IP of either version. */
export interface IpProtocol {
  /** Data of a packet to us, at [at, p.end). The packet is taken back afterwards. */
  input(p: Packet, at: number, header: IpHeader): void;
  /** Something of ours did not arrive. `mtu`: what would have fitted, for EMSGSIZE. */
  error?(code: SysError, returned: Returned, mtu: number): void;
}
/** What is to be sent. */
export interface Outgoing<A extends Address = number> {
  readonly source: A;
  readonly destination: A;
  readonly protocol: number;
  readonly ttl?: number;
  readonly tos?: number;
  readonly dontFragment?: boolean;
  /** May go to a broadcast address (SO_BROADCAST). */
  readonly broadcast?: boolean;
}

export class Ip {
  forwarding = true;
  ttl = 64;
  readonly counters = { received: 0, delivered: 0, forwarded: 0, sent: 0, bad: 0, noRoute: 0, fragmented: 0 };
  readonly #stack: Stack;
  readonly #protocols = new Map<number, IpProtocol>();
  /** Told of every packet to us: raw sockets. True: somebody wants its protocol. */
  raw: (p: Packet, header: Ipv4Header) => boolean = () => false;
  readonly #header: Ipv4Header = {
    source: 0,
    destination: 0,
    protocol: 0,
    ttl: 0,
    tos: 0,
    at: 0,
    headerLength: 0,
  };
  readonly fragments: Fragments;
  #id: number;

  constructor(stack: Stack) {
    this.#stack = stack;
    this.fragments = new Fragments(stack);
    const seed = new Uint8Array(2);
    stack.sys.random(seed);
    this.#id = viewOf(seed).getUint16(0);
  }
  register(number: number, protocol: IpProtocol): void {
    if (this.#protocols.has(number)) throw new Error(`IP protocol ${number} is there already`);
    this.#protocols.set(number, protocol);
  }
  protocol(number: number): IpProtocol | undefined {
    return this.#protocols.get(number);
  }

  // Receiving

  /** A packet came in, with nothing before its IP header. It is taken back here. */
  input(p: Packet): void {
    this.counters.received++;
    const header = this.#parse(p);
    if (!header) {
      this.counters.bad++;
      return this.#stack.packets.put(p);
    }
    if (this.#isOurs(header.destination, p)) return this.#arrived(p, header);
    this.#forward(p, header);
  }
  /** Read and check the header; the packet is cut to its length. */
  #parse(p: Packet): Ipv4Header | undefined {
    const { view, start } = p;
    if (p.length < MIN_HEADER) return undefined;
    const { get } = Ipv4;
    const first = get.versionIhl(view, start);
    const headerLength = (first & 15) * 4;
    const length = get.length(view, start);
    if (first >> 4 !== VERSION_4 || headerLength < MIN_HEADER || length < headerLength || length > p.length) {
      return undefined;
    }
    if (!p.iface?.loopback && plainChecksum(p, start, headerLength) !== 0) return undefined;
    p.end = start + length;
    const h = this.#header;
    h.source = get.source(view, start);
    h.destination = get.destination(view, start);
    h.protocol = get.protocol(view, start);
    h.ttl = get.ttl(view, start);
    h.tos = get.tos(view, start);
    h.at = start;
    h.headerLength = headerLength;
    // Addresses of this host's inside, or of nobody in particular, come from no link (RFC 1122, 3.2.1.3).
    const inside = isLoopback(h.source) || isLoopback(h.destination);
    if ((inside && !p.iface?.loopback) || isMulticast(h.source) || h.source === BROADCAST) return undefined;
    return h;
  }
  #isOurs(destination: number, p: Packet): boolean {
    if (this.#stack.isLocal(destination)) return true;
    if (destination === BROADCAST || isMulticast(destination)) return true;
    return p.iface?.isBroadcast(destination) ?? false;
  }
  #arrived(p: Packet, header: Ipv4Header): void {
    const fragment = Ipv4.get.fragment(p.view, p.start);
    if ((fragment & (IP_MF | IP_OFFSET)) === 0) return this.#deliver(p, header);
    const whole = this.fragments.add(p, header, fragment);
    if (!whole) return;
    const again = this.#parse(whole);
    if (again) this.#deliver(whole, again);
    else this.#stack.packets.put(whole);
  }
  #deliver(p: Packet, header: Ipv4Header): void {
    const wanted = this.raw(p, header);
    const protocol = this.#protocols.get(header.protocol);
    this.counters.delivered++;
    if (protocol) protocol.input(p, header.at + header.headerLength, header);
    else if (!wanted) this.#stack.icmp.complain(p, ICMP_UNREACH, UNREACH_PROTOCOL);
    this.#stack.packets.put(p);
  }

  // Forwarding

  #forward(p: Packet, { destination, source, ttl }: Ipv4Header): void {
    const drop = (type?: number, code = 0, mtu = 0) => {
      if (type !== undefined) this.#stack.icmp.complain(p, type, code, mtu);
      this.#stack.packets.put(p);
    };
    if (!this.forwarding || p.broadcast || source === 0) return drop();
    if (ttl <= 1) return drop(ICMP_TIMXCEED);
    const route = this.#stack.routes.find(destination);
    if (!route) return drop(ICMP_UNREACH, UNREACH_NET);
    if (route.flags & RTF.BLACKHOLE) return drop();
    if (route.flags & RTF.REJECT) return drop(ICMP_UNREACH, UNREACH_HOST);
    const mtu = route.mtu || route.iface.mtu;
    if (p.length > mtu && Ipv4.get.fragment(p.view, p.start) & IP_DF) return drop(ICMP_UNREACH, UNREACH_NEEDFRAG, mtu);
    if (route.iface === p.iface) this.#stack.icmp.redirect(p, route.gateway ?? destination);
    // Copied before it is changed: an error about it later shows what was sent.
    Ipv4.set.ttl(p.view, p.start, ttl - 1);
    sealHeader(p, p.start, (Ipv4.get.versionIhl(p.view, p.start) & 15) * 4);
    this.counters.forwarded++;
    this.#transmit(p, route, destination, mtu);
  }

  // Sending

  /** Send data that `fill` writes at a place of a packet. An error tells why it could not be sent. */
  output(o: Outgoing, length: number, fill: (p: Packet, at: number) => void): SysError | undefined {
    if (length > MAX_PACKET - MIN_HEADER) return errno.EMSGSIZE;
    const route = this.#route(o);
    if (!("iface" in route)) return route;
    const mtu = route.mtu || route.iface.mtu;
    if (o.dontFragment && length + MIN_HEADER > mtu) return errno.EMSGSIZE;
    const p = this.#stack.packets.get(length + MIN_HEADER);
    p.end = p.start + MIN_HEADER + length;
    this.#head(p, o);
    fill(p, p.start + MIN_HEADER);
    this.counters.sent++;
    this.#transmit(p, route, o.destination, mtu);
    return undefined;
  }
  /** Send a packet whose header is there but for its length, identification and checksum (raw sockets with IP_HDRINCL). */
  outputWhole(p: Packet, destination: number): SysError | undefined {
    const route = this.#stack.routes.find(destination);
    if (!route) {
      this.#stack.packets.put(p);
      return errno.EHOSTUNREACH;
    }
    Ipv4.set.length(p.view, p.start, p.length);
    if (Ipv4.get.id(p.view, p.start) === 0) Ipv4.set.id(p.view, p.start, this.nextId());
    sealHeader(p, p.start, (Ipv4.get.versionIhl(p.view, p.start) & 15) * 4);
    this.counters.sent++;
    this.#transmit(p, route, destination, route.mtu || route.iface.mtu);
    return undefined;
  }
  nextId(): number {
    return (this.#id = (this.#id + 1) & 0xffff);
  }
  #route({ destination, broadcast }: Outgoing): Route | SysError {
    const route = this.#stack.routeTo(destination);
    if (!route) {
      this.counters.noRoute++;
      return errno.EHOSTUNREACH;
    }
    if (route.flags & RTF.REJECT) return route.iface.loopback ? errno.EHOSTUNREACH : errno.ENETUNREACH;
    if (destination === BROADCAST || route.iface.isBroadcast(destination)) {
      if (!broadcast) return errno.EACCES;
    }
    return route.iface.up ? route : errno.ENETDOWN;
  }
  #head({ view, start, length }: Packet, o: Outgoing): void {
    const { set } = Ipv4;
    set.versionIhl(view, start, 0x45);
    set.tos(view, start, o.tos ?? 0);
    set.length(view, start, length);
    set.id(view, start, o.dontFragment ? 0 : this.nextId());
    set.fragment(view, start, o.dontFragment ? IP_DF : 0);
    set.ttl(view, start, o.ttl ?? this.ttl);
    set.protocol(view, start, o.protocol);
    set.source(view, start, o.source);
    set.destination(view, start, o.destination);
  }
  #transmit(p: Packet, route: Route, destination: number, mtu: number): void {
    const nextHop = route.gateway ?? destination;
    route.used++;
    if (route.flags & RTF.BLACKHOLE) return this.#stack.packets.put(p);
    // A broadcast of ours is for us, too.
    if (!p.iface && (destination === BROADCAST || route.iface.isBroadcast(destination))) this.#echo(p, route.iface);
    if (p.length > mtu) return this.#fragment(p, route.iface, nextHop, mtu);
    if (!p.iface) sealHeader(p, p.start, MIN_HEADER);
    route.iface.output(p, nextHop);
  }
  #echo(p: Packet, iface: Interface): void {
    const copy = this.#stack.packets.copy(p.bytes.subarray(p.start, p.end), 0);
    if (!copy) return;
    sealHeader(copy, copy.start, MIN_HEADER);
    copy.iface = iface;
    copy.broadcast = true;
    this.#stack.later(() => this.input(copy));
  }
  /** In pieces of a multiple of 8 bytes; options are repeated in each. */
  #fragment(p: Packet, iface: Interface, nextHop: number, mtu: number): void {
    const header = (Ipv4.get.versionIhl(p.view, p.start) & 15) * 4;
    const piece = (mtu - header) & ~7;
    const before = Ipv4.get.fragment(p.view, p.start);
    this.counters.fragmented++;
    for (let at = p.start + header; at < p.end; at += piece) {
      const n = Math.min(piece, p.end - at);
      const part = this.#stack.packets.get(header + n);
      part.end = part.start + header + n;
      part.bytes.set(p.bytes.subarray(p.start, p.start + header), part.start);
      part.bytes.set(p.bytes.subarray(at, at + n), part.start + header);
      const offset = (before & IP_OFFSET) + ((at - p.start - header) >>> 3);
      const more = at + n < p.end || before & IP_MF ? IP_MF : 0;
      Ipv4.set.length(part.view, part.start, part.length);
      Ipv4.set.fragment(part.view, part.start, offset | more);
      sealHeader(part, part.start, header);
      iface.output(part, nextHop);
    }
    this.#stack.packets.put(p);
  }
}
