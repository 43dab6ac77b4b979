/** The msdos volume: FAT's answers to what the kernel asks of a file system. */
import type { Attr, Make, MountRequest, SetAttr, StatFs, Sys, Volume } from "../../src/plugin.ts";
import { ATTR_ARCHIVE, ATTR_DIRECTORY } from "../../src/wire/fat.ts";
import { Attributes } from "./attributes.ts";
import { FileData } from "./data.ts";
import { deletedIn } from "./deleted.ts";
import { Directory, MAX_SLOTS, SLOT, writeEntry } from "./dir.ts";
import { Indexes } from "./indexes.ts";
import { Inodes } from "../../src/lib/dos_inodes.ts";
import { dosIoctl } from "../../src/wire/dos_ioctl.ts";
import { Label } from "./label.ts";
import { Moves } from "./moves.ts";
import type { Names } from "./names.ts";
import type { Node } from "./node.ts";
import { type MsdosOptions, updated } from "./options.ts";
import { newNode, rootNode, SlotMap } from "./slots.ts";
import type { Store } from "./store.ts";
import { finished } from "../../src/lib/finished.ts";
import { type DosTime, toDos } from "./times.ts";
import { WriteBack } from "./writeback.ts";

export class MsdosVolume implements Volume<Node> {
  readonly root: Node;
  readonly foldsCase: boolean;
  readonly readOnly: boolean;
  readonly #sys: Sys;
  readonly #store: Store;
  readonly #names: Names;
  #options: MsdosOptions;
  readonly #attributes: Attributes;
  readonly #data: FileData;
  readonly #label: Label;
  readonly #inodes = new Inodes();
  readonly #indexes: Indexes;
  readonly #moves: Moves;
  readonly #back: WriteBack;
  readonly #slotMap: SlotMap;

  constructor(sys: Sys, store: Store, names: Names, request: MountRequest<MsdosOptions>) {
    const { g, device } = store;
    this.#sys = sys;
    this.#store = store;
    this.#names = names;
    this.#options = request.options;
    this.foldsCase = !names.exact;
    this.readOnly = !device.write || request.options.deleted;
    this.root = rootNode(g.rootCluster);
    this.#attributes = new Attributes(sys, names, g.clusterSize, request);
    this.#back = new WriteBack(sys, store, request.options, request.readOnly || this.readOnly);
    this.#data = new FileData(sys, store, this.#back, (node) => this.#stamp(node));
    this.#slotMap = new SlotMap(store, this.root, {
      names,
      dirty: () => this.#back.dirty(),
      grow: (dir) => this.#data.growDir(dir),
      inodes: this.#inodes,
    });
    this.#indexes = new Indexes(sys, store, this.#inodes, this.#back, (node) => this.#load(node));
    this.#moves = new Moves(store, this.#back, this.#inodes, this.#slotMap, {
      dir: (node) => this.#dir(node),
      enter: (dir, node, name) => this.#enter(dir, node, name),
      entry: (node) => this.#writeBack(node),
      dots: (node, parent) => this.#dots(node, parent),
      changed: (dir) => this.#touchDir(dir),
    });
    this.#label = new Label(store, names.page, {
      slots: () => this.#slotMap.of(this.root),
      room: () => this.#dir(this.root).spare(),
      dirty: () => this.#back.dirty(),
      now: () => this.#now(),
    });
    store.pressure = () => this.#back.relieve();
    store.fat.readInfo(!this.#back.wasDirty, request.options.usefree);
    if (this.#back.wasDirty) store.health.say("was not unmounted cleanly: fsck_msdos checks it");
  }

  // Telling

  getattr(node: Node): Attr {
    return this.#attributes.describe(node, node.isDir ? this.#dirSize(node) : node.size);
  }
  #dirSize(node: Node): number {
    const { g } = this.#store;
    if (node === this.root && g.bits !== 32) return g.rootSize;
    if (node.forgotten) return g.clusterSize; // in somebody's list of names; its clusters are another node's affair
    return this.#store.chain(node, (MAX_SLOTS * SLOT) / g.clusterSize + 1).length * g.clusterSize;
  }
  lookup(dir: Node, name: string): Node | undefined {
    const wanted = this.#names.fromUnix(name);
    return wanted === undefined ? undefined : this.#dir(dir).find(wanted);
  }
  readdir(dir: Node): Iterable<readonly [string, Node]> {
    const list: [string, Node][] = [];
    for (const node of this.#dir(dir).nodes()) list.push([this.#names.toUnix(node.name, node.short), node]);
    return list;
  }
  read(node: Node, into: Uint8Array, offset: number): number {
    const n = Math.min(into.length, node.size - offset);
    if (n <= 0) return 0;
    this.#store.read(node, n === into.length ? into : into.subarray(0, n), offset);
    return n;
  }
  statfs(): StatFs {
    const { fat, g } = this.#store;
    return {
      blockSize: g.clusterSize,
      blocks: g.clusters,
      free: fat.free,
      files: g.rootSize / SLOT,
      filesFree: 0,
      nameMax: this.#names.long ? 255 : 12,
    };
  }
  getxattr(node: Node, name: string): Uint8Array | undefined {
    if (!name.startsWith("user.")) throw this.#sys.errno.ENOTSUP;
    return (node === this.root ? this.#label.get(name) : undefined) ?? this.#attributes.get(node, name);
  }
  setxattr(node: Node, name: string, value: Uint8Array): void {
    this.#back.dirty();
    if (node === this.root && this.#label.put(name, value)) return;
    if (node === this.root || !this.#attributes.put(node, name, value)) throw this.#sys.errno.ENOTSUP;
    this.#writeBack(node);
  }
  removexattr(node: Node, name: string): boolean {
    if (!name.startsWith("user.") || this.getxattr(node, name) === undefined) return false;
    throw this.#sys.errno.ENOTSUP;
  }
  listxattr(node: Node): Iterable<string> {
    return this.#attributes.list(node);
  }
  ioctl(node: Node, command: number, data: Uint8Array): Uint8Array {
    return dosIoctl(this.#sys.errno, command, data, {
      attr: node.attr,
      setAttr: (attr) => {
        this.#back.dirty();
        this.#attributes.setDos(node, attr);
        this.#writeBack(node);
      },
      label: this.#label,
    });
  }

  // Directories

  #dir(node: Node): Directory {
    return this.#indexes.of(node);
  }
  #load(node: Node): Directory {
    // Nothing can be told of a directory without a cluster, nor put into it.
    const lost = node !== this.root && this.#store.chain(node, 1).length === 0;
    if (lost) this.#store.health.found(`${node.name}: a directory without clusters`);
    if (lost) throw this.#sys.errno.EIO;
    const dir = new Directory(this.#slotMap.of(node));
    if (this.#options.deleted) deletedIn(this.#slotMap, this.#store, node, dir);
    return dir;
  }
  /** EPERM for what `sys_immutable` protects. */
  #mayChange(...nodes: readonly (Node | undefined)[]): void {
    for (const node of nodes) if (node && this.#attributes.isImmutable(node)) throw this.#sys.errno.EPERM;
  }

  // Changing

  write(node: Node, from: Uint8Array, offset: number): number {
    this.#mayChange(node);
    return this.#data.write(node, from, offset);
  }
  setattr(node: Node, change: SetAttr): void {
    this.#attributes.check(change);
    if (change.flags === undefined) this.#mayChange(node);
    this.#back.dirty();
    if (change.size !== undefined) this.#data.resize(node, change.size);
    this.#attributes.set(node, change);
    this.#writeBack(node);
  }
  allocate(node: Node, offset: number, length: number, keepSize: boolean): void {
    this.#mayChange(node);
    const end = offset + length;
    if (keepSize || end > 0xffff_ffff) {
      this.#data.reserve(node, end);
      this.#writeBack(node);
    } else if (end > node.size) this.setattr(node, { size: end });
  }
  create(dir: Node, name: string, _make: Make): Node {
    const node = this.#place(dir, this.#new(dir, name, ATTR_ARCHIVE));
    this.#named();
    return node;
  }
  mkdir(dir: Node, name: string, _make: Make): Node {
    const node = this.#new(dir, name, ATTR_DIRECTORY);
    try {
      if (!this.#data.growDir(node)) throw this.#sys.errno.ENOSPC;
      this.#dots(node, dir);
      this.#data.flushCluster(node.cluster);
      this.#place(dir, node);
    } catch (e) {
      this.#store.shrink(node, 0);
      throw e;
    }
    this.#named();
    return node;
  }
  /** "." and ".." of a new or moved directory; the root is 0 there. */
  #dots(node: Node, parent: Node): void {
    const { g, buffers } = this.#store;
    const sector = finished(buffers.modify(this.#store.position(node.cluster) / g.sectorSize), this.#sys.errno);
    const above = parent === this.root ? 0 : parent.cluster;
    const dot = { ...node, ntCase: 0, short: ".".padEnd(11), attr: ATTR_DIRECTORY };
    writeEntry(sector, 0, dot, g.bits === 32);
    writeEntry(sector, SLOT, { ...dot, short: "..".padEnd(11), cluster: above }, g.bits === 32);
  }
  #new(dir: Node, name: string, attr: number): Node {
    const wanted = this.#names.forNew(name);
    this.#back.dirty();
    const node = newNode(dir, wanted, attr, this.#now());
    return this.#options.win95 ? { ...node, adate: 0, cdate: 0, ctime: 0, ctimeTenth: 0 } : node;
  }
  /** Give a new node its entry, and the number of its place. */
  #place(dir: Node, node: Node): Node {
    this.#enter(dir, node, node.name);
    const at = this.#inodes.of(this.#slotMap.position(dir, node.slot + node.slots - 1));
    return Object.assign(node, { ino: at });
  }
  /** Add a node's entry to a directory. ENOSPC when it is full, or no short name is left. */
  #enter(dir: Node, node: Node, name: string): void {
    const index = this.#dir(dir);
    const plain = this.#names.plain(name);
    const free = plain && !index.hasShort(plain.short) ? plain : undefined;
    const add = () => index.add(node, name, free, this.#names.long && !free);
    if (!add()) {
      // Places of names that were moved are room, too, once they are free on the disk.
      if (!this.#back.holdsNames) throw this.#sys.errno.ENOSPC;
      this.#back.fsync();
      this.#back.dirty();
      if (!add()) throw this.#sys.errno.ENOSPC;
    }
    node.parent = dir;
    this.#writeBack(node);
    this.#touchDir(dir);
  }
  unlink(dir: Node, _name: string, node: Node): void {
    this.#mayChange(node);
    this.#back.dirty();
    this.#dir(dir).remove(node);
    node.parent = undefined;
    this.#inodes.moved(node);
    this.#back.loose.add(node);
    this.#touchDir(dir);
    this.#named();
  }
  rmdir(dir: Node, name: string, node: Node): void {
    if (this.#dir(node).size > 0) throw this.#sys.errno.ENOTEMPTY;
    this.unlink(dir, name, node);
  }
  active(node: Node): void {
    node.held = true;
  }
  /** The last holder of a file without a name went: its clusters go. */
  inactive(node: Node): void {
    node.held = false;
    if (node === this.root) return;
    if (node.parent) return this.#data.giveBack(node);
    this.#back.loose.delete(node);
    this.#inodes.forget(node);
    this.#indexes.gone(node);
    if (node.cluster === 0 || this.#back.readOnly) return;
    this.#back.dirty();
    this.#store.shrink(node, 0);
  }
  rename(from: Node, _fromName: string, node: Node, to: Node, toName: string, target: Node | undefined): void {
    const wanted = this.#names.forNew(toName);
    this.#mayChange(node, target);
    if (target?.isDir && this.#dir(target).size > 0) throw this.#sys.errno.ENOTEMPTY;
    this.#back.dirty();
    this.#moves.rename(from, node, to, wanted, target);
    this.#touchDir(from);
    this.#named();
  }
  exchange(from: Node, fromName: string, to: Node, toName: string): void {
    const [a, b] = [this.lookup(from, fromName), this.lookup(to, toName)];
    if (!a || !b) throw this.#sys.errno.ENOENT;
    if (a === b) return;
    this.#mayChange(a, b);
    this.#back.dirty();
    this.#moves.exchange(a, b);
    this.#named();
  }

  #now(): DosTime {
    const ms = this.#sys.now();
    const sec = Math.floor(ms / 1000);
    return toDos(sec, Math.floor((ms % 1000) * 1e6), this.#attributes.zone);
  }
  /** Its data changed. */
  #stamp(node: Node): void {
    const { date, time } = this.#now();
    node.mdate = date;
    node.mtime = time;
    if (!this.#options.win95) node.adate = date;
    node.attr |= ATTR_ARCHIVE;
    this.#writeBack(node);
  }
  /** A directory's entries changed; the root has no times. */
  #touchDir(dir: Node): void {
    if (dir === this.root) return;
    const { date, time } = this.#now();
    if (dir.mdate === date && dir.mtime === time) return;
    dir.mdate = date;
    dir.mtime = time;
    this.#writeBack(dir);
  }
  /** Put a node's fields into its entry; a file without a name has none. */
  #writeBack(node: Node): void {
    if (!node.parent || node === this.root) return;
    const slot = node.slot + node.slots - 1;
    const [bytes, at] = this.#slotMap.of(node.parent).change(slot);
    writeEntry(bytes, at, node, this.#store.g.bits === 32);
    if (this.#options.sync) this.#back.fsync();
  }
  /** Names were changed. */
  #named(): void {
    if (this.#options.dirsync || this.#options.sync) this.#back.fsync();
  }
  // Writing back

  sync(): void {
    this.#back.sync();
  }
  fsync(_node: Node): void {
    this.#back.fsync();
  }
  /** mount -u: read-only or not, owner, masks, zone; what the names are made of stays. */
  update(asked: unknown, readOnly: boolean): void {
    const { EROFS, EINVAL, EOPNOTSUPP } = this.#sys.errno;
    const options = updated(this.#options, asked);
    if (options === "invalid") throw EINVAL;
    if (options === "fixed") throw EOPNOTSUPP;
    if (!readOnly && this.readOnly) throw EROFS;
    if (readOnly) this.sync();
    this.#back.readOnly = readOnly;
    this.#options = options;
    this.#attributes.update(options);
  }
  unmount(): void {
    try {
      this.sync();
    } finally {
      this.#back.stop();
      this.#store.buffers.forget(0, Infinity);
    }
  }
}
