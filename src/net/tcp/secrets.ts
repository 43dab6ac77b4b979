/** Numbers nobody else foresees: initial sequence numbers (RFC 6528), timestamps' offsets, SYN cookies (RFC 4987, 3.6). */
import { halfSipHash } from "../../lib/siphash.ts";
import { addressWords } from "../address.ts";
import { distance } from "./seq.ts";
import type { Agreed, Tuple } from "./tcb.ts";

/** Segment sizes a cookie can tell. */
const SIZES = [536, 1024, 1220, 1440, 1460, 4312, 8960, 65_495] as const;
/** A cookie's time moves on after so many milliseconds, and is good for two of them. */
const PERIOD = 64_000;
const PERIODS = 32;
/** Bits of a timestamp that carry the rest: the window's scale, SACK, and ECN. */
const STAMP_BITS = 63;
const NO_SCALE = 15;
const ECN = 32;

export class Secrets {
  readonly #key = new Int32Array(6);

  constructor(random: (into: Uint8Array) => void) {
    random(new Uint8Array(this.#key.buffer));
  }
  get seed(): number {
    return this.#key[0]!;
  }
  #hash(which: number, { local, port, remote, remotePort }: Tuple, ...more: number[]): number {
    const key = this.#key.subarray(which, which + 2);
    return halfSipHash(key, [...addressWords(local), ...addressWords(remote), (port << 16) | remotePort, ...more]);
  }
  /** 250 a millisecond, from a place of the connection's own. */
  iss(tuple: Tuple, now: number): number {
    return (Math.floor(now * 250) + this.#hash(0, tuple)) | 0;
  }
  /** Timestamps of a pair of ends always go up, and tell nobody how long we run. */
  stampOffset(tuple: Tuple): number {
    return this.#hash(2, tuple);
  }
  /** A number of ours that says of a SYN what has to be known of it: 5 bits of time, 3 of its size, 24 of proof. */
  cookie(tuple: Tuple, irs: number, mss: number, now: number): number {
    const time = Math.floor(now / PERIOD) % PERIODS;
    let size = 0;
    while (size + 1 < SIZES.length && SIZES[size + 1]! <= mss) size++;
    return (time << 27) | (size << 24) | this.#proof(tuple, irs, time, size);
  }
  #proof(tuple: Tuple, irs: number, time: number, size: number): number {
    return this.#hash(4, tuple, irs, (time << 8) | size) & 0xffffff;
  }
  /** A timestamp that carries what else was agreed. */
  cookieStamp({ scale, sack, ecn }: Agreed, now: number): number {
    return (Math.floor(now) & ~STAMP_BITS) | (ecn ? ECN : 0) | ((scale < 0 ? NO_SCALE : scale) << 1) | (sack ? 1 : 0);
  }
  /** What an acknowledged cookie says; `echo`: the timestamp that came back, less its offset. Undefined: it is none of ours. */
  readCookie(tuple: Tuple, irs: number, cookie: number, now: number, echo: number | undefined): Agreed | undefined {
    const time = cookie >>> 27;
    const size = (cookie >>> 24) & 7;
    const age = (Math.floor(now / PERIOD) - time) % PERIODS;
    if (age > 1 || this.#proof(tuple, irs, time, size) !== (cookie & 0xffffff)) return undefined;
    const mss = SIZES[size]!;
    if (echo === undefined) return { mss, scale: -1, sack: false, stamped: false, ecn: false };
    if (Math.abs(distance(Math.floor(now) | 0, echo)) > 2 * PERIOD) return undefined;
    const scale = (echo & STAMP_BITS) >> 1 & 15;
    return {
      mss,
      scale: scale === NO_SCALE ? -1 : scale,
      sack: (echo & 1) !== 0,
      stamped: true,
      ecn: (echo & ECN) !== 0,
    };
  }
}
