/** Putting fragments together (RFC 8200, 4.5; 5722, 6946, 7112): bounded in number and time. */
import { ICMP6_PARAM_PROB, ICMP6_TIME_EXCEEDED, PARAMPROB_HEADER, TIME_EXCEED_REASSEMBLY } from "../../wire/icmp6.ts";
import { Fragment, IP6F_MORE, IP6F_OFFSET, Ipv6 } from "../../wire/ipv6.ts";
import type { Packet } from "../packet.ts";
import { type Piece, Pieces } from "../pieces.ts";
import { transportBehind } from "./headers.ts";
import type { Ip6, Ipv6Header } from "./ip6.ts";

/** Milliseconds the pieces may take to come. */
const PATIENCE = 60_000;
const MAX_LENGTH = 65_535;
/** RFC 7112: the first fragment does not hold all headers. */
const PARAMPROB_FIRSTFRAGMENT = 3;

interface Pending {
  readonly pieces: Pieces;
  /** Pieces lay on each other: none of it counts any more (RFC 5722). */
  spoiled: boolean;
  /** Of the first piece: where, from its start, the number of the header behind the Fragment header belongs, and that. */
  nextAt: number;
  next: number;
  readonly cancel: () => void;
}
interface At {
  next: number;
  nextAt: number;
  at: number;
}

export class Fragments6 {
  readonly #ip6: Ip6;
  readonly #pending = new Map<string, Pending>();
  #pieces = 0;
  readonly counters = { received: 0, dropped: 0, timedOut: 0, reassembled: 0, overlapped: 0 };

  constructor(ip6: Ip6) {
    this.#ip6 = ip6;
  }
  get size(): number {
    return this.#pending.size;
  }
  /**
   * A Fragment header stands at `w.at`; the packet is kept. The whole, with `w` behind the header, when nothing is missing:
   * also of a packet that is all in one fragment (RFC 6946).
   */
  add(p: Packet, h: Ipv6Header, w: At): Packet | undefined {
    this.counters.received++;
    if (w.at + Fragment.size > p.end) return this.#reject(p);
    const word = Fragment.get.offset(p.view, w.at);
    const next = Fragment.get.next(p.view, w.at);
    if ((word & (IP6F_OFFSET | IP6F_MORE)) === 0) {
      w.nextAt = w.at;
      w.next = next;
      w.at += Fragment.size;
      return p;
    }
    const at = w.at + Fragment.size;
    const from = word & IP6F_OFFSET;
    const more = (word & IP6F_MORE) !== 0;
    if (!this.#sound(p, { at, from, more, next, fragment: w.at })) return this.#reject(p);
    const key = `${h.source.key} ${h.destination.key} ${Fragment.get.id(p.view, w.at)}`;
    const pending = this.#pending.get(key) ?? this.#begin(key);
    if (!pending) return this.#reject(p);
    if (from === 0 && pending.nextAt < 0) Object.assign(pending, { nextAt: w.nextAt - p.start, next });
    return this.#put(key, pending, { from, to: from + p.end - at, p, at }, more)
      ? this.#whole(key, pending, w)
      : undefined;
  }
  #reject(p: Packet): undefined {
    this.counters.dropped++;
    this.#ip6.stack.packets.put(p);
    return undefined;
  }
  /** What can be said of a fragment alone; who sent nonsense is told. */
  #sound(
    p: Packet,
    f: {
      readonly at: number;
      readonly from: number;
      readonly more: boolean;
      readonly next: number;
      readonly fragment: number;
    },
  ): boolean {
    const { icmp } = this.#ip6;
    const length = p.end - f.at;
    if (length === 0 || (f.more && length & 7)) {
      icmp.complain(p, ICMP6_PARAM_PROB, PARAMPROB_HEADER, Ipv6.at.length);
      return false;
    }
    if (f.from + length > MAX_LENGTH) {
      icmp.complain(p, ICMP6_PARAM_PROB, PARAMPROB_HEADER, f.fragment + Fragment.at.offset - p.start);
      return false;
    }
    if (f.from > 0 || transportBehind(p, f.next, f.at)) return true;
    icmp.complain(p, ICMP6_PARAM_PROB, PARAMPROB_FIRSTFRAGMENT, 0);
    return false;
  }
  #begin(key: string): Pending | undefined {
    if (this.#pending.size >= this.#ip6.settings.maxFragmentPackets) return undefined;
    const cancel = this.#ip6.stack.sys.callout(PATIENCE, () => this.#timedOut(key));
    const pending: Pending = { pieces: new Pieces(), spoiled: false, nextAt: -1, next: 0, cancel };
    this.#pending.set(key, pending);
    return pending;
  }
  #timedOut(key: string): void {
    this.counters.timedOut++;
    const first = this.#pending.get(key)?.pieces.first;
    if (first) this.#ip6.icmp.complain(first.p, ICMP6_TIME_EXCEEDED, TIME_EXCEED_REASSEMBLY);
    this.#drop(key);
  }
  /** True: it was the last that was missing. */
  #put(key: string, pending: Pending, piece: Piece, more: boolean): boolean {
    const again = pending.pieces.has(piece);
    if (again || pending.spoiled || !pending.pieces.fits(piece, more)) {
      if (!again) this.#spoil(pending);
      this.#reject(piece.p);
      return false;
    }
    if (this.#pieces >= this.#ip6.settings.maxFragments) {
      this.#reject(piece.p);
      this.#drop(key);
      return false;
    }
    this.#pieces++;
    pending.pieces.add(piece, more);
    return pending.pieces.complete;
  }
  /** What came is let go, and what still comes with it, until its time is up. */
  #spoil(pending: Pending): void {
    if (!pending.spoiled) this.counters.overlapped++;
    pending.spoiled = true;
    this.#letGo(pending);
  }
  #whole(key: string, { pieces, next, nextAt }: Pending, w: At): Packet | undefined {
    const first = pieces.first!;
    const header = first.at - Fragment.size - first.p.start;
    const whole = pieces.join(this.#ip6.stack.packets, header, Ipv6.size);
    this.#drop(key);
    if (!whole) {
      this.counters.dropped++;
      return undefined;
    }
    Ipv6.set.length(whole.view, whole.start, whole.length - Ipv6.size);
    w.nextAt = whole.start + nextAt;
    w.next = whole.bytes[w.nextAt] = next;
    w.at = whole.start + header;
    this.counters.reassembled++;
    return whole;
  }
  #letGo(pending: Pending): void {
    this.#pieces -= pending.pieces.count;
    pending.pieces.release(this.#ip6.stack.packets);
  }
  #drop(key: string): void {
    const pending = this.#pending.get(key);
    if (!pending) return;
    this.#pending.delete(key);
    pending.cancel();
    this.#letGo(pending);
  }
  clear(): void {
    for (const key of [...this.#pending.keys()]) this.#drop(key);
  }
}
