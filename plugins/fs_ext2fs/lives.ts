/** Inodes given to new files and taken back from those nobody has any more. */
import { viewOf } from "../../src/lib/struct.ts";
import type { FileType, Make, Sys } from "../../src/plugin.ts";
import { Inode, Super } from "../../src/wire/ext2.ts";
import { type Files, hasBlocks } from "./files.ts";
import type { Inodes } from "./inodes.ts";
import { modeOfType, type Node } from "./node.ts";
import type { Space } from "./space.ts";
import type { Store } from "./store.ts";
import type { WriteBack } from "./writeback.ts";
import type { XattrWriter } from "./xattr_write.ts";

/** Fields behind the first 128 bytes that new inodes have. */
const EXTRA = 32;

/** What it takes. */
export interface Parts {
  readonly inodes: Inodes;
  readonly space: Space;
  readonly back: WriteBack;
  readonly files: Files;
  readonly xattrs: XattrWriter;
}

export class Lives {
  readonly #sys: Sys;
  readonly #store: Store;
  readonly #parts: Parts;

  constructor(sys: Sys, store: Store, parts: Parts) {
    this.#sys = sys;
    this.#store = store;
    this.#parts = parts;
  }
  /** An inode for a new file of a directory; `top`: that is the root. ENOSPC when there is none. */
  born(dir: Node, make: Make & { readonly type: FileType }, top: boolean): Node {
    const { inodes, space, back } = this.#parts;
    const isDir = make.type === "dir";
    const take = () => space.takeInode(space.inodeGroup(dir.ino), isDir, top);
    let ino = take();
    if (ino === 0 && space.holds) {
      back.relieve();
      ino = take();
    }
    if (ino === 0) throw this.#sys.errno.ENOSPC;
    const node = inodes.fresh(ino);
    const generation = new Uint8Array(4);
    this.#sys.random(generation);
    Inode.write(node.view, 0, {
      mode: (modeOfType[make.type] << 12) | (make.mode & 0o7777),
      uidLow: make.uid & 0xffff,
      uidHigh: make.uid >>> 16,
      gidLow: make.gid & 0xffff,
      gidHigh: make.gid >>> 16,
      links: isDir ? 2 : 1,
      generation: viewOf(generation).getUint32(0, true),
      ...(node.raw.length >= 128 + EXTRA ? { extraSize: EXTRA } : {}),
    });
    return node;
  }
  /** Its blocks, attributes and number are free. What is damaged stays, for e2fsck to mend. */
  end(node: Node): void {
    const { inodes, space, back, files, xattrs } = this.#parts;
    back.orphans.delete(node);
    const isDir = node.isDir;
    node.links = 0;
    try {
      if (hasBlocks(node)) files.empty(node);
      xattrs.release(node);
      space.releaseInode(node.ino, isDir);
    } catch (e) {
      if (e !== this.#sys.errno.EIO) throw e;
    }
    // A small number would be the next one of a list of such files.
    Inode.set.dtime(node.view, 0, Math.max(this.#store.l.inodes + 1, Math.floor(this.#sys.now() / 1000)));
    back.inode(node);
    inodes.forget(node);
  }
  /** Files that had no name, and were open, at a crash: their room is free. */
  reclaim(): void {
    const { inodes, back } = this.#parts;
    const first = Super.get.lastOrphan(back.superView(), 0);
    const seen = new Set<number>();
    for (let ino = first; ino !== 0 && !seen.has(ino); seen.add(ino)) {
      inodes.internal.add(ino);
      try {
        const node = inodes.of(ino);
        inodes.load(node);
        ino = Inode.get.dtime(node.view, 0);
        if (node.links > 0) continue;
        back.dirty();
        this.end(node);
      } catch (e) {
        if (e !== this.#sys.errno.EIO) throw e;
        break;
      }
    }
    for (const ino of seen) inodes.internal.delete(ino);
  }
}
