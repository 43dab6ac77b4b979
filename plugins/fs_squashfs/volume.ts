/** A mounted Squashfs volume. */
import { type Async, then } from "../../src/lib/async.ts";
import { Directories } from "../../src/lib/directories.ts";
import { Health } from "../../src/lib/health.ts";
import type { Attr, StatFs, Sys, Volume } from "../../src/plugin.ts";
import { readEntries } from "./directory.ts";
import { Files } from "./file.ts";
import { inodeOf, type Node, type Reading } from "./inode.ts";
import { readXattrs } from "./xattr.ts";

/** Entries of directories kept in memory, in all. */
const KEPT = 200_000;

export interface Parts {
  readonly sys: Sys;
  readonly reading: Reading;
  readonly disk: { readonly name: string; read(into: Uint8Array, offset: number): Async<void> };
  readonly root: Node;
}
export class SquashVolume implements Volume<Node> {
  readonly root: Node;
  readonly readOnly = true;
  readonly #p: Parts;
  readonly #directories = new Directories<Node>(KEPT, ({ key }) => key);
  readonly #files: Files;
  readonly #health: Health;

  constructor(parts: Parts) {
    this.#p = parts;
    this.root = parts.root;
    this.#directories.hold(this.root);
    this.#health = new Health(parts.sys, `squashfs: ${parts.disk.name}`, false);
    this.#files = new Files(parts.reading, parts.disk, parts.sys.errno);
  }
  getattr(node: Node): Async<Attr> {
    return this.#told(node, () => then(inodeOf(this.#p.reading, node), ({ attr }) => attr));
  }
  lookup(dir: Node, name: string): Async<Node | undefined> {
    return then(this.readdir(dir), (entries) => entries.get(name));
  }
  readdir(dir: Node): Async<Map<string, Node>> {
    const { reading } = this.#p;
    return this.#directories.entries(
      dir,
      () => this.#told(dir, () => then(inodeOf(reading, dir), ({ entries }) => readEntries(reading, entries!))),
    );
  }
  readlink(node: Node): Async<string> {
    return this.#told(node, () => then(inodeOf(this.#p.reading, node), ({ target }) => target!));
  }
  read(node: Node, into: Uint8Array, offset: number): Async<number> {
    return this.#told(node, () =>
      then(inodeOf(this.#p.reading, node), ({ attr, data }) => {
        const n = Math.max(0, Math.min(into.length, attr.size - offset));
        return n === 0 ? 0 : then(this.#files.read(data!, attr.size, into.subarray(0, n), offset), () => n);
      }));
  }
  getxattr(node: Node, name: string): Async<Uint8Array | undefined> {
    return then(this.#xattrs(node), (values) => values.get(name));
  }
  listxattr(node: Node): Async<Iterable<string>> {
    return then(this.#xattrs(node), (values) => values.keys());
  }
  statfs(): StatFs {
    const { blockSize, bytesUsed, inodes } = this.#p.reading.s;
    return { blockSize, blocks: Math.ceil(bytesUsed / blockSize), free: 0, files: inodes, filesFree: 0, nameMax: 255 };
  }
  active(node: Node): void {
    this.#directories.hold(node);
  }
  inactive(node: Node): void {
    if (node !== this.root) this.#directories.release(node);
  }
  #xattrs(node: Node): Async<ReadonlyMap<string, Uint8Array>> {
    const { reading, disk } = this.#p;
    return this.#told(node, () => then(inodeOf(reading, node), ({ xattr }) => readXattrs(reading, disk, xattr)));
  }
  /** Do something with a file; damage is told in the log. */
  #told<T>(node: Node, work: () => Async<T>): Async<T> {
    const failed = (e: unknown): never => {
      if (e === this.#p.reading.eio) this.#damaged(node);
      throw e;
    };
    try {
      const value = work();
      return value instanceof Promise ? value.catch(failed) : value;
    } catch (e) {
      return failed(e);
    }
  }
  #damaged({ place, type, inode }: Node): void {
    const which = inode ? `inode ${inode.attr.ino}` : `the inode at ${place.block}+${place.offset}`;
    this.#health.found(`${type} of ${which} is damaged`);
  }
}
