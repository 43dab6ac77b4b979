/**
 * Multicast groups: of which each interface is a member, and for whom (RFC 1112; NetBSD: in_multi, ip_moptions). Sockets
 * filter no sources (RFC 3678): NetBSD 7.99.34 knows neither IP_ADD_SOURCE_MEMBERSHIP, IP_MSFILTER nor MCAST_*, of either
 * family, so that what IGMPv3 and MLDv2 report of each group is "from everybody".
 */
import { errno } from "../abi/errno.ts";
import { IFF } from "../abi/flags.ts";
import { IP_MAX_MEMBERSHIPS, IpMreq } from "../abi/inet_options.ts";
import { viewOf } from "../lib/struct.ts";
import { isMulticast } from "./address.ts";
import type { Interface } from "./interface.ts";
import type { Stack } from "./stack.ts";

/** 224.0.0.1: every host is a member, always. */
export const ALL_HOSTS = 0xe000_0001;
/** Groups one interface may be a member of. */
const MAX_GROUPS = 1024;

/** Who is told of joining and leaving: IGMP, and devices with filters. */
export interface GroupListener {
  joined(iface: Interface, group: number): void;
  left(iface: Interface, group: number): void;
}

export class Groups {
  readonly listeners = new Set<GroupListener>();
  readonly #stack: Stack;
  /** How many want each. */
  readonly #members = new Map<Interface, Map<number, number>>();

  constructor(stack: Stack) {
    this.#stack = stack;
  }
  has(iface: Interface, group: number): boolean {
    if (group === ALL_HOSTS) return true;
    return this.#members.size > 0 && (this.#members.get(iface)?.has(group) ?? false);
  }
  /** Groups an interface is a member of, and how many wanted each; without ALL_HOSTS. */
  of(iface: Interface): ReadonlyMap<number, number> {
    return this.#members.get(iface) ?? NONE;
  }
  /** ENOBUFS: it is in too many. */
  join(iface: Interface, group: number): void {
    const map = this.#members.get(iface) ?? new Map<number, number>();
    const had = map.get(group) ?? 0;
    if (had === 0 && map.size >= MAX_GROUPS) throw errno.ENOBUFS;
    this.#members.set(iface, map.set(group, had + 1));
    if (had === 0) { for (const l of this.listeners) l.joined(iface, group); }
  }
  leave(iface: Interface, group: number): void {
    const map = this.#members.get(iface);
    const had = map?.get(group);
    if (!map || had === undefined) return;
    if (had > 1) return void map.set(group, had - 1);
    map.delete(group);
    if (map.size === 0) this.#members.delete(iface);
    for (const l of this.listeners) l.left(iface, group);
  }
  /** An interface is gone: with it, all it was a member of. */
  forget(iface: Interface): void {
    this.#members.delete(iface);
  }
  /** The interface with an address; or, of 0.0.0.N, the one numbered so (RFC 1724, 3.3). EADDRNOTAVAIL. */
  interfaceOf(address: number): Interface {
    const all = [...this.#stack.interfaces];
    const iface = address >>> 24 === 0
      ? this.#stack.byIndex(address)
      : all.find((i) => i.has(address) && (i.flags & IFF.MULTICAST) !== 0);
    if (!iface) throw errno.EADDRNOTAVAIL;
    return iface;
  }
}
const NONE: ReadonlyMap<number, number> = new Map();

/** Of which groups one socket is a member. */
export class Memberships {
  readonly #stack: Stack;
  readonly #all: { readonly iface: Interface; readonly group: number }[] = [];

  constructor(stack: Stack) {
    this.#stack = stack;
  }
  /** A struct ip_mreq. EINVAL: no group; EADDRINUSE: already; EADDRNOTAVAIL; ETOOMANYREFS. */
  add(value: Uint8Array): void {
    const { group, address } = request(value);
    const iface = address === 0 ? this.#towards(group) : this.#stack.groups.interfaceOf(address);
    if ((iface.flags & IFF.MULTICAST) === 0) throw errno.EADDRNOTAVAIL;
    if (this.#find(group, iface) >= 0) throw errno.EADDRINUSE;
    if (this.#all.length >= IP_MAX_MEMBERSHIPS) throw errno.ETOOMANYREFS;
    this.#stack.groups.join(iface, group);
    this.#all.push({ iface, group });
  }
  #towards(group: number): Interface {
    const route = this.#stack.routeTo(group);
    if (!route) throw errno.EADDRNOTAVAIL;
    return route.iface;
  }
  /** EADDRNOTAVAIL: it is no member. */
  drop(value: Uint8Array): void {
    const { group, address } = request(value);
    const at = this.#find(group, address === 0 ? undefined : this.#stack.groups.interfaceOf(address));
    if (at < 0) throw errno.EADDRNOTAVAIL;
    const [gone] = this.#all.splice(at, 1);
    this.#stack.groups.leave(gone!.iface, group);
  }
  #find(group: number, iface: Interface | undefined): number {
    return this.#all.findIndex((m) => m.group === group && (iface === undefined || m.iface === iface));
  }
  /** The socket is closed. */
  clear(): void {
    for (const { iface, group } of this.#all.splice(0)) this.#stack.groups.leave(iface, group);
  }
}
function request(value: Uint8Array): { readonly group: number; readonly address: number } {
  if (value.length !== IpMreq.size) throw errno.EINVAL;
  const d = viewOf(value);
  const [group, address] = [IpMreq.get.group(d, 0), IpMreq.get.interface(d, 0)];
  if (!isMulticast(group)) throw errno.EINVAL;
  return { group, address };
}
