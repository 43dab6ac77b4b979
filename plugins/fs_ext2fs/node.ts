/** A file in memory: its inode's bytes, once read, and what was found out about it. */
import { viewOf } from "../../src/lib/struct.ts";
import type { Attr, FileType } from "../../src/plugin.ts";
import { FL_INLINE_DATA, Inode } from "../../src/wire/ext2.ts";
import type { Directory } from "./directory.ts";

/** Blocks of a file that are one after the other on the disk. */
export interface Run {
  /** First block in the file. */
  readonly at: number;
  /** First block on the disk; 0: a hole, or room nothing was written to. */
  readonly start: number;
  readonly length: number;
}
export class Node {
  readonly ino: number;
  /** The inode, `inodeSize` bytes; empty until it is read. */
  raw: Uint8Array = NOTHING;
  view: DataView = NO_VIEW;
  /** What its checksums begin with. */
  seed = 0;
  /** What its directory says it is, for an inode that cannot be read. */
  hint: FileType = "file";
  /** The inode cannot be read. */
  damaged = false;
  /** The tree of its extents was looked at. */
  checked = false;
  /** Where it was read last. */
  run: Run | undefined;
  attr: Attr | undefined;
  dir: Directory | undefined;

  constructor(ino: number) {
    this.ino = ino;
  }
  take(raw: Uint8Array): void {
    this.raw = raw;
    this.view = viewOf(raw);
  }
  get mode(): number {
    return Inode.get.mode(this.view, 0);
  }
  get type(): FileType | undefined {
    return typeOfMode[this.mode >> 12];
  }
  get isDir(): boolean {
    return this.mode >> 12 === 4;
  }
  get flags(): number {
    return Inode.get.flags(this.view, 0);
  }
  get links(): number {
    return Inode.get.links(this.view, 0);
  }
  set links(n: number) {
    Inode.set.links(this.view, 0, n);
  }
  get isInline(): boolean {
    return (this.flags & FL_INLINE_DATA) !== 0;
  }
  get size(): number {
    return Inode.get.sizeHigh(this.view, 0) * 2 ** 32 + Inode.get.sizeLow(this.view, 0);
  }
  set size(bytes: number) {
    Inode.set.sizeHigh(this.view, 0, Math.floor(bytes / 2 ** 32));
    Inode.set.sizeLow(this.view, 0, bytes >>> 0);
  }
  /** Bytes after the first 128 that are fields. */
  get extra(): number {
    return this.raw.length > 128 ? Inode.get.extraSize(this.view, 0) : 0;
  }
  /** A field behind the first 128 bytes is there. */
  has(field: keyof typeof Inode.at, size = 4): boolean {
    return Inode.at[field] + size <= 128 + this.extra;
  }
}
const NOTHING = new Uint8Array(0);
const NO_VIEW = viewOf(NOTHING);

/** By S_IFMT >> 12. */
const typeOfMode: Readonly<Record<number, FileType>> = {
  1: "fifo",
  2: "chr",
  4: "dir",
  6: "blk",
  8: "file",
  10: "link",
  12: "sock",
};
/** S_IFMT >> 12 of a type. */
export const modeOfType: Readonly<Record<FileType, number>> = {
  fifo: 1,
  chr: 2,
  dir: 4,
  blk: 6,
  file: 8,
  link: 10,
  sock: 12,
};
/** File types of directory entries (EXT4_FT_*), by number. */
export const entryTypes: readonly (FileType | undefined)[] = [
  undefined,
  "file",
  "dir",
  "chr",
  "blk",
  "fifo",
  "sock",
  "link",
];
