/** Free blocks and inodes: bitmaps of the groups, counted; what was freed is room again only when nothing on the disk leads there. */
import { Group, Super } from "../../src/wire/ext2.ts";
import { put16 } from "./bytes.ts";
import { firstZero, isSet, onesIn, setBits, zerosFrom } from "./bitmaps.ts";
import { descriptorAt, groupBlocks, groupStart } from "./layout.ts";
import type { Store } from "./store.ts";
import { Zones } from "./zones.ts";

/** Blocks that follow each other. */
export interface Blocks {
  readonly start: number;
  readonly length: number;
}
interface Pending {
  readonly bits: Uint8Array;
  count: number;
}

export class Space {
  readonly #store: Store;
  readonly #zones: Zones;
  readonly #freeBlocks: Int32Array;
  readonly #freeInodes: Int32Array;
  readonly #dirs: Int32Array;
  /** Bitmaps that were looked through, by kind and group. */
  readonly #seen = { block: new Set<number>(), inode: new Set<number>() };
  /** Groups whose numbers in the descriptor are old. */
  readonly #changed = new Set<number>();
  readonly #pending = new Map<number, Pending>();
  readonly #pendingInodes = new Map<number, boolean>();

  constructor(store: Store) {
    this.#store = store;
    const { groups } = store.l;
    this.#zones = new Zones(store);
    this.#freeBlocks = Int32Array.from({ length: groups }, (_, g) => store.count(g, "freeBlocks"));
    this.#freeInodes = Int32Array.from({ length: groups }, (_, g) => store.count(g, "freeInodes"));
    this.#dirs = Int32Array.from({ length: groups }, (_, g) => store.count(g, "usedDirs"));
  }
  /** Blocks and inodes free, those that will be after the next sync among them. */
  get free(): number {
    let pending = 0;
    for (const { count } of this.#pending.values()) pending += count;
    return this.#freeBlocks.reduce((a, b) => a + b, pending);
  }
  get freeInodes(): number {
    return this.#freeInodes.reduce((a, b) => a + b, this.#pendingInodes.size);
  }
  /** Something was freed since the last `apply`. */
  get holds(): boolean {
    return this.#pending.size > 0 || this.#pendingInodes.size > 0;
  }
  groupOf(block: number): number {
    return Math.floor((block - this.#store.l.firstDataBlock) / this.#store.l.blocksPerGroup);
  }
  inodeGroup(ino: number): number {
    return Math.floor((ino - 1) / this.#store.l.inodesPerGroup);
  }
  /** The blocks of files: metadata is none of them. */
  mayBeFiles(start: number, length = 1): boolean {
    return this.#store.valid(start, length) && !this.#zones.meets(start, length);
  }

  /** Take some of `want` blocks, near `goal`; undefined: there is no room. */
  take(goal: number, want: number): Blocks | undefined {
    const { groups } = this.#store.l;
    const near = Math.max(0, Math.min(groups - 1, this.groupOf(goal)));
    for (let i = 0; i < groups; i++) {
      const g = (near + i) % groups;
      if (this.#freeBlocks[g]! <= 0) continue;
      const got = this.#takeIn(g, i === 0 ? goal - groupStart(this.#store.l, g) : 0, want);
      if (got) return got;
    }
    return undefined;
  }
  #takeIn(g: number, from: number, want: number): Blocks | undefined {
    const count = groupBlocks(this.#store.l, g);
    const bits = this.#bitmap(g, "block");
    if (!bits) return undefined;
    const bit = firstZero(bits, Math.max(0, from), count);
    if (bit < 0) return undefined;
    const length = zerosFrom(bits, bit, Math.min(count, bit + want));
    setBits(this.#store.change(this.#store.place(g).blockBitmap), bit, length);
    this.#freeBlocks[g]! -= length;
    this.#changed.add(g);
    return { start: groupStart(this.#store.l, g) + bit, length };
  }
  /** A group's bitmap, counted when first seen; undefined: it is damaged, and nothing is taken from the group. */
  #bitmap(g: number, kind: "block" | "inode"): Uint8Array | undefined {
    const { l } = this.#store;
    const place = this.#store.place(g);
    const bits = this.#store.block(kind === "block" ? place.blockBitmap : place.inodeBitmap);
    if (this.#seen[kind].has(g)) return bits;
    const free = kind === "block" ? this.#freeBlocks : this.#freeInodes;
    const count = kind === "block" ? groupBlocks(l, g) : l.inodesPerGroup;
    if (kind === "block" && !this.#zones.areSet(g, bits)) {
      this.#store.health.found(`group ${g}: bitmap says that metadata is free`);
      free[g] = 0;
      return undefined;
    }
    this.#seen[kind].add(g);
    const real = count - onesIn(bits, count);
    if (real !== free[g]) this.#changed.add(g);
    free[g] = real;
    return bits;
  }
  /** Blocks nothing leads to any more. EIO, and none of them, when they are free already or metadata. */
  release({ start, length }: Blocks): void {
    if (length === 0) return;
    if (!this.mayBeFiles(start, length)) this.#store.damage(`blocks ${start} to ${start + length - 1} are no file's`);
    for (let at = start; at < start + length;) {
      const g = this.groupOf(at);
      const first = at - groupStart(this.#store.l, g);
      const end = Math.min(groupBlocks(this.#store.l, g), first + start + length - at);
      const bits = this.#bitmap(g, "block");
      const pending = this.#pendingOf(g);
      for (let bit = first; bit < end; bit++) {
        if (!bits || !isSet(bits, bit) || isSet(pending.bits, bit)) this.#store.damage(`block ${at} is free already`);
        setBits(pending.bits, bit, 1);
        pending.count++;
        at++;
      }
    }
  }
  #pendingOf(g: number): Pending {
    let pending = this.#pending.get(g);
    if (!pending) this.#pending.set(g, pending = { bits: new Uint8Array(this.#store.l.blockSize), count: 0 });
    return pending;
  }

  /** A free inode's number: of a file in its directory's group, of a directory where there is room. 0: there is none. */
  takeInode(near: number, isDir: boolean, top: boolean): number {
    const { groups, inodesPerGroup, firstInode } = this.#store.l;
    const first = isDir ? this.#roomiest(near, top) : near;
    for (let i = 0; i < groups; i++) {
      const g = (first + i) % groups;
      if (this.#freeInodes[g]! <= 0) continue;
      const bits = this.#bitmap(g, "inode");
      const bit = bits ? firstZero(bits, g === 0 ? firstInode - 1 : 0, inodesPerGroup, true) : -1;
      if (bit < 0) continue;
      setBits(this.#store.change(this.#store.place(g).inodeBitmap), bit, 1);
      this.#freeInodes[g]!--;
      if (isDir) this.#dirs[g]!++;
      this.#changed.add(g);
      return g * inodesPerGroup + bit + 1;
    }
    return 0;
  }
  /** For a directory: the parent's group while it is no fuller than others; those of the root lie apart. */
  #roomiest(near: number, top: boolean): number {
    const { groups, inodesPerGroup, blocksPerGroup } = this.#store.l;
    const isRoomy = (g: number) =>
      this.#freeInodes[g]! > inodesPerGroup / 4 && this.#freeBlocks[g]! > blocksPerGroup / 4;
    if (!top && isRoomy(near)) return near;
    let best = near;
    for (let g = 0; g < groups; g++) {
      const better = this.#freeBlocks[g]! - this.#dirs[g]! > this.#freeBlocks[best]! - this.#dirs[best]!;
      if (this.#freeInodes[g]! > 0 && (better || this.#freeInodes[best]! <= 0)) best = g;
    }
    return best;
  }
  releaseInode(ino: number, isDir: boolean): void {
    this.#pendingInodes.set(ino, isDir);
  }

  /** Nothing on the disk leads to what was freed: it can be used again. */
  apply(): void {
    for (const [g, { bits, count }] of this.#pending) {
      const into = this.#store.change(this.#store.place(g).blockBitmap);
      for (let i = 0; i < bits.length; i++) if (bits[i]) into[i]! &= ~bits[i]!;
      this.#freeBlocks[g]! += count;
      this.#changed.add(g);
      this.#pending.delete(g);
    }
    for (const [ino, isDir] of this.#pendingInodes) this.#applyInode(ino, isDir);
  }
  #applyInode(ino: number, isDir: boolean): void {
    const g = this.inodeGroup(ino);
    const bit = (ino - 1) % this.#store.l.inodesPerGroup;
    const bits = this.#bitmap(g, "inode");
    if (bits && isSet(bits, bit)) {
      this.#store.change(this.#store.place(g).inodeBitmap)[bit >> 3]! &= ~(1 << (bit & 7));
      this.#freeInodes[g]!++;
      if (isDir) this.#dirs[g]!--;
      this.#changed.add(g);
    }
    this.#pendingInodes.delete(ino);
  }
  /** Numbers into the descriptors and the superblock. */
  write(superBlock: DataView): void {
    for (const g of this.#changed) this.#writeGroup(g);
    this.#changed.clear();
    const free = this.#freeBlocks.reduce((a, b) => a + b, 0);
    Super.set.freeBlocksLow(superBlock, 0, free >>> 0);
    if (this.#store.l.descSize > 32) Super.set.freeBlocksHigh(superBlock, 0, Math.floor(free / 2 ** 32));
    Super.set.freeInodes(superBlock, 0, this.#freeInodes.reduce((a, b) => a + b, 0));
  }
  #writeGroup(g: number): void {
    const [block, at] = descriptorAt(this.#store.l, g);
    const bytes = this.#store.change(block);
    const put = (low: number, high: number, n: number) => {
      put16(bytes, at + low, n);
      if (this.#store.l.descSize >= Group.size) put16(bytes, at + high, n >>> 16);
    };
    put(Group.at.freeBlocksLow, Group.at.freeBlocksHigh, this.#freeBlocks[g]!);
    put(Group.at.freeInodesLow, Group.at.freeInodesHigh, this.#freeInodes[g]!);
    put(Group.at.usedDirsLow, Group.at.usedDirsHigh, this.#dirs[g]!);
  }
}
