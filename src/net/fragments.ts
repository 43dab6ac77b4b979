/** Putting fragments together (RFC 791, 815): bounded in number and time; what overlaps is dropped as a whole (RFC 5722's rule). */
import { ICMP_TIMXCEED, IP_MF, IP_OFFSET, Ipv4, TIMXCEED_REASS } from "../wire/ipv4.ts";
import type { Ipv4Header } from "./ip.ts";
import type { Packet } from "./packet.ts";
import { Pieces } from "./pieces.ts";
import type { Stack } from "./stack.ts";

/** Packets that may be incomplete at once (net.inet.ip.maxfragpackets). */
const MAX_PACKETS = 200;
/** Milliseconds the pieces may take to come. */
const PATIENCE = 30_000;
interface Pending {
  readonly pieces: Pieces;
  readonly cancel: () => void;
}

export class Fragments {
  readonly #stack: Stack;
  readonly #pending = new Map<string, Pending>();
  readonly counters = { received: 0, dropped: 0, timedOut: 0, reassembled: 0 };
  limit = MAX_PACKETS;

  constructor(stack: Stack) {
    this.#stack = stack;
  }
  get size(): number {
    return this.#pending.size;
  }
  /** A fragment came: the packet is kept. The whole, when it was the last that was missing. */
  add(p: Packet, h: Ipv4Header, fragment: number): Packet | undefined {
    this.counters.received++;
    const key = `${h.source} ${h.destination} ${h.protocol} ${Ipv4.get.id(p.view, p.start)}`;
    const at = h.at + h.headerLength;
    const from = (fragment & IP_OFFSET) * 8;
    const piece = { from, to: from + p.end - at, p, at };
    const more = (fragment & IP_MF) !== 0;
    const pending = this.#pending.get(key) ?? this.#begin(key);
    if (!pending?.pieces.fits(piece, more)) {
      this.#stack.packets.put(p);
      this.counters.dropped++;
      if (pending) this.#drop(key);
      return undefined;
    }
    pending.pieces.add(piece, more);
    return pending.pieces.complete ? this.#whole(key, pending) : undefined;
  }
  #begin(key: string): Pending | undefined {
    if (this.#pending.size >= this.limit) return undefined;
    const cancel = this.#stack.sys.callout(PATIENCE, () => {
      this.counters.timedOut++;
      const { first } = pending.pieces;
      if (first) this.#stack.icmp.complain(first.p, ICMP_TIMXCEED, TIMXCEED_REASS);
      this.#drop(key);
    });
    const pending: Pending = { pieces: new Pieces(), cancel };
    this.#pending.set(key, pending);
    return pending;
  }
  #whole(key: string, { pieces }: Pending): Packet | undefined {
    const first = pieces.first!;
    const header = first.at - first.p.start;
    const whole = pieces.join(this.#stack.packets, header);
    this.#drop(key);
    if (!whole) return undefined;
    Ipv4.set.length(whole.view, whole.start, whole.length);
    Ipv4.set.fragment(whole.view, whole.start, 0);
    this.#stack.seal(whole, header);
    this.counters.reassembled++;
    return whole;
  }
  #drop(key: string): void {
    const pending = this.#pending.get(key);
    if (!pending) return;
    this.#pending.delete(key);
    pending.cancel();
    pending.pieces.release(this.#stack.packets);
  }
  clear(): void {
    for (const key of [...this.#pending.keys()]) this.#drop(key);
  }
}
