/** A file's bytes written: growing, cutting, holes filled and made. Data goes straight to the disk, before what leads to it. */
import { finished } from "../../src/lib/finished.ts";
import { Inode } from "../../src/wire/ext2.ts";
import { findRun } from "./data.ts";
import { maxBlocks } from "./indirect.ts";
import type { Node } from "./node.ts";
import type { Pointers } from "./pointers.ts";
import type { Space } from "./space.ts";
import type { Store } from "./store.ts";
import type { WriteBack } from "./writeback.ts";

/** Zeros are written in pieces of this size. */
const ZEROS = new Uint8Array(256 << 10);
/** Sectors an inode can count, in bytes. */
const MOST_BYTES = 0xffff_ffff * 512;

export class Files {
  readonly #store: Store;
  readonly #space: Space;
  readonly #pointers: Pointers;
  readonly #back: WriteBack;
  /** Longest file, bytes. */
  readonly #limit: number;

  /** `largest`: what the volume's revision allows. */
  constructor(store: Store, space: Space, pointers: Pointers, back: WriteBack, largest: number) {
    this.#store = store;
    this.#space = space;
    this.#pointers = pointers;
    this.#back = back;
    this.#limit = Math.min(largest, maxBlocks(store.l.blockSize / 4) * store.l.blockSize, MOST_BYTES);
  }
  get #size(): number {
    return this.#store.l.blockSize;
  }
  #put(from: Uint8Array, position: number): void {
    const block = Math.floor(position / this.#size);
    if (!this.#space.mayBeFiles(block, Math.ceil((position + from.length) / this.#size) - block)) {
      this.#store.damage(`block ${block} belongs to the volume, and to a file, too`);
    }
    finished(this.#store.device.write!(from, position), this.#store.errno);
  }
  /** Write at an offset; how much was written, ENOSPC when nothing could be. */
  write(node: Node, from: Uint8Array, offset: number): number {
    const { EFBIG, ENOSPC } = this.#store.errno;
    if (from.length > 0 && offset >= this.#limit) throw EFBIG;
    const all = Math.min(from.length, this.#limit - offset);
    if (all <= 0) return 0;
    this.#back.dirty();
    if (offset > node.size) this.#zero(node, node.size, this.#blockEnd(node.size));
    let done = 0;
    while (done < all) {
      const n = this.#piece(node, from.subarray(done, all), offset + done);
      if (n === 0) break;
      done += n;
      if (offset + done > node.size) node.size = offset + done;
    }
    if (done === 0) throw ENOSPC;
    return done;
  }
  /** Write what is one piece on the disk, or will be; 0: no room. */
  #piece(node: Node, from: Uint8Array, at: number): number {
    const block = Math.floor(at / this.#size);
    const inside = at - block * this.#size;
    const want = Math.ceil((inside + from.length) / this.#size);
    const run = findRun(this.#store, node, block, want);
    const room = (run.at + run.length) * this.#size - at;
    const part = from.length > room ? from.subarray(0, room) : from;
    if (run.start === 0) return this.#fill(node, block, part, inside);
    this.#put(part, (run.start + block - run.at) * this.#size + inside);
    return part.length;
  }
  /** Write into a hole: blocks for it, zeros around what is written. */
  #fill(node: Node, block: number, from: Uint8Array, inside: number): number {
    const got = this.#pointers.take(this.#pointers.goal(node, block), Math.ceil((inside + from.length) / this.#size));
    if (!got) return 0;
    const n = Math.min(from.length, got.length * this.#size - inside);
    let whole = from.subarray(0, n);
    if (inside > 0 || n % this.#size > 0) {
      whole = new Uint8Array(got.length * this.#size);
      whole.set(from.subarray(0, n), inside);
    }
    let given = 0;
    try {
      this.#put(whole, got.start * this.#size);
      given = this.#pointers.give(node, block, got);
    } finally {
      this.#pointers.giveBack({ start: got.start + given, length: got.length - given }, false);
    }
    return Math.max(0, Math.min(n, given * this.#size - inside));
  }
  #blockEnd(at: number): number {
    return Math.ceil(at / this.#size) * this.#size;
  }
  /** Zeros over what of [from, to) has blocks. */
  #zero(node: Node, from: number, to: number): void {
    for (let at = from; at < to;) {
      const block = Math.floor(at / this.#size);
      const run = findRun(this.#store, node, block, 1);
      const n = Math.min(to, (run.at + run.length) * this.#size) - at;
      for (let i = 0; run.start > 0 && i < n; i += ZEROS.length) {
        this.#put(ZEROS.subarray(0, Math.min(ZEROS.length, n - i)), (run.start - run.at) * this.#size + at + i);
      }
      at += n;
    }
  }
  /** Cut, or lengthen by a hole. */
  resize(node: Node, size: number): void {
    if (size > this.#limit) throw this.#store.errno.EFBIG;
    this.#back.dirty();
    if (size < node.size) {
      this.#pointers.drop(node, Math.ceil(size / this.#size), Infinity);
      this.#zero(node, size, this.#blockEnd(size));
    } else this.#zero(node, node.size, Math.min(size, this.#blockEnd(node.size)));
    node.size = size;
  }
  /** Blocks for all of [from, to), of zeros where there were none. ENOSPC, and as it was before. */
  allocate(node: Node, from: number, to: number): void {
    if (to > this.#limit) throw this.#store.errno.EFBIG;
    this.#back.dirty();
    if (to > node.size) this.#zero(node, node.size, this.#blockEnd(node.size));
    const made: [from: number, to: number][] = [];
    const end = Math.ceil(to / this.#size);
    try {
      for (let block = Math.floor(from / this.#size); block < end;) {
        const run = findRun(this.#store, node, block, end - block);
        const next = Math.min(end, run.at + run.length);
        if (run.start > 0) block = next;
        else {
          const zeros = ZEROS.subarray(0, Math.min(ZEROS.length, (next - block) * this.#size));
          const n = Math.ceil(this.#fill(node, block, zeros, 0) / this.#size);
          if (n === 0) throw this.#store.errno.ENOSPC;
          made.push([block, block + n]);
          block += n;
        }
      }
    } catch (e) {
      for (const [first, last] of made) this.#pointers.drop(node, first, last);
      throw e;
    }
    node.size = Math.max(node.size, to);
  }
  /** A hole. */
  punch(node: Node, from: number, to: number): void {
    this.#back.dirty();
    const end = Math.min(to, node.size);
    if (from >= end) return;
    const [first, last] = [
      Math.ceil(from / this.#size),
      end === node.size ? Math.ceil(end / this.#size) : Math.floor(end / this.#size),
    ];
    this.#zero(node, from, Math.min(end, first * this.#size));
    if (last >= first) this.#zero(node, Math.max(from, last * this.#size), end);
    if (last > first) this.#pointers.drop(node, first, last);
  }
  /** All of its blocks. */
  empty(node: Node): void {
    this.#pointers.drop(node, 0, Infinity);
    node.size = 0;
  }
}
/** A file has blocks of its own, and not something else where their pointers are. */
export const hasBlocks = (node: Node): boolean => {
  const type = node.mode >> 12;
  return type === 8 || type === 4 || (type === 10 && (node.size >= 60 || Inode.get.blocksLow(node.view, 0) > 0));
};
