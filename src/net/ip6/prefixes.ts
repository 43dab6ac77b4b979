/** Prefixes routers advertise: what is on the link, and addresses we make of them (RFC 4861, 6.3.4; 4862, 5.5). */
import { In6Addr } from "../../lib/in6.ts";
import { PREFIX_AUTO, PREFIX_ONLINK, PrefixInfo } from "../../wire/icmp6.ts";
import type { Packet } from "../packet.ts";
import { RTF } from "../../abi/route_structs.ts";
import {
  IN6_IFF_AUTOCONF,
  IN6_IFF_DEPRECATED,
  IN6_IFF_TEMPORARY,
  type In6IfAddress,
  type In6Interface,
} from "./interface.ts";
import type { Ip6 } from "./ip6.ts";
import { Temporary } from "./temporary.ts";

const HALF = 64;
const HOST = 128;
const FOREVER = 0xffff_ffff;
const SECOND = 1000;
/** RFC 4862, 5.5.3 e: nobody unknown may end an address sooner than that, milliseconds. */
const TWO_HOURS = 7_200_000;

/** Made of a prefix, and not for a while only. */
const isLasting = ({ flags }: In6IfAddress) => (flags & (IN6_IFF_AUTOCONF | IN6_IFF_TEMPORARY)) === IN6_IFF_AUTOCONF;

export interface Prefix {
  readonly if6: In6Interface;
  readonly prefix: In6Addr;
  readonly length: number;
  validUntil: number;
  preferredUntil: number;
  flags: number;
}

export class Prefixes {
  readonly #ip6: Ip6;
  readonly #all = new Map<string, Prefix>();
  readonly #temporary: Temporary;
  dropped = 0;

  constructor(ip6: Ip6) {
    this.#ip6 = ip6;
    this.#temporary = new Temporary(ip6);
  }
  [Symbol.iterator](): Iterator<Prefix> {
    return this.#all.values();
  }
  /** A prefix option stands at `at`. */
  advertised(if6: In6Interface, { view }: Packet, at: number): void {
    const { get } = PrefixInfo;
    const length = get.length(view, at);
    const [valid, preferred] = [get.valid(view, at), get.preferred(view, at)];
    if (length > HOST) return;
    const prefix = In6Addr.read(view, at + PrefixInfo.at.prefix).masked(length);
    if (prefix.linkLocal || prefix.multicast || preferred > valid) return;
    const now = this.#ip6.now();
    const until = (seconds: number) => (seconds === FOREVER ? Infinity : now + seconds * SECOND);
    const told = { validUntil: until(valid), preferredUntil: until(preferred), flags: get.flags(view, at) };
    if (told.flags & PREFIX_ONLINK) this.#onLink(if6, prefix, length, told);
    if (told.flags & PREFIX_AUTO && length === HALF) this.#address(if6, prefix, told);
  }
  #onLink(
    if6: In6Interface,
    prefix: In6Addr,
    length: number,
    told: Pick<Prefix, "validUntil" | "preferredUntil" | "flags">,
  ) {
    const key = `${prefix.key}/${length}%${if6.index}`;
    const had = this.#all.get(key);
    if (had) return void Object.assign(had, told);
    const now = this.#ip6.now();
    if (told.validUntil <= now) return;
    let count = 0;
    for (const p of this.#all.values()) if (p.if6 === if6) count++;
    if (count >= this.#ip6.settings.maxPrefixes) return void this.dropped++;
    this.#all.set(key, { if6, prefix, length, ...told });
    if (this.#ip6.routes.get(prefix, length)) return;
    const flags = RTF.UP | RTF.CONNECTED;
    const route = {
      destination: prefix,
      length,
      gateway: undefined,
      iface: if6.iface,
      flags,
      mtu: 0,
      used: 0,
      expires: Infinity,
    };
    this.#ip6.addRoute(route);
  }
  /** RFC 4862, 5.5.3. */
  #address(if6: In6Interface, prefix: In6Addr, told: Pick<Prefix, "validUntil" | "preferredUntil" | "flags">): void {
    const had = if6.addresses.find((a) => isLasting(a) && a.address.common(prefix) >= HALF);
    if (had) {
      this.#extend(had, told);
      return this.#temporary.advertised(if6, had);
    }
    const autoconf = if6.addresses.filter(isLasting).length;
    if (told.validUntil <= this.#ip6.now()) return;
    if (autoconf >= this.#ip6.settings.maxPrefixes) return void this.dropped++;
    const [c, d] = this.#ip6.addresses.lowerHalf(if6.iface);
    const address = new In6Addr(prefix.a, prefix.b, c, d);
    // One somebody gave us by hand stays as it is.
    if (this.#ip6.addresses.find(address)) return;
    const offLink = (told.flags & PREFIX_ONLINK) === 0;
    const made = { ...told, address, length: HALF, flags: IN6_IFF_AUTOCONF, offLink, delay: true };
    try {
      void this.#ip6.addresses.add(if6.iface, made);
    } catch {
      this.dropped++; // there are too many
    }
    const a = if6.find(address);
    if (a) this.#temporary.advertised(if6, a);
  }
  #extend(a: In6IfAddress, told: Pick<Prefix, "validUntil" | "preferredUntil">): void {
    const now = this.#ip6.now();
    const [left, more] = [a.validUntil - now, told.validUntil - now];
    a.preferredUntil = told.preferredUntil;
    if (more > TWO_HOURS || more > left) a.validUntil = told.validUntil;
    else if (left > TWO_HOURS) a.validUntil = now + TWO_HOURS;
  }
  /** Do what is due, also to addresses; when there is more to do. */
  expire(now: number): number {
    let next = Infinity;
    for (const [key, p] of this.#all) {
      if (p.validUntil <= now) this.#drop(key, p);
      else next = Math.min(next, p.validUntil);
    }
    for (const if6 of this.#ip6.addresses.interfaces) {
      for (const a of [...if6.addresses]) next = Math.min(next, this.#age(a, now));
    }
    return next;
  }
  #age(a: In6IfAddress, now: number): number {
    if (a.validUntil <= now) {
      this.#ip6.addresses.remove(a.iface, a.address);
      return Infinity;
    }
    const old = a.preferredUntil <= now;
    a.flags = old ? a.flags | IN6_IFF_DEPRECATED : a.flags & ~IN6_IFF_DEPRECATED;
    const next = this.#temporary.look(a, now);
    return Math.min(next, a.validUntil, old ? Infinity : a.preferredUntil);
  }
  #drop(key: string, { if6, prefix, length }: Prefix): void {
    this.#all.delete(key);
    const route = this.#ip6.routes.get(prefix, length);
    const held = if6.addresses.some((a) => !a.offLink && a.length === length && a.address.common(prefix) >= length);
    if (route && route.iface === if6.iface && !route.gateway && !held) this.#ip6.removeRoute(route);
  }
  /** Prefixes of an interface are forgotten, with the addresses made of them. */
  flush(if6: In6Interface): void {
    this.stop(if6);
    for (const a of [...if6.addresses]) if (a.flags & IN6_IFF_AUTOCONF) this.#ip6.addresses.remove(a.iface, a.address);
  }
  stop(if6: In6Interface): void {
    for (const [key, p] of [...this.#all]) if (p.if6 === if6) this.#drop(key, p);
  }
}
