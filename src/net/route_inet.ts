/** IPv4's routes and neighbours for the routing socket (NetBSD: route.c, if_llatbl.c, in.c). */
import { errno } from "../abi/errno.ts";
import { inetMask, parseInetMask, parseSockaddrIn, sockaddrIn } from "../abi/inet.ts";
import { AF_LINK } from "../abi/flags.ts";
import { parseSockaddrDl, RTF, sockaddrDl } from "../abi/route_structs.ts";
import { prefixOf } from "../lib/inet.ts";
import type { Neighbour } from "./arp.ts";
import type { Interface, InterfaceAddress } from "./interface.ts";
import { inetFamilyAddress } from "./ioctl_inet.ts";
import type { Route } from "./route.ts";
import type { NeighbourEntry, RouteEntry, RouteFamily, RouteRequest } from "./route_family.ts";
import type { FamilyAddress } from "./change.ts";
import type { Stack } from "./stack.ts";

const ALL = 0xffff_ffff;
const NO_MAC = new Uint8Array(0);
/** What a program may say of a route. */
const SETTABLE = RTF.UP | RTF.GATEWAY | RTF.HOST | RTF.REJECT | RTF.STATIC | RTF.BLACKHOLE | RTF.PROTO1 | RTF.PROTO2;
const CHANGEABLE = RTF.REJECT | RTF.BLACKHOLE | RTF.STATIC | RTF.PROTO1 | RTF.PROTO2;

/** A mask as the routing table has it: nothing but its bits means anything. */
function routeMask(mask: number): Uint8Array {
  const out = inetMask(mask);
  out.fill(0xff, 1, Math.min(4, out.length));
  return out;
}
const addressOf = (sockaddr: Uint8Array): number => {
  const found = parseSockaddrIn(sockaddr);
  if (!found) throw errno.EINVAL;
  return found.address;
};

export class InetRoutes implements RouteFamily<Route, InterfaceAddress> {
  readonly #stack: Stack;

  constructor(stack: Stack) {
    this.#stack = stack;
  }

  // As programs see them

  *routes(): Generator<RouteEntry> {
    const all = [...this.#stack.routes].sort((a, b) => a.destination - b.destination || a.mask - b.mask);
    for (const route of all) yield this.entry(route);
  }
  /** What is local goes by the loopback interface, whatever interface has the address. */
  entry(route: Route): RouteEntry {
    const { destination, mask, flags, used, metrics } = route;
    const iface = flags & RTF.LOCAL ? this.#stack.loopback ?? route.iface : route.iface;
    const mtu = route.mtu || (route.iface.loopback ? iface.mtu : 0);
    return {
      destination: sockaddrIn(destination, 0),
      mask: flags & RTF.HOST ? undefined : routeMask(mask),
      gateway: route.gateway === undefined ? linkGateway(route.iface) : sockaddrIn(route.gateway, 0),
      iface,
      source: this.#source(route),
      flags,
      used,
      metrics: { ...metrics, mtu },
    };
  }
  familyAddress(iface: Interface, address: InterfaceAddress): FamilyAddress {
    return inetFamilyAddress(iface, address);
  }
  #source({ iface, gateway, destination, flags }: Route): Uint8Array | undefined {
    const address = flags & RTF.LOCAL ? destination : this.#stack.addressOn(iface, gateway ?? destination);
    return address === undefined ? undefined : sockaddrIn(address, 0);
  }

  // What messages ask for

  /** The network that is meant. */
  #network({ destination, mask, flags }: RouteRequest): { readonly destination: number; readonly mask: number } {
    const bits = flags & RTF.HOST || !mask ? ALL : parseInetMask(mask) ?? 0;
    if (prefixOf(bits) === undefined) throw errno.EINVAL;
    return { destination: (addressOf(destination) & bits) >>> 0, mask: bits };
  }
  get(r: RouteRequest): RouteEntry {
    const { destination, mask } = this.#network(r);
    const { routes } = this.#stack;
    const found = (r.mask ? routes.get(destination, mask) : undefined) ?? routes.find(destination);
    if (!found) throw errno.ESRCH;
    return this.entry(found);
  }
  add(r: RouteRequest): RouteEntry {
    const network = this.#network(r);
    const { mtu = 0 } = r.metrics;
    const flags = (r.flags & SETTABLE) | RTF.UP | (network.mask === ALL ? RTF.HOST : 0);
    const route: Route = { ...network, ...this.#way(r, flags), mtu, used: 0, metrics: r.metrics };
    this.#stack.addRoute(route);
    return this.entry(route);
  }
  /** By which interface, to which neighbour. */
  #way(r: RouteRequest, flags: number): Pick<Route, "iface" | "gateway" | "flags"> {
    if (!r.gateway) throw errno.EINVAL;
    if (r.gateway[1] === AF_LINK || (flags & RTF.GATEWAY) === 0) {
      const iface = r.iface ?? this.#interfaceOf(r.gateway);
      if (!iface) throw errno.ENETUNREACH;
      return { iface, gateway: undefined, flags: (flags & ~RTF.GATEWAY) | (flags & RTF.HOST ? 0 : RTF.CONNECTED) };
    }
    const gateway = addressOf(r.gateway);
    const iface = r.iface ?? this.#owner(r.source) ?? this.#towards(gateway);
    if (!iface) throw errno.ENETUNREACH;
    return { iface, gateway, flags };
  }
  /** The interface of an address of ours, or of a link address. */
  #interfaceOf(gateway: Uint8Array): Interface | undefined {
    const link = parseSockaddrDl(gateway);
    return link ? this.#stack.byIndex(link.index) : this.#owner(gateway);
  }
  #owner(sockaddr: Uint8Array | undefined): Interface | undefined {
    const address = sockaddr && parseSockaddrIn(sockaddr)?.address;
    return [...this.#stack.interfaces].find((i) => address !== undefined && i.has(address));
  }
  #towards(gateway: number): Interface | undefined {
    const all = [...this.#stack.interfaces];
    const pair = all.find((i) => i.addresses.some((a) => a.destination === gateway));
    return pair ?? (this.#stack.isLocal(gateway) ? this.#stack.loopback : this.#stack.routes.find(gateway)?.iface);
  }
  remove(r: RouteRequest): RouteEntry {
    const { destination, mask } = this.#network(r);
    return this.entry(this.#stack.removeRoute(destination, mask));
  }
  change(r: RouteRequest): RouteEntry {
    const { destination, mask } = this.#network(r);
    const route = this.#stack.routes.get(destination, mask);
    if (!route) throw errno.ESRCH;
    if (r.gateway) Object.assign(route, this.#changedWay(r, route));
    if (r.metrics.mtu !== undefined) route.mtu = r.metrics.mtu;
    route.metrics = { ...route.metrics, ...r.metrics };
    route.flags = (route.flags & ~CHANGEABLE) | (r.flags & CHANGEABLE) | (route.flags & RTF.STATIC);
    this.#stack.tell({ kind: "route", route, gone: false });
    return this.entry(route);
  }
  #changedWay(r: RouteRequest, { flags }: Route): Pick<Route, "iface" | "gateway" | "flags"> {
    const gateway = r.gateway![1] === AF_LINK ? 0 : r.flags & RTF.GATEWAY;
    return this.#way(r, (flags & ~(RTF.GATEWAY | RTF.CONNECTED)) | gateway);
  }

  // Neighbours

  *neighbours(): Generator<NeighbourEntry> {
    const { kernel: { host } } = this.#stack;
    for (const iface of this.#stack.interfaces) {
      const { mac } = iface.device;
      for (const a of mac ? iface.addresses : []) yield neighbour(iface, a.address, mac!, 0, false);
    }
    const wall = host.wall() - host.now();
    for (const n of this.#stack.arp) {
      yield neighbour(n.iface, n.address, n.mac ?? NO_MAC, seconds(n, wall), n.published);
    }
  }
  setNeighbour(r: RouteRequest, mac: Uint8Array, iface: Interface): void {
    const address = addressOf(r.destination);
    if (this.#stack.isLocal(address)) throw errno.EINVAL;
    const permanent = (r.metrics.expire ?? 0) === 0;
    this.#stack.arp.set(iface, address, mac, { permanent, published: (r.flags & RTF.ANNOUNCE) !== 0 });
  }
  removeNeighbour(r: RouteRequest, iface: Interface | undefined): void {
    const found = this.#stack.arp.get(addressOf(r.destination), iface);
    if (!found) throw errno.ENOENT;
    this.#stack.arp.remove(found.iface, found.address);
  }
}
/** The link itself: its index, and on the loopback interface its name. */
function linkGateway({ index, type, name, loopback }: Interface): Uint8Array {
  return sockaddrDl({ index, type, name: loopback ? name : "", mac: NO_MAC });
}
function neighbour(
  iface: Interface,
  address: number,
  mac: Uint8Array,
  expire: number,
  published: boolean,
): NeighbourEntry {
  return { address: sockaddrIn(address, 0), mac, iface, expire, published };
}
/** When it is forgotten; 0: never. `wall`: what the clock is ahead of the time since the boot. */
const seconds = ({ until }: Neighbour, wall: number): number =>
  until === Infinity ? 0 : Math.ceil((until + wall) / 1000);
