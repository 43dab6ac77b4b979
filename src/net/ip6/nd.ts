/** Neighbours on IPv6 links: asked for, known, doubted, asked again, given up (RFC 4861, 7; NetBSD: nd6.c). */
import type { In6Addr } from "../../lib/in6.ts";
import { ETHERTYPE_IPV6 } from "../../wire/ethernet.ts";
import { DST_UNREACH_ADDR, ICMP6_DST_UNREACH } from "../../wire/icmp6.ts";
import { Ipv6 } from "../../wire/ipv6.ts";
import type { Interface } from "../interface.ts";
import type { Packet } from "../packet.ts";
import { type In6Interface, solicitedNode } from "./interface.ts";
import type { Ip6 } from "./ip6.ts";

/** netinet6/nd6.h: ND6_LLINFO_* */
export const ND_INCOMPLETE = 0;
export const ND_REACHABLE = 1;
export const ND_STALE = 2;
export const ND_DELAY = 3;
export const ND_PROBE = 4;
const SECOND = 1000;
const NONE = new Uint8Array(6);

export interface Neighbour6 {
  readonly iface: Interface;
  readonly address: In6Addr;
  /** Undefined: not known yet. */
  mac: Uint8Array | undefined;
  /** Of REACHABLE: until when; see `stateOf`. */
  state: number;
  until: number;
  router: boolean;
  /** Set by hand: for ever (ndp -s). */
  permanent: boolean;
  /** We answer for it. */
  published: boolean;
  /** Solicitations that went unanswered. */
  asked: number;
  /** Where the question comes from: who has sent the packet that waits. */
  source: In6Addr | undefined;
  readonly waiting: Packet[];
  cancel: () => void;
}
/** What a neighbour said of itself. */
export interface Said {
  readonly mac: Uint8Array | undefined;
  readonly solicited: boolean;
  readonly override: boolean;
  readonly router: boolean;
}

export class Neighbours6 {
  readonly #ip6: Ip6;
  readonly #all = new Map<Interface, Map<string, Neighbour6>>();
  #size = 0;
  /** The one packets went to last: nearly always the next, too. */
  #last: Neighbour6 | undefined;

  constructor(ip6: Ip6) {
    this.#ip6 = ip6;
  }
  get size(): number {
    return this.#size;
  }
  *[Symbol.iterator](): Generator<Neighbour6> {
    for (const map of this.#all.values()) yield* map.values();
  }
  find(address: In6Addr, iface: Interface): Neighbour6 | undefined {
    const last = this.#last;
    if (last && last.address === address && last.iface === iface) return last;
    const found = this.#all.get(iface)?.get(address.key);
    if (found) this.#last = found;
    return found;
  }
  macOf(iface: Interface, address: In6Addr): Uint8Array | undefined {
    return this.find(address, iface)?.mac;
  }
  /** As it is now: what was known long ago is doubted. */
  stateOf(n: Neighbour6): number {
    if (n.state === ND_REACHABLE && !n.permanent && n.until <= this.#ip6.now()) n.state = ND_STALE;
    return n.state;
  }

  /** Send a packet to a neighbour, or to all; where it is not known, when it is. The packet is taken care of. */
  send(p: Packet, iface: Interface, nextHop: In6Addr): void {
    if (iface.device.medium !== "ethernet") return iface.frame(p, NONE, ETHERTYPE_IPV6);
    if (nextHop.multicast) return iface.frame(p, multicastMac(nextHop), ETHERTYPE_IPV6);
    const n = this.find(nextHop, iface) ?? this.#make(iface, nextHop);
    if (!n) return this.#ip6.stack.packets.put(p);
    if (!n.mac) return this.#wait(n, p);
    if (this.stateOf(n) === ND_STALE) this.#doubt(n);
    iface.frame(p, n.mac, ETHERTYPE_IPV6);
  }
  #make(iface: Interface, address: In6Addr): Neighbour6 | undefined {
    if (this.#size >= this.#ip6.settings.maxNeighbours) this.#forgetSome();
    if (this.#size >= this.#ip6.settings.maxNeighbours) return undefined;
    const n: Neighbour6 = {
      iface,
      address,
      mac: undefined,
      state: ND_INCOMPLETE,
      until: 0,
      router: false,
      permanent: false,
      published: false,
      asked: 0,
      source: undefined,
      waiting: [],
      cancel: () => {},
    };
    const map = this.#all.get(iface) ?? new Map<string, Neighbour6>();
    this.#all.set(iface, map.set(address.key, n));
    this.#size++;
    return n;
  }
  /** The oldest of those nobody has heard from lately go first; then those who never answered; then any. */
  #forgetSome(): void {
    const enough = this.#ip6.settings.maxNeighbours * 0.9;
    const worth = (n: Neighbour6) =>
      n.permanent || n.router ? 3 : !n.mac ? 1 : this.stateOf(n) === ND_REACHABLE ? 2 : 0;
    for (let least = 0; least < 3; least++) {
      for (const n of this) {
        if (this.#size <= enough) return;
        if (worth(n) <= least) this.remove(n);
      }
    }
  }
  #wait(n: Neighbour6, p: Packet): void {
    n.waiting.push(p);
    if (n.waiting.length > this.#ip6.settings.queueLength) this.#ip6.stack.packets.put(n.waiting.shift()!);
    if (n.waiting.length > 1 || n.asked > 0) return;
    const source = this.#ip6.cache.read(p.view, p.start + Ipv6.at.source, n.iface.index);
    n.source = this.#ip6.addresses.find(source)?.iface === n.iface ? source : undefined;
    this.#ask(n);
  }
  /** Solicit: everybody who may have the address, or who had it. */
  #ask(n: Neighbour6): void {
    const { settings, messages } = this.#ip6;
    const limit = n.mac ? settings.unicastTries : settings.multicastTries;
    if (n.asked >= limit || !n.iface.up) return this.#giveUp(n);
    n.asked++;
    n.cancel();
    n.cancel = this.#ip6.stack.sys.callout(this.#ip6.of(n.iface).retransmit, () => this.#ask(n));
    messages.solicit(n.iface, n.address, { to: n.mac ? n.address : undefined, from: n.source });
  }
  /** It may still be there: send, and ask when nothing says so for a while. */
  #doubt(n: Neighbour6): void {
    n.state = ND_DELAY;
    n.asked = 0;
    n.cancel();
    n.cancel = this.#ip6.stack.sys.callout(this.#ip6.settings.ndDelay * SECOND, () => {
      n.state = ND_PROBE;
      this.#ask(n);
    });
  }
  #giveUp(n: Neighbour6): void {
    const waiting = n.waiting.splice(0);
    this.remove(n);
    for (const p of waiting) {
      p.zone ||= n.iface.index;
      this.#ip6.icmp.complain(p, ICMP6_DST_UNREACH, DST_UNREACH_ADDR);
      this.#ip6.stack.packets.put(p);
    }
    if (n.router) this.#ip6.routers.choose();
  }

  /** Somebody's solicitation, advertisement of a router, or redirect told of a link address (RFC 4861, 7.2.3, 6.3.4, 8.3). */
  heard(iface: Interface, address: In6Addr, mac: Uint8Array, router?: boolean): void {
    const n = this.find(address, iface) ?? this.#make(iface, address);
    if (!n) return;
    if (router !== undefined) this.#isRouter(n, router);
    if (n.permanent || (n.mac && sameMac(n.mac, mac))) return;
    this.#known(n, mac, ND_STALE);
  }
  #isRouter(n: Neighbour6, router: boolean): void {
    const was = n.router;
    n.router = router;
    if (was && !router) this.#ip6.routers.lost(n.iface, n.address);
  }
  /** Its advertisement (RFC 4861, 7.2.5). Who was not asked for is not remembered. */
  said(iface: Interface, address: In6Addr, { mac, solicited, override, router }: Said): void {
    const n = this.find(address, iface);
    if (!n || n.permanent) return;
    if (!n.mac) {
      if (!mac) return;
      n.router = router;
      return this.#known(n, mac, solicited ? ND_REACHABLE : ND_STALE);
    }
    const another = mac !== undefined && !sameMac(n.mac, mac);
    if (another && !override) {
      if (this.stateOf(n) === ND_REACHABLE) n.state = ND_STALE;
      return;
    }
    if (solicited) this.#known(n, mac ?? n.mac, ND_REACHABLE);
    else if (another) this.#known(n, mac, ND_STALE);
    this.#isRouter(n, router);
  }
  #known(n: Neighbour6, mac: Uint8Array, state: number): void {
    n.cancel();
    n.mac = mac;
    n.state = state;
    n.asked = 0;
    n.until = this.#ip6.now() + this.#ip6.of(n.iface).reachable;
    const waiting = n.waiting.splice(0);
    if (waiting.length > 0 && state === ND_STALE) this.#doubt(n);
    for (const p of waiting) n.iface.frame(p, mac, ETHERTYPE_IPV6);
    if (n.router) this.#ip6.routers.choose();
  }
  /** One set by hand. */
  set(
    iface: Interface,
    address: In6Addr,
    mac: Uint8Array,
    { permanent, published = false }: { readonly permanent: boolean; readonly published?: boolean },
  ): void {
    const n = this.find(address, iface) ?? this.#make(iface, address);
    if (!n) return;
    this.#known(n, mac, ND_REACHABLE);
    n.permanent = permanent;
    this.#publish(n, published);
  }
  /** Questions for whom we answer come to its group. */
  #publish(n: Neighbour6, published: boolean): void {
    if (n.published === published) return;
    n.published = published;
    const if6 = this.#ip6.of(n.iface);
    this.#ip6.mld[published ? "join" : "leave"](if6, solicitedNode(n.address, if6.index));
  }
  remove(n: Neighbour6): void {
    n.cancel();
    this.#publish(n, false);
    for (const p of n.waiting.splice(0)) this.#ip6.stack.packets.put(p);
    if (this.#last === n) this.#last = undefined;
    if (this.#all.get(n.iface)?.delete(n.address.key)) this.#size--;
  }
  /** All of an interface. */
  forget({ iface }: In6Interface): void {
    for (const n of [...this.#all.get(iface)?.values() ?? []]) this.remove(n);
    this.#all.delete(iface);
  }
}
/** 33:33 and the last 32 bits (RFC 2464, 7). */
function multicastMac({ d }: In6Addr): Uint8Array {
  return new Uint8Array([0x33, 0x33, d >>> 24, d >>> 16, d >>> 8, d]);
}
function sameMac(x: Uint8Array, y: Uint8Array): boolean {
  for (let i = 0; i < 6; i++) if (x[i] !== y[i]) return false;
  return true;
}
