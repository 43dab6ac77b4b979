/** A kernel's TCP/IP: what its parts share. No globals: a process may have many. */
import { errno, type SysError } from "../abi/errno.ts";
import { AF_INET, AF_INET6, AF_UNSPEC, IFF } from "../abi/flags.ts";
import { RTF } from "../abi/route_structs.ts";
import { parseOptions } from "../kern/driver_options.ts";
import type { Kernel } from "../kern/kernel.ts";
import { otherwise, then } from "../lib/async.ts";
import type { Async, NetDevice, Sys } from "../plugin.ts";
import type { In6Addr } from "../lib/in6.ts";
import type { Address, Family } from "./address.ts";
import { connectedRoutes } from "./connected.ts";
import type { Change, FamilyAddress } from "./change.ts";
import { sealHeader } from "./checksums.ts";
import type { Neighbours } from "./arp.ts";
import type { DuplicateDetection } from "./dad.ts";
import { EthernetLink } from "./ethernet.ts";
import { Groups } from "./groups.ts";
import { Icmp } from "./icmp.ts";
import { Igmp } from "./igmp.ts";
import type { InetProtocol } from "./inet.ts";
import type { ControlRows } from "./ioctl_rows.ts";
import type { Net } from "./net.ts";
import type { RouteFamily } from "./route_family.ts";
import { Interface, type InterfaceAddress } from "./interface.ts";
import { Ip, type IpProtocol } from "./ip.ts";
import { RawLink } from "./raw_link.ts";
import type { Outgoing } from "./ip_output.ts";
import type { Way } from "./outgoing.ts";
import type { Orphan } from "./pcblist.ts";
import { type Packet, Packets } from "./packet.ts";
import { PortRanges } from "./ports.ts";
import { type Route, Routes } from "./route.ts";
import type { In6IfAddress } from "./ip6/interface.ts";
import type { Route6 } from "./ip6/routes.ts";
import { ICMP_UNREACH, IPPROTO_ICMP, IPPROTO_IGMP, UNREACH_PORT } from "../wire/ipv4.ts";

const BROADCAST = 0xffff_ffff;
const ALL = 0xffff_ffff;

/** IPv6, where it is loaded. */
export interface Inet6 {
  /** A packet came in, with nothing before its header. It is taken back there. */
  input(p: Packet): void;
  output(o: Outgoing<In6Addr>, length: number, fill: (p: Packet, at: number) => void): SysError | undefined;
  /** Tell a packet's sender that nobody has the port. */
  noPort(p: Packet): void;
  /** As those of `Ip`. */
  register(number: number, protocol: IpProtocol): void;
  protocol(number: number): IpProtocol | undefined;
  noProtocol(p: Packet): void;
  isLocal(address: In6Addr): boolean;
  sourceFor(destination: In6Addr, way?: Way): In6Addr | undefined;
  mtuTo(destination: In6Addr): number;
  /** An interface came up or went down. */
  changed(iface: Interface): void;
  /** Its link address is another. */
  renamed(iface: Interface): void;
  halt(): void;
}
const VERSION_6 = 6;

export class Stack {
  readonly kernel: Kernel;
  readonly sys: Sys;
  readonly packets = new Packets();
  readonly routes = new Routes();
  readonly ports = new PortRanges();
  readonly groups: Groups = new Groups(this);
  readonly ip: Ip;
  readonly icmp: Icmp;
  readonly igmp: Igmp;
  ip6: Inet6 | undefined;
  /** How addresses of a family look to programs, by AF_*. */
  readonly families = new Map<number, Family>();
  /** Protocols over IP, for those who bring another family. */
  readonly transports: InetProtocol[] = [];
  /** Connections without sockets, for listings. */
  orphans: () => Iterable<Orphan> = () => [];
  /** Commands of ioctl(2) on sockets of a family, and an interface's addresses of each, by AF_*. */
  readonly controls = new Map<number, ControlRows>();
  readonly addressFamilies = new Map<number, (iface: Interface) => readonly FamilyAddress[]>();
  /** Routes and neighbours of each family, for the routing socket. */
  routesInet: RouteFamily<Route, InterfaceAddress> | undefined;
  routesInet6: RouteFamily<Route6, In6IfAddress> | undefined;
  /** The sockets of the kernel. */
  readonly net: Net;
  readonly #interfaces = new Map<string, Interface>();
  /** Told of what changes: interfaces, addresses, routes (the routing socket). */
  readonly listeners = new Set<(change: Change) => void>();
  readonly #link: EthernetLink;
  readonly #rawLink: RawLink;
  /** Addresses of ours, for a quick answer; those of them that are not to be used (yet). */
  readonly #local = new Set<number>();
  readonly #unready = new Set<number>();
  #nextIndex = 1;
  #loopback: Interface | undefined;
  #later: (() => void)[] = [];

  constructor(kernel: Kernel) {
    this.kernel = kernel;
    this.sys = kernel.sys;
    this.net = kernel.faction.get("net") as Net;
    this.ip = new Ip(this);
    this.icmp = new Icmp(this);
    this.ip.register(IPPROTO_ICMP, this.icmp);
    this.igmp = new Igmp(this);
    this.ip.register(IPPROTO_IGMP, this.igmp);
    this.#link = new EthernetLink(this);
    this.#rawLink = new RawLink(this);
  }

  family(domain: number): Family {
    return this.families.get(domain)!;
  }

  // Interfaces

  /** Attach a device. EEXIST: there is one of this name. */
  attach(name: string, device: NetDevice): Interface {
    if (this.#interfaces.has(name)) throw errno.EEXIST;
    const link = device.medium === "ethernet" ? this.#link : this.#rawLink;
    const iface = new Interface(name, this.#nextIndex++, device, link);
    this.#interfaces.set(name, iface);
    if (device.medium === "loopback") this.#loopback ??= iface;
    this.tell({ kind: "interface", iface, gone: false });
    return iface;
  }
  /** Make an interface of a registered driver: `shmif0`. EINVAL: no such name or driver; EEXIST. */
  create(name: string): Async<Interface> {
    const m = /^([a-z][a-z0-9_]*[a-z_]|[a-z])(\d{1,5})$/.exec(name);
    const driver = this.kernel.registry.ofKind("net").find((d) => d.name === m?.[1]);
    if (!m || !driver) throw errno.EINVAL;
    if (this.#interfaces.has(name)) throw errno.EEXIST;
    return then(
      driver.create(this.sys, Number(m[2]), parseOptions(driver.options, {})),
      (device) => this.attach(name, device as NetDevice),
    );
  }
  /** Down, off, and away. */
  destroy(iface: Interface): Async<void> {
    this.detach(iface);
    return then(iface.setFlags(iface.flags & ~IFF.UP), () => iface.device.destroy?.());
  }
  /** Take an interface away, with its addresses and routes. */
  detach(iface: Interface): void {
    for (const { address } of [...iface.addresses]) this.removeAddress(iface, address);
    for (const route of [...this.routes]) if (route.iface === iface) this.removeRoute(route.destination, route.mask);
    this.groups.forget(iface);
    this.igmp.forget(iface);
    iface.ports.gone();
    this.#interfaces.delete(iface.name);
    if (this.#loopback === iface) this.#loopback = undefined;
    this.tell({ kind: "interface", iface, gone: true });
  }
  /** The kernel ends: devices are let go. */
  async halt(): Promise<void> {
    this.ip6?.halt();
    this.ip.fragments.clear();
    for (const iface of [...this.#interfaces.values()]) await this.destroy(iface);
  }
  /** Neighbours on Ethernet, and whether addresses are asked for before they are used. */
  get arp(): Neighbours {
    return this.#link.neighbours;
  }
  get detection(): DuplicateDetection {
    return this.#link.detection;
  }
  get interfaces(): Iterable<Interface> {
    return this.#interfaces.values();
  }
  /** ENXIO: there is none of this name. */
  interface(name: string): Interface {
    const iface = this.#interfaces.get(name);
    if (!iface) throw errno.ENXIO;
    return iface;
  }
  /** The interface of a number; undefined: there is none. */
  byIndex(index: number): Interface | undefined {
    return [...this.#interfaces.values()].find((i) => i.index === index);
  }
  get loopback(): Interface | undefined {
    return this.#loopback;
  }
  /** Change IFF_UP and the like. Errors are the device's. */
  setFlags(iface: Interface, flags: number): Async<void> {
    const was = iface.flags;
    return then(iface.setFlags(flags), () => {
      if (iface.flags === was) return;
      iface.changedAt = this.kernel.host.wall();
      this.tell({ kind: "state", iface });
    });
  }
  /** Routes of an address family (AF_*), or (AF_UNSPEC) of all. */
  routeFamilies(family: number): RouteFamily[] {
    const all = [[AF_INET, this.routesInet], [AF_INET6, this.routesInet6]] as const;
    return all.flatMap(([af, routes]) => (routes && (family === AF_UNSPEC || family === af) ? [routes] : []));
  }
  /** An interface's addresses of all families. */
  addressesOf(iface: Interface): FamilyAddress[] {
    return [...this.addressFamilies.values()].flatMap((of) => of(iface));
  }

  // Addresses

  /** Give an interface an address, with the route to its network; the interface comes up. */
  addAddress(iface: Interface, a: InterfaceAddress): Async<void> {
    if (a.address === 0 || a.address === BROADCAST || a.address >>> 28 === 14) throw errno.EINVAL;
    const other = [...this.#interfaces.values()].some((x) => x !== iface && x.has(a.address));
    if (other) throw errno.EEXIST;
    if (iface.has(a.address)) this.removeAddress(iface, a.address);
    iface.add(a);
    this.#local.add(a.address);
    this.#connect(iface, a);
    if (iface.announce(a)) this.#unready.add(a.address);
    this.tell({ kind: "address", iface, address: a, gone: false });
    return this.raise(iface, () => this.removeAddress(iface, a.address));
  }
  /** An interface that got an address is up, or has not got it. */
  raise(iface: Interface, undo: () => void): Async<void> {
    if (!iface.up) return otherwise(() => this.setFlags(iface, iface.flags | IFF.UP), undo);
  }
  /** Nobody else has an address: it may be used. */
  settled(iface: Interface, address: InterfaceAddress): void {
    address.flags = 0;
    this.#unready.delete(address.address);
    this.tell({ kind: "address", iface, address, gone: false });
  }
  /** Whether an address of ours may be used. */
  isReady(address: Address): boolean {
    return this.#unready.size === 0 || typeof address === "object" || !this.#unready.has(address);
  }
  /** EADDRNOTAVAIL: it has no such address. */
  removeAddress(iface: Interface, address: number): void {
    const gone = iface.remove(address);
    if (!gone) throw errno.EADDRNOTAVAIL;
    this.#local.delete(address);
    this.#unready.delete(address);
    this.#disconnect(iface, gone);
    // Another address of the same network keeps its route.
    const heir = iface.onLink(address);
    if (heir) this.#connect(iface, heir);
    this.tell({ kind: "address", iface, address: gone, gone: true });
  }
  #connect(iface: Interface, a: InterfaceAddress): void {
    for (const r of connectedRoutes(iface, a)) if (!this.routes.get(r.destination, r.mask)) this.addRoute(r);
  }
  #disconnect(iface: Interface, a: InterfaceAddress): void {
    for (const { destination, mask } of connectedRoutes(iface, a)) {
      const route = this.routes.get(destination, mask);
      if (route?.iface === iface && route.gateway === undefined) this.removeRoute(destination, mask);
    }
  }
  isLocal(address: Address): boolean {
    if (typeof address === "object") return this.ip6?.isLocal(address) ?? false;
    return this.#local.has(address) || (address >>> 24 === 127 && this.#loopback !== undefined);
  }

  /** Of an interface's network. */
  isBroadcast(address: Address): boolean {
    if (typeof address === "object") return false;
    for (const i of this.#interfaces.values()) if (i.isBroadcast(address)) return true;
    return false;
  }

  // Routes

  addRoute(route: Route): void {
    this.routes.add(route);
    this.tell({ kind: "route", route, gone: false });
  }
  removeRoute(destination: number, mask: number): Route {
    const route = this.routes.remove(destination, mask);
    this.tell({ kind: "route", route, gone: true });
    return route;
  }
  /** A route by way of a gateway: its neighbour must be on a link. ENETUNREACH otherwise. */
  gatewayRoute(destination: number, mask: number, gateway: number): Route {
    const near = this.routes.find(gateway);
    if (!near || near.flags & RTF.GATEWAY) throw errno.ENETUNREACH;
    const flags = RTF.UP | RTF.GATEWAY | (mask === ALL ? RTF.HOST : 0);
    return { destination: (destination & mask) >>> 0, mask, gateway, iface: near.iface, flags, mtu: 0, used: 0 };
  }
  /** Where a packet to an address goes: to ourselves over the loopback interface. */
  routeTo(destination: number): Route | undefined {
    if (this.isLocal(destination) && this.#loopback) return this.#toSelf(this.#loopback);
    const route = this.routes.find(destination);
    if (route) return route;
    // Broadcasts and multicasts go out where the first link is, for want of a better one.
    if (destination !== BROADCAST && destination >>> 28 !== 14) return undefined;
    const iface = [...this.#interfaces.values()].find((i) => i.up && !i.loopback && i.addresses.length > 0);
    return iface && { ...NOWHERE, iface };
  }
  #self: Route | undefined;
  #toSelf(iface: Interface): Route {
    if (this.#self?.iface !== iface) this.#self = { ...NOWHERE, iface, flags: RTF.UP | RTF.HOST | RTF.LOCAL };
    return this.#self;
  }
  /** The address packets to a destination come from. Undefined: we have none. */
  sourceFor<A extends Address>(destination: A, way?: Way): A | undefined {
    if (typeof destination === "object") return this.ip6?.sourceFor(destination, way) as A | undefined;
    return this.#sourceFor4(destination as number) as A | undefined;
  }
  #sourceFor4(destination: number): number | undefined {
    if (this.isLocal(destination)) return destination;
    // INADDR_ANY is ourselves, by the first address there is: likely the loopback interface's.
    if (destination === 0) return this.#firstAddress();
    const route = this.routeTo(destination);
    const near = route && this.addressOn(route.iface, route.gateway ?? destination);
    if (near !== undefined) return near;
    // Without a way, IP says so: any address of ours will do.
    for (const iface of this.#interfaces.values()) {
      const any = iface.loopback ? undefined : this.addressOn(iface, destination);
      if (any !== undefined) return any;
    }
    return undefined;
  }
  #firstAddress(): number | undefined {
    for (const { addresses } of this.#interfaces.values()) {
      const first = addresses.find((a) => !a.flags);
      if (first) return first.address;
    }
    return undefined;
  }
  /** An interface's address to speak to a neighbour with: of the same network where it has one. */
  addressOn(iface: Interface, neighbour: number): number | undefined {
    const near = iface.addresses.find((a) => !a.flags && ((a.address ^ neighbour) & a.mask) === 0);
    return (near ?? iface.addresses.find((a) => !a.flags))?.address;
  }
  /** The largest packet towards an address. */
  mtuTo(destination: Address): number {
    if (typeof destination === "object") return this.ip6?.mtuTo(destination) ?? 0;
    const route = this.routeTo(destination);
    return route ? route.mtu || route.iface.mtu : 576;
  }

  /** Send data that `fill` writes at a place of a packet of either family. An error tells why it could not be sent. */
  output(o: Outgoing<Address>, length: number, fill: (p: Packet, at: number) => void): SysError | undefined {
    if (typeof o.destination === "number") return this.ip.output(o as Outgoing, length, fill);
    return this.ip6 ? this.ip6.output(o as Outgoing<In6Addr>, length, fill) : errno.EAFNOSUPPORT;
  }
  /** Tell a packet's sender that nobody has the port it is for. */
  noPort(p: Packet): void {
    if (isVersion6(p)) this.ip6?.noPort(p);
    else this.icmp.complain(p, ICMP_UNREACH, UNREACH_PORT);
  }
  /** A packet came in, with nothing before its IP header. */
  input(p: Packet): void {
    if (!isVersion6(p)) return this.ip.input(p);
    if (this.ip6) this.ip6.input(p);
    else this.packets.put(p);
  }
  /** At random, 0 to 1. */
  readonly random = (): number => {
    const bytes = new Uint8Array(4);
    this.sys.random(bytes);
    return new DataView(bytes.buffer).getUint32(0) / 2 ** 32;
  };
  tell(change: Change): void {
    for (const fn of this.listeners) fn(change);
  }
  /** Do something when what is done now is done: what comes back to ourselves does not pile up on the stack. */
  later(fn: () => void): void {
    this.#later.push(fn);
    if (this.#later.length === 1) this.kernel.host.soon(this.#run);
  }
  readonly #run = (): void => {
    // What is put off meanwhile waits until then: the others' work comes first.
    const all = this.#later;
    this.#later = [];
    for (const fn of all) fn();
  };
  seal(p: Packet, header: number): void {
    sealHeader(p, p.start, header);
  }
}
const isVersion6 = ({ bytes, start }: Packet) => bytes[start]! >> 4 === VERSION_6;
const NOWHERE = { destination: 0, mask: 0, gateway: undefined, flags: RTF.UP, mtu: 0, used: 0 } as const;
