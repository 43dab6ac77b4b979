/** The msdos volume: FAT's answers to what the kernel asks of a file system. */
import { describe, type Look, type Modes, modesOf, SF_ARCHIVED } from "./modes.ts";
import type { Attr, BlockDevice, Make, MountRequest, SetAttr, StatFs, Sys, Volume } from "../../src/plugin.ts";
import { ATTR_ARCHIVE, ATTR_DIRECTORY, ATTR_READ_ONLY } from "../../src/wire/fat.ts";
import type { Geometry } from "./bpb.ts";
import { Directory, MAX_SLOTS, SLOT, writeEntry } from "./dir.ts";
import type { MsdosOptions } from "./mod.ts";
import { asShort, clean, Naming } from "./names.ts";
import type { Node } from "./node.ts";
import { newNode, rootNode, SlotMap } from "./slots.ts";
import { Store } from "./store.ts";
import { finished } from "./sync.ts";
import { toDos } from "./times.ts";
import { WriteBack } from "./writeback.ts";

const NOTHING = new Uint8Array(0);
/** Largest file. */
const MAX_FILE = 0xffff_ffff;

export class MsdosVolume implements Volume<Node> {
  readonly root: Node;
  readonly foldsCase = true;
  readonly readOnly: boolean;
  readonly #sys: Sys;
  readonly #store: Store;
  readonly #g: Geometry;
  readonly #options: MsdosOptions;
  readonly #long: boolean;
  readonly #modes: Modes;
  readonly #look: Look;
  readonly #naming: Naming;
  /** Numbers of live nodes: those whose place was taken by another get one from the counter. */
  #ino = 2 ** 40;
  readonly #inos = new Set<number>();
  readonly #back: WriteBack;
  readonly #slotMap: SlotMap;

  constructor(sys: Sys, device: BlockDevice, g: Geometry, request: MountRequest<MsdosOptions>) {
    this.#sys = sys;
    this.#g = g;
    this.#options = request.options;
    this.#long = !(request.options.short || request.options.win95 || request.options.gemdos);
    this.#modes = modesOf(request);
    this.#look = { modes: this.#modes, zone: request.options.gmtoff, long: this.#long, clusterSize: g.clusterSize };
    this.#naming = new Naming(request.options.utf8, sys.errno);
    this.readOnly = request.readOnly || !device.write;
    this.#store = new Store(sys, device, g, () => this.sync());
    this.root = rootNode(g.rootCluster);
    this.#back = new WriteBack(sys, this.#store, this.readOnly);
    this.#slotMap = new SlotMap(this.#store, this.root, {
      long: this.#long,
      dirty: () => this.#back.dirty(),
      grow: (dir) => this.#growDir(dir),
      inoOf: (position) => this.#inoOf(position),
      log: (text) => sys.log(`msdos: ${device.name}: ${text}`),
    });
    this.#store.fat.readInfo(!this.#back.wasDirty);
  }

  // Telling

  getattr(node: Node): Attr {
    return describe(node, node.isDir ? this.#dirSize(node) : node.size, this.#look);
  }
  #dirSize(node: Node): number {
    if (node === this.root && this.#g.bits !== 32) return this.#g.rootSize;
    return this.#store.chain(node, (MAX_SLOTS * SLOT) / this.#g.clusterSize + 1).length * this.#g.clusterSize;
  }
  lookup(dir: Node, name: string): Node | undefined {
    const wanted = this.#naming.fromUnix(name);
    return wanted === undefined ? undefined : this.#dir(dir).find(wanted);
  }
  readdir(dir: Node): Iterable<readonly [string, Node]> {
    const list: [string, Node][] = [];
    for (const node of this.#dir(dir).nodes()) list.push([this.#naming.toUnix(node.name), node]);
    return list;
  }
  read(node: Node, into: Uint8Array, offset: number): number {
    const n = Math.min(into.length, node.size - offset);
    if (n <= 0) return 0;
    this.#store.read(node, n === into.length ? into : into.subarray(0, n), offset);
    return n;
  }
  statfs(): StatFs {
    const free = this.#store.fat.shownFree;
    const files = this.#g.rootSize / SLOT;
    return {
      blockSize: this.#g.clusterSize,
      blocks: this.#g.clusters,
      free,
      files,
      filesFree: 0,
      nameMax: this.#long ? 255 : 12,
    };
  }

  // Directories

  #dir(node: Node): Directory {
    return (node.dir ??= new Directory(this.#slotMap.of(node)));
  }
  /** One cluster more, zeroed. */
  #growDir(node: Node): boolean {
    const had = this.#store.chain(node, Infinity).length;
    if ((had + 1) * this.#g.clusterSize > MAX_SLOTS * SLOT) return false;
    this.#back.dirty();
    if (this.#extend(node, had + 1) === had) return false;
    this.#zeroCluster(this.#store.chain(node, had + 1).last);
    this.#flushCluster(this.#store.chain(node, had + 1).last);
    return true;
  }
  /** A directory's new cluster is on the disk before anything there can lead to it: what stood there were no entries. */
  #flushCluster(cluster: number): void {
    const first = this.#store.position(cluster) / this.#g.sectorSize;
    const end = first + this.#g.clusterSize / this.#g.sectorSize;
    finished(this.#store.buffers.flush(first, end), this.#sys.errno);
  }
  #zeroCluster(cluster: number): void {
    const { sectorSize, clusterSize } = this.#g;
    const first = this.#store.position(cluster) / sectorSize;
    for (let i = 0; i < clusterSize / sectorSize; i++) this.#store.buffers.fresh(first + i);
  }
  /** Clusters held back for the next sync are room, too. */
  #extend(node: Node, need: number): number {
    if (this.#store.fat.hasCut) this.sync(); // a chain that was cut must be so on disk before it grows again
    const got = this.#store.extend(node, need);
    if (got >= need || !this.#store.fat.held) return got;
    this.sync();
    this.#back.dirty();
    return this.#store.extend(node, need);
  }
  /** Where the short entry stands on the disk, in slots; stays the node's number wherever it moves. */
  #inoOf(position: number): number {
    let ino = position / SLOT;
    if (this.#inos.has(ino)) ino = this.#ino++;
    this.#inos.add(ino);
    return ino;
  }

  // Changing

  write(node: Node, from: Uint8Array, offset: number): number {
    const { ENOSPC, EFBIG } = this.#sys.errno;
    if (offset + from.length > MAX_FILE) {
      if (offset >= MAX_FILE) throw EFBIG;
      from = from.subarray(0, MAX_FILE - offset);
    }
    if (from.length === 0) return 0;
    this.#back.dirty();
    const { clusterSize } = this.#g;
    const end = offset + from.length;
    const room = end > node.size ? this.#extend(node, Math.ceil(end / clusterSize)) * clusterSize : end;
    if (room < end) {
      // Nothing of a hole that would not be followed by data.
      if (room <= offset) this.#shrinkTo(node, node.size);
      if (room <= offset) throw ENOSPC;
      from = from.subarray(0, room - offset);
    }
    this.#store.fill(node, from, offset);
    node.size = Math.max(node.size, offset + from.length);
    this.#stamp(node);
    return from.length;
  }
  #shrinkTo(node: Node, size: number): void {
    this.#store.shrink(node, Math.ceil(size / this.#g.clusterSize));
  }
  setattr(node: Node, change: SetAttr): void {
    const { EINVAL } = this.#sys.errno;
    const { uid, gid } = this.#modes;
    if ((change.uid ?? uid) !== uid || (change.gid ?? gid) !== gid) throw EINVAL;
    this.#back.dirty();
    if (change.size !== undefined) this.#resize(node, change.size);
    if (change.mode !== undefined && !node.isDir) {
      node.attr = change.mode & 0o200 ? node.attr & ~ATTR_READ_ONLY : node.attr | ATTR_READ_ONLY;
    }
    if (change.flags !== undefined) this.#setFlags(node, change.flags);
    this.#setTimes(node, change);
    this.#writeBack(node);
  }
  #setFlags(node: Node, flags: number): void {
    if (node.isDir) return;
    node.attr = flags & SF_ARCHIVED ? node.attr & ~ATTR_ARCHIVE : node.attr | ATTR_ARCHIVE;
  }
  #setTimes(node: Node, change: SetAttr): void {
    const zone = this.#options.gmtoff;
    if (change.atime !== undefined) node.adate = toDos(change.atime, 0, zone).date;
    if (change.mtime === undefined) return;
    const { date, time } = toDos(change.mtime, 0, zone);
    node.mdate = date;
    node.mtime = time;
    if (!node.isDir) node.attr |= ATTR_ARCHIVE;
  }
  #resize(node: Node, size: number): void {
    const { EFBIG, ENOSPC, EISDIR } = this.#sys.errno;
    if (node.isDir) throw EISDIR;
    if (size > MAX_FILE) throw this.#store.fat.free * this.#g.clusterSize < size ? ENOSPC : EFBIG;
    const need = Math.ceil(size / this.#g.clusterSize);
    if (size > node.size) {
      if (this.#extend(node, need) < need) {
        this.#shrinkTo(node, node.size);
        throw ENOSPC;
      }
      this.#store.fill(node, NOTHING, size);
    } else if (this.#store.chain(node, need + 1).length > need || need === 0) this.#shrinkTo(node, size);
    node.size = size;
    this.#stamp(node);
  }
  allocate(node: Node, offset: number, length: number, keepSize: boolean): void {
    const { EFBIG, ENOSPC } = this.#sys.errno;
    const end = offset + length;
    if (end > MAX_FILE) throw EFBIG;
    if (!keepSize) {
      if (end > node.size) this.setattr(node, { size: end });
      return;
    }
    this.#back.dirty();
    const need = Math.ceil(end / this.#g.clusterSize);
    if (this.#extend(node, need) >= need) return this.#writeBack(node);
    this.#shrinkTo(node, node.size);
    throw ENOSPC;
  }

  create(dir: Node, name: string, _make: Make): Node {
    return this.#make(dir, name, ATTR_ARCHIVE);
  }
  mkdir(dir: Node, name: string, _make: Make): Node {
    const node = this.#make(dir, name, ATTR_DIRECTORY);
    if (this.#extend(node, 1) === 0) {
      this.#dir(dir).remove(node);
      throw this.#sys.errno.ENOSPC;
    }
    this.#zeroCluster(node.cluster);
    this.#dots(node, dir);
    this.#flushCluster(node.cluster);
    this.#writeBack(node);
    return node;
  }
  /** "." and ".." of a new or moved directory; the root is 0 there. */
  #dots(node: Node, parent: Node): void {
    const { sectorSize, bits } = this.#g;
    const sector = finished(
      this.#store.buffers.modify(this.#store.position(node.cluster) / sectorSize),
      this.#sys.errno,
    );
    const above = parent === this.root ? 0 : parent.cluster;
    const dot = { ...node, ntCase: 0, short: ".".padEnd(11), attr: ATTR_DIRECTORY };
    writeEntry(sector, 0, dot, bits === 32);
    writeEntry(sector, SLOT, { ...dot, short: "..".padEnd(11), cluster: above }, bits === 32);
  }
  #make(dir: Node, name: string, attr: number): Node {
    const wanted = this.#naming.forNew(name);
    this.#back.dirty();
    const node = newNode(dir, wanted, attr, this.#now());
    this.#enter(dir, node, wanted);
    const at = this.#inoOf(this.#slotMap.position(dir, node.slot + node.slots - 1));
    return Object.assign(node, { ino: at }); // its place is known now
  }
  /** Add a node's entry to a directory. ENOSPC when it is full, EEXIST when no short name is left. */
  #enter(dir: Node, node: Node, name: string): void {
    const index = this.#dir(dir);
    const plain = asShort(name);
    const free = plain && !index.hasShort(plain.short);
    const ok = this.#long
      ? free && (this.#options.win95 !== true)
        ? index.add(node, name, plain, false)
        : index.add(node, name, undefined, true)
      : index.add(node, name, free ? { short: plain.short, ntCase: 0 } : undefined, false);
    if (!ok) throw this.#sys.errno.ENOSPC;
    if (!this.#long) this.#showShort(index, node);
    node.parent = dir;
    this.#writeBack(node);
    this.#touchDir(dir);
  }
  /** With -s what is shown is the short name that was made. */
  #showShort(index: Directory, node: Node): void {
    index.forget(node);
    const base = node.short.slice(0, 8).trimEnd();
    const ext = node.short.slice(8).trimEnd();
    index.takeOver(node, { ...node, name: (ext === "" ? base : `${base}.${ext}`).toLowerCase() });
  }

  unlink(dir: Node, _name: string, node: Node): void {
    this.#back.dirty();
    this.#dir(dir).remove(node);
    node.parent = undefined;
    this.#touchDir(dir);
  }
  rmdir(dir: Node, name: string, node: Node): void {
    if (this.#dir(node).size > 0) throw this.#sys.errno.ENOTEMPTY;
    this.unlink(dir, name, node);
  }
  /** The last holder of a file without a name went: its clusters go. */
  inactive(node: Node): void {
    if (node.parent || node === this.root) return;
    this.#inos.delete(node.ino);
    if (node.cluster === 0 || this.readOnly) return;
    this.#back.dirty();
    this.#store.shrink(node, 0);
  }
  rename(from: Node, _fromName: string, node: Node, to: Node, toName: string, target: Node | undefined): void {
    const wanted = this.#naming.forNew(toName);
    if (target?.isDir && this.#dir(target).size > 0) throw this.#sys.errno.ENOTEMPTY;
    this.#back.dirty();
    const old = { ...node };
    const source = this.#dir(from);
    source.forget(node);
    try {
      if (target) this.#replace(to, node, target);
      else this.#enter(to, node, wanted);
    } catch (e) {
      Object.assign(node, old);
      source.takeOver(node, node);
      throw e;
    }
    if (node.isDir && from !== to) this.#dots(node, to);
    // The new name is on the disk before the old one goes: killed between, the file has both, never none.
    this.#flushSector(node);
    source.freeSlots(old.slot, old.slots);
    this.#touchDir(from);
  }
  /** The target's entry is pointed at the moved file in place; the target's clusters go when nobody holds it. */
  #replace(to: Node, node: Node, target: Node): void {
    this.#dir(to).takeOver(node, target);
    target.parent = undefined;
    node.parent = to;
    this.#writeBack(node);
    this.#touchDir(to);
  }
  exchange(from: Node, fromName: string, to: Node, toName: string): void {
    const [a, b] = [this.#dir(from).find(clean(fromName)), this.#dir(to).find(clean(toName))];
    if (!a || !b) throw this.#sys.errno.ENOENT;
    if (a === b) return;
    this.#back.dirty();
    const [was, will] = [{ ...a }, { ...b }];
    this.#dir(from).forget(a);
    this.#dir(to).forget(b);
    this.#dir(to).takeOver(a, will);
    this.#dir(from).takeOver(b, was);
    a.parent = to;
    b.parent = from;
    for (const node of [a, b]) {
      this.#writeBack(node);
      if (node.isDir && from !== to) this.#dots(node, node.parent!);
    }
  }

  #now() {
    const ms = this.#sys.now();
    const sec = Math.floor(ms / 1000);
    return toDos(sec, Math.floor((ms % 1000) * 1e6), this.#options.gmtoff);
  }
  /** Its data changed. */
  #stamp(node: Node): void {
    const { date, time } = this.#now();
    node.mdate = date;
    node.mtime = time;
    node.adate = date;
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
    writeEntry(bytes, at, node, this.#g.bits === 32);
    if (this.#options.sync) this.sync();
  }
  /** The sectors of a node's name, with the FAT they speak of, go to the disk now. */
  #flushSector(node: Node): void {
    const { buffers, fat } = this.#store;
    fat.flush();
    for (const slot of [node.slot, node.slot + node.slots - 1]) {
      const block = Math.floor(this.#slotMap.position(node.parent!, slot) / this.#g.sectorSize);
      finished(buffers.flush(block, block + 1), this.#sys.errno);
    }
  }

  // Writing back

  sync(): void {
    this.#back.sync();
  }
  fsync(_node: Node): void {
    this.#back.fsync();
  }
  unmount(): void {
    this.sync();
    this.#store.buffers.forget(0, Infinity);
  }
}
