/** Solicitations and advertisements of neighbours, sent and received (RFC 4861, 7.1, 7.2; NetBSD: nd6_nbr.c). */
import { In6Addr } from "../../lib/in6.ts";
import {
  NA_OVERRIDE,
  NA_ROUTER,
  NA_SOLICITED,
  ND_NEIGHBOR_ADVERT,
  ND_NEIGHBOR_SOLICIT,
  ND_OPT_NONCE,
  ND_OPT_SOURCE_LINKADDR,
  ND_OPT_TARGET_LINKADDR,
  ND_ROUTER_SOLICIT,
  Neighbor,
} from "../../wire/icmp6.ts";
import type { Interface } from "../interface.ts";
import type { Packet } from "../packet.ts";
import {
  allNodes,
  allRouters,
  IN6_IFF_ANYCAST,
  IN6_IFF_NOTREADY,
  IN6_IFF_TENTATIVE,
  type In6IfAddress,
  solicitedNode,
} from "./interface.ts";
import { ND_HOPS } from "./icmp6.ts";
import type { Ip6, Ipv6Header } from "./ip6.ts";
import { ndOptions } from "./nd_options.ts";

const OPTION = 8;
const ANY = new In6Addr(0, 0, 0, 0);
/** A router solicitation without options. */
const ROUTER_SOLICIT_SIZE = 8;

/** What ND's messages must be, whichever they are (RFC 4861, 7.1): they come from the link itself. */
export const comesFromLink = (p: Packet, at: number, h: Ipv6Header, size: number): boolean =>
  h.ttl === ND_HOPS && p.bytes[at + 1] === 0 && p.end - at >= size && !p.iface!.loopback;

export class NdMessages {
  readonly #ip6: Ip6;
  readonly counters = { badSolicitations: 0, badAdvertisements: 0 };

  constructor(ip6: Ip6) {
    this.#ip6 = ip6;
  }
  /**
   * Ask for the link address of `target`: of everybody, or of a neighbour that had it. `nonce`: to see whether the address
   * is anybody's; without a source, therefore.
   */
  solicit(
    iface: Interface,
    target: In6Addr,
    { to, from, nonce }: {
      readonly to?: In6Addr | undefined;
      readonly from?: In6Addr | undefined;
      readonly nonce?: Uint8Array;
    },
  ): void {
    const destination = to ?? solicitedNode(target, iface.index);
    const source = nonce
      ? ANY
      : from ?? this.#ip6.of(iface).linkLocal?.address ?? this.#ip6.sourceFor(target, { iface });
    if (!source) return;
    const o = { source, destination, iface, neighbour: true, ttl: ND_HOPS, groupTtl: ND_HOPS, loop: false };
    this.#ip6.icmp.send(o, Neighbor.size + OPTION, (p, at) => {
      Neighbor.write(p.view, at, { type: ND_NEIGHBOR_SOLICIT, code: 0, flags: 0 });
      target.write(p.view, at + Neighbor.at.target);
      if (nonce) option(p, at + Neighbor.size, ND_OPT_NONCE, nonce);
      else option(p, at + Neighbor.size, ND_OPT_SOURCE_LINKADDR, iface.device.mac!);
    });
  }
  /**
   * Say that an address is ours; `to` undefined: to all, unasked. `weak`: others have it, too (anycast), or it is `mac`'s,
   * for whom we answer: who knows better stays with that.
   */
  advertise(
    iface: Interface,
    target: In6Addr,
    { to, weak, mac }: { readonly to?: In6Addr | undefined; readonly weak?: boolean; readonly mac?: Uint8Array } = {},
  ): void {
    const flags = (this.#ip6.settings.forwarding ? NA_ROUTER : 0) | (to ? NA_SOLICITED : 0) | (weak ? 0 : NA_OVERRIDE);
    const source = weak ? this.#ip6.of(iface).linkLocal?.address : target;
    if (!source) return;
    const o = {
      source,
      destination: to ?? allNodes(iface.index),
      iface,
      neighbour: true,
      ttl: ND_HOPS,
      groupTtl: ND_HOPS,
      loop: false,
    };
    const link = mac ?? iface.device.mac;
    this.#ip6.icmp.send(o, Neighbor.size + (link ? OPTION : 0), (p, at) => {
      Neighbor.write(p.view, at, { type: ND_NEIGHBOR_ADVERT, code: 0, flags: flags >>> 0 });
      target.write(p.view, at + Neighbor.at.target);
      if (link) option(p, at + Neighbor.size, ND_OPT_TARGET_LINKADDR, link);
    });
  }
  /** Ask for routers. */
  solicitRouters(iface: Interface): void {
    const mac = iface.device.mac;
    const source = this.#ip6.of(iface).linkLocal?.address ?? ANY;
    const options = mac && !source.unspecified ? OPTION : 0;
    const o = {
      source,
      destination: allRouters(iface.index),
      iface,
      neighbour: true,
      ttl: ND_HOPS,
      groupTtl: ND_HOPS,
      loop: false,
    };
    this.#ip6.icmp.send(o, ROUTER_SOLICIT_SIZE + options, (p, at) => {
      p.bytes.fill(0, at, at + ROUTER_SOLICIT_SIZE);
      p.bytes[at] = ND_ROUTER_SOLICIT;
      if (options) option(p, at + ROUTER_SOLICIT_SIZE, ND_OPT_SOURCE_LINKADDR, mac!);
    });
  }

  /** RFC 4861, 7.2.3. */
  solicited(p: Packet, at: number, h: Ipv6Header): void {
    const iface = p.iface!;
    const options = comesFromLink(p, at, h, Neighbor.size) ? ndOptions(p, at + Neighbor.size) : undefined;
    const target = options && this.#target(p, at);
    const anonymous = h.source.unspecified;
    const proper = !anonymous ||
      (h.destination.equals(solicitedNode(target ?? ANY, iface.index)) && !options?.sourceMac);
    if (!options || !target || target.multicast || !proper) return void this.counters.badSolicitations++;
    const ours = this.#ip6.addresses.find(target);
    if (ours?.iface === iface && ours.flags & IN6_IFF_TENTATIVE) {
      return anonymous ? this.#ip6.dad.solicited(ours, options.nonce) : undefined;
    }
    const answer = this.#answer(iface, target, ours);
    if (!answer) return;
    if (!anonymous && options.sourceMac) this.#ip6.nd.heard(iface, h.source, options.sourceMac);
    this.advertise(iface, target, { ...answer, to: anonymous ? undefined : h.source });
  }
  /** How an address is answered for: as ours, or somebody's (ndp -s ... proxy). Undefined: not at all. */
  #answer(iface: Interface, target: In6Addr, ours: In6IfAddress | undefined) {
    if (ours?.iface === iface) {
      return ours.flags & IN6_IFF_NOTREADY ? undefined : { weak: (ours.flags & IN6_IFF_ANYCAST) !== 0 };
    }
    const n = this.#ip6.nd.find(target, iface);
    return n?.published && n.mac ? { weak: true, mac: n.mac } : undefined;
  }
  #target(p: Packet, at: number): In6Addr {
    return this.#ip6.cache.read(p.view, at + Neighbor.at.target, p.iface!.index);
  }
  /** RFC 4861, 7.2.5. */
  advertised(p: Packet, at: number, h: Ipv6Header): void {
    const iface = p.iface!;
    const options = comesFromLink(p, at, h, Neighbor.size) ? ndOptions(p, at + Neighbor.size) : undefined;
    const flags = options ? Neighbor.get.flags(p.view, at) : 0;
    const solicited = (flags & NA_SOLICITED) !== 0;
    const target = options && this.#target(p, at);
    if (!options || !target || target.multicast || (solicited && h.destination.multicast)) {
      return void this.counters.badAdvertisements++;
    }
    const ours = this.#ip6.addresses.find(target);
    if (ours?.iface === iface) return this.#conflict(ours, options.targetMac);
    this.#ip6.nd.said(iface, target, {
      mac: options.targetMac,
      solicited,
      override: (flags & NA_OVERRIDE) !== 0,
      router: (flags & NA_ROUTER) !== 0,
    });
  }
  #conflict(ours: In6IfAddress, mac: Uint8Array | undefined): void {
    if (ours.flags & IN6_IFF_TENTATIVE) return this.#ip6.dad.advertised(ours);
    const who = mac ? [...mac].map((b) => b.toString(16).padStart(2, "0")).join(":") : "somebody";
    this.#ip6.stack.sys.log(`nd6: ${ours.address} on ${ours.iface.name} is advertised by ${who}, too`);
  }
  /** A router learns of its neighbours (RFC 4861, 6.2.6). */
  routerSolicited(p: Packet, at: number, h: Ipv6Header): void {
    if (!this.#ip6.settings.forwarding || !comesFromLink(p, at, h, ROUTER_SOLICIT_SIZE) || h.source.unspecified) return;
    const options = ndOptions(p, at + ROUTER_SOLICIT_SIZE);
    if (options?.sourceMac) this.#ip6.nd.heard(p.iface!, h.source, options.sourceMac, false);
  }
}
/** An option of 8 bytes. */
function option(p: Packet, at: number, type: number, value: Uint8Array): void {
  p.bytes[at] = type;
  p.bytes[at + 1] = 1;
  p.bytes.set(value, at + 2);
}
