/** The ext2fs volume: what is read of ext2, ext3 and ext4. */
import { decodeName } from "../../src/lib/text.ts";
import type { Attr, StatFs, Sys, Volume } from "../../src/plugin.ts";
import { FL_ENCRYPT, INO_ROOT, Inode, Super } from "../../src/wire/ext2.ts";
import { attrOf, isFast } from "./attributes.ts";
import { readFile } from "./data.ts";
import { Directory, type Entry } from "./directory.ts";
import { Inodes } from "./inodes.ts";
import { ioctl } from "./ioctl.ts";
import { descriptorBlocks, hasSuper } from "./layout.ts";
import type { Node } from "./node.ts";
import type { Store } from "./store.ts";
import { isValue, MAX_VALUE, Xattrs } from "./xattrs.ts";

/** Longest target of a symbolic link. */
const MAX_LINK = 65536;
const NO_NAMES: readonly string[] = [];

export class ReadVolume implements Volume<Node> {
  readonly root: Node;
  readonly readOnly: boolean = true;
  protected readonly sys: Sys;
  protected readonly store: Store;
  protected readonly inodes: Inodes;
  protected readonly xattrs: Xattrs;
  /** Directories whose parent is known: a second one is damage. */
  readonly #above = new WeakMap<Node, Node>();
  #overhead: number | undefined;

  /** EIO when the root cannot be read. */
  constructor(sys: Sys, store: Store) {
    this.sys = sys;
    this.store = store;
    this.inodes = new Inodes(store);
    this.xattrs = new Xattrs(store, (ino, size) => this.#value(ino, size));
    this.root = this.inodes.of(INO_ROOT);
    this.inodes.load(this.root);
    if (!this.root.isDir) this.store.damage("the root is no directory");
  }
  /** A long value of an attribute: the bytes of an inode of its own. */
  #value(ino: number, size: number): Uint8Array {
    this.inodes.internal.add(ino);
    const node = this.inodes.of(ino);
    this.inodes.load(node);
    const out = new Uint8Array(Math.min(size, MAX_VALUE));
    if (!isValue(node) || node.size !== size) this.store.damage(`inode ${ino}: no value of an attribute`);
    readFile(this.store, this.xattrs, node, out, 0);
    return out;
  }

  getattr(node: Node): Attr {
    if (node.attr) return node.attr;
    try {
      this.inodes.load(node);
      return (node.attr = attrOf(node, this.store.l));
    } catch (e) {
      if (e !== this.sys.errno.EIO || !node.damaged) throw e;
      // It is there, and can be listed; whoever goes on gets EIO.
      return { ino: node.ino, type: node.hint, size: 0, mode: 0 };
    }
  }
  /** A node with its inode read. EIO when that is damaged. */
  protected loaded(node: Node): Node {
    if (node.raw.length === 0) this.inodes.load(node);
    return node;
  }
  protected dir(node: Node): Directory {
    this.loaded(node);
    if (!node.isDir) throw this.sys.errno.ENOTDIR;
    return (node.dir ??= new Directory(this.store, this.xattrs, node));
  }
  lookup(dir: Node, name: string): Node | undefined {
    const index = this.dir(dir);
    const entry = index.names.get(name);
    if (!entry && index.damaged) throw this.sys.errno.EIO;
    return entry && (this.child(dir, entry) ?? this.store.damage(`inode ${entry.ino}: directory with two names`));
  }
  readdir(dir: Node): Iterable<readonly [string, Node]> {
    const list: [string, Node][] = [];
    for (const [name, entry] of this.dir(dir).names) {
      const node = this.child(dir, entry);
      if (node) list.push([name, node]);
      else this.store.health.found(`inode ${entry.ino}: directory with two names`);
    }
    return list;
  }
  /** What an entry leads to; undefined: a directory that is somewhere else already, which a tree cannot have. */
  protected child(dir: Node, { ino, type }: Entry): Node | undefined {
    const node = this.inodes.of(ino);
    if (type) node.hint = type;
    const isDir = node.raw.length > 0
      ? node.isDir
      : type !== undefined
      ? type === "dir"
      : this.getattr(node).type === "dir";
    if (!isDir) return node;
    const above = this.#above.get(node);
    if (node === this.root || node === dir || (above && above !== dir)) return undefined;
    if (!above) this.#above.set(node, dir);
    return node;
  }
  /** A directory stands in another one now; undefined: in none. */
  protected moved(node: Node, above: Node | undefined): void {
    if (above) this.#above.set(node, above);
    else this.#above.delete(node);
  }
  readlink(node: Node): string {
    const { l, errno } = { l: this.store.l, errno: this.sys.errno };
    const { size, flags } = this.loaded(node);
    if (flags & FL_ENCRYPT) throw errno.EACCES;
    if (size === 0 || size > Math.min(MAX_LINK, Math.max(l.blockSize, 4096))) {
      this.store.damage(`inode ${node.ino}: symbolic link of ${size} bytes`);
    }
    if (!node.isInline && isFast(node, l)) {
      return decodeName(node.raw.subarray(Inode.at.block, Inode.at.block + size));
    }
    const bytes = new Uint8Array(size);
    readFile(this.store, this.xattrs, node, bytes, 0);
    return decodeName(bytes);
  }
  read(node: Node, into: Uint8Array, offset: number): number {
    return readFile(this.store, this.xattrs, this.loaded(node), into, offset);
  }
  getxattr(node: Node, name: string): Uint8Array | undefined {
    return this.xattrs.get(this.loaded(node), name);
  }
  listxattr(node: Node): Iterable<string> {
    this.loaded(node);
    return node.extra === 0 && node.raw.length <= 128 && Inode.get.xattrLow(node.view, 0) === 0
      ? NO_NAMES
      : this.xattrs.list(node);
  }
  ioctl(node: Node, command: number, data: Uint8Array): Uint8Array {
    return ioctl(this.sys, this.store.l, command, data, this.loaded(node), undefined);
  }
  /** Blocks of metadata are none that files could have. */
  statfs(): StatFs {
    const { l } = this.store;
    const d = this.superView();
    const free = Super.get.freeBlocksLow(d, 0) + (l.descSize > 32 ? Super.get.freeBlocksHigh(d, 0) * 2 ** 32 : 0);
    const blocks = Math.max(0, l.blocks - (this.#overhead ??= this.#measure()));
    const within = Math.min(free * l.cluster, blocks);
    return {
      blockSize: l.blockSize,
      blocks,
      free: within,
      available: Math.max(0, within - l.reserved),
      files: l.inodes,
      filesFree: Math.min(l.inodes, Super.get.freeInodes(d, 0)),
    };
  }
  protected superView(): DataView {
    const { l } = this.store;
    const bytes = this.store.block(l.superBlock);
    return new DataView(bytes.buffer, bytes.byteOffset + (l.superBlock === 0 ? 1024 : 0), Super.size);
  }
  #measure(): number {
    const { l } = this.store;
    const table = Math.ceil((l.inodesPerGroup * l.inodeSize) / l.blockSize) + 2;
    const copy = 1 + descriptorBlocks(l) + Super.get.reservedGdtBlocks(this.superView(), 0);
    let blocks = l.firstDataBlock + l.groups * table;
    // Groups with a copy are few, and the first ones: looking at 100,000 is enough for the largest disks.
    for (let g = 0; g < Math.min(l.groups, 100_000); g++) if (hasSuper(l, g)) blocks += copy;
    return Math.min(blocks, l.blocks);
  }
}
