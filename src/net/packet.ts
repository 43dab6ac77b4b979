/** Packets: memory of two sizes with room before the data, used again and again (NetBSD: mbuf(9)). */
import type { Summed } from "../lib/checksum.ts";
import type { Interface } from "./interface.ts";

/** Room for headers before what is put into a packet; a multiple of 4, and 2 more so that an IP header behind Ethernet's is aligned. */
export const HEADROOM = 128;
const SMALL = 2048;
/** The largest IP packet, and its headers. */
const LARGE = (64 << 10) + 512;
/** Packets kept for use again, of each size. */
const KEPT = [256, 16] as const;

export class Packet implements Summed {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly words: Int32Array;
  /** What is in it: [start, end). */
  start = HEADROOM;
  end = HEADROOM;
  /** Where it came in; undefined: it is our own. */
  iface: Interface | undefined;
  /** The link's broadcast or a multicast address led it here. */
  broadcast = false;
  /** Index of the link its addresses belong to, where that is not the one it came in by: it was sent to ourselves. */
  zone = 0;
  /** Where its transport header begins, if the checksum in it is to be completed (the pseudo header's is there); 0: it is complete. */
  sumAt = 0;
  /** How far behind that the checksum is. */
  sumOffset = 0;
  /** Somebody has checked the transport's checksum. */
  verified = false;
  /** Of a packet that is several: how they are told apart (HDR_GSO_*), and bytes of data in each but the last. */
  gso = 0;
  segment = 0;

  constructor(size: number) {
    const memory = new ArrayBuffer(size);
    this.bytes = new Uint8Array(memory);
    this.view = new DataView(memory);
    this.words = new Int32Array(memory);
  }
  get length(): number {
    return this.end - this.start;
  }
  /** Its transport's checksum need not be looked at. */
  get sound(): boolean {
    return this.verified || this.sumAt > 0;
  }
}

/** One as large as any. */
export const largePacket = (): Packet => new Packet(LARGE);

/** A kernel's packets. */
export class Packets {
  readonly #free: readonly [Packet[], Packet[]] = [[], []];

  /** An empty packet with room for `length` bytes behind HEADROOM; more than an IP packet can have is the caller's mistake. */
  get(length: number): Packet {
    const large = length + HEADROOM > SMALL;
    const p = this.#free[large ? 1 : 0].pop() ?? (large ? largePacket() : new Packet(SMALL));
    p.start = p.end = HEADROOM;
    p.iface = undefined;
    p.broadcast = false;
    p.zone =
      p.sumAt =
      p.gso =
      p.segment =
        0;
    p.verified = false;
    return p;
  }
  /** It is of no use any more. */
  put(p: Packet): void {
    const which = p.bytes.length > SMALL ? 1 : 0;
    if (this.#free[which].length < KEPT[which]) this.#free[which].push(p);
  }
  /** A copy of a frame, so placed that what follows `header` bytes of it is aligned. Undefined: no packet is so long. */
  copy(frame: Uint8Array, header: number): Packet | undefined {
    if (frame.length > LARGE - HEADROOM - 4) return undefined;
    const p = this.get(frame.length + 4);
    p.start = HEADROOM + ((4 - (header & 3)) & 3);
    p.end = p.start + frame.length;
    p.bytes.set(frame, p.start);
    return p;
  }
}
