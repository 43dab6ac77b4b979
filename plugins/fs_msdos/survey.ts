/** One look at the whole table: how many clusters are free, and where chains meet. In pieces, so that nobody waits for it. */

/** Entries looked at in one piece. */
const PIECE = 1 << 18;

/** The table as the survey sees it. */
export interface Table {
  /** Clusters 2 ... clusters + 1. */
  readonly clusters: number;
  get(cluster: number): number;
}

export class Survey {
  readonly #table: Table;
  /** Clusters below this are counted. */
  #at = 2;
  #free = 0;
  /** Clusters some entry points at; given back once all was seen. */
  #pointed: Uint8Array | undefined;
  /** Clusters two entries point at, or two files: nothing is written to a chain from there on, nothing freed. */
  readonly crossings = new Set<number>();
  /** Free clusters some chain runs into: nobody gets them, or that chain would show what is written there. */
  readonly dangling = new Set<number>();

  constructor(table: Table) {
    this.#table = table;
  }
  get done(): boolean {
    return this.#at > this.#table.clusters + 1;
  }
  /** Free clusters; undefined: not all are counted. */
  get free(): number | undefined {
    return this.done ? this.#free : undefined;
  }
  /** One piece more. */
  step(): void {
    const last = this.#table.clusters + 1;
    this.#pointed ??= new Uint8Array((last + 8) >> 3);
    const end = Math.min(this.#at + PIECE, last + 1);
    for (let c = this.#at; c < end; c++) this.#look(c, this.#table.get(c), last);
    this.#at = end;
    if (!this.done) return;
    this.#findDangling(last);
    this.#pointed = undefined;
  }
  #look(cluster: number, next: number, last: number): void {
    if (next === 0) this.#free++;
    if (next < 2 || next > last) return;
    const [byte, bit] = [next >> 3, 1 << (next & 7)];
    // Damage without end: what is beyond the limit shows when the chain is walked.
    if (this.#pointed![byte]! & bit && this.crossings.size < MOST && next !== cluster) this.crossings.add(next);
    this.#pointed![byte]! |= bit;
  }
  #findDangling(last: number): void {
    for (let c = 2; c <= last && this.dangling.size < MOST; c++) {
      if (this.#pointed![c >> 3] === 0) c |= 7;
      else if (this.#pointed![c >> 3]! & (1 << (c & 7)) && this.#table.get(c) === 0) this.dangling.add(c);
    }
  }
  /** All that is left. */
  finish(): void {
    while (!this.done) this.step();
  }
  /** Clusters [start, start + length) were taken (-1) or became free (1). */
  changed(start: number, length: number, by: 1 | -1): void {
    this.#free += by * Math.max(0, Math.min(length, this.#at - start));
  }
}
const MOST = 65_536;
