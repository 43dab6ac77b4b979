/**
 * Who has which cluster: a count for each in the file, in blocks a table points to. Changed ones stay in memory until `write`,
 * which comes before what they count is linked: a crash leaves clusters nobody has, never one that two have.
 */
import { viewOf } from "../../src/lib/struct.ts";
import { Header } from "./layout.ts";
import { offsetAt, setEntry, type Store } from "./store.ts";

/** Blocks of counts kept in memory. */
const KEPT = 64;

/** Counts, and which of their bytes are not on the disk yet: [from, to). */
interface Block {
  readonly bytes: Uint8Array;
  from: number;
  to: number;
}
export class Refcounts {
  readonly #s: Store;
  #table: DataView;
  #tableAt: number;
  readonly #blocks = new Map<number, Block>();
  /** The first cluster nobody has had: at the file's end. */
  #end: number;
  /** Clusters nothing on the disk has any more, and those that are to lose somebody at the next flush. */
  readonly #free: number[] = [];
  readonly #released: number[] = [];
  /** Where packed bytes go on; 0: nowhere yet. */
  #packedEnd = 0;
  readonly #bits: number;
  /** The largest count. */
  readonly #most: number;
  /** Counts a block has. */
  readonly #each: number;

  constructor(store: Store) {
    this.#s = store;
    const { g } = store;
    this.#tableAt = g.refcountOffset;
    this.#table = store.table(g.refcountOffset, g.refcountClusters * g.clusterSize / 8);
    this.#end = Math.ceil(store.size / g.clusterSize);
    this.#bits = g.refcountBits;
    this.#most = 2 ** g.refcountBits - 1;
    this.#each = g.clusterSize * 8 / g.refcountBits;
  }
  /** A cluster for something new, counted once: its offset. What is in it is of no use. */
  allocate(): number {
    const cluster = this.#free.pop() ?? this.#end++;
    this.#set(cluster, 1);
    return cluster * this.#s.g.clusterSize;
  }
  /** The cluster at an offset, if nothing stands in the way of its being the next one. */
  allocateAt(offset: number): boolean {
    if (this.#free.length > 0 || offset !== this.#end * this.#s.g.clusterSize) return false;
    this.#set(this.#end++, 1);
    return true;
  }
  /** Room for the bytes of a packed cluster, behind the last ones where that can be: counted once more each. */
  allocatePacked(length: number): number {
    const { clusterSize } = this.#s.g;
    const last = Math.floor(this.#packedEnd / clusterSize);
    const left = Math.ceil(this.#packedEnd / clusterSize) * clusterSize - this.#packedEnd;
    const count = left > 0 ? this.#get(last) : 0; // 0: nobody has it any more
    const fits = count > 0 && count < this.#most && (length <= left || this.#end === last + 1);
    const at = fits ? this.#packedEnd : this.#end * clusterSize;
    this.#packedEnd = at + length;
    const [from, to] = [Math.floor(at / clusterSize), Math.floor((at + length - 1) / clusterSize)];
    this.#end = Math.max(this.#end, to + 1); // before counting, which may take a cluster
    for (let cluster = from; cluster <= to; cluster++) this.#set(cluster, this.#get(cluster) + 1);
    return at;
  }
  /** One less has the cluster at an offset, once everything that had it is on the disk without it. */
  release(offset: number): void {
    this.#released.push(Math.floor(offset / this.#s.g.clusterSize));
  }
  /** A flush is done: what was released can be used again, and its room is given back. */
  flushed(): void {
    const { clusterSize } = this.#s.g;
    for (const cluster of this.#released.splice(0)) {
      const count = this.#get(cluster);
      if (count === 0) continue;
      this.#set(cluster, count - 1);
      if (count > 1) continue;
      this.#s.discard(cluster * clusterSize, clusterSize);
      if (this.#free.length < MOST_FREE) this.#free.push(cluster);
    }
    this.write();
  }

  /** Put the counts on the disk. */
  write(): void {
    for (const [at, block] of this.#blocks) this.#writeBlock(at, block);
  }
  #writeBlock(at: number, block: Block): void {
    const { bytes, from, to } = block;
    if (to > from) this.#s.write(bytes.subarray(from, to), at + from);
    block.from = block.to = 0;
  }

  #get(cluster: number): number {
    const block = this.#block(cluster, false);
    return block ? readBits(block.bytes, cluster % this.#each, this.#bits) : 0;
  }
  #set(cluster: number, count: number): void {
    const block = this.#block(cluster, true)!;
    const n = cluster % this.#each;
    writeBits(block.bytes, n, this.#bits, count);
    const byte = Math.floor(n * this.#bits / 8);
    const end = byte + Math.max(1, this.#bits / 8);
    const clean = block.from === block.to;
    block.from = clean ? byte : Math.min(block.from, byte);
    block.to = clean ? end : Math.max(block.to, end);
  }
  #block(cluster: number, make: boolean): Block | undefined {
    const index = Math.floor(cluster / this.#each);
    if (index * 8 >= this.#table.byteLength) {
      if (!make) return undefined;
      this.#growTable(index + 1);
    }
    const at = offsetAt(this.#table, index);
    if (at === 0) return make ? this.#makeBlock(index) : undefined;
    const kept = this.#blocks.get(at);
    if (kept) return kept;
    const bytes = new Uint8Array(this.#s.g.clusterSize);
    this.#s.read(bytes, at);
    return this.#keep(at, bytes);
  }
  #keep(at: number, bytes: Uint8Array): Block {
    const block = { bytes, from: 0, to: 0 };
    this.#blocks.set(at, block);
    for (const [oldest, counts] of this.#blocks) {
      if (this.#blocks.size <= KEPT) break;
      this.#writeBlock(oldest, counts);
      this.#blocks.delete(oldest);
    }
    return block;
  }
  /** A block of counts at the file's end: it and its own count, wherever that is told, are written before the table has it. */
  #makeBlock(index: number): Block {
    const { clusterSize } = this.#s.g;
    const cluster = this.#end++;
    const bytes = new Uint8Array(clusterSize);
    this.#s.write(bytes, cluster * clusterSize);
    setEntry(this.#table, index, cluster * clusterSize, 0);
    this.#keep(cluster * clusterSize, bytes);
    this.#set(cluster, 1);
    this.write();
    this.#s.flush();
    this.#s.write(entryOf(this.#table, index), this.#tableAt + index * 8);
    return this.#block(index * this.#each, true)!;
  }
  /** A table twice as large, at the file's end. */
  #growTable(entries: number): void {
    const { g } = this.#s;
    const before = this.#table.byteLength / g.clusterSize;
    const clusters = Math.max(before * 2, Math.ceil(entries * 8 / g.clusterSize));
    const bytes = new Uint8Array(clusters * g.clusterSize);
    bytes.set(new Uint8Array(this.#table.buffer, this.#table.byteOffset, this.#table.byteLength));
    const first = this.#end;
    this.#end += clusters;
    const old = this.#tableAt;
    this.#table = viewOf(bytes);
    this.#tableAt = first * g.clusterSize;
    this.#s.write(bytes, this.#tableAt);
    for (let i = 0; i < clusters; i++) this.#set(first + i, 1);
    this.write();
    this.#s.flush();
    const header = new Uint8Array(12);
    const d = viewOf(header);
    d.setUint32(0, Math.floor(this.#tableAt / 2 ** 32));
    d.setUint32(4, this.#tableAt >>> 0);
    d.setUint32(8, clusters);
    this.#s.write(header, Header.at.refcountOffset);
    for (let i = 0; i < before; i++) this.release(old + i * g.clusterSize);
  }
}
/** Freed clusters remembered for use; more stay holes in the file. */
const MOST_FREE = 1 << 16;
const entryOf = (d: DataView, n: number) => new Uint8Array(d.buffer, d.byteOffset + n * 8, 8);

/** Counts narrower than a byte stand from its low bits on. */
function readBits(block: Uint8Array, n: number, bits: number): number {
  if (bits < 8) return block[Math.floor(n * bits / 8)]! >> (n * bits % 8) & (1 << bits) - 1;
  let value = 0;
  for (let i = 0; i < bits / 8; i++) value = value * 256 + block[n * bits / 8 + i]!;
  return value;
}
function writeBits(block: Uint8Array, n: number, bits: number, value: number): void {
  if (bits < 8) {
    const [byte, shift] = [Math.floor(n * bits / 8), n * bits % 8];
    block[byte] = block[byte]! & ~((1 << bits) - 1 << shift) | value << shift;
    return;
  }
  for (let i = bits / 8 - 1; i >= 0; i--) {
    block[n * bits / 8 + i] = value % 256;
    value = Math.floor(value / 256);
  }
}
