/** IPv6 addresses of a stack's interfaces: given, ready, taken away (RFC 4862; NetBSD: in6.c, in6_ifattach.c). */
import { errno } from "../../abi/errno.ts";
import { In6Addr } from "../../lib/in6.ts";
import type { Interface } from "../interface.ts";
import { RTF } from "../../abi/route_structs.ts";
import {
  allNodes,
  eui64,
  IN6_IFF_DETACHED,
  IN6_IFF_NOTREADY,
  IN6_IFF_TENTATIVE,
  type In6IfAddress,
  In6Interface,
  linkLocalOf,
  ND6_IFF_ACCEPT_RTADV,
  ND6_IFF_AUTO_LINKLOCAL,
  ND6_IFF_IFDISABLED,
  ND6_IFF_OVERRIDE_RTADV,
  solicitedNode,
} from "./interface.ts";
import type { Ip6 } from "./ip6.ts";
import type { Async } from "../../plugin.ts";

const LOOPBACK = new In6Addr(0, 0, 0, 1);
const HOST = 128;
/** Of link-local networks, and of what an interface's lower half completes. */
const HALF = 64;
const MAX_ADDRESSES = 256;
/** ff01::/32 and ff02::/32. */
const INTERFACE_SCOPE = 0xff01_0000;
const LINK_SCOPE = 0xff02_0000;
const SCOPE_LENGTH = 32;

/** An address to be given. */
export interface NewAddress {
  readonly address: In6Addr;
  readonly length: number;
  readonly flags?: number;
  readonly preferredUntil?: number;
  readonly validUntil?: number;
  /** Its network is not (known to be) on the link. */
  readonly offLink?: boolean;
  /** Others may begin with it at the same time. */
  readonly delay?: boolean;
}

export class Addresses6 {
  readonly #ip6: Ip6;
  readonly #interfaces = new Map<Interface, In6Interface>();
  readonly #all = new Map<string, In6IfAddress>();

  constructor(ip6: Ip6) {
    this.#ip6 = ip6;
  }
  of(iface: Interface): In6Interface {
    const had = this.#interfaces.get(iface);
    if (had) return had;
    const made = new In6Interface(iface, this.#ip6.stack.random);
    if (!this.#ip6.settings.autoLinkLocal) made.flags &= ~ND6_IFF_AUTO_LINKLOCAL;
    this.#interfaces.set(iface, made);
    return made;
  }
  get interfaces(): Iterable<In6Interface> {
    return this.#interfaces.values();
  }
  /** Of ours, whatever its state. */
  find(address: In6Addr): In6IfAddress | undefined {
    return this.#all.get(address.key);
  }
  /** It is ours, and can be used. */
  isLocal(address: In6Addr): boolean {
    const found = this.#all.get(address.key);
    return found !== undefined && (found.flags & IN6_IFF_NOTREADY) === 0;
  }

  /** Give an interface an address, or one it has another life; it comes up. EINVAL, EEXIST, EADDRNOTAVAIL, ENOBUFS. */
  add(iface: Interface, asked: NewAddress): Async<void> {
    const if6 = this.of(iface);
    const address = this.#checked(iface, asked);
    const had = this.find(address);
    if (had && had.iface !== iface) throw errno.EEXIST;
    const { flags = 0, length, preferredUntil = Infinity, validUntil = Infinity, offLink = false } = asked;
    if (had) this.#disconnect(had);
    else if (if6.addresses.length >= MAX_ADDRESSES) throw errno.ENOBUFS;
    const lives = { length, preferredUntil, validUntil, offLink };
    const a = Object.assign(had ?? { iface, address, flags: flags | IN6_IFF_TENTATIVE }, lives);
    if (!had) this.#insert(if6, a);
    this.#connect(a);
    this.#ip6.routers.lifetimesChanged();
    this.#ip6.stack.tell({ kind: "address6", iface, address: a, gone: false });
    if (!iface.up) return this.#ip6.stack.raise(iface, () => this.remove(iface, address));
    if (!had) this.#start(if6, a, asked.delay);
  }
  #checked(iface: Interface, { address, length }: NewAddress): In6Addr {
    if (address.unspecified || address.multicast || address.mapped || length < 0 || length > HOST) throw errno.EINVAL;
    if (address.loopback && !iface.loopback) throw errno.EINVAL;
    if (!address.scoped) return address;
    if (address.zone !== 0 && address.zone !== iface.index) throw errno.EINVAL;
    return address.in(iface.index);
  }
  #insert(if6: In6Interface, a: In6IfAddress): void {
    this.#ip6.mld.join(if6, solicitedNode(a.address, if6.index));
    this.#all.set(a.address.key, a);
    if6.addresses.push(a);
  }
  #start(if6: In6Interface, a: In6IfAddress, delay = false): void {
    if (if6.disabled && !a.address.linkLocal) return;
    this.#ip6.dad.start(if6, a, delay);
  }
  /** EADDRNOTAVAIL: it has no such address. */
  remove(iface: Interface, address: In6Addr): void {
    const if6 = this.of(iface);
    const a = if6.find(address);
    if (!a) throw errno.EADDRNOTAVAIL;
    this.#ip6.dad.stop(a);
    if6.addresses.splice(if6.addresses.indexOf(a), 1);
    this.#all.delete(address.key);
    this.#disconnect(a);
    // Another address of the same network keeps its route.
    for (const other of if6.addresses) {
      if (a.address.within(other.address.masked(other.length), other.length)) this.#connect(other);
    }
    this.#ip6.mld.leave(if6, solicitedNode(address, if6.index));
    this.#ip6.stack.tell({ kind: "address6", iface, address: a, gone: true });
  }
  #connect({ iface, address, length, offLink }: In6IfAddress): void {
    const common = { gateway: undefined, iface, mtu: 0, used: 0, expires: Infinity };
    const network = { ...common, destination: address.masked(length), length, flags: RTF.UP | RTF.CONNECTED };
    const host = { ...common, destination: address, length: HOST, flags: RTF.UP | RTF.HOST | RTF.LOCAL };
    for (const r of length === HOST || offLink ? [host] : [network, host]) {
      if (!this.#ip6.routes.get(r.destination, r.length)) this.#ip6.addRoute(r);
    }
  }
  #disconnect({ iface, address, length, offLink }: In6IfAddress): void {
    for (const n of length === HOST || offLink ? [HOST] : [length, HOST]) {
      const route = this.#ip6.routes.get(address, n);
      if (route && route.iface === iface && !route.gateway) this.#ip6.removeRoute(route);
    }
  }

  // Interfaces that come up and go down

  changed(iface: Interface): void {
    if (!iface.up && !this.#interfaces.has(iface)) return;
    const if6 = this.of(iface);
    if (iface.up === if6.running) return;
    if6.running = iface.up;
    if (iface.up) this.#cameUp(if6);
    else this.stop(if6);
  }
  #cameUp(if6: In6Interface): void {
    this.#ip6.mld.join(if6, allNodes(if6.index));
    this.#groupRoutes(if6);
    // What is asked about comes to a group: routers are told of it first (RFC 4862, 5.4.2).
    this.#ip6.mld.start(if6);
    for (const a of if6.addresses) a.flags = (a.flags & ~IN6_IFF_NOTREADY) | IN6_IFF_TENTATIVE;
    for (const a of if6.addresses) this.#start(if6, a);
    this.#attach(if6);
  }
  /** Multicasts of the host's and the link's scope are the link's. */
  #groupRoutes({ iface, index }: In6Interface): void {
    for (const scope of [INTERFACE_SCOPE, LINK_SCOPE]) {
      const destination = new In6Addr(scope, 0, 0, 0, index);
      if (this.#ip6.routes.get(destination, SCOPE_LENGTH)) continue;
      const flags = RTF.UP | RTF.CONNECTED;
      const rest = { gateway: undefined, iface, flags, mtu: 0, used: 0, expires: Infinity };
      this.#ip6.addRoute({ destination, length: SCOPE_LENGTH, ...rest });
    }
  }
  /** Addresses an interface has by itself. */
  #attach(if6: In6Interface): void {
    const { iface } = if6;
    if (iface.loopback && !this.find(LOOPBACK)) void this.add(iface, { address: LOOPBACK, length: HOST });
    if ((if6.flags & ND6_IFF_AUTO_LINKLOCAL) === 0 || if6.addresses.some((a) => a.address.linkLocal)) return;
    const [c, d] = this.lowerHalf(iface);
    void this.add(iface, { address: linkLocalOf(c, d, if6.index), length: HALF });
  }
  /** The lower half of addresses an interface makes for itself: of its link address, or at random. */
  lowerHalf(iface: Interface): readonly [c: number, d: number] {
    if (iface.loopback) return [0, 1];
    if (iface.device.mac) return eui64(iface.device.mac);
    const made = new Int32Array(2);
    this.#ip6.stack.sys.random(new Uint8Array(made.buffer));
    return [made[0]! & ~0x0200_0000, made[1]!];
  }
  /** An interface's flags are others now: it may work again, or have routers and an address of its own. */
  flagsChanged(if6: In6Interface, was: number): void {
    const now = if6.flags & ~was;
    if (!if6.running) return;
    if (was & ~if6.flags & ND6_IFF_IFDISABLED) { for (const a of if6.addresses) this.#start(if6, a); }
    if (now & ND6_IFF_AUTO_LINKLOCAL) this.#attach(if6);
    if (now & (ND6_IFF_ACCEPT_RTADV | ND6_IFF_OVERRIDE_RTADV)) this.#ip6.routers.solicit(if6);
  }
  /** No packets any more: neighbours are forgotten, addresses wait. */
  stop(if6: In6Interface): void {
    const { dad, nd, routers, mld } = this.#ip6;
    if6.running = false;
    for (const a of if6.addresses) {
      dad.stop(a);
      a.flags = (a.flags & ~IN6_IFF_NOTREADY) | IN6_IFF_DETACHED;
    }
    nd.forget(if6);
    routers.stop(if6);
    mld.stop(if6);
  }
  forget(iface: Interface): void {
    const if6 = this.of(iface);
    for (const { address } of [...if6.addresses]) this.remove(iface, address);
    this.stop(if6);
    this.#ip6.mld.forget(if6);
    this.#interfaces.delete(iface);
  }
}
