/**
 * A directory as an index: names to inode numbers and where their entries stand. Read once, whatever its own index (htree)
 * says; finding a name then costs the same in a directory of five files and of fifty thousand.
 */
import { decodeName } from "../../src/lib/text.ts";
import type { FileType } from "../../src/plugin.ts";
import { DirEntry, FL_ENCRYPT, FL_INDEX } from "../../src/wire/ext2.ts";
import { lengthAt, u32At } from "./bytes.ts";
import { findRun, inlineData } from "./data.ts";
import { entryTypes, type Node } from "./node.ts";
import type { Store } from "./store.ts";
import type { Xattrs } from "./xattrs.ts";

/** Most names of a directory that is held in memory. */
const MAX_NAMES = 1 << 20;

export interface Entry {
  readonly ino: number;
  readonly type: FileType | undefined;
  /** Where it stands: the byte in the directory. */
  readonly at: number;
}
/** Bytes an entry takes with a name of so many bytes. */
export const entrySize = (nameLength: number): number => (DirEntry.size + nameLength + 3) & ~3;
/** Whether an entry is one: long enough for its name, inside of its block. */
export function isEntry(block: Uint8Array, at: number, end: number): boolean {
  if (at + DirEntry.size > end) return false;
  const length = lengthAt(block, at);
  return length >= DirEntry.size && length % 4 === 0 && at + length <= end &&
    entrySize(block[at + DirEntry.at.nameLength]!) <= Math.max(length, DirEntry.size);
}
const SLASH = 0x2f;
const DOT = 0x2e;

export class Directory {
  readonly names = new Map<string, Entry>();
  /** Part of it cannot be read: what is not found may be there. */
  damaged = false;
  /** Blocks it has, of the file. */
  blocks = 0;
  /** The longest entry each block has room for, where that is known. */
  readonly room: (number | undefined)[] = [];
  /** The block to look for room first. */
  hint = 0;
  /** Names that have another place already, and stand here until that is on the disk. */
  readonly leaving = new Set<string>();
  readonly #store: Store;
  readonly #node: Node;

  /** Reads all of it. EIO when nothing of it can be. */
  constructor(store: Store, xattrs: Xattrs, node: Node) {
    this.#store = store;
    this.#node = node;
    if (node.isInline) this.#readInline(xattrs);
    else this.#readBlocks();
  }
  #found(what: string): void {
    this.damaged = true;
    this.#store.health.found(`inode ${this.#node.ino}: ${what}`);
  }
  /** The parent's number, sixty bytes less those, and more in an attribute. */
  #readInline(xattrs: Xattrs): void {
    const bytes = inlineData(this.#node, xattrs);
    const first = Math.min(60, bytes.length);
    this.#entries(bytes.subarray(0, first), 4, 0);
    if (bytes.length > first) this.#entries(bytes.subarray(first), 0, first);
  }
  #readBlocks(): void {
    const { blockSize } = this.#store.l;
    const { size } = this.#node;
    if (size === 0 || size % blockSize !== 0) this.#found(`directory of ${size} bytes`);
    this.blocks = Math.ceil(size / blockSize);
    const seen = new Set<number>();
    for (let block = 0; block < this.blocks;) {
      const run = findRun(this.#store, this.#node, block, this.blocks - block);
      const end = Math.min(run.at + run.length, this.blocks);
      if (run.start === 0) this.#found("directory with a hole");
      else {
        for (let i = block; i < end; i++) {
          const physical = run.start + i - run.at;
          if (seen.has(physical)) return this.#found("directory has a block twice");
          seen.add(physical);
          this.#readBlock(physical, i);
        }
      }
      block = end;
    }
  }
  #readBlock(physical: number, nth: number): void {
    const { l, sums } = this.#store;
    const isRoot = nth === 0 && (this.#node.flags & FL_INDEX) !== 0;
    const sound = (bytes: Uint8Array) => sums.directory(this.#node.seed, bytes, isRoot);
    try {
      const bytes = this.#store.checked(
        physical,
        sound,
        () => `inode ${this.#node.ino}: directory block ${nth} damaged`,
      );
      this.#entries(bytes, 0, nth * l.blockSize);
    } catch (e) {
      if (e !== this.#store.errno.EIO) throw e;
      this.damaged = true;
    }
  }
  #entries(bytes: Uint8Array, from: number, base: number): void {
    for (let at = from; at < bytes.length; at += lengthAt(bytes, at)) {
      if (!isEntry(bytes, at, bytes.length)) return this.#found(`damaged entry at ${base + at}`);
      const ino = u32At(bytes, at);
      if (ino !== 0) this.#entry(bytes, at, ino, base);
    }
  }
  #entry(bytes: Uint8Array, at: number, ino: number, base: number): void {
    const raw = bytes.subarray(at + DirEntry.size, at + DirEntry.size + bytes[at + DirEntry.at.nameLength]!);
    if (raw.length <= 2 && raw[0] === DOT && (raw.length === 1 || raw[1] === DOT)) return;
    const isHidden = (this.#node.flags & FL_ENCRYPT) !== 0;
    const name = isHidden ? coded(raw) : decodeName(raw);
    const bad = raw.length === 0 || (!isHidden && (raw.includes(SLASH) || raw.includes(0)));
    if (bad || ino > this.#store.l.inodes) return this.#found(`entry at ${base + at} is none`);
    if (this.names.size >= MAX_NAMES && !this.names.has(name)) {
      this.#store.health.found(`inode ${this.#node.ino}: directory has more than ${MAX_NAMES} names`);
      throw this.#store.errno.EFBIG;
    }
    const type = entryTypes[bytes[at + DirEntry.at.fileType]!];
    if (this.names.has(name)) this.#found(`name ${JSON.stringify(name)} stands there twice`);
    else this.names.set(name, { ino, type, at: base + at });
  }
}
/** An encrypted name as text that can be typed: base64 with - and _ . */
function coded(raw: Uint8Array): string {
  return `_${btoa(String.fromCharCode(...raw)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "")}`;
}
