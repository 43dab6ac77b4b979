/** SHA-256 (FIPS 180-4), a piece at a time: the runtime's takes no pieces, or gives a promise. */
import { viewOf } from "./struct.ts";

const BLOCK = 64;
/** The first 32 bits behind the point of a number's power. */
const fraction = (n: number, power: number) => Math.floor((n ** power % 1) * 2 ** 32) | 0;
const primes = (count: number): number[] => {
  const found: number[] = [];
  for (let n = 2; found.length < count; n++) if (found.every((p) => n % p !== 0)) found.push(n);
  return found;
};
let constants: Int32Array | undefined;
const rotated = (x: number, by: number) => x >>> by | x << 32 - by;

export class Sha256 {
  readonly #h = Int32Array.from(primes(8), (p) => fraction(p, 1 / 2));
  readonly #w = new Int32Array(BLOCK);
  readonly #rest = new Uint8Array(BLOCK);
  #size = 0;

  update(bytes: Uint8Array): void {
    let at = 0;
    const had = this.#size % BLOCK;
    this.#size += bytes.length;
    if (had > 0) {
      at = Math.min(BLOCK - had, bytes.length);
      this.#rest.set(bytes.subarray(0, at), had);
      if (had + at < BLOCK) return;
      this.#block(viewOf(this.#rest), 0);
    }
    const d = viewOf(bytes);
    for (; at + BLOCK <= bytes.length; at += BLOCK) this.#block(d, at);
    this.#rest.set(bytes.subarray(at));
  }
  /** 32 bytes; nothing may follow. */
  digest(): Uint8Array {
    const size = this.#size;
    const had = size % BLOCK;
    const tail = new Uint8Array(had < 56 ? BLOCK - had : 2 * BLOCK - had);
    tail[0] = 0x80;
    const d = viewOf(tail);
    d.setUint32(tail.length - 8, Math.floor(size / 2 ** 29));
    d.setUint32(tail.length - 4, size * 8 >>> 0);
    this.update(tail);
    const out = new DataView(new ArrayBuffer(32));
    this.#h.forEach((word, i) => out.setInt32(i * 4, word));
    return new Uint8Array(out.buffer);
  }
  #block(d: DataView, at: number): void {
    const k = constants ??= Int32Array.from(primes(BLOCK), (p) => fraction(p, 1 / 3));
    const w = this.#w;
    for (let i = 0; i < 16; i++) w[i] = d.getInt32(at + i * 4);
    for (let i = 16; i < BLOCK; i++) {
      const [x, y] = [w[i - 15]!, w[i - 2]!];
      const s0 = rotated(x, 7) ^ rotated(x, 18) ^ x >>> 3;
      const s1 = rotated(y, 17) ^ rotated(y, 19) ^ y >>> 10;
      w[i] = w[i - 16]! + s0 + w[i - 7]! + s1 | 0;
    }
    let [a, b, c, e, f, g, h, j] = this.#h as unknown as [
      number,
      number,
      number,
      number,
      number,
      number,
      number,
      number,
    ];
    for (let i = 0; i < BLOCK; i++) {
      const t1 = j + (rotated(f, 6) ^ rotated(f, 11) ^ rotated(f, 25)) + (f & g ^ ~f & h) + k[i]! + w[i]! | 0;
      const t2 = (rotated(a, 2) ^ rotated(a, 13) ^ rotated(a, 22)) + (a & b ^ a & c ^ b & c) | 0;
      [j, h, g, f, e, c, b, a] = [h, g, f, e + t1 | 0, c, b, a, t1 + t2 | 0];
    }
    [a, b, c, e, f, g, h, j].forEach((word, i) => this.#h[i] = this.#h[i]! + word | 0);
  }
}
