/** Pieces of one packet until it is whole, of either version of IP (RFC 791, 815; 8200, 4.5). */
import type { Packet, Packets } from "./packet.ts";

/** Pieces one packet may have. */
const MAX_PIECES = 64;
const MAX_LENGTH = 65_535;

/** Bytes [from, to) of the packet's data, which begin at `at` in `p`. */
export interface Piece {
  readonly from: number;
  readonly to: number;
  readonly p: Packet;
  readonly at: number;
}

export class Pieces {
  readonly #all: Piece[] = [];
  /** Bytes of data in all, once the last piece has come. */
  #length = -1;
  #bytes = 0;

  get count(): number {
    return this.#all.length;
  }
  /** The one the packet begins with. */
  get first(): Piece | undefined {
    return this.#all.find((x) => x.from === 0);
  }
  get complete(): boolean {
    return this.#bytes === this.#length;
  }
  /** Whether the same is there already. */
  has({ from, to, p, at }: Piece): boolean {
    const same = (x: Piece) => {
      for (let i = 0; i < to - from; i++) if (x.p.bytes[x.at + i] !== p.bytes[at + i]) return false;
      return true;
    };
    return this.#all.some((x) => x.from === from && x.to === to && same(x));
  }
  /** Pieces lie beside each other, all but the last (`more` follow) end at a multiple of 8, none is behind the last. */
  fits({ from, to }: Piece, more: boolean): boolean {
    if (to <= from || to > MAX_LENGTH || this.#all.length >= MAX_PIECES) return false;
    if (more && (to & 7) !== 0) return false;
    if (!more && (this.#length >= 0 || this.#all.some((x) => x.to > to))) return false;
    if (this.#length >= 0 && to > this.#length) return false;
    return this.#all.every((x) => x.to <= from || x.from >= to);
  }
  add(piece: Piece, more: boolean): void {
    this.#all.push(piece);
    this.#bytes += piece.to - piece.from;
    if (!more) this.#length = piece.to;
  }
  /**
   * The whole, with the first `header` bytes of its first piece's packet, of which `uncounted` are not in the packet's
   * length. Undefined: no packet is so long.
   */
  join(packets: Packets, header: number, uncounted = 0): Packet | undefined {
    const length = header + this.#length;
    const first = this.first!;
    if (length - uncounted > MAX_LENGTH) return undefined;
    const whole = packets.get(length);
    whole.iface = first.p.iface;
    whole.broadcast = first.p.broadcast;
    whole.zone = first.p.zone;
    whole.end = whole.start + length;
    whole.bytes.set(first.p.bytes.subarray(first.p.start, first.p.start + header), whole.start);
    for (const { from, to, p, at } of this.#all) {
      whole.bytes.set(p.bytes.subarray(at, at + to - from), whole.start + header + from);
    }
    return whole;
  }
  /** They are of no use any more. */
  release(packets: Packets): void {
    for (const { p } of this.#all.splice(0)) packets.put(p);
  }
}
