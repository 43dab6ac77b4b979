/** IPv6's routes and neighbours for the routing socket (NetBSD: route.c, if_llatbl.c, in6.c). */
import { errno } from "../../abi/errno.ts";
import { AF_LINK } from "../../abi/flags.ts";
import { in6Mask, parseIn6Mask, parseSockaddrIn6, sockaddrIn6 } from "../../abi/inet.ts";
import { parseSockaddrDl, RTF, sockaddrDl } from "../../abi/route_structs.ts";
import { In6Addr } from "../../lib/in6.ts";
import type { FamilyAddress } from "../change.ts";
import type { Interface } from "../interface.ts";
import type { NeighbourEntry, RouteEntry, RouteFamily, RouteRequest } from "../route_family.ts";
import type { In6IfAddress } from "./interface.ts";
import { familyAddress6 } from "./ioctl.ts";
import type { Ip6 } from "./ip6.ts";
import { ND_REACHABLE, type Neighbour6 } from "./nd.ts";
import type { Route6 } from "./routes.ts";

const HOST = 128;
const LOOPBACK = new In6Addr(0, 0, 0, 1);
const NO_MAC = new Uint8Array(0);
/** Bytes of struct sockaddr_in6 before the address. */
const HEAD = 8;
/** What a program may say of a route. */
const SETTABLE = RTF.UP | RTF.GATEWAY | RTF.HOST | RTF.REJECT | RTF.STATIC | RTF.BLACKHOLE | RTF.PROTO1 | RTF.PROTO2;
const CHANGEABLE = RTF.REJECT | RTF.BLACKHOLE | RTF.STATIC | RTF.PROTO1 | RTF.PROTO2;

/** A mask as the routing table has it: cut behind its last byte, and nothing but its bits means anything. */
function routeMask(length: number): Uint8Array {
  if (length === 0) return new Uint8Array(0);
  const out = in6Mask(length).slice(0, HEAD + Math.ceil(length / 8));
  out.fill(0xff, 1, HEAD);
  out[0] = out.length;
  return out;
}
function addressOf(sockaddr: Uint8Array, iface?: Interface): In6Addr {
  const found = parseSockaddrIn6(sockaddr)?.address;
  if (!found) throw errno.EINVAL;
  return found.scoped && !found.zone && iface ? found.in(iface.index) : found;
}

export class Inet6Routes implements RouteFamily<Route6, In6IfAddress> {
  readonly #ip6: Ip6;

  constructor(ip6: Ip6) {
    this.#ip6 = ip6;
  }

  // As programs see them

  *routes(): Generator<RouteEntry> {
    const all = [...this.#ip6.routes].sort((x, y) => order(x.destination, y.destination) || x.length - y.length);
    for (const route of all) yield this.entry(route);
  }
  /** What is local goes by the loopback interface, whatever interface has the address. */
  entry(route: Route6): RouteEntry {
    const { destination, length, gateway, flags, used, metrics } = route;
    const lo = this.#ip6.stack.loopback ?? route.iface;
    const iface = flags & RTF.LOCAL ? lo : route.iface;
    const own = route.iface.loopback && !gateway ? this.#ownGateway(route) : undefined;
    return {
      destination: sockaddrIn6(destination, 0),
      mask: length === HOST ? undefined : routeMask(length),
      gateway: own ? own.gateway : gateway ? sockaddrIn6(gateway, 0) : linkGateway(route.iface),
      iface,
      source: this.#source(route),
      flags: own ? own.flags : flags,
      used,
      metrics: { ...metrics, mtu: route.mtu || (own?.mtu ?? 0) },
    };
  }
  /** On the loopback interface, one of its own addresses is the way. */
  #ownGateway({ destination, length, flags, iface }: Route6) {
    if (destination.multicast) return { gateway: sockaddrIn6(LOOPBACK, 0), flags, mtu: iface.mtu };
    if (destination.loopback) return { gateway: sockaddrIn6(LOOPBACK, 0), flags: flags & ~RTF.LOCAL, mtu: iface.mtu };
    const own = this.#ip6.of(iface).addresses.find((a) =>
      a.length === length && a.address.common(destination) >= length
    );
    return own && length < HOST
      ? { gateway: sockaddrIn6(own.address, 0), flags: flags & ~RTF.CONNECTED, mtu: 0 }
      : undefined;
  }
  familyAddress(_iface: Interface, address: In6IfAddress): FamilyAddress {
    return familyAddress6(address);
  }
  #source({ iface, gateway, destination, flags }: Route6): Uint8Array | undefined {
    const address = flags & RTF.LOCAL ? destination : this.#ip6.sourceFor(gateway ?? destination, { iface });
    return address && sockaddrIn6(address, 0);
  }

  // What messages ask for

  /** The network that is meant. */
  #network(
    { destination, mask, flags, iface }: RouteRequest,
  ): { readonly destination: In6Addr; readonly length: number } {
    const length = flags & RTF.HOST || !mask ? HOST : parseIn6Mask(mask) ?? 0;
    if (length < 0) throw errno.EINVAL;
    return { destination: addressOf(destination, iface).masked(length), length };
  }
  #exactly(r: RouteRequest): Route6 {
    const { destination, length } = this.#network(r);
    const route = this.#ip6.routes.get(destination, length);
    if (!route) throw errno.ESRCH;
    return route;
  }
  get(r: RouteRequest): RouteEntry {
    const { destination, length } = this.#network(r);
    const { routes } = this.#ip6;
    const found = (r.mask ? routes.get(destination, length) : undefined) ?? routes.find(destination);
    if (!found) throw errno.ESRCH;
    return this.entry(found);
  }
  add(r: RouteRequest): RouteEntry {
    const network = this.#network(r);
    const flags = (r.flags & SETTABLE) | RTF.UP | (network.length === HOST ? RTF.HOST : 0);
    const common = { mtu: r.metrics.mtu ?? 0, used: 0, expires: Infinity, metrics: r.metrics };
    const route: Route6 = { ...network, ...this.#way(r, flags), ...common };
    this.#ip6.addRoute(route);
    return this.entry(route);
  }
  /** By which interface, to which neighbour. */
  #way(r: RouteRequest, flags: number): Pick<Route6, "iface" | "gateway" | "flags"> {
    if (!r.gateway) throw errno.EINVAL;
    if (r.gateway[1] === AF_LINK || (flags & RTF.GATEWAY) === 0) {
      const iface = r.iface ?? this.#interfaceOf(r.gateway);
      if (!iface) throw errno.ENETUNREACH;
      return { iface, gateway: undefined, flags: (flags & ~RTF.GATEWAY) | (flags & RTF.HOST ? 0 : RTF.CONNECTED) };
    }
    const gateway = addressOf(r.gateway, r.iface);
    const iface = r.iface ?? this.#owner(r.source) ?? this.#towards(gateway);
    if (!iface) throw errno.ENETUNREACH;
    return { iface, gateway, flags };
  }
  /** The interface of an address of ours, or of a link address. */
  #interfaceOf(gateway: Uint8Array): Interface | undefined {
    const link = parseSockaddrDl(gateway);
    return link ? this.#ip6.stack.byIndex(link.index) : this.#owner(gateway);
  }
  #owner(sockaddr: Uint8Array | undefined): Interface | undefined {
    const address = sockaddr && parseSockaddrIn6(sockaddr)?.address;
    return address && this.#ip6.addresses.find(address)?.iface;
  }
  /** A gateway is a neighbour, or ourselves. */
  #towards(gateway: In6Addr): Interface | undefined {
    const route = this.#ip6.routeTo(gateway);
    return route?.gateway ? undefined : route?.iface;
  }
  remove(r: RouteRequest): RouteEntry {
    return this.entry(this.#ip6.removeRoute(this.#exactly(r)));
  }
  change(r: RouteRequest): RouteEntry {
    const route = this.#exactly(r);
    if (r.gateway) Object.assign(route, this.#changedWay(r, route));
    if (r.metrics.mtu !== undefined) route.mtu = r.metrics.mtu;
    route.metrics = { ...route.metrics, ...r.metrics };
    route.flags = (route.flags & ~CHANGEABLE) | (r.flags & CHANGEABLE) | (route.flags & RTF.STATIC);
    this.#ip6.routes.changed();
    this.#ip6.stack.tell({ kind: "route6", route, gone: false });
    return this.entry(route);
  }
  #changedWay(r: RouteRequest, { flags }: Route6): Pick<Route6, "iface" | "gateway" | "flags"> {
    const gateway = r.gateway![1] === AF_LINK ? 0 : r.flags & RTF.GATEWAY;
    return this.#way(r, (flags & ~(RTF.GATEWAY | RTF.CONNECTED)) | gateway);
  }

  // Neighbours

  *neighbours(): Generator<NeighbourEntry> {
    const { stack, addresses, nd } = this.#ip6;
    for (const { iface, addresses: own } of addresses.interfaces) {
      const { mac } = iface.device;
      for (const { address } of mac ? own : []) yield neighbour(iface, address, mac!, 0, false);
    }
    const wall = stack.kernel.host.wall() - this.#ip6.now();
    for (const n of nd) {
      yield neighbour(n.iface, n.address, n.mac ?? NO_MAC, seconds(n, nd.stateOf(n), wall), n.published);
    }
  }
  setNeighbour(r: RouteRequest, mac: Uint8Array, iface: Interface): void {
    const address = addressOf(r.destination, iface);
    if (this.#ip6.isLocal(address) || address.multicast || mac.length !== 6) throw errno.EINVAL;
    const published = (r.flags & RTF.ANNOUNCE) !== 0;
    this.#ip6.nd.set(iface, address, mac.slice(), { permanent: (r.metrics.expire ?? 0) === 0, published });
  }
  removeNeighbour(r: RouteRequest, iface: Interface | undefined): void {
    const address = addressOf(r.destination, iface);
    for (const n of this.#ip6.nd) {
      if (n.address.equals(address) && (!iface || n.iface === iface)) return this.#ip6.nd.remove(n);
    }
    throw errno.ENOENT;
  }
}
/** The link itself: its index, and on the loopback interface its name. */
function linkGateway({ index, type, name, loopback }: Interface): Uint8Array {
  return sockaddrDl({ index, type, name: loopback ? name : "", mac: NO_MAC });
}
const neighbour = (
  iface: Interface,
  address: In6Addr,
  mac: Uint8Array,
  expire: number,
  published: boolean,
): NeighbourEntry => ({
  address: sockaddrIn6(address, 0),
  mac,
  iface,
  expire,
  published,
});
/** When it is doubted; 0: never. `wall`: what the clock is ahead of the time since the boot. */
const seconds = (n: Neighbour6, state: number, wall: number): number =>
  n.permanent || state !== ND_REACHABLE ? 0 : Math.ceil((n.until + wall) / 1000);
/** As numbers; those of a link together. */
function order(x: In6Addr, y: In6Addr): number {
  for (const word of ["a", "zone", "b", "c", "d"] as const) {
    if (x[word] !== y[word]) return (x[word] >>> 0) - (y[word] >>> 0);
  }
  return 0;
}
