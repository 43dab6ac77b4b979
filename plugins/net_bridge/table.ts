/** Which station is behind which member: learned from what they send, forgotten after a while (IEEE 802.1D, 7.8, 7.9). */
import { IFBAF_STATIC } from "../../src/wire/if_bridge.ts";
import type { Member } from "./bridge.ts";

export interface Station {
  member: Member;
  /** When it is forgotten, milliseconds; what was set is not. */
  expires: number;
  readonly flags: number;
}
/** A link address at a place as a number: 48 bits are exact. */
export const macAt = (frame: Uint8Array, at: number): number =>
  ((frame[at]! << 8) | frame[at + 1]!) * 2 ** 32 +
  (((frame[at + 2]! << 24) | (frame[at + 3]! << 16) | (frame[at + 4]! << 8) | frame[at + 5]!) >>> 0);
/** The same as six bytes. */
export function macBytes(mac: number): Uint8Array {
  return Uint8Array.from({ length: 6 }, (_, i) => Math.floor(mac / 2 ** (40 - 8 * i)) & 255);
}

export class Stations {
  /** How many there may be, and seconds until one is forgotten that sends nothing: NetBSD's defaults. */
  limit = 100;
  lifetime = 1200;
  readonly #stations = new Map<number, Station>();
  readonly #now: () => number;
  #swept = 0;

  constructor(now: () => number) {
    this.#now = now;
  }
  get size(): number {
    return this.#stations.size;
  }
  /** Where a station is; undefined: nobody knows. */
  find(mac: number): Member | undefined {
    const s = this.#stations.get(mac);
    if (!s) return undefined;
    if (s.expires > this.#now()) return s.member;
    this.#stations.delete(mac);
    return undefined;
  }
  /** It has sent something at a member: there is it, unless it was said to be elsewhere. */
  learn(mac: number, member: Member): void {
    const s = this.#stations.get(mac);
    if (s && (s.flags & IFBAF_STATIC) !== 0) return;
    const expires = this.lifetime === 0 ? Infinity : this.#now() + this.lifetime * 1000;
    if (s) {
      s.member = member;
      s.expires = expires;
    } else if (this.#room()) this.#stations.set(mac, { member, expires, flags: 0 });
  }
  /** Somebody says where it is; false: there are too many. */
  set(mac: number, member: Member): boolean {
    if (!this.#stations.has(mac) && !this.#room()) return false;
    this.#stations.set(mac, { member, expires: Infinity, flags: IFBAF_STATIC });
    return true;
  }
  /** False: it is not known. */
  delete(mac: number): boolean {
    return this.#stations.delete(mac);
  }
  /** Forget those of a member, or (undefined) of all; `all`: also those that were set. */
  flush(member: Member | undefined, all: boolean): void {
    for (const [mac, s] of this.#stations) {
      if ((member === undefined || s.member === member) && (all || (s.flags & IFBAF_STATIC) === 0)) {
        this.#stations.delete(mac);
      }
    }
  }
  /** All there are, with the seconds left. */
  list(): { readonly mac: number; readonly station: Station; readonly seconds: number }[] {
    const now = this.#now();
    return [...this.#stations].filter(([, s]) => s.expires > now).map(([mac, station]) => ({
      mac,
      station,
      seconds: station.expires === Infinity ? 0 : Math.ceil((station.expires - now) / 1000),
    }));
  }
  #room(): boolean {
    if (this.#stations.size < this.limit) return true;
    const now = this.#now();
    // A flood of new stations is not to cost a look at all for each.
    if (now - this.#swept < 1000) return false;
    this.#swept = now;
    for (const [mac, s] of this.#stations) if (s.expires <= now) this.#stations.delete(mac);
    return this.#stations.size < this.limit;
  }
}
