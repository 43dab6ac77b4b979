/**
 * Inodes in memory, one node a number for as long as anybody has it: nodes nobody refers to are the garbage collector's,
 * those used last stay.
 */
import { FIRST_INODE, FL_EXTENTS, FL_INLINE_DATA, INO_ROOT, Inode } from "../../src/wire/ext2.ts";
import { u16At, u32At } from "./bytes.ts";
import { Node } from "./node.ts";
import type { Store } from "./store.ts";

/** Nodes that stay without being referred to: a power of two. */
const RECENT = 1 << 14;
/** Numbers known before those of collected nodes are looked for. */
const SWEEP = 1 << 15;

export class Inodes {
  readonly #store: Store;
  readonly #nodes = new Map<number, WeakRef<Node>>();
  readonly #recent: (Node | undefined)[] = [];
  #next = 0;
  #sweepAt = SWEEP;

  constructor(store: Store) {
    this.#store = store;
  }
  /** The node of a number; its inode need not be sound. */
  of(ino: number): Node {
    const had = this.#nodes.get(ino)?.deref();
    if (had) return had;
    const node = new Node(ino);
    this.#nodes.set(ino, new WeakRef(node));
    this.keep(node);
    if (this.#nodes.size > this.#sweepAt) this.#sweep();
    return node;
  }
  /** A new file's node: an inode of zeros. */
  fresh(ino: number): Node {
    this.#nodes.delete(ino);
    const node = this.of(ino);
    node.take(new Uint8Array(this.#store.l.inodeSize));
    return node;
  }
  /** It was used just now. */
  keep(node: Node): void {
    this.#recent[this.#next++ & (RECENT - 1)] = node;
  }
  #sweep(): void {
    for (const [ino, ref] of this.#nodes) if (!ref.deref()) this.#nodes.delete(ino);
    this.#sweepAt = Math.max(SWEEP, this.#nodes.size * 2);
  }
  /** The file is gone: its number will be another's. */
  forget(node: Node): void {
    this.#nodes.delete(node.ino);
  }
  /** Read a node's inode, unless it was. EIO, now and ever, when it is damaged. */
  load(node: Node): void {
    if (node.raw.length > 0) return;
    if (node.damaged) throw this.#store.errno.EIO;
    const [block, at] = this.#store.inodeAt(node.ino);
    const raw = this.#store.block(block).slice(at, at + this.#store.l.inodeSize);
    const seed = this.#store.sums.seedOf(node.ino, raw);
    const wrong = raw.length < this.#store.l.inodeSize ? "is not all there" : this.#wrong(node, raw, seed);
    if (wrong) {
      node.damaged = true;
      this.#store.damage(`inode ${node.ino}: ${wrong}`);
    }
    node.seed = seed;
    node.take(raw);
    if (node.size > Number.MAX_SAFE_INTEGER || node.size < 0) {
      node.take(new Uint8Array(0));
      node.damaged = true;
      this.#store.damage(`inode ${node.ino}: impossible size`);
    }
  }
  #wrong(node: Node, raw: Uint8Array, seed: number): string {
    if (!this.#store.sums.inode(seed, raw)) return "wrong checksum";
    const { ino } = node;
    // What a directory leads to is a file's, or the root: others are the volume's own.
    if (ino < Math.min(FIRST_INODE, this.#store.l.firstInode) && ino !== INO_ROOT && !this.internal.has(ino)) {
      return "belongs to the volume itself";
    }
    const mode = u16At(raw, Inode.at.mode);
    if (![1, 2, 4, 6, 8, 10, 12].includes(mode >> 12)) {
      return mode === 0 ? "is free, but has a name" : "is of no known type";
    }
    if (u16At(raw, Inode.at.links) === 0 && !this.internal.has(ino)) return "is free, but has a name";
    const extra = raw.length > 128 ? u16At(raw, Inode.at.extraSize) : 0;
    if (extra % 4 !== 0 || 128 + extra > raw.length) return "impossible size of its fields";
    const flags = u32At(raw, Inode.at.flags);
    return flags & FL_EXTENTS && flags & FL_INLINE_DATA ? "has its data in two places" : "";
  }
  /** Numbers of inodes that need no name: the journal, values of attributes, files that were removed while open. */
  readonly internal = new Set<number>();
}
