/** Things found by both ends of a connection: a hash table with a secret, so that nobody chooses what collides. */
import type { Tuple } from "./tcb.ts";

const LEAST = 64;

export class Tuples<T extends Tuple> {
  #buckets: (T | T[] | undefined)[] = new Array(LEAST).fill(undefined);
  readonly #secret: number;
  size = 0;

  constructor(secret: number) {
    this.#secret = secret;
  }
  #hash(local: number, port: number, remote: number, remotePort: number): number {
    let h = Math.imul(remote ^ this.#secret, 0x9e3779b1) ^ Math.imul((remotePort << 16) | port, 0x85ebca6b);
    h = Math.imul(h ^ (h >>> 15) ^ local, 0xc2b2ae35);
    return (h ^ (h >>> 13)) & (this.#buckets.length - 1);
  }
  find(local: number, port: number, remote: number, remotePort: number): T | undefined {
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
const is = (t: Tuple, local: number, port: number, remote: number, remotePort: number) =>
  t.remotePort === remotePort && t.port === port && t.remote === remote && t.local === local;
