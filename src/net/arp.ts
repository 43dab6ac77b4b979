/** Neighbours on a link: asked for, remembered, asked again, given up (RFC 826, 1122 2.3.2, 5227; NetBSD: if_arp.c, arp(4)). */
import { errno, type SysError } from "../abi/errno.ts";
import { formatIpv4, formatMac } from "../lib/inet.ts";
import { ICMP_UNREACH, Ipv4, UNREACH_HOST } from "../wire/ipv4.ts";
import type { Interface } from "./interface.ts";
import type { Packet } from "./packet.ts";
import type { Stack } from "./stack.ts";

/** Milliseconds between questions. */
const ASK = 1000;
/** Questions before a neighbour is given up. */
const TRIES = 5;
/** Packets that may wait for an answer, for one neighbour; neighbours of a stack. */
const WAITING = 16;
const MAX_NEIGHBOURS = 4096;
/** Milliseconds between defences of an address (RFC 5227, 2.4), and between lines of the log about moves. */
const DEFEND = 10_000;
const LOG = 1000;

export interface Neighbour {
  readonly iface: Interface;
  readonly address: number;
  /** Undefined: not known yet. */
  mac: Uint8Array | undefined;
  /** When it is asked again, or forgotten; Infinity: for ever (arp -s). */
  until: number;
  tries: number;
  /** We answer for it (arp -s ... pub). */
  published: boolean;
  readonly waiting: Packet[];
  cancel: () => void;
}
/** The link they are on. */
export interface ArpLink {
  /** Ask everybody for `target`, as `sender`. */
  sendArp(iface: Interface, question: { readonly sender: number; readonly target: number }): void;
  /** A packet whose neighbour is known now. */
  outputTo(p: Packet, iface: Interface, mac: Uint8Array): void;
}

export class Neighbours {
  /** Milliseconds an answer holds, and one who did not answer is not asked again (net.inet.arp.keep, down). */
  keep = 1_200_000;
  down = 20_000;
  /** Log who changes the link address of an address (net.inet.arp.log_movements, log_permanent_modify). */
  logMovements = true;
  logPermanent = true;
  readonly counters = {
    requestsOut: 0,
    repliesOut: 0,
    requestsIn: 0,
    repliesIn: 0,
    conflicts: 0,
    timeouts: 0,
    /** Packets that had to wait for an answer; that went then; that were lost. */
    deferred: 0,
    deferredSent: 0,
    dropped: 0,
  };
  readonly #stack: Stack;
  readonly #link: ArpLink;
  readonly #known = new Map<Interface, Map<number, Neighbour>>();
  readonly #defended = new Map<number, number>();
  #size = 0;
  #logged = -Infinity;

  constructor(stack: Stack, link: ArpLink) {
    this.#stack = stack;
    this.#link = link;
  }
  /** A neighbour's link address. Undefined: the packet waits for it, and is taken care of. An error: it is down, and the packet lost. */
  find(iface: Interface, address: number, p: Packet): Uint8Array | SysError | undefined {
    const n = this.#known.get(iface)?.get(address);
    const now = this.#now();
    if (n?.mac && n.until > now) return n.mac;
    return this.#wait(n ?? this.#make(iface, address), p, now);
  }
  #now(): number {
    return this.#stack.kernel.host.now();
  }
  #make(iface: Interface, address: number): Neighbour | undefined {
    if (this.#size >= MAX_NEIGHBOURS) this.#forgetSome();
    if (this.#size >= MAX_NEIGHBOURS) return undefined;
    const n: Neighbour = {
      iface,
      address,
      mac: undefined,
      until: 0,
      tries: 0,
      published: false,
      waiting: [],
      cancel: () => {},
    };
    const map = this.#known.get(iface) ?? new Map<number, Neighbour>();
    this.#known.set(iface, map.set(address, n));
    this.#size++;
    return n;
  }
  #wait(n: Neighbour | undefined, p: Packet, now: number): SysError | undefined {
    if (!n || (n.tries >= TRIES && n.until > now)) return this.#unreachable(p, n?.address);
    // Who waits longest has the least use (RFC 1122, 2.3.2.2: the latest is kept).
    if (n.waiting.length >= WAITING) this.#drop(n.waiting.shift()!);
    n.waiting.push(p);
    this.counters.deferred++;
    n.mac = undefined;
    if (n.waiting.length > 1) return undefined;
    n.tries = 0;
    this.#ask(n);
    return undefined;
  }
  #drop(p: Packet): void {
    this.counters.dropped++;
    this.#stack.packets.put(p);
  }
  #ask(n: Neighbour): void {
    if (n.tries >= TRIES) return this.#giveUp(n);
    n.tries++;
    const sender = this.#stack.addressOn(n.iface, n.address);
    if (sender === undefined || !n.iface.up) return this.#giveUp(n);
    n.cancel = this.#stack.sys.callout(ASK, () => this.#ask(n));
    this.counters.requestsOut++;
    this.#link.sendArp(n.iface, { sender, target: n.address });
  }
  /** Nobody answers: those who sent the packets that wait are told. */
  #giveUp(n: Neighbour): void {
    n.tries = TRIES;
    n.until = this.#now() + this.down;
    this.counters.timeouts++;
    for (const p of n.waiting.splice(0)) {
      if (!p.iface) this.#stack.ip.lost(p, why(p, n.address));
      this.#unreachable(p, n.address);
    }
  }
  #unreachable(p: Packet, address: number | undefined): SysError {
    const error = why(p, address);
    if (p.iface) this.#stack.icmp.complain(p, ICMP_UNREACH, UNREACH_HOST);
    this.#drop(p);
    return error;
  }
  /** Somebody said who they are. Who is not known is remembered when they spoke to us. */
  heard(iface: Interface, address: number, mac: Uint8Array, toUs: boolean): void {
    const had = this.#known.get(iface)?.get(address);
    const moved = had?.mac !== undefined && had.mac.some((b, i) => b !== mac[i]);
    if (had?.until === Infinity) {
      if (moved && this.logPermanent) this.#moved(iface, address, mac, "attempt to overwrite permanent entry");
      return;
    }
    const n = had ?? (toUs && iface.onLink(address) ? this.#make(iface, address) : undefined);
    if (!n) return;
    if (moved && this.logMovements) this.#moved(iface, address, mac, "info overwritten");
    n.cancel();
    n.mac = mac;
    n.until = this.#now() + this.keep;
    n.tries = 0;
    this.#send(n, mac);
  }
  /** What waited goes. */
  #send(n: Neighbour, mac: Uint8Array): void {
    this.counters.deferredSent += n.waiting.length;
    for (const p of n.waiting.splice(0)) this.#link.outputTo(p, n.iface, mac);
  }
  /** One line a second: a neighbour may say such things all day. */
  #moved(iface: Interface, address: number, mac: Uint8Array, what: string): void {
    if (this.#now() - this.#logged < LOG) return;
    this.#logged = this.#now();
    this.#stack.sys.log(`arp: ${what} for ${formatIpv4(address)} by ${formatMac(mac)} on ${iface.name}`);
  }
  /** Somebody else uses an address of ours: it is said, and defended. */
  conflict(iface: Interface, address: number, mac: Uint8Array): void {
    const now = this.#now();
    this.counters.conflicts++;
    if (now - (this.#defended.get(address) ?? -Infinity) < DEFEND) return;
    this.#defended.set(address, now);
    this.#stack.sys.log(
      `arp: duplicate IP address ${formatIpv4(address)} sent from link address ${formatMac(mac)} on ${iface.name}`,
    );
    this.announce(iface, address);
  }
  /** Tell everybody that an address is ours. */
  announce(iface: Interface, address: number): void {
    this.counters.requestsOut++;
    this.#link.sendArp(iface, { sender: address, target: address });
  }

  // What programs say (arp(8))

  /** Enter a neighbour by hand. `permanent`: for ever; `published`: we answer for it. ENOBUFS: there are too many. */
  set(
    iface: Interface,
    address: number,
    mac: Uint8Array,
    { permanent, published }: { readonly permanent: boolean; readonly published: boolean },
  ): void {
    const n = this.#known.get(iface)?.get(address) ?? this.#make(iface, address);
    if (!n) throw errno.ENOBUFS;
    n.cancel();
    n.mac = mac.slice();
    n.until = permanent ? Infinity : this.#now() + this.keep;
    n.tries = 0;
    n.published = published;
    this.#send(n, n.mac);
  }
  /** ESRCH: there is none. */
  remove(iface: Interface, address: number): void {
    const n = this.#known.get(iface)?.get(address);
    if (!n) throw errno.ESRCH;
    this.#forget(n);
  }
  /** What is known of an address; on any link, or on one. */
  get(address: number, iface?: Interface): Neighbour | undefined {
    for (const [on, map] of this.#known) {
      const n = on === iface || !iface ? map.get(address) : undefined;
      if (n) return n;
    }
    return undefined;
  }
  /** The link address we tell for somebody else's address; undefined: we do not. */
  publishedFor(address: number): Uint8Array | undefined {
    for (const map of this.#known.values()) {
      const n = map.get(address);
      if (n?.published) return n.mac;
    }
    return undefined;
  }
  /** An interface went up or down: what was learnt on it is forgotten. */
  changed(iface: Interface): void {
    for (const n of [...this.#known.get(iface)?.values() ?? []]) if (n.until !== Infinity || !iface.up) this.#forget(n);
  }
  #forget(n: Neighbour): void {
    n.cancel();
    for (const p of n.waiting.splice(0)) this.#drop(p);
    const map = this.#known.get(n.iface);
    if (map?.delete(n.address)) this.#size--;
    if (map?.size === 0) this.#known.delete(n.iface);
  }
  /** The oldest that nobody waits for. */
  #forgetSome(): void {
    for (const map of this.#known.values()) {
      for (const n of map.values()) {
        if (n.waiting.length > 0 || n.until === Infinity) continue;
        this.#forget(n);
        if (this.#size < MAX_NEIGHBOURS * 0.9) return;
      }
    }
  }
  /** Those that are known, and those that are asked for. */
  *[Symbol.iterator](): Generator<Neighbour> {
    const now = this.#now();
    for (const map of this.#known.values()) for (const n of map.values()) if (!n.mac || n.until > now) yield n;
  }
}
/** A neighbour that does not answer is down; a gateway that does not makes others unreachable (NetBSD: arpresolve). */
const why = (p: Packet, address: number | undefined): SysError =>
  Ipv4.get.destination(p.view, p.start) === address ? errno.EHOSTDOWN : errno.EHOSTUNREACH;
