/** Things found by both ends of a connection: a hash table with a secret, so that nobody chooses what collides. */
import { type Address, sameAddress } from "../address.ts";
import type { Tuple } from "./tcb.ts";

const LEAST = 64;

export class Tuples<T extends Tuple> {
  #buckets: (T | T[] | undefined)[] = new Array(LEAST).fill(undefined);
  readonly #secret: number;
  size = 0;

  constructor(secret: number) {
    this.#secret = secret;
  }
  #hash(local: Address, port: number, remote: Address, remotePort: number): number {
    let h = Math.imul(this.#word(remote) ^ this.#secret, 0x9e3779b1) ^ Math.imul((remotePort << 16) | port, 0x85ebca6b);
    h = Math.imul(h ^ (h >>> 15) ^ this.#word(local), 0xc2b2ae35);
    return (h ^ (h >>> 13)) & (this.#buckets.length - 1);
  }
  /** An address as one word; with the secret, for nobody else knows which of IPv6's have the same. */
  #word(x: Address): number {
    if (typeof x === "number") return x;
    let h = Math.imul(x.a ^ this.#secret, 0x9e3779b1) ^ x.b;
    h = Math.imul(h ^ (h >>> 15) ^ this.#secret, 0x85ebca6b) ^ x.c;
    h = Math.imul(h ^ (h >>> 13) ^ this.#secret, 0xc2b2ae35) ^ x.d;
    return h ^ (h >>> 16);
  }
  find(local: Address, port: number, remote: Address, remotePort: number): T | undefined {
    const b = this.#buckets[this.#hash(local, port, remote, remotePort)];
    if (b === undefined) return undefined;
    if (!Array.isArray(b)) return is(b, local, port, remote, remotePort) ? b : undefined;
    for (let i = 0; i < b.length; i++) if (is(b[i]!, local, port, remote, remotePort)) return b[i];
    return undefined;
  }
  /** There is none of these ends yet. */
  add(t: T): void {
    if (++this.size > this.#buckets.length) this.#grow();
    this.#put(t);
  }
  #put(t: T): void {
    const at = this.#hash(t.local, t.port, t.remote, t.remotePort);
    const b = this.#buckets[at];
    if (b === undefined) this.#buckets[at] = t;
    else if (Array.isArray(b)) b.push(t);
    else this.#buckets[at] = [b, t];
  }
  #grow(): void {
    const all = [...this];
    this.#buckets = new Array(this.#buckets.length * 2).fill(undefined);
    for (const t of all) this.#put(t);
  }
  delete(t: T): void {
    const at = this.#hash(t.local, t.port, t.remote, t.remotePort);
    const b = this.#buckets[at];
    if (b === t) this.#buckets[at] = undefined;
    else if (Array.isArray(b) && b.includes(t)) {
      const rest = b.filter((x) => x !== t);
      this.#buckets[at] = rest.length > 1 ? rest : rest[0];
    } else return;
    this.size--;
  }
  *[Symbol.iterator](): Generator<T> {
    for (const b of this.#buckets) {
      if (b === undefined) continue;
      if (Array.isArray(b)) yield* b;
      else yield b;
    }
  }
}
const is = (t: Tuple, local: Address, port: number, remote: Address, remotePort: number) =>
  t.remotePort === remotePort && t.port === port && sameAddress(t.remote, remote) && sameAddress(t.local, local);
