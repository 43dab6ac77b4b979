/** Addresses as they stand in packets, without a new object for each: those that were seen last are at hand. */
import { In6Addr, isScoped } from "../../lib/in6.ts";

const SLOTS = 1024;

export class AddressCache {
  readonly #slots = new Array<In6Addr | undefined>(SLOTS).fill(undefined);

  /** The address at a place; `zone`: the link it came by, for addresses that need one. */
  read(view: DataView, at: number, zone: number): In6Addr {
    const [a, b] = [view.getInt32(at), view.getInt32(at + 4)];
    const [c, d] = [view.getInt32(at + 8), view.getInt32(at + 12)];
    const z = isScoped(a) ? zone : 0;
    const slot = hash(a, b, c, d) & (SLOTS - 1);
    const had = this.#slots[slot];
    if (had && had.d === d && had.c === c && had.b === b && had.a === a && had.zone === z) return had;
    return (this.#slots[slot] = new In6Addr(a, b, c, d, z));
  }
}
function hash(a: number, b: number, c: number, d: number): number {
  const h = Math.imul(a ^ Math.imul(b, 0x85ebca6b) ^ Math.imul(c, 0xc2b2ae35) ^ d, 0x9e3779b1);
  return h ^ (h >>> 16);
}
