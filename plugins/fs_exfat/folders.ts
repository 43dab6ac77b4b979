/** Directories: which are in memory, whose files stay, and sets of entries on the disk. */
import { finished } from "../../src/lib/finished.ts";
import type { Inodes } from "../../src/lib/dos_inodes.ts";
import { type Clusters, countOf } from "./clusters.ts";
import { type FileData, LARGEST_DIRECTORY } from "./data.ts";
import { ENTRY, IN_USE, makeSet, sealSet } from "./entries.ts";
import { Index, isSplit } from "./directory.ts";
import type { Names } from "./names.ts";
import type { Node } from "./node.ts";
import type { WriteBack } from "./writeback.ts";

/** Entries kept in memory, in all. */
const KEPT = 100_000;
/** What is read of a directory first; then twice as much. */
const PIECE = 32 << 10;
/** A slot that is not used, before others that are. */
const UNUSED = 5;

/** Where a file's set is. */
export interface Place {
  readonly dir: Node;
  readonly slot: number;
  readonly slots: number;
}

export class Folders {
  readonly #clusters: Clusters;
  readonly #names: Names;
  readonly #data: FileData;
  readonly #back: WriteBack;
  readonly #inodes: Inodes;
  /** By the places of their sets. */
  readonly #held = new Map<number, Node>();
  /** Those with an index, in the order of use; how many entries each had when it was read. */
  readonly #read = new Map<Node, number>();
  #kept = 0;
  /** For reading directories of usual size. */
  readonly #scratch = new Uint8Array(8 * PIECE);

  constructor(
    clusters: Clusters,
    names: Names,
    data: FileData,
    back: WriteBack,
    inodes: Inodes,
    root: Node,
  ) {
    this.#clusters = clusters;
    this.#names = names;
    this.#data = data;
    this.#back = back;
    this.#inodes = inodes;
    this.retain(root);
  }
  get #perSector(): number {
    return this.#clusters.layout.sectorSize / ENTRY;
  }

  // Who is in memory

  /** A file stays, with the directories above it. */
  retain(node: Node): void {
    if (node.refs++ > 0) return;
    if (node.position > 0) this.#held.set(node.position, node);
    if (node.parent) this.retain(node.parent);
  }
  release(node: Node): void {
    if (--node.refs > 0) return;
    if (this.#held.get(node.position) === node) this.#held.delete(node.position);
    if (node.parent) this.release(node.parent);
    else this.#inodes.forget(node);
  }
  /** A file has another place, or (undefined) none. */
  #settle(node: Node, place: Place | undefined): void {
    if (this.#held.get(node.position) === node) this.#held.delete(node.position);
    const before = node.parent;
    node.parent = place?.dir;
    node.slot = place?.slot ?? 0;
    node.slots = place?.slots ?? 0;
    node.position = place ? this.#position(place.dir, place.slot) : 0;
    if (node.refs === 0) return;
    if (place) this.#held.set(node.position, node);
    if (before === node.parent) return;
    if (node.parent) this.retain(node.parent);
    if (before) this.release(before);
  }
  /** A directory's index. EIO when it cannot be read. */
  of(dir: Node): Index {
    if (!dir.index) {
      dir.index = this.#load(dir);
      this.retain(dir);
    }
    const size = this.#read.get(dir);
    this.#read.delete(dir);
    this.#read.set(dir, size ?? dir.index.nodes.size);
    if (size === undefined) this.#kept += dir.index.nodes.size;
    return dir.index;
  }
  /** Forget directories that were not used for long, while too much is in memory; not `but`. */
  tidy(but: Node): void {
    if (this.#kept <= KEPT || this.#back.holdsNames) return;
    for (const [dir, size] of this.#read) {
      if (this.#kept <= KEPT) return;
      if (dir === but) continue;
      this.#kept -= size;
      this.forget(dir);
    }
  }
  /** A directory's index is not needed any more. */
  forget(dir: Node): void {
    if (!dir.index) return;
    for (const node of dir.index.nodes.values()) if (node.refs === 0) this.#inodes.forget(node);
    dir.index = undefined;
    this.#read.delete(dir);
    this.release(dir);
  }
  #load(dir: Node): Index {
    const index = new Index();
    index.load(this.#bytes(dir), this.#names, (slot, make) => {
      const position = this.#position(dir, slot);
      const held = this.#held.get(position);
      if (held) return held;
      const node = make();
      node.parent = dir;
      node.position = position;
      node.ino = this.#inodes.of(position);
      return node;
    });
    for (const what of index.damage) this.#clusters.health.found(`${dir.name || "/"}: ${what}`);
    return index;
  }
  /** A directory's bytes, as far as there are entries. */
  #bytes(dir: Node): Uint8Array {
    const runs = this.#data.runs(dir);
    const size = countOf(runs) * this.#clusters.layout.clusterSize;
    if (size > LARGEST_DIRECTORY) this.#clusters.fail(`${dir.name || "/"}: a directory of ${size} bytes`);
    let bytes: Uint8Array = this.#scratch;
    let done = 0;
    for (;;) {
      const next = Math.min(size, Math.max(PIECE, done * 2));
      if (next > bytes.length) bytes = lengthened(bytes, next);
      this.#clusters.readBuffered(runs, bytes.subarray(done, next), done);
      const end = endMark(bytes, done, next);
      if (end < next || next === size) return bytes.slice(0, end);
      done = next;
    }
  }

  // Entries on the disk

  #position(dir: Node, slot: number): number {
    return this.#clusters.find(this.#data.runs(dir), slot * ENTRY);
  }
  /** A slot's sector, and where in it the slot is; to be changed or not. */
  at(dir: Node, slot: number, change: boolean): readonly [sector: Uint8Array, at: number] {
    const { layout: { sectorSize }, buffers, errno } = this.#clusters;
    const position = this.#position(dir, slot);
    const block = Math.floor(position / sectorSize);
    return [finished(change ? buffers.modify(block) : buffers.get(block), errno), position % sectorSize];
  }
  /** Go over slots in pieces that lie in one sector. */
  #sectors(
    dir: Node,
    slot: number,
    count: number,
    change: boolean,
    use: (part: Uint8Array, from: number) => void,
  ): void {
    for (let i = 0; i < count;) {
      const n = Math.min(count - i, this.#perSector - (slot + i) % this.#perSector);
      const [sector, at] = this.at(dir, slot + i, change);
      use(sector.subarray(at, at + n * ENTRY), i * ENTRY);
      i += n;
    }
  }
  #write(dir: Node, slot: number, set: Uint8Array): void {
    this.#sectors(dir, slot, set.length / ENTRY, true, (part, from) => {
      part.set(set.subarray(from, from + part.length));
    });
  }
  /** Put what a node says into its set; one without a name has none. */
  update(node: Node): void {
    const { parent } = node;
    if (!parent) return;
    if (isSplit(node.slot, this.#perSector)) return this.#relocate(node, parent);
    const set = new Uint8Array(node.slots * ENTRY);
    this.#sectors(parent, node.slot, node.slots, false, (part, from) => set.set(part, from));
    const count = set[1]!;
    set.set(node.raw);
    set[1] = count;
    sealSet(set);
    this.#write(parent, node.slot, set.subarray(0, 2 * ENTRY));
  }
  /** A set of another system whose first entries lie in two sectors is written anew where they do not. */
  #relocate(node: Node, parent: Node): void {
    const old = this.placeOf(node);
    this.of(parent).nodes.delete(this.#names.fold(node.name));
    this.enter(parent, node, node.name);
    this.#back.later(() => this.free(old));
  }
  placeOf({ parent, slot, slots }: Node): Place {
    return { dir: parent!, slot, slots };
  }
  /** Give a node a name in a directory. ENOSPC when there is no room for it: then nothing has changed. */
  enter(dir: Node, node: Node, name: string): void {
    const set = makeSet(node.raw, name, this.#names.hash(name), node.extra);
    const slots = set.length / ENTRY;
    const index = this.of(dir);
    let slot = this.#room(dir, slots);
    if (slot === undefined && this.#back.holdsNames) {
      this.#back.relieve();
      slot = this.#room(dir, slots);
    }
    if (slot === undefined) throw this.#clusters.errno.ENOSPC;
    this.#write(dir, slot, set);
    node.raw.set(set.subarray(0, 2 * ENTRY));
    node.name = name;
    index.nodes.set(this.#names.fold(name), node);
    this.#settle(node, { dir, slot, slots });
  }
  /** Slots for an entry that is no file's; undefined: no room. */
  spare(dir: Node): number | undefined {
    return this.#room(dir, 1);
  }
  #room(dir: Node, count: number): number | undefined {
    const index = this.of(dir);
    const inside = index.takeFree(count, this.#perSector);
    if (inside !== undefined) return inside;
    const capacity = () => countOf(this.#data.runs(dir)) * this.#clusters.layout.clusterSize / ENTRY;
    let slot = index.atEnd(this.#perSector);
    while (slot + count > capacity()) {
      if (!this.#data.growDirectory(dir)) return undefined;
      this.update(dir);
      slot = index.atEnd(this.#perSector);
    }
    if (slot > index.end) {
      this.#type(dir, index.end, UNUSED);
      index.addFree(index.end, 1);
    }
    index.end = slot + count;
    // What stood behind the old end may be anything: the new one must say so.
    if (index.end < capacity() && this.#typeOf(dir, index.end) !== 0) this.#type(dir, index.end, 0);
    return slot;
  }
  #typeOf(dir: Node, slot: number): number {
    const [sector, at] = this.at(dir, slot, false);
    return sector[at]!;
  }
  #type(dir: Node, slot: number, type: number): void {
    const [sector, at] = this.at(dir, slot, true);
    sector[at] = type;
  }
  /** Slots are not used any more. */
  free({ dir, slot, slots }: Place): void {
    if (this.#data.runs(dir).length === 0) return; // the directory is gone since
    this.#sectors(dir, slot, slots, true, (part) => {
      for (let at = 0; at < part.length; at += ENTRY) part[at]! &= ~IN_USE;
    });
    dir.index?.addFree(slot, slots);
  }
  /** Out of its directory's index, not off the disk. */
  leave(node: Node): void {
    const nodes = this.of(node.parent!).nodes;
    const folded = this.#names.fold(node.name);
    if (nodes.get(folded) === node) nodes.delete(folded);
  }
  /** Out of its directory. */
  remove(node: Node): void {
    const place = this.placeOf(node);
    this.leave(node);
    this.free(place);
    this.lose(node);
  }
  /** A node's set is another's, or gone. */
  lose(node: Node): void {
    this.#inodes.moved(node);
    this.#settle(node, undefined);
  }
  /** Back in its directory's index. */
  stay(node: Node): void {
    this.of(node.parent!).nodes.set(this.#names.fold(node.name), node);
  }
  /** Put a node where another's set stands, under its name and with what is its own of it. */
  takeOver(node: Node, place: Place, name: string, extra: Uint8Array): void {
    const raw = node.raw.slice();
    this.#settle(node, place);
    this.#inodes.moved(node);
    node.name = name;
    node.extra = extra;
    const [sector, at] = this.at(place.dir, place.slot + 1, false);
    // Length and hash of the name stay the place's.
    node.raw.set(raw);
    node.raw.set(sector.subarray(at + 3, at + 6), ENTRY + 3);
    this.stay(node);
    this.update(node);
  }
}
/** Where the end mark is between two bytes; the second: nowhere there. */
function endMark(bytes: Uint8Array, from: number, to: number): number {
  let at = from;
  while (at < to && bytes[at] !== 0) at += ENTRY;
  return Math.min(at, to);
}
function lengthened(bytes: Uint8Array, length: number): Uint8Array {
  const longer = new Uint8Array(length);
  longer.set(bytes);
  return longer;
}
