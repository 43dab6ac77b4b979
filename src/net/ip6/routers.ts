/** Routers on our links: advertisements, the default router, redirects (RFC 4861, 6.3, 8.3; 4191; NetBSD: nd6_rtr.c). */
import { In6Addr } from "../../lib/in6.ts";
import { Redirect, RouterAdvert } from "../../wire/icmp6.ts";
import { IPV6_MMTU } from "../../wire/ipv6.ts";
import type { Interface } from "../interface.ts";
import type { Packet } from "../packet.ts";
import { RTF } from "../../abi/route_structs.ts";
import { type In6Interface, ND6_IFF_ACCEPT_RTADV, ND6_IFF_OVERRIDE_RTADV } from "./interface.ts";
import type { Ip6, Ipv6Header } from "./ip6.ts";
import { Lifetimes } from "./lifetimes.ts";
import { comesFromLink } from "./nd_messages.ts";
import { type NdOptions, ndOptions } from "./nd_options.ts";
import { Prefixes } from "./prefixes.ts";
import type { Route6 } from "./routes.ts";

const ANY = new In6Addr(0, 0, 0, 0);
const HOST = 128;
const SECOND = 1000;
/** Solicitations of routers, milliseconds between them (RFC 4861, 10), and at most before the first. */
const SOLICITATIONS = 3;
const INTERVAL = 4000;
const MAX_DELAY = 1000;
/** No router makes us ask more often than that, or less, milliseconds; nor trust a neighbour for less or longer. */
const RETRANSMIT = [100, 60_000] as const;
const LEAST_REACHABLE = 1000;
const MAX_REACHABLE = 3_600_000;

export interface DefaultRouter {
  readonly iface: Interface;
  readonly address: In6Addr;
  until: number;
  /** RFC 4191: 1 high, 0 medium, -1 low. */
  preference: number;
  flags: number;
}

export class Routers {
  readonly prefixes: Prefixes;
  readonly #ip6: Ip6;
  readonly #routers: DefaultRouter[] = [];
  readonly #lifetimes: Lifetimes;
  readonly #soliciting = new Map<In6Interface, () => void>();
  /** Routes redirects made; and the default route, if we did. */
  readonly #dynamic = new Set<Route6>();
  #default: Route6 | undefined;
  readonly counters = { badAdvertisements: 0, badRedirects: 0, dropped: 0 };

  constructor(ip6: Ip6) {
    this.#ip6 = ip6;
    this.prefixes = new Prefixes(ip6);
    const callout = (ms: number, fn: () => void) => ip6.stack.sys.callout(ms, fn);
    this.#lifetimes = new Lifetimes({ now: () => ip6.now(), callout }, (now) => this.#expire(now));
  }
  [Symbol.iterator](): Iterator<DefaultRouter> {
    return this.#routers.values();
  }
  /** Whether an interface believes routers: it says so, and so does the system, or it alone counts. */
  accepts({ flags }: In6Interface): boolean {
    if ((flags & ND6_IFF_ACCEPT_RTADV) === 0) return false;
    return (flags & ND6_IFF_OVERRIDE_RTADV) !== 0 || (this.#ip6.settings.acceptRtadv && !this.#ip6.settings.forwarding);
  }
  lifetimesChanged(): void {
    this.#lifetimes.changed();
  }
  #expire(now: number): number {
    for (const r of this.#routers.filter((r) => r.until <= now)) this.#forget(r);
    const next = this.prefixes.expire(now);
    return this.#routers.reduce((n, r) => Math.min(n, r.until), next);
  }

  // Solicitations

  /** A link can be used from now on. */
  linkReady(iface: Interface): void {
    this.solicit(this.#ip6.of(iface));
  }
  /** Ask for routers, a few times until one answers. */
  solicit(if6: In6Interface): void {
    if (!this.accepts(if6) || !if6.iface.up || if6.iface.loopback) return;
    this.#soliciting.get(if6)?.();
    let left = SOLICITATIONS;
    const { stack, messages } = this.#ip6;
    const ask = () => {
      messages.solicitRouters(if6.iface);
      this.#soliciting.delete(if6);
      if (--left > 0) this.#soliciting.set(if6, stack.sys.callout(INTERVAL, ask));
    };
    this.#soliciting.set(if6, stack.sys.callout(stack.random() * MAX_DELAY, ask));
  }
  /** Routers of an interface are forgotten. */
  flush({ iface }: In6Interface): void {
    for (const r of this.#routers.filter((r) => r.iface === iface)) this.#forget(r);
  }
  /** The interface goes down. */
  stop(if6: In6Interface): void {
    this.#soliciting.get(if6)?.();
    this.#soliciting.delete(if6);
    this.flush(if6);
    for (const r of [...this.#dynamic]) if (r.iface === if6.iface) this.#drop(r);
    this.prefixes.stop(if6);
    if (![...this.#ip6.addresses.interfaces].some((i) => i.running)) this.#lifetimes.stop();
  }

  // Advertisements

  /** RFC 4861, 6.3.4. */
  advertised(p: Packet, at: number, h: Ipv6Header): void {
    const sound = comesFromLink(p, at, h, RouterAdvert.size) && h.source.linkLocal;
    const options = sound ? ndOptions(p, at + RouterAdvert.size) : undefined;
    if (!options) return void this.counters.badAdvertisements++;
    const if6 = this.#ip6.of(p.iface!);
    if (!this.accepts(if6)) return;
    this.#soliciting.get(if6)?.();
    this.#soliciting.delete(if6);
    this.#parameters(if6, p, at, options);
    this.#router(if6, h.source, p, at);
    if (options.sourceMac) this.#ip6.nd.heard(if6.iface, h.source, options.sourceMac, true);
    for (const prefix of options.prefixes) this.prefixes.advertised(if6, p, prefix);
    this.choose();
    this.lifetimesChanged();
  }
  /** What the link is like, within reason. */
  #parameters(if6: In6Interface, { view }: Packet, at: number, { mtu }: NdOptions): void {
    const { get } = RouterAdvert;
    const [hops, reachable, retransmit] = [get.hopLimit(view, at), get.reachable(view, at), get.retransmit(view, at)];
    // Never fewer hops than we would have: who says so wants us to reach nobody.
    if (hops > (if6.hopLimit || this.#ip6.settings.hopLimit)) if6.hopLimit = hops;
    if (reachable >= LEAST_REACHABLE && reachable <= MAX_REACHABLE && reachable !== if6.baseReachable) {
      if6.baseReachable = reachable;
      if6.reachable = if6.randomReachable();
    }
    if (retransmit > 0) if6.retransmit = Math.min(Math.max(retransmit, RETRANSMIT[0]), RETRANSMIT[1]);
    if (mtu !== undefined && mtu >= IPV6_MMTU && mtu <= if6.iface.mtu) if6.routerMtu = mtu;
  }
  #router({ iface }: In6Interface, address: In6Addr, { view }: Packet, at: number): void {
    const had = this.#routers.find((r) => r.iface === iface && r.address.equals(address));
    const lifetime = RouterAdvert.get.lifetime(view, at);
    if (lifetime === 0) return had && this.#forget(had);
    const flags = RouterAdvert.get.flags(view, at);
    const told = { until: this.#ip6.now() + lifetime * SECOND, flags, preference: preferenceOf(flags) };
    if (had) Object.assign(had, told);
    else if (this.#routers.filter((r) => r.iface === iface).length >= this.#ip6.settings.maxRouters) {
      this.counters.dropped++;
    } else this.#routers.push({ iface, address, ...told });
  }
  #forget(r: DefaultRouter): void {
    const at = this.#routers.indexOf(r);
    if (at >= 0) this.#routers.splice(at, 1);
    for (const route of [...this.#dynamic]) if (route.gateway?.equals(r.address)) this.#drop(route);
    this.choose();
  }
  /** A neighbour is no router any more. */
  lost(iface: Interface, address: In6Addr): void {
    const r = this.#routers.find((x) => x.iface === iface && x.address.equals(address));
    if (r) this.#forget(r);
  }
  /** Who answers, then who is preferred; the one in use, if it is as good as any (RFC 4861, 6.3.6). */
  choose(): void {
    const worth = (r: DefaultRouter) => (this.#ip6.nd.macOf(r.iface, r.address) ? 10 : 0) + r.preference;
    const isDefault = (r: DefaultRouter) => this.#default?.iface === r.iface && this.#default.gateway === r.address;
    let best = this.#routers.find(isDefault);
    for (const r of this.#routers) if (!best || worth(r) > worth(best)) best = r;
    const there = this.#ip6.routes.get(ANY, 0);
    if (best && isDefault(best) && there === this.#default) return;
    if (this.#default && there === this.#default) this.#ip6.removeRoute(this.#default);
    this.#default = undefined;
    // One the administrator made stays.
    if (!best || this.#ip6.routes.get(ANY, 0)) return;
    this.#default = route(ANY, 0, { gateway: best.address, iface: best.iface, flags: RTF.UP | RTF.GATEWAY });
    this.#ip6.addRoute(this.#default);
  }

  // Redirects

  /** RFC 4861, 8.1, 8.3: only the router a packet would go to may say that there is a shorter way. */
  redirected(p: Packet, at: number, h: Ipv6Header): void {
    const { settings, cache, nd, routes } = this.#ip6;
    const sound = comesFromLink(p, at, h, Redirect.size) && h.source.linkLocal;
    const options = sound ? ndOptions(p, at + Redirect.size) : undefined;
    if (!options) return void this.counters.badRedirects++;
    if (!settings.redirectAccept || settings.forwarding) return;
    const iface = p.iface!;
    const target = cache.read(p.view, at + Redirect.at.target, iface.index);
    const to = cache.read(p.view, at + Redirect.at.destination, iface.index);
    const direct = target.equals(to);
    const now = routes.find(to);
    const proper = !to.multicast && (direct || target.linkLocal) && now?.iface === iface &&
      now.gateway?.equals(h.source);
    if (!proper) return void this.counters.badRedirects++;
    if (options.targetMac) nd.heard(iface, target, options.targetMac, direct ? undefined : true);
    this.#redirect(iface, to, direct ? undefined : target);
  }
  #redirect(iface: Interface, to: In6Addr, gateway: In6Addr | undefined): void {
    const { settings, routes } = this.#ip6;
    const had = routes.get(to, HOST);
    if (had && !this.#dynamic.has(had)) return;
    if (had) this.#drop(had);
    if (this.#dynamic.size >= settings.maxDynamicRoutes) this.#sweep();
    if (this.#dynamic.size >= settings.maxDynamicRoutes) return void this.counters.dropped++;
    const flags = RTF.UP | RTF.HOST | RTF.DYNAMIC | (gateway ? RTF.GATEWAY : 0);
    const expires = this.#ip6.now() + settings.redirectTimeout * SECOND;
    const made = route(to, HOST, { gateway, iface, flags, expires });
    this.#dynamic.add(made);
    this.#ip6.addRoute(made);
  }
  #sweep(): void {
    const now = this.#ip6.now();
    for (const r of [...this.#dynamic]) if (r.expires <= now) this.#drop(r);
  }
  #drop(r: Route6): void {
    this.#dynamic.delete(r);
    if (this.#ip6.routes.get(r.destination, r.length) === r) this.#ip6.removeRoute(r);
  }
}
function route(
  destination: In6Addr,
  length: number,
  { gateway, iface, flags, expires = Infinity }: Pick<Route6, "gateway" | "iface" | "flags"> & {
    readonly expires?: number;
  },
): Route6 {
  return { destination, length, gateway, iface, flags, mtu: 0, used: 0, expires };
}
/** RFC 4191, 2.1; what is reserved is medium. */
function preferenceOf(flags: number): number {
  const bits = (flags >> 3) & 3;
  return bits === 1 ? 1 : bits === 3 ? -1 : 0;
}
