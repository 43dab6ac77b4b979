/** A directory in memory while it is checked: its slots, where they stand on the disk, and which sectors changed. */
import { ATTR_DIRECTORY, ATTR_LONG, ATTR_VOLUME, Dirent, FREE as FREE_SLOT } from "../../src/wire/fat.ts";
import { viewOf } from "../../src/lib/struct.ts";
import type { State } from "./check_state.ts";
import { MAX_SLOTS, SLOT } from "./dir.ts";

/** Where a directory is: the root has no parent; cluster 0 is the fixed root of FAT12 and FAT16. */
export interface Place {
  readonly parent: Place | undefined;
  readonly name: string;
  readonly cluster: number;
  readonly depth: number;
}
export const rootPlace = (cluster: number): Place => ({ parent: undefined, name: "", cluster, depth: 0 });
/** `/a/b`; the root is `/`. */
export function pathOf(place: Place, name?: string): string {
  const parts = name === undefined ? [] : [name];
  for (let p: Place = place; p.parent; p = p.parent) parts.unshift(p.name);
  return `/${parts.join("/")}`;
}

export class Folder {
  readonly place: Place;
  readonly bytes: Uint8Array;
  readonly view: DataView;
  /** Slots there are. */
  readonly count: number;
  readonly #state: State;
  readonly #clusters: readonly number[];
  readonly #changed = new Set<number>();

  /** Throws EIO where the disk does. */
  constructor(state: State, place: Place) {
    const { rootStart, rootSize, clusterSize } = state.g;
    this.place = place;
    this.#state = state;
    this.#clusters = place.cluster === 0 ? [] : state.clusters(place.cluster, (MAX_SLOTS * SLOT) / clusterSize || 1);
    this.bytes = place.cluster === 0
      ? state.read(rootStart, rootSize)
      : new Uint8Array(this.#clusters.length * clusterSize);
    for (const [i, cluster] of this.#clusters.entries()) {
      this.bytes.set(state.read(state.position(cluster), clusterSize), i * clusterSize);
    }
    this.view = viewOf(this.bytes);
    this.count = Math.min(MAX_SLOTS, this.bytes.length / SLOT);
  }
  get isRoot(): boolean {
    return this.place.parent === undefined;
  }
  first(slot: number): number {
    return this.bytes[slot * SLOT]!;
  }
  attr(slot: number): number {
    return this.bytes[slot * SLOT + 11]!;
  }
  isLong(slot: number): boolean {
    return (this.attr(slot) & 0x3f) === ATTR_LONG;
  }
  /** A file or directory, other than "." and "..". */
  isEntry(slot: number): boolean {
    const first = this.first(slot);
    return first !== 0 && first !== FREE_SLOT && first !== DOT && !this.isLong(slot) &&
      (this.attr(slot) & ATTR_VOLUME) === 0;
  }
  isDirectory(slot: number): boolean {
    return this.isEntry(slot) && (this.attr(slot) & ATTR_DIRECTORY) !== 0;
  }
  raw(slot: number): Uint8Array {
    return this.bytes.subarray(slot * SLOT, slot * SLOT + 11);
  }
  short(slot: number): string {
    return String.fromCharCode(...this.raw(slot));
  }
  start(slot: number): number {
    const high = this.#state.g.bits === 32 ? Dirent.get.clusterHigh(this.view, slot * SLOT) : 0;
    return high * 0x10000 + Dirent.get.clusterLow(this.view, slot * SLOT);
  }
  size(slot: number): number {
    return Dirent.get.size(this.view, slot * SLOT);
  }
  setStart(slot: number, cluster: number): void {
    Dirent.set.clusterLow(this.view, slot * SLOT, cluster & 0xffff);
    if (this.#state.g.bits === 32) Dirent.set.clusterHigh(this.view, slot * SLOT, cluster >>> 16);
    this.change(slot);
  }
  setSize(slot: number, size: number): void {
    Dirent.set.size(this.view, slot * SLOT, size);
    this.change(slot);
  }
  setAttr(slot: number, attr: number): void {
    this.bytes[slot * SLOT + 11] = attr;
    this.change(slot);
  }
  /** Free slots [from, to]. */
  free(from: number, to = from): void {
    for (let slot = to; slot >= from; slot--) {
      this.bytes[slot * SLOT] = FREE_SLOT;
      this.change(slot);
    }
  }
  change(slot: number): void {
    this.#changed.add(Math.floor((slot * SLOT) / this.#state.g.sectorSize));
  }
  /** Write the sectors that changed. */
  save(): void {
    const { sectorSize, clusterSize, rootStart } = this.#state.g;
    for (const sector of this.#changed) {
      const at = sector * sectorSize;
      const cluster = this.#clusters[Math.floor(at / clusterSize)];
      const position = cluster === undefined ? rootStart + at : this.#state.position(cluster) + (at % clusterSize);
      this.#state.write(this.bytes.subarray(at, at + sectorSize), position);
    }
    this.#changed.clear();
  }
}
export const DOT = 0x2e;
