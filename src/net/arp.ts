/** Neighbours on a link: asked for, remembered, asked again, given up (RFC 826, 1122 2.3.2, 5227). */
import { formatIpv4 } from "../lib/inet.ts";
import { ICMP_UNREACH, UNREACH_HOST } from "../wire/ipv4.ts";
import type { Interface } from "./interface.ts";
import type { Packet } from "./packet.ts";
import type { Stack } from "./stack.ts";

/** Milliseconds: how long an answer holds, between questions, and how long one who did not answer is not asked again. */
const KEEP = 1_200_000;
const ASK = 1000;
const DOWN = 20_000;
/** Questions before a neighbour is given up. */
const TRIES = 5;
/** Packets that may wait for an answer, for one neighbour; neighbours of a stack. */
const WAITING = 16;
const MAX_NEIGHBOURS = 4096;
/** Milliseconds between defences of an address (RFC 5227, 2.4). */
const DEFEND = 10_000;

export interface Neighbour {
  readonly iface: Interface;
  readonly address: number;
  /** Undefined: not known yet. */
  mac: Uint8Array | undefined;
  /** When it is asked again, or forgotten; Infinity: for ever (arp -s). */
  until: number;
  tries: number;
  readonly waiting: Packet[];
  cancel: () => void;
}
/** The link they are on. */
interface ArpLink {
  /** Ask everybody for `target`, as `sender`. */
  sendArp(iface: Interface, question: { readonly sender: number; readonly target: number }): void;
  /** A packet whose neighbour is known now. */
  outputTo(p: Packet, iface: Interface, mac: Uint8Array): void;
}

export class Neighbours {
  readonly #stack: Stack;
  readonly #link: ArpLink;
  readonly #known = new Map<Interface, Map<number, Neighbour>>();
  readonly #defended = new Map<number, number>();
  #size = 0;

  constructor(stack: Stack, link: ArpLink) {
    this.#stack = stack;
    this.#link = link;
  }
  /** A neighbour's link address; undefined: the packet waits for it, and is taken care of. */
  find(iface: Interface, address: number, p: Packet): Uint8Array | undefined {
    const n = this.#known.get(iface)?.get(address);
    const now = this.#now();
    if (n?.mac && n.until > now) return n.mac;
    this.#wait(n ?? this.#make(iface, address), p, now);
    return undefined;
  }
  #now(): number {
    return this.#stack.kernel.host.now();
  }
  #make(iface: Interface, address: number): Neighbour | undefined {
    if (this.#size >= MAX_NEIGHBOURS) this.#forgetSome();
    if (this.#size >= MAX_NEIGHBOURS) return undefined;
    const n: Neighbour = { iface, address, mac: undefined, until: 0, tries: 0, waiting: [], cancel: () => {} };
    const map = this.#known.get(iface) ?? new Map<number, Neighbour>();
    this.#known.set(iface, map.set(address, n));
    this.#size++;
    return n;
  }
  #wait(n: Neighbour | undefined, p: Packet, now: number): void {
    if (!n || n.waiting.length >= WAITING || (n.tries >= TRIES && n.until > now)) return this.#unreachable(p);
    n.waiting.push(p);
    n.mac = undefined;
    if (n.waiting.length > 1) return;
    n.tries = 0;
    this.#ask(n);
  }
  #ask(n: Neighbour): void {
    if (n.tries >= TRIES) return this.#giveUp(n);
    n.tries++;
    const sender = (n.iface.onLink(n.address) ?? n.iface.addresses[0])?.address;
    if (sender === undefined || !n.iface.up) return this.#giveUp(n);
    n.cancel = this.#stack.sys.callout(ASK, () => this.#ask(n));
    this.#link.sendArp(n.iface, { sender: sender, target: n.address });
  }
  #giveUp(n: Neighbour): void {
    n.tries = TRIES;
    n.until = this.#now() + DOWN;
    for (const p of n.waiting.splice(0)) this.#unreachable(p);
  }
  #unreachable(p: Packet): void {
    if (p.iface) this.#stack.icmp.complain(p, ICMP_UNREACH, UNREACH_HOST);
    this.#stack.packets.put(p);
  }
  /** Somebody said who they are. Who is not known is remembered when they spoke to us. */
  heard(iface: Interface, address: number, mac: Uint8Array, toUs: boolean): void {
    const had = this.#known.get(iface)?.get(address);
    if (had?.until === Infinity) return;
    const n = had ?? (toUs && iface.onLink(address) ? this.#make(iface, address) : undefined);
    if (!n) return;
    n.cancel();
    n.mac = mac;
    n.until = this.#now() + KEEP;
    n.tries = 0;
    for (const p of n.waiting.splice(0)) this.#link.outputTo(p, iface, mac);
  }
  /** Somebody else uses an address of ours: it is said, and defended. */
  conflict(iface: Interface, address: number, mac: Uint8Array): void {
    const now = this.#now();
    if (now - (this.#defended.get(address) ?? -Infinity) < DEFEND) return;
    this.#defended.set(address, now);
    const who = [...mac].map((b) => b.toString(16).padStart(2, "0")).join(":");
    this.#stack.sys.log(
      `arp: duplicate IP address ${formatIpv4(address)} sent from link address ${who} on ${iface.name}`,
    );
    this.#link.sendArp(iface, { sender: address, target: address });
  }
  /** Its addresses changed, or it went up or down: new ones are announced, what was known is asked for again. */
  changed(iface: Interface): void {
    for (const n of this.#known.get(iface)?.values() ?? []) this.#forget(n);
    if (!iface.up) return;
    for (const { address } of iface.addresses) this.#link.sendArp(iface, { sender: address, target: address });
  }
  #forget(n: Neighbour): void {
    n.cancel();
    for (const p of n.waiting.splice(0)) this.#stack.packets.put(p);
    if (this.#known.get(n.iface)?.delete(n.address)) this.#size--;
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
  *[Symbol.iterator](): Generator<Neighbour> {
    for (const map of this.#known.values()) yield* map.values();
  }
}
