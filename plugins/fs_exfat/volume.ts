/** The exfat volume: its answers to what the kernel asks of a file system. */
import { Inodes } from "../../src/lib/dos_inodes.ts";
import type { Attr, Make, MountRequest, SetAttr, StatFs, Sys, Volume } from "../../src/plugin.ts";
import { DOS_ATTRIB, dosAttrib, parseDosAttrib } from "../../src/wire/dos_attributes.ts";
import { dosIoctl } from "../../src/wire/dos_ioctl.ts";
import { ATTR_ARCHIVE, ATTR_DIRECTORY, ATTR_HIDDEN, ATTR_SYSTEM } from "../../src/wire/fat.ts";
import { Attributes } from "./attributes.ts";
import { type Clusters, countOf, type Run } from "./clusters.ts";
import { FileData } from "./data.ts";
import { ALLOCATES, ENTRY, LONGEST_NAME, streamAt } from "./entries.ts";
import { Folders } from "./folders.ts";
import { Label } from "./label.ts";
import { Moves } from "./moves.ts";
import { Names } from "./names.ts";
import { newNode, type Node } from "./node.ts";
import { type ExfatOptions, updated } from "./options.ts";
import type { Space } from "./space.ts";
import { viewOf } from "../../src/lib/struct.ts";
import { WriteBack } from "./writeback.ts";

/** A unit of UTF-16 is three bytes of UTF-8 at most. */
const NAME_MAX = LONGEST_NAME * 3;

export interface Parts {
  readonly clusters: Clusters;
  readonly root: Node;
  readonly upper: Uint16Array;
  readonly space: Space;
  /** Where the allocation bitmap is. */
  readonly bitmap: readonly Run[];
  /** The volume cannot be written. */
  readonly readOnly: boolean;
}

export class ExfatVolume implements Volume<Node> {
  readonly root: Node;
  readonly foldsCase = true;
  readonly readOnly: boolean;
  readonly #sys: Sys;
  readonly #clusters: Clusters;
  readonly #space: Space;
  readonly #attributes: Attributes;
  readonly #names: Names;
  readonly #inodes = new Inodes();
  readonly #back: WriteBack;
  readonly #data: FileData;
  readonly #folders: Folders;
  readonly #moves: Moves;
  readonly #label: Label;

  constructor(sys: Sys, parts: Parts, request: MountRequest<ExfatOptions>) {
    const { clusters, root, space } = parts;
    const { layout } = clusters;
    this.#sys = sys;
    this.root = root;
    this.readOnly = parts.readOnly;
    this.#clusters = clusters;
    this.#space = space;
    this.#attributes = new Attributes(sys.errno, layout.clusterSize, request);
    this.#names = new Names(parts.upper, sys.errno);
    const { discard } = request.options;
    this.#back = new WriteBack(sys, clusters, space, parts.bitmap, {
      readOnly: request.readOnly || parts.readOnly,
      discard,
    });
    this.#data = new FileData(sys, clusters, space, this.#back, root, (node) => this.#stamp(node));
    this.#folders = new Folders(clusters, this.#names, this.#data, this.#back, this.#inodes, root);
    this.#moves = new Moves(this.#folders, this.#back, this.#inodes, layout.sectorSize);
    this.#label = new Label(layout.serial, this.#folders, root, sys.errno, () => this.#back.dirty());
    if (this.#back.wasDirty) clusters.health.say("was not unmounted cleanly: fsck_exfat checks it");
  }

  // Telling

  getattr(node: Node): Attr {
    const isRoot = node === this.root;
    const size = isRoot ? countOf(this.#data.runs(node)) * this.#clusters.layout.clusterSize : node.size;
    return this.#attributes.describe(node, size, !isRoot);
  }
  lookup(dir: Node, name: string): Node | undefined {
    const found = this.#folders.of(dir).nodes.get(this.#names.fold(name));
    this.#folders.tidy(dir);
    return found;
  }
  readdir(dir: Node): Iterable<readonly [string, Node]> {
    const list: [string, Node][] = [];
    for (const node of this.#folders.of(dir).nodes.values()) list.push([node.name, node]);
    this.#folders.tidy(dir);
    return list;
  }
  read(node: Node, into: Uint8Array, offset: number): number {
    return this.#data.read(node, into, offset);
  }
  statfs(): StatFs {
    const { clusterSize, clusters } = this.#clusters.layout;
    return { blockSize: clusterSize, blocks: clusters, free: this.#space.free, nameMax: NAME_MAX };
  }
  getxattr(node: Node, name: string): Uint8Array | undefined {
    if (!name.startsWith("user.")) throw this.#sys.errno.ENOTSUP;
    if (name === DOS_ATTRIB) return dosAttrib(node.attributes);
    return node === this.root ? this.#label.get(name) : undefined;
  }
  setxattr(node: Node, name: string, value: Uint8Array): void {
    this.#back.dirty();
    if (node === this.root && this.#label.put(name, value)) return;
    if (node === this.root || name !== DOS_ATTRIB) throw this.#sys.errno.ENOTSUP;
    const attr = parseDosAttrib(value);
    if (attr === undefined) throw this.#sys.errno.EINVAL;
    this.#attributes.setDos(node, attr);
    this.#update(node);
  }
  removexattr(node: Node, name: string): boolean {
    if (!name.startsWith("user.") || this.getxattr(node, name) === undefined) return false;
    throw this.#sys.errno.ENOTSUP;
  }
  /** Those that say something a copy should keep. */
  listxattr(node: Node): Iterable<string> {
    return node.attributes & (ATTR_HIDDEN | ATTR_SYSTEM) ? [DOS_ATTRIB] : [];
  }
  ioctl(node: Node, command: number, data: Uint8Array): Uint8Array {
    return dosIoctl(this.#sys.errno, command, data, {
      attr: node.attributes,
      setAttr: (attr) => {
        this.#back.dirty();
        this.#attributes.setDos(node, attr);
        this.#update(node);
      },
      label: this.#label,
    });
  }

  // Files

  write(node: Node, from: Uint8Array, offset: number): number {
    return this.#data.write(node, from, offset);
  }
  setattr(node: Node, change: SetAttr): void {
    this.#attributes.check(change);
    this.#back.dirty();
    if (change.size !== undefined) this.#data.resize(node, change.size);
    this.#attributes.set(node, change);
    this.#update(node);
  }
  allocate(node: Node, offset: number, length: number, keepSize: boolean): void {
    const end = offset + length;
    if (!keepSize && end > node.size) return this.setattr(node, { size: end });
    this.#data.reserve(node, end);
    this.#update(node);
  }
  create(dir: Node, name: string, _make: Make): Node {
    this.#names.check(name);
    this.#back.dirty();
    const node = this.#enter(dir, newNode(name, ATTR_ARCHIVE));
    this.#named(dir);
    return node;
  }
  mkdir(dir: Node, name: string, _make: Make): Node {
    this.#names.check(name);
    this.#back.dirty();
    const node = newNode(name, ATTR_DIRECTORY);
    if (!this.#data.growDirectory(node)) throw this.#sys.errno.ENOSPC;
    try {
      this.#enter(dir, node);
    } catch (e) {
      this.#data.drop(node);
      throw e;
    }
    this.#named(dir);
    return node;
  }
  #enter(dir: Node, node: Node): Node {
    this.#attributes.born(node, ...this.#now());
    this.#folders.enter(dir, node, node.name);
    node.ino = this.#inodes.of(node.position);
    return node;
  }
  unlink(dir: Node, _name: string, node: Node): void {
    this.#back.dirty();
    this.#folders.remove(node);
    this.#back.loose.add(node);
    this.#named(dir);
  }
  rmdir(dir: Node, name: string, node: Node): void {
    this.#mustBeEmpty(node);
    this.unlink(dir, name, node);
  }
  /** EIO: there are files in it that cannot be seen. */
  #mustBeEmpty(node: Node): void {
    const { nodes, damage } = this.#folders.of(node);
    if (nodes.size > 0) throw this.#sys.errno.ENOTEMPTY;
    if (damage.length > 0) throw this.#sys.errno.EIO;
  }
  rename(from: Node, _fromName: string, node: Node, to: Node, toName: string, target: Node | undefined): void {
    this.#names.check(toName);
    if (target?.isDir) this.#mustBeEmpty(target);
    this.#back.dirty();
    this.#moves.rename(node, to, toName, target);
    this.#named(from, to);
  }
  exchange(from: Node, fromName: string, to: Node, toName: string): void {
    const [a, b] = [this.lookup(from, fromName), this.lookup(to, toName)];
    if (!a || !b) throw this.#sys.errno.ENOENT;
    if (a === b) return;
    this.#back.dirty();
    this.#moves.exchange(a, b);
    this.#named(from, to);
  }
  active(node: Node): void {
    if (node.held) return;
    node.held = true;
    this.#folders.retain(node);
  }
  /** The last holder of a file without a name went: its clusters go. */
  inactive(node: Node): void {
    if (node === this.root) return;
    if (node.held) {
      node.held = false;
      this.#folders.release(node);
    }
    if (node.parent) return this.#data.giveBack(node);
    if (!this.#back.loose.delete(node)) return;
    this.#inodes.forget(node);
    this.#folders.forget(node);
    if (this.#back.readOnly) return;
    this.#back.dirty();
    this.#data.drop(node);
    this.#dropExtra(node);
  }
  /** Clusters of the entries of others that came with it. */
  #dropExtra({ extra }: Node): void {
    const d = viewOf(extra);
    for (let at = 0; at < extra.length; at += ENTRY) {
      if (extra[at + 1]! & ALLOCATES) this.#space.release(this.#clusters.runs(streamAt(d, at)));
    }
  }

  #now(): readonly [number, number] {
    const ms = this.#sys.now();
    const sec = Math.floor(ms / 1000);
    return [sec, Math.floor((ms - sec * 1000) * 1e6)];
  }
  /** Its data changed. */
  #stamp(node: Node): void {
    this.#attributes.modified(node, ...this.#now());
    if (!node.isDir) node.attributes |= ATTR_ARCHIVE;
    this.#update(node);
  }
  #update(node: Node): void {
    this.#folders.update(node);
    if (this.#attributes.options.sync) this.#back.fsync();
  }
  /** Names in these were changed; the root has no times. */
  #named(...dirs: readonly Node[]): void {
    for (const dir of new Set(dirs)) {
      if (dir !== this.root && this.#attributes.modified(dir, ...this.#now())) this.#folders.update(dir);
    }
    if (this.#attributes.options.dirsync || this.#attributes.options.sync) this.#back.fsync();
  }

  // Writing back

  sync(): void {
    this.#back.sync();
  }
  fsync(_node: Node): void {
    this.#back.fsync();
  }
  /** mount -u: read-only or not, owner, masks. */
  update(asked: unknown, readOnly: boolean): void {
    const options = updated(asked);
    if (!options) throw this.#sys.errno.EINVAL;
    if (!readOnly && this.readOnly) throw this.#sys.errno.EROFS;
    if (readOnly) this.sync();
    this.#back.readOnly = readOnly;
    this.#back.discard = options.discard;
    this.#attributes.update(options);
  }
  unmount(): void {
    try {
      this.sync();
    } finally {
      this.#back.stop();
      this.#clusters.buffers.forget(0, Infinity);
    }
  }
}
