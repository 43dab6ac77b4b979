/** IPv6 packets that come: checked, for us or to be sent on, through their extension headers (RFC 8200; NetBSD: ip6_input.c). */
import {
  DST_UNREACH_ADMIN,
  DST_UNREACH_BEYONDSCOPE,
  DST_UNREACH_NOROUTE,
  ICMP6_DST_UNREACH,
  ICMP6_PACKET_TOO_BIG,
  ICMP6_PARAM_PROB,
  ICMP6_TIME_EXCEEDED,
  PARAMPROB_HEADER,
  PARAMPROB_NEXTHEADER,
  PARAMPROB_OPTION,
} from "../../wire/icmp6.ts";
import {
  IPPROTO_DSTOPTS,
  IPPROTO_FRAGMENT,
  IPPROTO_HOPOPTS,
  IPPROTO_NONE,
  IPPROTO_ROUTING,
  Ipv6,
} from "../../wire/ipv6.ts";
import { In6Addr, SCOPE_LINK } from "../../lib/in6.ts";
import { gsoFits, largestPiece } from "../offload.ts";
import type { Packet } from "../packet.ts";
import { RTF } from "../../abi/route_structs.ts";
import type { Ip6, Ipv6Header } from "./ip6.ts";
import { readOptions } from "./options.ts";

const VERSION_6 = 6;
const NOBODY = new In6Addr(0, 0, 0, 0);
/** In an extension header: its length, in units of 8 bytes behind the first 8; in a routing header: type and segments left. */
const LENGTH = 1;
const SEGMENTS_LEFT = 3;
const ROUTING_TYPE = 2;

/** Where the walk through a packet's headers is. */
interface Walk {
  /** The number of the header that stands at `at`, and where that number stands. */
  next: number;
  nextAt: number;
  at: number;
}

export class Input6 {
  readonly #ip6: Ip6;
  readonly #header: Ipv6Header = {
    source: NOBODY,
    destination: NOBODY,
    protocol: 0,
    ttl: 0,
    tos: 0,
    at: 0,
    headerLength: 0,
  };
  readonly #walk: Walk = { next: 0, nextAt: 0, at: 0 };

  constructor(ip6: Ip6) {
    this.#ip6 = ip6;
  }
  /** A packet came in, with nothing before its header. It is taken back here. */
  input(p: Packet): void {
    this.#ip6.counters.received++;
    if (!this.#parse(p)) return this.#drop(p);
    const ours = this.#isOurs(p);
    const w = this.#walk;
    w.nextAt = p.start + Ipv6.at.next;
    w.next = p.bytes[w.nextAt]!;
    w.at = p.start + Ipv6.size;
    if (w.next === IPPROTO_HOPOPTS && !this.#options(p)) return this.#drop(p);
    if (ours) {
      this.#ip6.counters.headers[p.bytes[p.start + Ipv6.at.next]!]!++;
      return this.#deliver(p);
    }
    if (this.#header.destination.multicast) {
      this.#ip6.counters.notMember++;
      return this.#drop(p);
    }
    this.#forward(p);
  }
  #drop(p: Packet): void {
    this.#ip6.stack.packets.put(p);
  }
  /** Read and check the header; the packet is cut to its length. */
  #parse(p: Packet): boolean {
    const { view, start } = p;
    const { counters, cache } = this.#ip6;
    if (p.length < Ipv6.size) return counters.short++, false;
    const flow = Ipv6.get.flow(view, start);
    if (flow >>> 28 !== VERSION_6) return counters.badVersion++, false;
    const length = Ipv6.get.length(view, start) + Ipv6.size;
    if (length > p.length) return counters.short++, false;
    p.end = start + length;
    const h = this.#header;
    const zone = p.zone || p.iface!.index;
    h.source = cache.read(view, start + Ipv6.at.source, zone);
    h.destination = cache.read(view, start + Ipv6.at.destination, zone);
    h.tos = (flow >>> 20) & 0xff;
    h.ttl = Ipv6.get.hopLimit(view, start);
    h.at = start;
    if (this.#addressesFit(p)) return true;
    counters.badScope++;
    return false;
  }
  /** Addresses of this host's inside, or of nobody in particular, come from no link (RFC 4291, 2.5; 4007). */
  #addressesFit(p: Packet): boolean {
    const { source, destination } = this.#header;
    if (source.multicast || destination.unspecified || source.mapped || destination.mapped) return false;
    if (p.iface!.loopback) return true;
    if (source.loopback || destination.loopback) return false;
    if (this.#ip6.of(p.iface!).disabled) return false;
    return !destination.multicast || destination.scope >= SCOPE_LINK;
  }
  #isOurs(p: Packet): boolean {
    const { destination } = this.#header;
    if (!destination.multicast) return this.#ip6.addresses.isLocal(destination);
    return this.#ip6.mld.isMember(p.iface!, destination);
  }

  // Extension headers

  /** Through the headers to the transport. */
  #deliver(p: Packet): void {
    const { counters, settings } = this.#ip6;
    const w = this.#walk;
    for (let headers = 0; headers <= settings.headerLimit; headers++) {
      if (w.next === IPPROTO_FRAGMENT) {
        const whole = this.#ip6.fragments.add(p, this.#header, w);
        if (!whole) return;
        p = whole;
      } else if (w.next === IPPROTO_DSTOPTS) {
        if (!this.#options(p)) return this.#drop(p);
      } else if (w.next === IPPROTO_ROUTING) {
        if (!this.#routing(p)) return this.#drop(p);
      } else return this.#arrived(p);
    }
    counters.tooManyHeaders++;
    this.#drop(p);
  }
  #arrived(p: Packet): void {
    const { counters, icmp } = this.#ip6;
    const w = this.#walk;
    const h = this.#header;
    h.protocol = w.next;
    h.at = p.start;
    h.headerLength = w.at - p.start;
    const wanted = this.#ip6.raw(p, h);
    const protocol = this.#ip6.protocol(w.next);
    counters.delivered++;
    if (protocol) protocol.input(p, w.at, h);
    else if (!wanted && w.next !== IPPROTO_NONE) {
      icmp.complain(p, ICMP6_PARAM_PROB, PARAMPROB_NEXTHEADER, w.nextAt - p.start);
    }
    this.#drop(p);
  }
  /** Where the extension header ends; 0: beyond the packet. */
  #end(p: Packet): number {
    const { at } = this.#walk;
    if (at + 8 > p.end) return 0;
    const end = at + 8 + 8 * p.bytes[at + LENGTH]!;
    return end <= p.end ? end : 0;
  }
  #pass(p: Packet, end: number): void {
    const w = this.#walk;
    w.next = p.bytes[w.at]!;
    w.nextAt = w.at;
    w.at = end;
  }
  /** A header of options. False: the packet goes no further. */
  #options(p: Packet): boolean {
    const end = this.#end(p);
    const verdict = end ? readOptions(p, this.#walk.at, end) : "drop";
    if (verdict !== "on") {
      this.#ip6.counters.badOptions++;
      if (typeof verdict === "object" && (verdict.always || !this.#header.destination.multicast)) {
        this.#ip6.icmp.complain(p, ICMP6_PARAM_PROB, PARAMPROB_OPTION, verdict.at - p.start);
      }
      return false;
    }
    this.#pass(p, end);
    return true;
  }
  /** There is no kind of routing we do: type 0 is no more (RFC 5095). One whose end was reached is passed over. */
  #routing(p: Packet): boolean {
    const end = this.#end(p);
    const { at } = this.#walk;
    if (!end) return false;
    if (p.bytes[at + SEGMENTS_LEFT] !== 0) {
      this.#ip6.icmp.complain(p, ICMP6_PARAM_PROB, PARAMPROB_HEADER, at + ROUTING_TYPE - p.start);
      return false;
    }
    this.#pass(p, end);
    return true;
  }

  // Forwarding

  #forward(p: Packet): void {
    const { counters, settings } = this.#ip6;
    const { source, destination } = this.#header;
    const never = !settings.forwarding || p.broadcast || source.unspecified || source.loopback;
    // One of ours that is not ready is not sent back to the link.
    if (never || this.#ip6.addresses.find(destination)) counters.notForwarded++;
    else if (this.#header.ttl <= 1) this.#ip6.icmp.complain(p, ICMP6_TIME_EXCEEDED);
    else return this.#route(p);
    this.#drop(p);
  }
  #route(p: Packet): void {
    const { icmp, counters } = this.#ip6;
    const { source, destination } = this.#header;
    const route = this.#ip6.routeTo(destination);
    if (route && !(route.flags & (RTF.BLACKHOLE | RTF.REJECT))) {
      const mtu = route.mtu || this.#ip6.of(route.iface).mtu;
      const beyond = (a: In6Addr) => a.scoped && a.zone !== route.iface.index;
      if (beyond(source) || beyond(destination)) icmp.complain(p, ICMP6_DST_UNREACH, DST_UNREACH_BEYONDSCOPE);
      else if (p.segment > 0 && !gsoFits(p)) counters.badOptions++;
      else if (largestPiece(p) > mtu) icmp.complain(p, ICMP6_PACKET_TOO_BIG, 0, mtu);
      else {
        if (route.iface === p.iface) icmp.redirect(p, this.#header, route);
        Ipv6.set.hopLimit(p.view, p.start, this.#header.ttl - 1);
        counters.forwarded++;
        return this.#ip6.transmit(p, route, route.gateway ?? destination, mtu);
      }
    } else if (!route) icmp.complain(p, ICMP6_DST_UNREACH, DST_UNREACH_NOROUTE);
    else if (route.flags & RTF.REJECT) icmp.complain(p, ICMP6_DST_UNREACH, DST_UNREACH_ADMIN);
    counters.notForwarded++;
    this.#drop(p);
  }
}
