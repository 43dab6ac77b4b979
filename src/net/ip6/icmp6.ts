/** ICMPv6: echo, errors of ours and of others (RFC 4443; NetBSD: icmp6.c). */
import { errno, type SysError } from "../../abi/errno.ts";
import type { In6Addr } from "../../lib/in6.ts";
import {
  DST_UNREACH_NOPORT,
  Icmp6 as Header,
  ICMP6_DST_UNREACH,
  ICMP6_ECHO_REPLY,
  ICMP6_ECHO_REQUEST,
  ICMP6_NI_QUERY,
  ICMP6_PACKET_TOO_BIG,
  ICMP6_PARAM_PROB,
  ICMP6_TIME_EXCEEDED,
  MLD_LISTENER_QUERY,
  MLD_LISTENER_REPORT,
  ND_NEIGHBOR_ADVERT,
  ND_NEIGHBOR_SOLICIT,
  ND_OPT_REDIRECTED,
  ND_OPT_TARGET_LINKADDR,
  ND_REDIRECT,
  ND_ROUTER_ADVERT,
  ND_ROUTER_SOLICIT,
  PARAMPROB_OPTION,
  Redirect,
} from "../../wire/icmp6.ts";
import { IPPROTO_ICMPV6, Ipv6, IPV6_MMTU } from "../../wire/ipv6.ts";
import { transportChecksum } from "../checksums.ts";
import type { IpHeader, IpProtocol } from "../ip.ts";
import type { Packet } from "../packet.ts";
import { transportBehind } from "./headers.ts";
import type { Ip6, Ipv6Header } from "./ip6.ts";
import { tellNode } from "./node_info.ts";
import type { Outgoing6 } from "./output.ts";
import type { Route6 } from "./routes.ts";

/** ND's messages come from the link itself, and say so (RFC 4861, 3.1). */
export const ND_HOPS = 255;
/** Types below are errors. */
const FIRST_QUERY = 128;
/** Bytes of the transport's header an error must hold. */
const RETURNED = 8;
/** Bytes of a packet a redirect shows, at most. */
const SHOWN = IPV6_MMTU - Ipv6.size - Redirect.size - 8 - 8;

export class Icmp6 implements IpProtocol {
  readonly #ip6: Ip6;
  /** Messages in and out, by type; errors that were not sent: there were too many, they were about errors. */
  readonly counters = {
    in: new Uint32Array(256),
    out: new Uint32Array(256),
    limited: 0,
    canNot: 0,
    short: 0,
    bad: 0,
    pathMtu: 0,
    errors: new Uint32Array(13),
  };
  #second = 0;
  #sent = 0;

  constructor(ip6: Ip6) {
    this.#ip6 = ip6;
  }
  input(p: Packet, at: number, h: IpHeader): void {
    const length = p.end - at;
    if (length < Header.size) return void this.counters.short++;
    if (transportChecksum(p, at, length, { ...h, protocol: IPPROTO_ICMPV6 }) !== 0) {
      return void this.counters.bad++;
    }
    const type = Header.get.type(p.view, at);
    this.counters.in[type]!++;
    this.#message(p, at, h as Ipv6Header, type);
    this.received(p, at, h as Ipv6Header);
  }
  /** Told of every message that is sound: raw sockets. */
  received: (p: Packet, at: number, h: Ipv6Header) => void = () => {};
  #message(p: Packet, at: number, h: Ipv6Header, type: number): void {
    const { messages, mld, routers } = this.#ip6;
    if (type < FIRST_QUERY) return this.#returned(p, at, type);
    switch (type) {
      case ICMP6_ECHO_REQUEST:
        return this.#echo(p, at, h);
      case MLD_LISTENER_QUERY:
        return mld.query(p, at, h);
      case MLD_LISTENER_REPORT:
        return mld.report(p, at, h);
      case ND_NEIGHBOR_SOLICIT:
        return messages.solicited(p, at, h);
      case ND_NEIGHBOR_ADVERT:
        return messages.advertised(p, at, h);
      case ND_ROUTER_SOLICIT:
        return messages.routerSolicited(p, at, h);
      case ND_ROUTER_ADVERT:
        return routers.advertised(p, at, h);
      case ICMP6_NI_QUERY:
        return tellNode(this.#ip6, p, at, h);
      case ND_REDIRECT:
        return routers.redirected(p, at, h);
    }
  }
  /** The same back, from where it was sent to. */
  #echo(p: Packet, at: number, { source, destination, tos }: Ipv6Header): void {
    if (source.unspecified) return;
    const from = destination.multicast ? this.#ip6.sourceFor(source) : destination;
    if (!from) return;
    const length = p.end - at;
    this.send({ source: from, destination: source, tos }, length, (out, to) => {
      out.bytes.set(p.bytes.subarray(at, p.end), to);
      Header.set.type(out.view, to, ICMP6_ECHO_REPLY);
    });
  }
  /** Send a message; its checksum is made here. */
  send(
    o: Omit<Outgoing6, "protocol">,
    length: number,
    fill: (p: Packet, at: number) => void,
  ): SysError | undefined {
    const whole = { ...o, protocol: IPPROTO_ICMPV6 };
    return this.#ip6.output(whole, length, (p, at) => {
      fill(p, at);
      this.counters.out[p.bytes[at]!]!++;
      Header.set.checksum(p.view, at, 0);
      p.view.setUint16(at + Header.at.checksum, transportChecksum(p, at, length, whole), true);
    });
  }

  // Errors of others

  /** Something of ours did not arrive: its protocol is told, if the packet can be ours. */
  #returned(p: Packet, at: number, type: number): void {
    const inner = at + Header.size;
    if (p.end - inner < Ipv6.size) return;
    const zone = p.zone || p.iface!.index;
    const source = this.#ip6.cache.read(p.view, inner + Ipv6.at.source, zone);
    const destination = this.#ip6.cache.read(p.view, inner + Ipv6.at.destination, zone);
    if (!this.#ip6.isLocal(source)) return;
    const code = Header.get.code(p.view, at);
    const mtu = type === ICMP6_PACKET_TOO_BIG ? Header.get.data(p.view, at) : 0;
    if (type === ICMP6_PACKET_TOO_BIG) this.#tooBig(destination, mtu);
    const found = transportBehind(p, Ipv6.get.next(p.view, inner), inner + Ipv6.size);
    if (!found || p.end - found.at < RETURNED) return;
    const error = errorOf(type, code);
    this.#ip6.protocol(found.protocol)?.error?.(error, { source, destination, view: p.view, at: found.at }, mtu);
  }
  /** RFC 8201: no less than every link carries is believed. */
  #tooBig(destination: In6Addr, mtu: number): void {
    if (destination.multicast || mtu < IPV6_MMTU) return;
    const route = this.#ip6.routeTo(destination);
    this.counters.pathMtu++;
    if (route) this.#ip6.paths.learn(destination, mtu, this.#ip6.of(route.iface).mtu);
  }

  // Errors of ours

  /** Tell a packet's sender what became of it, unless that could do harm (RFC 4443, 2.4). `p` is not changed. */
  complain(p: Packet, type: number, code = 0, data = 0): void {
    const anyway = type === ICMP6_PACKET_TOO_BIG || (type === ICMP6_PARAM_PROB && code === PARAMPROB_OPTION);
    const ends = this.#mayComplain(p, anyway);
    if (!ends) return;
    this.counters.errors[errorKind(type, code)]!++;
    const n = Math.min(p.length, IPV6_MMTU - Ipv6.size - Header.size);
    this.send({ source: ends.from, destination: ends.to }, Header.size + n, (out, at) => {
      Header.write(out.view, at, { type, code, data });
      out.bytes.set(p.bytes.subarray(p.start, p.start + n), at + Header.size);
    });
  }
  /** From whom to whom the error goes; `group`: also about multicasts. */
  #mayComplain(p: Packet, group: boolean): { readonly from: In6Addr; readonly to: In6Addr } | undefined {
    // Before a source of ours is known, its zone is that of the packet's own.
    const zone = p.zone || p.iface?.index || 0;
    const to = this.#ip6.cache.read(p.view, p.start + Ipv6.at.source, zone);
    const destination = this.#ip6.cache.read(p.view, p.start + Ipv6.at.destination, zone);
    if (to.unspecified || to.multicast || ((p.broadcast || destination.multicast) && !group)) return undefined;
    const transport = transportBehind(p, Ipv6.get.next(p.view, p.start), p.start + Ipv6.size);
    const about = transport?.protocol === IPPROTO_ICMPV6 && transport.at < p.end ? p.bytes[transport.at]! : FIRST_QUERY;
    if (about < FIRST_QUERY || about === ND_REDIRECT) return void this.counters.canNot++;
    const from = this.#ip6.isLocal(destination) ? destination : this.#ip6.sourceFor(to);
    return from && this.#allowed() ? { from, to } : undefined;
  }
  /** Errors have a limit a second. */
  #allowed(): boolean {
    const second = Math.floor(this.#ip6.now() / 1000);
    if (second !== this.#second) this.#sent = 0;
    this.#second = second;
    if (this.#sent++ < this.#ip6.settings.errorsPerSecond) return true;
    this.counters.limited++;
    return false;
  }
  /** A host on the link may go a shorter way (RFC 4861, 8.2). */
  redirect(p: Packet, { source, destination }: Ipv6Header, route: Route6): void {
    const { settings, addresses, nd, counters } = this.#ip6;
    const target = route.gateway ?? destination;
    const if6 = addresses.of(route.iface);
    const from = if6.linkLocal;
    // Only neighbours are told, and only of who can be named.
    const neighbour = this.#ip6.routes.find(source);
    if (
      !settings.redirect || !from || destination.multicast || neighbour?.gateway || neighbour?.iface !== route.iface
    ) {
      return;
    }
    if ((route.gateway && !target.linkLocal) || !this.#allowed()) return;
    const mac = nd.macOf(route.iface, target);
    const shown = Math.min(p.length, SHOWN) & ~7;
    counters.redirects++;
    this.counters.errors[REDIRECTS]!++;
    this.send(
      { source: from.address, destination: source, iface: route.iface, ttl: ND_HOPS },
      Redirect.size + (mac ? 8 : 0) + 8 + shown,
      (out, at) => {
        Redirect.write(out.view, at, { type: ND_REDIRECT, code: 0, reserved: 0 });
        target.write(out.view, at + Redirect.at.target);
        destination.write(out.view, at + Redirect.at.destination);
        let option = at + Redirect.size;
        if (mac) {
          out.bytes.set([ND_OPT_TARGET_LINKADDR, 1, ...mac], option);
          option += 8;
        }
        out.bytes.fill(0, option, option + 8);
        out.bytes.set([ND_OPT_REDIRECTED, (8 + shown) / 8], option);
        out.bytes.set(p.bytes.subarray(p.start, p.start + shown), option + 8);
      },
    );
  }
}
/** Among counted errors (netinet/icmp6.h ICMP6_ERRSTAT_*). */
const REDIRECTS = 11;
const FIRST_KIND: Readonly<Record<number, number>> = {
  [ICMP6_DST_UNREACH]: 0,
  [ICMP6_PACKET_TOO_BIG]: 5,
  [ICMP6_TIME_EXCEEDED]: 6,
  [ICMP6_PARAM_PROB]: 8,
};
const errorKind = (type: number, code: number) =>
  Math.min(FIRST_KIND[type]! + code, type === ICMP6_PARAM_PROB ? 10 : 12);
function errorOf(type: number, code: number): SysError {
  if (type === ICMP6_PACKET_TOO_BIG) return errno.EMSGSIZE;
  if (type === ICMP6_PARAM_PROB) return errno.ENOPROTOOPT;
  return type === ICMP6_DST_UNREACH && code === DST_UNREACH_NOPORT ? errno.ECONNREFUSED : errno.EHOSTUNREACH;
}
