/** Blocks of a file given and taken away (ext2): pointers in its inode, and in blocks of pointers that come and go with them. */
import { Inode } from "../../src/wire/ext2.ts";
import { put32, u32At } from "./bytes.ts";
import { covered, DIRECT, treeOf } from "./indirect.ts";
import type { Node } from "./node.ts";
import type { Blocks, Space } from "./space.ts";
import type { Store } from "./store.ts";
import type { WriteBack } from "./writeback.ts";

/** A block of pointers, or those of the inode; `block` 0. */
interface Table {
  readonly block: number;
  readonly base: number;
}

export class Pointers {
  readonly #store: Store;
  readonly #space: Space;
  readonly #back: WriteBack;

  constructor(store: Store, space: Space, back: WriteBack) {
    this.#store = store;
    this.#space = space;
    this.#back = back;
  }
  get #perBlock(): number {
    return this.#store.l.blockSize / 4;
  }
  #bytes(node: Node, { block }: Table): Uint8Array {
    return block === 0 ? node.raw : this.#store.block(block);
  }
  #set(node: Node, table: Table, i: number, value: number): void {
    const bytes = table.block === 0 ? node.raw : this.#store.change(table.block);
    put32(bytes, table.base + i * 4, value);
  }
  /** Blocks that were given to a file, or taken from it, in sectors as its inode has it. */
  #count(node: Node, blocks: number): void {
    const sectors = Inode.get.blocksLow(node.view, 0) + blocks * (this.#store.l.blockSize / 512);
    Inode.set.blocksLow(node.view, 0, Math.max(0, sectors));
  }
  /** Take blocks, as many as there are in one piece; undefined: no room, also after a sync. */
  take(goal: number, want: number): Blocks | undefined {
    const got = this.#space.take(goal, want);
    if (got || !this.#space.holds) return got;
    this.#back.relieve();
    return this.#space.take(goal, want);
  }
  /** Where the file's next block would best be: behind the one before it, or in its inode's group. */
  goal(node: Node, block: number): number {
    const { l } = this.#store;
    const tree = treeOf(this.#perBlock, block);
    if (block > 0 && tree) {
      const [table, i] = this.#leaf(node, block - 1) ?? [];
      const before = table && u32At(this.#bytes(node, table), table.base + i! * 4);
      if (before) return before + 1;
    }
    return l.firstDataBlock + this.#space.inodeGroup(node.ino) * l.blocksPerGroup;
  }
  /** The table a block's pointer is in, and which it is; undefined: the table is not there. */
  #leaf(node: Node, block: number): readonly [Table, number] | undefined {
    return this.#walk(node, block, () => 0);
  }
  /** The same, and makes the tables that are not there; undefined: no room for them. */
  #walk(node: Node, block: number, make: (goal: number) => number): readonly [Table, number] | undefined {
    const tree = treeOf(this.#perBlock, block);
    if (!tree) throw this.#store.errno.EFBIG;
    let table: Table = { block: 0, base: Inode.at.block };
    let [i, from, span] = [tree.slot, tree.first, covered(this.#perBlock, tree.depth)];
    for (let left = tree.depth; left > 0; left--) {
      let next = u32At(this.#bytes(node, table), table.base + i * 4);
      if (next === 0) {
        next = make(table.block);
        if (next === 0) return undefined;
        this.#set(node, table, i, next);
        this.#count(node, 1);
      } else if (!this.#space.mayBeFiles(next)) this.#store.damage(`inode ${node.ino}: pointers in block ${next}`);
      table = { block: next, base: 0 };
      span /= this.#perBlock;
      i = Math.floor((block - from) / span);
      from += i * span;
    }
    return [table, i];
  }
  /** Give blocks to a file from `block` on, which is a hole; how many it got: fewer when there is no room for pointers. */
  give(node: Node, block: number, { start, length }: Blocks): number {
    node.run = undefined;
    let done = 0;
    while (done < length) {
      const leaf = this.#walk(node, block + done, (near) => this.#newTable(near || start));
      if (!leaf) break;
      const [table, i] = leaf;
      const room = (table.block === 0 ? DIRECT : this.#perBlock) - i;
      const bytes = table.block === 0 ? node.raw : this.#store.change(table.block);
      const n = Math.min(room, length - done);
      for (let k = 0; k < n; k++) put32(bytes, table.base + (i + k) * 4, start + done + k);
      done += n;
    }
    this.#count(node, done);
    return done;
  }
  #newTable(near: number): number {
    const got = this.take(near, 1);
    if (!got) return 0;
    this.#store.buffers.fresh(got.start);
    this.#back.fresh.add(got.start);
    return got.start;
  }

  /** Blocks taken in vain; `cached`: something was put into them. */
  giveBack(blocks: Blocks, cached: boolean): void {
    this.#space.release(blocks);
    if (cached) this.#forget(blocks.start, blocks.length);
  }
  /** What is in the cache of them is nobody's: it must not be written over what comes there. */
  #forget(start: number, length: number): void {
    this.#store.buffers.forget(start, start + length);
    for (let block = start; block < start + length; block++) this.#back.fresh.delete(block);
  }

  /** Take the blocks [from, to) from a file. EIO, and some stay, where pointers are damaged. */
  drop(node: Node, from: number, to: number): void {
    node.run = undefined;
    let freed = 0;
    const release = (pointer: number) => {
      this.#space.release({ start: pointer, length: 1 });
      if (node.isDir) this.#forget(pointer, 1);
      freed++;
    };
    try {
      const root: Table = { block: 0, base: Inode.at.block };
      for (let i = 0; i < DIRECT; i++) if (i >= from && i < to) this.#dropPointer(node, root, i, release);
      let first = DIRECT;
      for (let depth = 1; depth <= 3; depth++) {
        const span = covered(this.#perBlock, depth);
        this.#dropTree(node, root, DIRECT + depth - 1, { depth, first, from, to, release });
        first += span;
      }
    } finally {
      this.#count(node, -freed);
    }
  }
  #dropPointer(node: Node, table: Table, i: number, release: (pointer: number) => void): void {
    const pointer = u32At(this.#bytes(node, table), table.base + i * 4);
    if (pointer === 0) return;
    release(pointer);
    this.#set(node, table, i, 0);
  }
  /** The blocks of one tree that are in the range; the tree's own block when it is left empty. */
  #dropTree(node: Node, above: Table, slot: number, cut: Cut): void {
    const { depth, first, from, to, release } = cut;
    const span = covered(this.#perBlock, depth);
    if (to <= first || from >= first + span) return;
    const block = u32At(this.#bytes(node, above), above.base + slot * 4);
    if (block === 0) return;
    if (!this.#space.mayBeFiles(block)) this.#store.damage(`inode ${node.ino}: pointers in block ${block}`);
    const table: Table = { block, base: 0 };
    const each = span / this.#perBlock;
    const low = Math.max(0, Math.floor((from - first) / each));
    const high = Math.min(this.#perBlock, Math.ceil((to - first) / each));
    for (let i = low; i < high; i++) {
      if (depth === 1) this.#dropPointer(node, table, i, release);
      else this.#dropTree(node, table, i, { ...cut, depth: depth - 1, first: first + i * each });
    }
    if (!this.#isEmpty(block)) return;
    release(block);
    this.#forget(block, 1);
    this.#set(node, above, slot, 0);
  }
  #isEmpty(block: number): boolean {
    return this.#store.block(block).every((b) => b === 0);
  }
}
interface Cut {
  readonly depth: number;
  /** The file's first block in this tree. */
  readonly first: number;
  readonly from: number;
  readonly to: number;
  readonly release: (pointer: number) => void;
}
