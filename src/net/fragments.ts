/** Putting fragments together (RFC 791, 815): bounded in number and time; what overlaps is dropped as a whole (RFC 5722's rule). */
import { ICMP_TIMXCEED, IP_MF, IP_OFFSET, Ipv4, TIMXCEED_REASS } from "../wire/ipv4.ts";
import type { Ipv4Header } from "./ip.ts";
import type { Packet } from "./packet.ts";
import type { Stack } from "./stack.ts";

/** Packets that may be incomplete at once (net.inet.ip.maxfragpackets). */
const MAX_PACKETS = 200;
/** Pieces one packet may have. */
const MAX_PIECES = 64;
/** Milliseconds the pieces may take to come. */
const PATIENCE = 30_000;
const MAX_LENGTH = 65535;

interface Piece {
  readonly from: number;
  readonly to: number;
  readonly p: Packet;
  /** Where its data begins. */
  readonly at: number;
}
interface Pending {
  readonly pieces: Piece[];
  /** Bytes of the whole, once the last piece has come. */
  length: number;
  bytes: number;
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
    if (!pending || !this.#fits(pending, piece, more)) {
      this.#stack.packets.put(p);
      this.counters.dropped++;
      if (pending) this.#drop(key);
      return undefined;
    }
    pending.pieces.push(piece);
    pending.bytes += piece.to - piece.from;
    if (!more) pending.length = piece.to;
    return pending.bytes === pending.length ? this.#whole(key, pending) : undefined;
  }
  #begin(key: string): Pending | undefined {
    if (this.#pending.size >= this.limit) return undefined;
    const cancel = this.#stack.sys.callout(PATIENCE, () => {
      this.counters.timedOut++;
      const first = pending.pieces.find((x) => x.from === 0);
      if (first) this.#stack.icmp.complain(first.p, ICMP_TIMXCEED, TIMXCEED_REASS);
      this.#drop(key);
    });
    const pending: Pending = { pieces: [], length: -1, bytes: 0, cancel };
    this.#pending.set(key, pending);
    return pending;
  }
  /** Pieces lie beside each other, all but the last a multiple of 8, none behind the last. */
  #fits(pending: Pending, { from, to }: Piece, more: boolean): boolean {
    if (to <= from || to > MAX_LENGTH || pending.pieces.length >= MAX_PIECES) return false;
    if (more && (to & 7) !== 0) return false;
    if (!more && (pending.length >= 0 || pending.pieces.some((x) => x.to > to))) return false;
    if (pending.length >= 0 && to > pending.length) return false;
    return pending.pieces.every((x) => x.to <= from || x.from >= to);
  }
  #whole(key: string, pending: Pending): Packet | undefined {
    const first = pending.pieces.find((x) => x.from === 0)!;
    const header = first.at - first.p.start;
    const length = header + pending.length;
    if (length > MAX_LENGTH) {
      this.#drop(key);
      return undefined;
    }
    const whole = this.#stack.packets.get(length);
    whole.iface = first.p.iface;
    whole.broadcast = first.p.broadcast;
    whole.end = whole.start + length;
    whole.bytes.set(first.p.bytes.subarray(first.p.start, first.at), whole.start);
    for (const { from, to, p, at } of pending.pieces) {
      whole.bytes.set(p.bytes.subarray(at, at + to - from), whole.start + header + from);
    }
    Ipv4.set.length(whole.view, whole.start, length);
    Ipv4.set.fragment(whole.view, whole.start, 0);
    this.#stack.seal(whole, header);
    this.#drop(key);
    this.counters.reassembled++;
    return whole;
  }
  #drop(key: string): void {
    const pending = this.#pending.get(key);
    if (!pending) return;
    this.#pending.delete(key);
    pending.cancel();
    for (const { p } of pending.pieces) this.#stack.packets.put(p);
  }
  clear(): void {
    for (const key of [...this.#pending.keys()]) this.#drop(key);
  }
}
