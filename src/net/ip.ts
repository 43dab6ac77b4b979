/** IPv4: receiving and forwarding (RFC 791, 1122, 1812; NetBSD: ip_input.c). Sending: ip_output.ts. */
import type { SysError } from "../abi/errno.ts";
import { RTF } from "../abi/route_structs.ts";
import {
  ICMP_PARAMPROB,
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
  UNREACH_SRCFAIL,
} from "../wire/ipv4.ts";
import { type Address, isMulticast } from "./address.ts";
import { plainChecksum, sealHeader } from "./checksums.ts";
import { Fragments } from "./fragments.ts";
import { doOptions, type OptionVerdict } from "./ip_options.ts";
import { IpOutput, type Outgoing } from "./ip_output.ts";
import { gsoFits, largestPiece } from "./offload.ts";
import type { Packet } from "./packet.ts";
import type { Stack } from "./stack.ts";
import { type Route } from "./route.ts";

const VERSION_4 = 4;
const MIN_HEADER = 20;
const BROADCAST = 0xffff_ffff;
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
export class Ip {
  forwarding = true;
  ttl = 64;
  /** Tell senders of a shorter way (net.inet.ip.redirect). */
  redirects = true;
  /** Let others broadcast to networks of ours (net.inet.ip.directed-broadcast). */
  directedBroadcast = false;
  /** Take packets with source routes, and send them on by these (net.inet.ip.allowsrcrt, forwsrcrt). */
  allowSourceRoute = true;
  forwardSourceRoute = true;
  /** Take packets only where their address is (RFC 1122's strong model; net.inet.ip.checkinterface). */
  checkInterface = false;
  /** Number fragments at random; find out what passes whole (net.inet.ip.random_id, mtudisc). */
  randomId = false;
  mtuDiscovery = true;
  readonly counters = {
    received: 0,
    delivered: 0,
    forwarded: 0,
    cantForward: 0,
    redirects: 0,
    sent: 0,
    badSum: 0,
    tooShort: 0,
    badHeader: 0,
    badLength: 0,
    badVersion: 0,
    badAddress: 0,
    badOptions: 0,
    noProtocol: 0,
    noRoute: 0,
    raw: 0,
    fragmented: 0,
    fragmentsOut: 0,
    cantFragment: 0,
  };
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
  readonly #out: IpOutput;

  constructor(stack: Stack) {
    this.#stack = stack;
    this.fragments = new Fragments(stack);
    this.#out = new IpOutput(stack, this);
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
    if (!header) return this.#stack.packets.put(p);
    if (header.headerLength > MIN_HEADER && !this.#options(p, header)) return;
    if (this.#isOurs(header.destination, p)) return this.#arrived(p, header);
    this.#forward(p, header, false);
  }
  /** Do what its options ask. False: it is taken care of. */
  #options(p: Packet, header: Ipv4Header): boolean {
    const verdict = doOptions(this.#stack, p, header.headerLength, this.#stack.isLocal(header.destination));
    if (verdict === "on") return true;
    if (verdict === "forward") {
      header.destination = Ipv4.get.destination(p.view, p.start);
      if (!this.#stack.isLocal(header.destination)) this.#forward(p, header, true);
      else return true;
    } else {
      this.counters.badOptions++;
      this.#refuse(p, verdict);
    }
    return false;
  }
  #refuse(p: Packet, verdict: Exclude<OptionVerdict, string>): void {
    const { icmp, packets } = this.#stack;
    if (verdict.error === "parameter") icmp.complain(p, ICMP_PARAMPROB, 0, { pointer: verdict.at });
    else if (verdict.error === "source route") icmp.complain(p, ICMP_UNREACH, UNREACH_SRCFAIL);
    packets.put(p);
  }
  /** Read and check the header; the packet is cut to its length. Undefined: it is bad, and counted. */
  #parse(p: Packet): Ipv4Header | undefined {
    const { view, start } = p;
    const { counters } = this;
    if (p.length < MIN_HEADER) return void counters.tooShort++;
    const { get } = Ipv4;
    const first = get.versionIhl(view, start);
    const headerLength = (first & 15) * 4;
    const length = get.length(view, start);
    if (first >> 4 !== VERSION_4) return void counters.badVersion++;
    if (headerLength < MIN_HEADER || headerLength > p.length) return void counters.badHeader++;
    if (length < headerLength || length > p.length) return void counters.badLength++;
    if (!p.iface?.loopback && plainChecksum(p, start, headerLength) !== 0) return void counters.badSum++;
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
    if ((inside && !p.iface?.loopback) || isMulticast(h.source) || h.source === BROADCAST) {
      return void counters.badAddress++;
    }
    return h;
  }
  #isOurs(destination: number, p: Packet): boolean {
    if (this.#stack.isLocal(destination)) return true;
    if (isMulticast(destination)) return p.iface !== undefined && this.#stack.groups.has(p.iface, destination);
    if (destination === BROADCAST) return true;
    return p.iface?.isBroadcast(destination) ?? false;
  }
  /** It is for an address of another interface, and that matters. */
  #elsewhere(destination: number, { iface }: Packet): boolean {
    if (!this.checkInterface || !iface || iface.loopback || !this.#stack.isLocal(destination)) return false;
    return !iface.has(destination);
  }
  #arrived(p: Packet, header: Ipv4Header): void {
    if (!this.#stack.isReady(header.destination) || this.#elsewhere(header.destination, p)) {
      return this.#stack.packets.put(p);
    }
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
    else if (!wanted) this.noProtocol(p);
    this.#stack.packets.put(p);
  }
  /** Tell a packet's sender that nobody here has its protocol. */
  noProtocol(p: Packet): void {
    this.counters.noProtocol++;
    this.#stack.icmp.complain(p, ICMP_UNREACH, UNREACH_PROTOCOL);
  }

  /** A packet of ours is lost: its protocol is told. `p` stays the caller's. */
  lost({ view, start }: Packet, error: SysError): void {
    if (Ipv4.get.fragment(view, start) & IP_OFFSET) return; // it has no header of its protocol's
    const at = start + (Ipv4.get.versionIhl(view, start) & 15) * 4;
    const [source, destination] = [Ipv4.get.source(view, start), Ipv4.get.destination(view, start)];
    this.#protocols.get(Ipv4.get.protocol(view, start))?.error?.(error, { source, destination, view, at }, 0);
  }

  // Forwarding

  #forward(p: Packet, header: Ipv4Header, sourceRouted: boolean): void {
    const { icmp, packets, routes } = this.#stack;
    const { destination, source, ttl } = header;
    const drop = (type?: number, code = 0, mtu = 0) => {
      this.counters.cantForward++;
      if (type !== undefined) icmp.complain(p, type, code, { mtu });
      packets.put(p);
    };
    if (!this.forwarding || p.broadcast || source === 0 || !mayForward(destination)) return drop();
    if (ttl <= 1) return drop(ICMP_TIMXCEED);
    const route = routes.find(destination);
    if (!route) return drop(ICMP_UNREACH, UNREACH_NET);
    if (route.flags & RTF.BLACKHOLE) return drop();
    if (route.flags & RTF.REJECT) return drop(ICMP_UNREACH, UNREACH_HOST);
    if (route.iface.isBroadcast(destination) && !this.directedBroadcast) return drop(ICMP_UNREACH, UNREACH_HOST);
    const mtu = route.mtu || route.iface.mtu;
    if (p.segment > 0 && !gsoFits(p)) return drop();
    if (largestPiece(p) > mtu && Ipv4.get.fragment(p.view, p.start) & IP_DF) {
      this.counters.cantFragment++;
      return drop(ICMP_UNREACH, UNREACH_NEEDFRAG, mtu);
    }
    if (route.iface === p.iface && !sourceRouted) this.#redirect(p, route, destination);
    // Copied before it is changed: an error about it later shows what was sent.
    Ipv4.set.ttl(p.view, p.start, ttl - 1);
    sealHeader(p, p.start, header.headerLength);
    this.counters.forwarded++;
    this.#out.forward(p, route, destination, mtu);
  }
  /** It goes out where it came in: its sender could reach the next hop by itself (RFC 1812, 5.2.7.2). */
  #redirect(p: Packet, route: Route, destination: number): void {
    if (!this.redirects || route.destination === 0 || route.flags & (RTF.DYNAMIC | RTF.MODIFIED)) return;
    if (this.#stack.icmp.redirect(p, route.gateway ?? destination)) this.counters.redirects++;
  }

  // Sending

  /** Send data that `fill` writes at a place of a packet. An error tells why it could not be sent. */
  output(o: Outgoing, length: number, fill: (p: Packet, at: number) => void): SysError | undefined {
    return this.#out.send(o, length, fill);
  }
  /** Send a packet whose header is there but for its length, identification and checksum (raw sockets with IP_HDRINCL). */
  outputWhole(p: Packet, o: Outgoing): SysError | undefined {
    return this.#out.whole(p, o);
  }
}
/** Addresses of nobody, of this host's inside, of experiments: nobody forwards to them (RFC 1812, 5.3.7). */
const mayForward = (a: number) => a >>> 24 !== 0 && !isLoopback(a) && a >>> 28 < 14;
