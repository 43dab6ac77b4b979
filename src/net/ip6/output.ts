/** IPv6 packets that are sent: header, way, fragments (RFC 8200, 4.5, 5; NetBSD: ip6_output.c). */
import { errno, type SysError } from "../../abi/errno.ts";
import type { In6Addr } from "../../lib/in6.ts";
import { SCOPE_LINK } from "../../lib/in6.ts";
import { Fragment, IP6F_MORE, IPPROTO_FRAGMENT, Ipv6, IPV6_MMTU } from "../../wire/ipv6.ts";
import type { Interface } from "../interface.ts";
import type { Outgoing } from "../ip_output.ts";
import { complete, largestPiece } from "../offload.ts";
import type { Packet } from "../packet.ts";
import { RTF } from "../../abi/route_structs.ts";
import { firstHop, unfragmentable, writeHeaders } from "./extras.ts";
import type { Ip6 } from "./ip6.ts";
import type { Route6 } from "./routes.ts";

const MAX_PAYLOAD = 65_535;
const VERSION_6 = 6;
const MIN_PIECE = 8;

/** What is to be sent. */
export interface Outgoing6 extends Outgoing<In6Addr> {
  /** It is on the link of `iface`, whatever the routes say: Neighbor Discovery. */
  readonly neighbour?: boolean;
  /** In packets every link carries (IPV6_USE_MIN_MTU); left out: multicasts are. */
  readonly leastMtu?: boolean | undefined;
}

export class Output6 {
  readonly #ip6: Ip6;

  constructor(ip6: Ip6) {
    this.#ip6 = ip6;
  }
  /** Send data that `fill` writes at a place of a packet. An error tells why it could not be sent. */
  output(o: Outgoing6, length: number, fill: (p: Packet, at: number) => void): SysError | undefined {
    const extra = o.extras?.length ?? 0;
    if (length + extra > MAX_PAYLOAD) return errno.EMSGSIZE;
    const first = o.extras?.routing ? firstHop(o.extras.routing) : o.destination;
    const route = this.#route(o, first);
    if (!("iface" in route)) return route;
    const mtu = (o.leastMtu ?? first.multicast) ? IPV6_MMTU : this.#ip6.mtuOf(o.destination, route);
    const header = Ipv6.size + extra;
    if (o.dontFragment && header + (o.largest || length) > mtu) {
      this.#ip6.counters.cannotFragment++;
      return errno.EMSGSIZE;
    }
    const p = this.#ip6.stack.packets.get(header + length);
    p.end = p.start + header + length;
    this.#head(p, o, first, this.#ip6.of(route.iface).hopLimit || this.#ip6.settings.hopLimit);
    // What we send to an address of one of our links is as if it came from there.
    if (route.iface.loopback) p.zone = first.zone || o.source.zone;
    fill(p, p.start + header);
    this.#ip6.counters.sent++;
    // One of the link's own, without saying which: it is the one it goes out by.
    const to = first.scoped ? first.in(first.zone || route.iface.index) : first;
    if (to.multicast) return this.#multicast(p, to, { loop: o.loop !== false, route, mtu });
    this.transmit(p, route, o.extras?.nextHop ?? route.gateway ?? to, mtu);
    return undefined;
  }
  #route(o: Outgoing6, to: In6Addr): Route6 | SysError {
    const by = o.iface ?? (to.multicast ? o.groupInterface : undefined);
    const next = to.multicast ? undefined : o.extras?.nextHop;
    const route = o.neighbour && by ? this.#ip6.of(by).onLink : this.#ip6.routeTo(next ?? to, by);
    // RFC 3542, 6.3: the next hop is a neighbour.
    if (!route || (next && route.gateway)) {
      this.#ip6.counters.noRoute++;
      return errno.EHOSTUNREACH;
    }
    if (o.dontRoute && route.gateway) return errno.ENETUNREACH;
    if (route.flags & RTF.REJECT) return route.iface.loopback ? errno.EHOSTUNREACH : errno.ENETUNREACH;
    if (this.#ip6.of(route.iface).disabled) return errno.ENETDOWN;
    return route.iface.up ? route : errno.ENETDOWN;
  }
  #head(p: Packet, o: Outgoing6, first: In6Addr, hopLimit: number): void {
    const { view, start, length } = p;
    const { set } = Ipv6;
    const hops = first.multicast ? o.groupTtl ?? this.#ip6.settings.multicastHopLimit : o.ttl ?? hopLimit;
    set.flow(view, start, ((VERSION_6 << 28) | ((o.tos ?? 0) << 20) | (o.flow ?? 0)) >>> 0);
    set.length(view, start, length - Ipv6.size);
    set.next(view, start, o.protocol);
    set.hopLimit(view, start, hops);
    o.source.write(view, start + Ipv6.at.source);
    first.write(view, start + Ipv6.at.destination);
    if (o.extras) writeHeaders(p, o.extras, o.protocol, o.destination);
  }
  #multicast(
    p: Packet,
    destination: In6Addr,
    { loop, route, mtu }: { readonly loop: boolean; readonly route: Route6; readonly mtu: number },
  ): undefined {
    const { iface } = route;
    if (loop && this.#ip6.mld.isMember(iface, destination)) this.#echo(p, iface);
    // What does not leave the host, or may make no hop, was for us.
    const stays = destination.scope < SCOPE_LINK || iface.loopback || Ipv6.get.hopLimit(p.view, p.start) === 0;
    if (stays) this.#ip6.stack.packets.put(p);
    else this.transmit(p, route, destination, mtu);
    return undefined;
  }
  #echo(p: Packet, iface: Interface): void {
    const { stack } = this.#ip6;
    const copy = stack.packets.copy(p.bytes.subarray(p.start, p.end), 0);
    if (!copy) return;
    copy.iface = iface;
    copy.verified = p.sound;
    stack.later(() => this.#ip6.input(copy));
  }
  /** Send a packet that has a header towards a neighbour. It is the link's afterwards. */
  transmit(p: Packet, route: Route6, nextHop: In6Addr, mtu: number): void {
    const { iface } = route;
    route.used++;
    if (route.flags & RTF.BLACKHOLE) return this.#ip6.stack.packets.put(p);
    if (largestPiece(p) > mtu) return this.#fragment(p, route, nextHop, mtu);
    this.#ip6.nd.send(p, iface, nextHop);
  }
  /** Pieces of a multiple of 8 bytes, each with what every node on the way has to see. */
  #fragment(p: Packet, route: Route6, nextHop: In6Addr, mtu: number): void {
    const { stack, counters } = this.#ip6;
    const every = unfragmentable(p);
    const header = every.to - p.start;
    const nextAt = every.nextAt - p.start;
    const piece = Math.max(MIN_PIECE, (mtu - header - Fragment.size) & ~7);
    const id = Math.floor(stack.random() * 2 ** 32);
    const next = p.bytes[p.start + nextAt]!;
    complete(p);
    counters.fragmented++;
    for (let at = p.start + header; at < p.end; at += piece) {
      const n = Math.min(piece, p.end - at);
      const part = stack.packets.get(header + Fragment.size + n);
      part.end = part.start + header + Fragment.size + n;
      part.bytes.set(p.bytes.subarray(p.start, p.start + header), part.start);
      part.bytes.set(p.bytes.subarray(at, at + n), part.start + header + Fragment.size);
      part.bytes[part.start + nextAt] = IPPROTO_FRAGMENT;
      Ipv6.set.length(part.view, part.start, part.length - Ipv6.size);
      const offset = (at - p.start - header) | (at + n < p.end ? IP6F_MORE : 0);
      Fragment.write(part.view, part.start + header, { next, reserved: 0, offset, id });
      counters.fragmentsSent++;
      part.zone = p.zone;
      this.#ip6.nd.send(part, route.iface, nextHop);
    }
    stack.packets.put(p);
  }
}
