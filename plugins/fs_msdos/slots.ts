/** Where a directory's slots are on the disk, and how they are read and changed. */
import { ATTR_DIRECTORY, Dirent } from "../../src/wire/fat.ts";
import { MAX_SLOTS, SLOT, type Slots } from "./dir.ts";
import type { Inodes } from "../../src/lib/dos_inodes.ts";
import type { Node } from "./node.ts";
import type { Names } from "./names.ts";
import type { Short } from "./short_names.ts";
import type { Store } from "./store.ts";
import { finished } from "../../src/lib/finished.ts";
import type { DosTime } from "./times.ts";

/** What slots need of their volume. */
export interface SlotOwner {
  readonly names: Names;
  /** Something is about to change. */
  dirty(): void;
  /** A cluster more for a directory; false: no room. */
  grow(dir: Node): boolean;
  readonly inodes: Inodes;
}

export class SlotMap {
  readonly #store: Store;
  readonly #root: Node;
  readonly #owner: SlotOwner;
  readonly #made = new WeakMap<Node, Slots>();

  constructor(store: Store, root: Node, owner: SlotOwner) {
    this.#store = store;
    this.#root = root;
    this.#owner = owner;
  }
  /** FAT12 and FAT16 have their root in a place of its own. */
  #isFixed(dir: Node): boolean {
    return dir === this.#root && this.#store.g.bits !== 32;
  }
  /** The byte of the volume a slot begins at. */
  position(dir: Node, slot: number): number {
    const { rootStart, clusterSize } = this.#store.g;
    const at = slot * SLOT;
    if (this.#isFixed(dir)) return rootStart + at;
    const run = this.#store.chain(dir, 1).find(Math.floor(at / clusterSize));
    return this.#store.position(run.start) + at - run.at * clusterSize;
  }
  /** A number for a directory that is shown beside a directory's files, and is none on the disk. */
  inoBeside(dir: Node): number {
    return this.#owner.inodes.of((BESIDE + dir.ino) * SLOT);
  }
  of(dir: Node): Slots {
    let slots = this.#made.get(dir);
    if (!slots) this.#made.set(dir, slots = this.#make(dir));
    return slots;
  }
  #make(dir: Node): Slots {
    const { buffers, errno, g } = this.#store;
    const { sectorSize } = g;
    const capacity = () => this.#capacity(dir);
    return {
      get capacity() {
        return capacity();
      },
      names: this.#owner.names,
      read: (slot) => {
        const position = this.position(dir, slot);
        return [finished(buffers.get(Math.floor(position / sectorSize)), errno), position % sectorSize];
      },
      piece: (slot) => this.#piece(dir, slot),
      change: (slot) => {
        this.#store.mayChange(dir);
        this.#owner.dirty();
        const position = this.position(dir, slot);
        return [finished(buffers.modify(Math.floor(position / sectorSize)), errno), position % sectorSize];
      },
      grow: () => !this.#isFixed(dir) && this.#owner.grow(dir),
      node: (d, at, name, short, slot, count) => this.#node(dir, d, at, name, short, slot, count),
      log: (text) => this.#store.health.found(text),
    };
  }
  /** As many slots as lie together, more the further it is into the directory: most are short. */
  #piece(dir: Node, slot: number): readonly [bytes: Uint8Array, at: number] {
    const { buffers, device, g } = this.#store;
    const position = this.position(dir, slot);
    const at = slot * SLOT;
    const run = this.#isFixed(dir) ? undefined : this.#store.chain(dir, 1).find(Math.floor(at / g.clusterSize));
    const left = run ? (run.at + run.length) * g.clusterSize - at : g.rootSize - at;
    const bytes = new Uint8Array(Math.min(left, Math.max(FIRST_PIECE, Math.min(at, LONGEST_PIECE))));
    finished(device.read(bytes, position), this.#store.errno);
    buffers.overlay(bytes, position / g.sectorSize);
    return [bytes, 0];
  }
  #capacity(dir: Node): number {
    const { rootSize, clusterSize } = this.#store.g;
    if (this.#isFixed(dir)) return rootSize / SLOT;
    const most = (MAX_SLOTS * SLOT) / clusterSize;
    return Math.min(MAX_SLOTS, (this.#store.chain(dir, most).length * clusterSize) / SLOT);
  }
  #node(parent: Node, d: DataView, at: number, name: string, short: Short, slot: number, slots: number): Node {
    const { get } = Dirent;
    const attr = get.attr(d, at);
    const isDir = (attr & ATTR_DIRECTORY) !== 0;
    const high = this.#store.g.bits === 32 ? get.clusterHigh(d, at) : 0;
    const cluster = high * 0x10000 + get.clusterLow(d, at);
    if (!parent.deleted) this.#store.begin(cluster);
    return {
      isDir,
      ino: this.#owner.inodes.of(this.position(parent, slot + slots - 1)),
      parent,
      name,
      short,
      ntCase: get.ntCase(d, at),
      attr,
      cluster,
      size: isDir ? 0 : get.size(d, at),
      mtime: get.mtime(d, at),
      mdate: get.mdate(d, at),
      adate: get.adate(d, at),
      ctime: get.ctime(d, at),
      cdate: get.cdate(d, at),
      ctimeTenth: get.ctimeTenth(d, at),
      slot,
      slots,
      deleted: parent.deleted,
      held: false,
      forgotten: false,
      chain: undefined,
      dir: undefined,
    };
  }
}

/** Bytes of a directory that are read at once. */
const FIRST_PIECE = 4096;
const LONGEST_PIECE = 64 << 10;
const ROOT_INO = 1;
/** Beyond all places on a disk. */
const BESIDE = 2 ** 41;
/** 1980-01-01: the root has no times of its own. */
const FIRST_DAY = (1 << 5) | 1;
/** The root directory, which has no entry anywhere. */
export function rootNode(cluster: number): Node {
  return {
    isDir: true,
    ino: ROOT_INO,
    parent: undefined,
    name: "",
    short: "",
    ntCase: 0,
    attr: ATTR_DIRECTORY,
    cluster,
    size: 0,
    mtime: 0,
    mdate: FIRST_DAY,
    adate: FIRST_DAY,
    ctime: 0,
    cdate: FIRST_DAY,
    ctimeTenth: 0,
    slot: -1,
    slots: 0,
    deleted: false,
    held: false,
    forgotten: false,
    chain: undefined,
    dir: undefined,
  };
}

/** A file just made; its entry and number come when it has a place. */
export function newNode(parent: Node, name: string, attr: number, now: DosTime): Node {
  const { date, time, tenth } = now;
  return {
    ...rootNode(0),
    isDir: (attr & ATTR_DIRECTORY) !== 0,
    parent,
    name,
    attr,
    mtime: time,
    mdate: date,
    adate: date,
    ctime: time,
    cdate: date,
    ctimeTenth: tenth,
  };
}
