/** The two levels of tables that say where each cluster is. Second tables are kept in memory and written at a flush. */
import { COMPRESSED, COPIED, ZERO } from "./layout.ts";
import type { Refcounts } from "./refcounts.ts";
import { offsetAt, setEntry, type Store } from "./store.ts";

/** Bytes of second tables kept in memory. */
const KEPT = 16 << 20;

/** Where a cluster's data is. */
export type Where =
  /** Nowhere: in the backing image, or zeros. */
  | { readonly kind: "none" }
  | { readonly kind: "zero"; readonly at: number }
  /** `own`: nobody else has the cluster. */
  | { readonly kind: "data"; readonly at: number; readonly own: boolean }
  /** Compressed, in so many bytes at the most. */
  | { readonly kind: "packed"; readonly at: number; readonly length: number };

interface Second {
  readonly d: DataView;
  dirty: boolean;
}
export class Tables {
  readonly #s: Store;
  readonly #counts: Refcounts | undefined;
  readonly #first: DataView;
  /** By the index in the first table, the least used going first. */
  readonly #seconds = new Map<number, Second>();
  readonly #each: number;

  /** `counts`: of an image that is written. */
  constructor(store: Store, counts: Refcounts | undefined) {
    this.#s = store;
    this.#counts = counts;
    const { g } = store;
    this.#first = store.table(g.l1Offset, g.l1Size);
    this.#each = g.clusterSize / 8;
  }
  where(cluster: number): Where {
    const second = this.#second(Math.floor(cluster / this.#each));
    if (!second) return NONE;
    const n = cluster % this.#each;
    const high = second.d.getUint32(n * 8);
    if (high & COMPRESSED) return this.#packed(second.d, n);
    const at = offsetAt(second.d, n);
    if (second.d.getUint32(n * 8 + 4) & ZERO && this.#s.g.version === 3) return { kind: "zero", at };
    if (at === 0) return NONE;
    if (at % this.#s.g.clusterSize !== 0) throw this.#s.errno.EIO;
    return { kind: "data", at, own: (high & COPIED) !== 0 };
  }
  /** The offset's bits and those of its length share 62. */
  #packed(d: DataView, n: number): Where {
    const [high, low] = [d.getUint32(n * 8) & 0x3fff_ffff, d.getUint32(n * 8 + 4)];
    const highBits = this.#offsetBits - 32;
    const at = (high & 2 ** highBits - 1) * 2 ** 32 + low;
    const sectors = (high >>> highBits) + 1;
    return { kind: "packed", at, length: sectors * 512 - at % 512 };
  }
  /** The first cluster of [cluster, end) that has data of its own, or where the search was given up; `end`: none has. */
  next(cluster: number, end: number): number {
    let looked = 0;
    let at = cluster;
    while (at < end && looked < MOST_LOOKED) {
      const index = Math.floor(at / this.#each);
      if (!this.#second(index)) {
        at = (index + 1) * this.#each;
        continue;
      }
      const { kind } = this.where(at);
      if (kind === "data" || kind === "packed") return at;
      at++;
      looked++;
    }
    return Math.min(at, end);
  }
  /** From now on the cluster is there, and nobody else's; its data has been written. Offset 0: it is nowhere. */
  set(cluster: number, at: number): void {
    const second = this.#own(Math.floor(cluster / this.#each));
    setEntry(second.d, cluster % this.#each, at, at === 0 ? 0 : COPIED);
    second.dirty = true;
  }
  /** The same of a packed cluster. */
  setPacked(cluster: number, at: number, length: number): void {
    const second = this.#own(Math.floor(cluster / this.#each));
    const n = cluster % this.#each;
    const more = Math.floor((at + length - 1) / 512) - Math.floor(at / 512);
    const high = Math.floor(at / 2 ** 32) + more * 2 ** (this.#offsetBits - 32);
    second.d.setUint32(n * 8, (COMPRESSED | high) >>> 0);
    second.d.setUint32(n * 8 + 4, at >>> 0);
    second.dirty = true;
  }
  /** Of a packed cluster: bits of its offset. */
  get #offsetBits(): number {
    return 62 - (Math.log2(this.#s.g.clusterSize) - 8);
  }
  /** Write what was changed: what it leads to is on the disk before it. */
  flush(): void {
    const dirty = [...this.#seconds].filter(([, s]) => s.dirty);
    if (dirty.length > 0) {
      this.#counts?.write();
      this.#s.flush();
      for (const [index, second] of dirty) this.#write(index, second);
    }
    this.#counts?.write();
    this.#s.flush();
    this.#counts?.flushed();
  }
  #write(index: number, second: Second): void {
    this.#s.write(new Uint8Array(second.d.buffer, second.d.byteOffset, second.d.byteLength), this.#at(index));
    second.dirty = false;
  }
  readonly #at = (index: number) => offsetAt(this.#first, index);

  #second(index: number): Second | undefined {
    const kept = this.#seconds.get(index);
    if (kept) {
      this.#seconds.delete(index);
      this.#seconds.set(index, kept);
      return kept;
    }
    const at = this.#at(index);
    if (at === 0) return undefined;
    return this.#keep(index, { d: this.#s.table(at, this.#each), dirty: false });
  }
  #keep(index: number, second: Second): Second {
    this.#seconds.set(index, second);
    const most = Math.max(4, KEPT / this.#s.g.clusterSize);
    if (this.#seconds.size > most) {
      const [oldest, { dirty }] = this.#seconds.entries().next().value!;
      if (dirty) this.flush();
      this.#seconds.delete(oldest);
    }
    return second;
  }
  /** The second table, for changing: a new one, or a copy of one a snapshot has, too. */
  #own(index: number): Second {
    const before = this.#second(index);
    if (before && this.#first.getUint32(index * 8) & COPIED) return before;
    const { clusterSize } = this.#s.g;
    const bytes = new Uint8Array(clusterSize);
    if (before) bytes.set(new Uint8Array(before.d.buffer, before.d.byteOffset, clusterSize));
    const old = this.#at(index);
    const at = this.#counts!.allocate();
    this.#s.write(bytes, at);
    setEntry(this.#first, index, at, COPIED);
    this.#counts!.write();
    this.#s.flush();
    const entry = new Uint8Array(this.#first.buffer, this.#first.byteOffset + index * 8, 8);
    this.#s.write(entry, this.#s.g.l1Offset + index * 8);
    if (before) this.#counts!.release(old);
    this.#seconds.delete(index);
    return this.#keep(index, { d: new DataView(bytes.buffer), dirty: false });
  }
}
/** Entries looked at in one search. */
const MOST_LOOKED = 1 << 18;
const NONE: Where = { kind: "none" };
