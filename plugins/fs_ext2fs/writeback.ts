/** When and in which order changes reach the disk, and the mark that says that the volume is in use. */
import { finished } from "../../src/lib/finished.ts";
import { WhenQuiet } from "../../src/lib/when_quiet.ts";
import type { Sys } from "../../src/plugin.ts";
import { Inode, STATE_VALID, Super } from "../../src/wire/ext2.ts";
import type { Node } from "./node.ts";
import type { Space } from "./space.ts";
import type { Store } from "./store.ts";

export class WriteBack {
  /** It was left in use by somebody: the mark stays. */
  readonly wasDirty: boolean;
  /** The mount may not be written now. */
  readOnly: boolean;
  /** Blocks of pointers and of names that are new: on the disk before anything leads there. */
  readonly fresh = new Set<number>();
  /** Files without a name that somebody has open: what a crash would leave behind. */
  readonly orphans = new Set<Node>();
  /** A file took the place of another: its inode is on the disk before the name leads to it. */
  replaced = false;
  readonly #sys: Sys;
  readonly #store: Store;
  readonly #space: Space;
  readonly #inodeBlocks = new Set<number>();
  /** Old places of what was renamed: freed when the new ones are on the disk. */
  #later: (() => void)[] = [];
  #marked = false;
  #changed = false;
  #syncing = false;
  readonly #quiet: WhenQuiet;

  constructor(sys: Sys, store: Store, space: Space, readOnly: boolean) {
    this.#sys = sys;
    this.#store = store;
    this.#space = space;
    this.readOnly = readOnly;
    this.wasDirty = (Super.get.state(this.superView(), 0) & STATE_VALID) === 0;
    store.pressure = () => this.relieve();
    // What fails stays to be written, by the next sync at the latest.
    const failed = (e: unknown) => store.health.say(`write-back: ${e instanceof Error ? e.message : e}`);
    this.#quiet = new WhenQuiet(sys, () => this.sync(), failed);
  }
  /** The superblock for reading; `change`: for writing. */
  superView(change = false): DataView {
    const { superBlock } = this.#store.l;
    const bytes = change ? this.#store.change(superBlock) : this.#store.block(superBlock);
    return new DataView(bytes.buffer, bytes.byteOffset + (superBlock === 0 ? 1024 : 0), Super.size);
  }
  /** The volume is about to change: say so on it, and see that it is written in time. EROFS when it may not. */
  dirty(): void {
    if (this.readOnly || this.#store.health.readOnly) throw this.#sys.errno.EROFS;
    this.#quiet.touch();
    if (this.#changed) return;
    if (!this.#marked) this.#mark(true);
    this.#changed = true;
    this.#quiet.begin();
  }
  /** Put an inode where it stands. */
  inode(node: Node): void {
    const [block, at] = this.#store.inodeAt(node.ino);
    this.#store.change(block).set(node.raw, at);
    this.#inodeBlocks.add(block);
    node.attr = undefined;
  }
  /** Free the old place of a name that has a new one. */
  later(free: () => void): void {
    this.#later.push(free);
  }
  get holdsNames(): boolean {
    return this.#later.length > 0;
  }
  stop(): void {
    this.#quiet.cancel();
  }
  /** Everything to the disk; the mark goes, unless a crash would leave something behind. */
  sync(): void {
    if (this.#syncing) return;
    this.fsync();
    this.#quiet.cancel();
    if (!this.#marked || this.orphans.size > 0) return;
    this.#mark(false);
  }
  /** Everything to the disk; the mark stays until nothing has changed for a while. */
  fsync(): void {
    if (this.#syncing || this.readOnly) return;
    this.#syncing = true;
    try {
      if (this.#changed) this.#settle();
    } finally {
      this.#syncing = false;
    }
    this.#changed = false;
    this.#barrier();
  }
  /** Too much is held back, in the middle of a change: write it. What is being done goes on, so that the volume stays changed. */
  relieve(): void {
    if (this.#syncing || this.readOnly || this.#store.health.readOnly) return;
    this.fsync();
    this.dirty();
  }
  /**
   * In an order whose every step may be the last, with a barrier where the disk must not change it: new blocks of pointers
   * and names, inodes, what leads to them, old names of what has new ones, and then room nothing leads to any more.
   */
  #settle(): void {
    this.#chain();
    if (this.#flush(this.fresh)) this.#barrier();
    if (this.#flush(this.#inodeBlocks) && this.replaced) this.#barrier();
    this.replaced = false;
    if (!this.holdsNames && !this.#space.holds) this.#space.write(this.superView(true));
    finished(this.#store.buffers.flush(), this.#sys.errno);
    if (!this.holdsNames && !this.#space.holds) return;
    if (this.holdsNames) {
      this.#barrier();
      while (this.#later.length > 0) {
        this.#later[0]!();
        this.#later.shift();
      }
      finished(this.#store.buffers.flush(), this.#sys.errno);
    }
    this.#barrier();
    this.#space.apply();
    this.#space.write(this.superView(true));
    finished(this.#store.buffers.flush(), this.#sys.errno);
  }
  /** Write blocks of a set, and forget them there; false: there were none. */
  #flush(blocks: Set<number>): boolean {
    if (blocks.size === 0) return false;
    const sorted = [...blocks].sort((a, b) => a - b);
    for (let i = 0; i < sorted.length;) {
      const from = sorted[i]!;
      while (i + 1 < sorted.length && sorted[i + 1]! <= sorted[i]! + 1) i++;
      finished(this.#store.buffers.flush(from, sorted[i]! + 1), this.#sys.errno);
      i++;
    }
    blocks.clear();
    return true;
  }
  /** The list of files without a name: each tells the next one, in place of the time of its removal. */
  #chain(): void {
    const all = [...this.orphans];
    const first = all[0]?.ino ?? 0;
    if (first === 0 && Super.get.lastOrphan(this.superView(), 0) === 0) return;
    for (const [i, node] of all.entries()) {
      Inode.set.dtime(node.view, 0, all[i + 1]?.ino ?? 0);
      this.inode(node);
    }
    Super.set.lastOrphan(this.superView(true), 0, first);
  }
  /** What was written so far is on the medium before what comes now. */
  #barrier(): void {
    finished(this.#store.device.flush?.(), this.#sys.errno);
  }
  /** Say on the volume that it is in use, or that it is not. One that was left in use stays so until it is checked. */
  #mark(inUse: boolean): void {
    const d = this.superView(true);
    const { get, set } = Super;
    const now = Math.floor(this.#sys.now() / 1000) >>> 0;
    if (inUse && get.mountTime(d, 0) !== this.#mounted) {
      set.mountTime(d, 0, this.#mounted = now);
      set.mounts(d, 0, Math.min(get.mounts(d, 0) + 1, 0xffff));
    }
    set.writeTime(d, 0, now);
    const state = get.state(d, 0) & ~STATE_VALID;
    set.state(d, 0, inUse || this.wasDirty ? state : state | STATE_VALID);
    finished(this.#store.buffers.flush(this.#store.l.superBlock, this.#store.l.superBlock + 1), this.#sys.errno);
    this.#barrier();
    this.#marked = inUse;
  }
  #mounted = -1;
}
