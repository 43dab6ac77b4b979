/** A mounted ISO 9660 volume. */
import { type Async, then } from "../../src/lib/async.ts";
import { Directories } from "../../src/lib/directories.ts";
import { decodeName } from "../../src/lib/text.ts";
import type { Attr, BlockDevice, StatFs, Sys, Volume } from "../../src/plugin.ts";
import { type BootImage } from "../../src/wire/el_torito.ts";
import { LARGEST_DIRECTORY, readDirectory, type Reading } from "./directory.ts";
import { SECTOR } from "./layout.ts";
import { folded } from "./names.ts";
import { bootInode, type Extent, type Node } from "./node.ts";
import { Unpacker } from "./zisofs.ts";

/** Entries of directories kept in memory, in all. */
const KEPT = 100_000;

/** What the volume is made of. */
export interface Parts {
  readonly sys: Sys;
  readonly disk: Pick<BlockDevice, "read" | "size">;
  readonly reading: Reading;
  readonly root: Node;
  readonly boot: readonly BootImage[];
}

export class Cd9660Volume implements Volume<Node> {
  readonly root: Node;
  readonly readOnly = true;
  readonly foldsCase: boolean;
  readonly #p: Parts;
  readonly #directories = new Directories<Node>(KEPT, ({ ino }) => ino);
  readonly #unpacker: Unpacker;

  constructor(parts: Parts) {
    this.#p = parts;
    this.root = parts.root;
    const { reading } = parts;
    // Names of Rock Ridge and, as the writers of discs use it, of Joliet are what they are.
    this.foldsCase = reading.skip === undefined;
    this.#directories.hold(this.root);
    this.#unpacker = new Unpacker((extents, into, at) => this.#transfer(extents, into, at), parts.sys);
  }
  getattr(node: Node): Attr {
    return node.attr;
  }
  lookup(dir: Node, name: string): Async<Node | undefined> {
    return then(this.#entries(dir), (entries) => entries.get(name) ?? this.#inAnyCase(entries, name));
  }
  readdir(dir: Node): Async<Iterable<readonly [string, Node]>> {
    return this.#entries(dir);
  }
  readlink({ target }: Node): string {
    if (!target || target.length === 0) throw this.#p.sys.errno.EIO;
    return decodeName(target);
  }
  read(node: Node, into: Uint8Array, offset: number): Async<number> {
    const n = Math.min(into.length, node.size - offset);
    if (n <= 0) return 0;
    if (node.unreadable) {
      this.#p.reading.damaged(`${node.unreadable} of ${node.size} bytes: cannot be read`);
      throw this.#p.sys.errno.EIO;
    }
    const part = into.subarray(0, n);
    if (node.packed) return then(this.#unpacker.read(node, part, offset), () => n);
    return then(this.#transfer(node.extents, part, offset), () => n);
  }
  statfs(): StatFs {
    const { blockSize, blocks } = this.#p.reading;
    return { blockSize, blocks, free: 0, files: 0, filesFree: 0, nameMax: 255 };
  }
  active(node: Node): void {
    this.#directories.hold(node);
  }
  inactive(node: Node): void {
    if (node !== this.root) this.#directories.release(node);
  }

  #inAnyCase(entries: ReadonlyMap<string, Node>, name: string): Node | undefined {
    if (!this.foldsCase) return undefined;
    const wanted = folded(name);
    for (const [other, node] of entries) if (folded(other) === wanted) return node;
    return undefined;
  }
  #entries(dir: Node): Async<ReadonlyMap<string, Node>> {
    return dir.entries ?? this.#directories.entries(dir, () => this.#load(dir));
  }
  #load(dir: Node): Async<Map<string, Node>> {
    const { reading, sys } = this.#p;
    const { extents, size } = dir;
    if (size > LARGEST_DIRECTORY) {
      reading.damaged(`a directory of ${size} bytes at block ${extents[0]!.block}`);
      throw sys.errno.EIO;
    }
    const bytes = new Uint8Array(size);
    return then(
      this.#transfer(extents, bytes, 0),
      () =>
        then(readDirectory(reading, bytes, extents[0]!.block * reading.blockSize), (entries) => {
          if (dir === this.root) this.#addBoot(entries);
          return entries;
        }),
    );
  }
  /** Read from a file's extents at a place within the file. */
  #transfer(extents: readonly Extent[], into: Uint8Array, offset: number): Async<void> {
    const { disk, reading, sys } = this.#p;
    let from = offset;
    let done = 0;
    const next = (i: number): Async<void> => {
      for (; i < extents.length && done < into.length; i++) {
        const { block, size } = extents[i]!;
        if (from >= size) {
          from -= size;
          continue;
        }
        const at = block * reading.blockSize + from;
        const part = into.subarray(done, done + Math.min(size - from, into.length - done));
        if (at + part.length > disk.size) {
          reading.damaged(`block ${block} is past the end of the image`);
          throw sys.errno.EIO;
        }
        from = 0;
        done += part.length;
        const read = disk.read(part, at);
        if (read instanceof Promise) return read.then(() => next(i + 1));
      }
    };
    return next(0);
  }
  #addBoot(entries: Map<string, Node>): void {
    const { boot, reading } = this.#p;
    if (!reading.options.boot || boot.length === 0) return;
    const images = new Map(
      boot.map((image, i) => [`${i + 1}-${image.platform}-${image.media}.img`, this.#bootFile(image)]),
    );
    const ino = bootInode(0);
    const attr: Attr = { ino, type: "dir", size: 0, mode: 0o555, nlink: 2 };
    entries.set("[BOOT]", { ino, type: "dir", size: 0, extents: [], attr, entries: images });
  }
  #bootFile({ sector, size }: BootImage): Node {
    const ino = bootInode(sector * SECTOR);
    const extents = [{ block: sector * (SECTOR / this.#p.reading.blockSize), size }];
    return { ino, type: "file", size, extents, attr: { ino, type: "file", size, mode: 0o444 } };
  }
}
