/** The allocation bitmap (7.1), in memory: which clusters are taken, and which are given back at the next write-back. */
import type { Run } from "./clusters.ts";

/** Bytes of a bitmap that is kept: 2^29 clusters. */
export const LARGEST_BITMAP = 64 << 20;
/** Candidates that are looked at for a place that is long enough. */
const CANDIDATES = 32;
/** What is written at once. */
const PIECE = 4096;

const taken = Uint8Array.from({ length: 256 }, (_, i) => {
  let n = 0;
  for (let bits = i; bits; bits &= bits - 1) n++;
  return n;
});

export class Space {
  /** Clusters that can be had now, and those to be given back. */
  #free = 0;
  #held = 0;
  readonly clusters: number;
  readonly #bits: Uint8Array;
  readonly #dirty = new Set<number>();
  #back: Run[] = [];
  /** Where to look next, from 0. */
  #next = 0;

  constructor(bits: Uint8Array, clusters: number) {
    this.#bits = bits;
    this.clusters = clusters;
    this.#free = clusters;
    for (let i = 0; i < bits.length; i++) this.#free -= taken[bits[i]!]!;
    // Bits behind the last cluster are of no account.
    for (let c = clusters; c < bits.length * 8; c++) this.#free += bits[c >> 3]! >> (c & 7) & 1;
  }
  /** Clusters free, those to be given back among them. */
  get free(): number {
    return Math.min(this.clusters, this.#free + this.#held);
  }
  get holds(): boolean {
    return this.#back.length > 0;
  }
  #isTaken(index: number): boolean {
    return (this.#bits[index >> 3]! >> (index & 7) & 1) !== 0;
  }
  /** All of a run's clusters are taken. */
  has({ first, count }: Run): boolean {
    for (let i = first - 2; i < first - 2 + count; i++) if (!this.#isTaken(i)) return false;
    return true;
  }
  #set({ first, count }: Run, on: boolean): void {
    for (let i = first - 2; i < first - 2 + count; i++) {
      if (this.#isTaken(i) === on) continue;
      this.#bits[i >> 3]! ^= 1 << (i & 7);
      this.#free += on ? -1 : 1;
    }
    for (let at = first - 2 >> 3; at <= first - 3 + count >> 3; at += PIECE) this.#dirty.add(Math.floor(at / PIECE));
    this.#dirty.add(Math.floor((first - 3 + count >> 3) / PIECE));
  }
  /** Up to `count` clusters, behind `near` (0: anywhere) if that can be: fewer when there are no more. */
  allocate(count: number, near: number): Run[] {
    const runs: Run[] = [];
    let left = count;
    const take = (run: Run) => {
      this.#set(run, true);
      left -= run.count;
      this.#next = run.first - 2 + run.count;
      runs.push(run);
    };
    if (near > 1 && near - 2 < this.clusters && !this.#isTaken(near - 2)) take(this.#from(near - 2, left));
    // Where no place is long enough for all of it, what is next does for the rest.
    for (let candidates = CANDIDATES; left > 0 && this.#free > 0; candidates = 1) {
      const run = this.#find(left, candidates);
      if (!run) break;
      take(run);
    }
    return runs;
  }
  /** The free clusters from one on. */
  #from(index: number, most: number): Run {
    let end = index + 1;
    const limit = Math.min(this.clusters, index + most);
    while (end < limit && !this.#isTaken(end)) end++;
    return { first: index + 2, count: end - index };
  }
  /** A free run, long enough if one is near. */
  #find(want: number, candidates: number): Run | undefined {
    let best: Run | undefined;
    for (let [from, n, turned] = [this.#next, 0, false]; n < candidates; n++) {
      const index = this.#firstFree(from, this.clusters);
      if (index < 0) {
        if (turned) break;
        [from, turned] = [0, true];
        n--;
        continue;
      }
      const run = this.#from(index, want);
      if (!best || run.count > best.count) best = run;
      if (run.count === want) break;
      from = index + run.count;
    }
    return best;
  }
  /** The first free cluster from one on; -1: none. */
  #firstFree(from: number, to: number): number {
    for (let i = from; i < to;) {
      if ((i & 7) === 0 && this.#bits[i >> 3] === 0xff) i += 8;
      else if (!this.#isTaken(i)) return i;
      else i++;
    }
    return -1;
  }
  /** Give clusters back, once nothing on the disk leads to them any more. */
  release(runs: readonly Run[]): void {
    for (const run of runs) {
      this.#held += run.count;
      this.#back.push({ ...run });
    }
  }
  /** What was given back can be had; those. */
  apply(): readonly Run[] {
    const runs = this.#back;
    this.#back = [];
    this.#held = 0;
    for (const run of runs) this.#set(run, false);
    return runs;
  }
  /** What has changed since the last time: pieces, and where in the bitmap they are. */
  *changes(): Generator<readonly [at: number, piece: Uint8Array]> {
    for (const n of [...this.#dirty].sort((a, b) => a - b)) {
      yield [n * PIECE, this.#bits.subarray(n * PIECE, (n + 1) * PIECE)];
      this.#dirty.delete(n);
    }
  }
}
