/** Entries of a directory added, changed and taken out, where there is room for them. */
import { encodeName } from "../../src/lib/text.ts";
import type { FileType } from "../../src/plugin.ts";
import { DirEntry, FL_INDEX, Inode } from "../../src/wire/ext2.ts";
import { lengthAt, put16, put32, u32At } from "./bytes.ts";
import { findRun } from "./data.ts";
import { type Directory, entrySize, isEntry } from "./directory.ts";
import { incompat } from "./features.ts";
import { entryTypes, type Node } from "./node.ts";
import type { Pointers } from "./pointers.ts";
import type { Store } from "./store.ts";
import type { WriteBack } from "./writeback.ts";

const MAX_NAME = 255;

/** Set an entry's length; in blocks of 64 KiB it may not fit as it is. */
function putLength(block: Uint8Array, at: number, length: number): void {
  put16(block, at + DirEntry.at.length, length === 65536 ? 65535 : length);
}

export class Names {
  readonly #store: Store;
  readonly #pointers: Pointers;
  readonly #back: WriteBack;

  constructor(store: Store, pointers: Pointers, back: WriteBack) {
    this.#store = store;
    this.#pointers = pointers;
    this.#back = back;
  }
  /** A name's bytes. ENAMETOOLONG; EILSEQ never: any bytes are a name. */
  bytesOf(name: string): Uint8Array {
    const bytes = encodeName(name);
    if (bytes.length > MAX_NAME) throw this.#store.errno.ENAMETOOLONG;
    return bytes;
  }
  #type(type: FileType): number {
    return this.#store.l.incompat & incompat.filetype ? Math.max(0, entryTypes.indexOf(type)) : 0;
  }
  /** EIO for a directory part of which cannot be read: what is there must not be written over. */
  #sound(dir: Directory): void {
    if (dir.damaged) throw this.#store.errno.EIO;
  }
  #place(node: Node, block: number): number {
    const run = findRun(this.#store, node, block, 1);
    if (run.start === 0) throw this.#store.errno.EIO;
    return run.start + block - run.at;
  }
  /** Add a name that is not there. ENOSPC when there is no room for it. */
  add(node: Node, dir: Directory, name: string, to: Node, type: FileType): void {
    const bytes = this.bytesOf(name);
    this.#sound(dir);
    if (dir.leaving.has(name)) this.#back.relieve();
    const need = entrySize(bytes.length);
    const block = this.#roomFor(node, dir, need) ?? this.#grow(node, dir);
    const physical = this.#place(node, block);
    const into = this.#store.change(physical);
    const at = split(into, need);
    if (at < 0) this.#store.damage(`inode ${node.ino}: damaged entries`);
    put32(into, at, to.ino);
    into[at + DirEntry.at.nameLength] = bytes.length;
    into[at + DirEntry.at.fileType] = this.#type(type);
    into.set(bytes, at + DirEntry.size);
    dir.names.set(name, { ino: to.ino, type, at: block * this.#store.l.blockSize + at });
    dir.room[block] = roomIn(into);
    this.#unindexed(node);
  }
  /** An index of names that is not kept up says so: it is none any more. */
  #unindexed(node: Node): void {
    if (!(node.flags & FL_INDEX)) return;
    Inode.set.flags(node.view, 0, (node.flags & ~FL_INDEX) >>> 0);
    this.#back.inode(node);
  }
  #roomFor(node: Node, dir: Directory, need: number): number | undefined {
    for (let n = 0; n < dir.blocks; n++) {
      const i = (dir.hint + n) % dir.blocks;
      dir.room[i] ??= roomIn(this.#store.block(this.#place(node, i)));
      if (dir.room[i]! >= need) return dir.hint = i;
    }
    return undefined;
  }
  /** A block more, one empty entry. */
  #grow(node: Node, dir: Directory): number {
    const { blockSize } = this.#store.l;
    const block = dir.blocks;
    const got = this.#pointers.take(this.#pointers.goal(node, block), 1);
    if (!got) throw this.#store.errno.ENOSPC;
    putLength(this.#store.buffers.fresh(got.start), 0, blockSize);
    this.#back.fresh.add(got.start);
    if (this.#pointers.give(node, block, got) === 0) {
      this.#pointers.giveBack(got, true);
      throw this.#store.errno.ENOSPC;
    }
    dir.blocks = block + 1;
    dir.hint = block;
    dir.room[block] = blockSize;
    node.size = dir.blocks * blockSize;
    this.#back.inode(node);
    return block;
  }
  /** The first block of a new directory: itself and the one above. EIO or ENOSPC, and it has none. */
  begin(node: Node, parent: Node): void {
    const { blockSize } = this.#store.l;
    const got = this.#pointers.take(this.#pointers.goal(node, 0), 1);
    if (!got) throw this.#store.errno.ENOSPC;
    const block = this.#store.buffers.fresh(got.start);
    this.#back.fresh.add(got.start);
    for (const [at, ino, length, dots] of [[0, node.ino, 12, 1], [12, parent.ino, blockSize - 12, 2]] as const) {
      put32(block, at, ino);
      putLength(block, at, length);
      block[at + DirEntry.at.nameLength] = dots;
      block[at + DirEntry.at.fileType] = this.#type("dir");
      block.fill(0x2e, at + DirEntry.size, at + DirEntry.size + dots);
    }
    this.#pointers.give(node, 0, got);
    node.size = blockSize;
  }
  /** A directory stands in another one now. */
  dotdot(node: Node, parent: Node): void {
    const physical = this.#place(node, 0);
    const at = lengthAt(this.#store.block(physical), 0);
    if (at + 12 > this.#store.l.blockSize) throw this.#store.errno.EIO;
    put32(this.#store.change(physical), at, parent.ino);
  }
  /** Let a name lead to another file: one write. */
  replace(node: Node, dir: Directory, name: string, to: Node, type: FileType): void {
    this.#sound(dir);
    const { at } = dir.names.get(name)!;
    const [physical, offset] = this.#entryAt(node, at);
    const into = this.#store.change(physical);
    put32(into, offset, to.ino);
    into[offset + DirEntry.at.fileType] = this.#type(type);
    dir.names.set(name, { ino: to.ino, type, at });
  }
  #entryAt(node: Node, at: number): readonly [physical: number, offset: number] {
    const { blockSize } = this.#store.l;
    return [this.#place(node, Math.floor(at / blockSize)), at % blockSize];
  }
  /** Take a name out: now, or, where the file has another name that is new, when that is on the disk. */
  remove(node: Node, dir: Directory, name: string, later: boolean): void {
    this.#sound(dir);
    const { at } = dir.names.get(name)!;
    this.#entryAt(node, at);
    if (!later) this.#free(node, dir, at);
    dir.names.delete(name);
    if (!later) return;
    dir.leaving.add(name);
    this.#back.later(() => {
      if (node.links > 0) this.#free(node, dir, at);
      dir.leaving.delete(name);
    });
  }
  /** An entry's room goes to the one before it in its block. */
  #free(node: Node, dir: Directory, at: number): void {
    const [physical, offset] = this.#entryAt(node, at);
    const bytes = this.#store.change(physical);
    let before = -1;
    for (let i = 0; i < offset && isEntry(bytes, i, bytes.length); i += lengthAt(bytes, i)) before = i;
    put32(bytes, offset, 0);
    if (before >= 0 && before + lengthAt(bytes, before) === offset) {
      putLength(bytes, before, lengthAt(bytes, before) + lengthAt(bytes, offset));
    }
    const block = Math.floor(at / this.#store.l.blockSize);
    dir.room[block] = roomIn(bytes);
    dir.hint = Math.min(dir.hint, block);
  }
}
/** The longest entry a block has room for. */
function roomIn(block: Uint8Array): number {
  let most = 0;
  for (let at = 0; at < block.length && isEntry(block, at, block.length); at += lengthAt(block, at)) {
    most = Math.max(most, lengthAt(block, at) - usedAt(block, at));
  }
  return most;
}
const usedAt = (block: Uint8Array, at: number) =>
  u32At(block, at) === 0 ? 0 : entrySize(block[at + DirEntry.at.nameLength]!);
/** Make an entry of this size in a block that has room for it, behind what has too much; -1: there is none. */
function split(block: Uint8Array, need: number): number {
  for (let at = 0; at < block.length && isEntry(block, at, block.length); at += lengthAt(block, at)) {
    const [length, used] = [lengthAt(block, at), usedAt(block, at)];
    if (length - used < need) continue;
    if (used > 0) putLength(block, at, used);
    putLength(block, at + used, length - used);
    return at + used;
  }
  return -1;
}
