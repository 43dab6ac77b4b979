/** The chunks of a file by their number: an array where files are dense, a map far out, so that a hole costs nothing. */

/** Chunks below this number live in the array. */
const DENSE = 4096;

export class Chunks {
  readonly #near: (Uint8Array | undefined)[] = [];
  #far: Map<number, Uint8Array> | undefined;

  get(index: number): Uint8Array | undefined {
    return index < DENSE ? this.#near[index] : this.#far?.get(index);
  }
  /** The number of the first chunk from `index` on. */
  next(index: number): number | undefined {
    for (let i = index; i < this.#near.length; i++) if (this.#near[i]) return i;
    let least: number | undefined;
    for (const i of this.#far?.keys() ?? []) if (i >= index && (least === undefined || i < least)) least = i;
    return least;
  }
  set(index: number, chunk: Uint8Array): void {
    if (index >= DENSE) {
      (this.#far ??= new Map()).set(index, chunk);
      return;
    }
    // A sparse array would turn into a hash table: keep it dense.
    while (this.#near.length < index) this.#near.push(undefined);
    this.#near[index] = chunk;
  }
  /** Take chunks from..end-1 out; each one there was is given to `taken`. Costs by what is there, not by the range. */
  remove(from: number, end: number, taken: (chunk: Uint8Array) => void): void {
    for (let i = from; i < Math.min(end, this.#near.length); i++) {
      const chunk = this.#near[i];
      this.#near[i] = undefined;
      if (chunk) taken(chunk);
    }
    if (end >= this.#near.length) this.#near.length = Math.min(this.#near.length, from);
    for (const [i, chunk] of this.#far ?? []) {
      if (i < from || i >= end) continue;
      this.#far!.delete(i);
      taken(chunk);
    }
  }
}
