/** The FAT as a check sees it: entries by pages of one copy, judged but never believed; changes go to every copy. */
import { viewOf } from "../../src/lib/struct.ts";
import type { BlockDevice, Errnos } from "../../src/plugin.ts";
import type { Geometry } from "./bpb.ts";
import { finished } from "../../src/lib/finished.ts";

const PAGE = 96 << 10; // a multiple of every sector size and of FAT12's three bytes
/** Pages kept: 12 MiB. */
const MAX_PAGES = 128;

/** What an entry says, other than the number of the next cluster. */
export const END = 0;
export const FREE = -1;
export const BAD = -2;
/** Reserved values and numbers of clusters there are not. */
export const WILD = -3;

/** One bit a cluster. */
export class Bits {
  readonly #bytes: Uint8Array;
  count = 0;
  constructor(length: number) {
    this.#bytes = new Uint8Array((length + 7) >> 3);
  }
  has(n: number): boolean {
    return (this.#bytes[n >> 3]! & (1 << (n & 7))) !== 0;
  }
  add(n: number): void {
    if (this.has(n)) return;
    this.#bytes[n >> 3]! |= 1 << (n & 7);
    this.count++;
  }
  delete(n: number): void {
    if (!this.has(n)) return;
    this.#bytes[n >> 3]! &= ~(1 << (n & 7));
    this.count--;
  }
}

interface Page {
  readonly index: number;
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly view: DataView;
  dirty: boolean;
}

export class Table {
  readonly #g: Geometry;
  readonly #device: BlockDevice;
  readonly #errno: Errnos;
  readonly #copy: number;
  readonly #pages = new Map<number, Page>();
  #last: Page | undefined;
  readonly #spare: Uint8Array<ArrayBuffer>[] = [];
  /** Clusters in use and bad ones; right once they were counted. */
  used = 0;
  bad = 0;
  /** Where the next free cluster is looked for. */
  #hint = 2;
  readonly #mask: number;

  /** `copy`: which FAT is read. */
  constructor(g: Geometry, device: BlockDevice, errnos: Errnos, copy: number) {
    this.#g = g;
    this.#device = device;
    this.#errno = errnos;
    this.#copy = copy;
    this.#mask = g.bits === 12 ? 0xfff : g.bits === 16 ? 0xffff : 0x0fffffff;
  }
  valid(cluster: number): boolean {
    return cluster >= 2 && cluster <= this.#g.clusters + 1;
  }
  /** The next cluster of a chain (2 and more), or END, FREE, BAD, WILD. */
  next(cluster: number): number {
    const value = this.get(cluster);
    if (value >= 2 && value <= this.#g.clusters + 1) return value;
    if (value === 0) return FREE;
    if (value >= this.#mask - 7) return END;
    return value === this.#mask - 8 ? BAD : WILD;
  }
  get(cluster: number): number {
    const { bits } = this.#g;
    if (bits === 32) {
      const at = cluster * 4;
      return this.#page(at).view.getUint32(at % PAGE, true) & 0x0fffffff;
    }
    if (bits === 16) {
      const at = cluster * 2;
      return this.#page(at).view.getUint16(at % PAGE, true);
    }
    const at = cluster + (cluster >> 1);
    const word = this.#page(at).view.getUint16(at % PAGE, true);
    return cluster & 1 ? word >> 4 : word & 0xfff;
  }
  set(cluster: number, value: number): void {
    const { bits } = this.#g;
    const had = this.get(cluster);
    if (cluster >= 2) this.used += Number(value !== 0) - Number(had !== 0);
    if (cluster >= 2) this.bad += Number(value === this.#mask - 8) - Number(had === this.#mask - 8);
    const at = bits === 32 ? cluster * 4 : bits === 16 ? cluster * 2 : cluster + (cluster >> 1);
    const page = this.#page(at);
    const i = at % PAGE;
    if (bits === 32) page.view.setUint32(i, ((page.view.getUint32(i, true) & 0xf0000000) | value) >>> 0, true);
    else if (bits === 16) page.view.setUint16(i, value, true);
    else {
      const word = page.view.getUint16(i, true);
      page.view.setUint16(i, cluster & 1 ? (word & 0x000f) | (value << 4) : (word & 0xf000) | value, true);
    }
    page.dirty = true;
  }
  /** Make a cluster the last of its chain. */
  end(cluster: number): void {
    this.set(cluster, this.#mask);
  }
  /** Mark the first free cluster as a chain of its own; undefined: none is free. */
  allocate(): number | undefined {
    for (; this.#hint <= this.#g.clusters + 1; this.#hint++) {
      if (this.get(this.#hint) !== 0) continue;
      this.end(this.#hint);
      return this.#hint;
    }
    return undefined;
  }

  /** Count clusters in use; what it gives is how far it is, 0 to 1. */
  *count(): Generator<number> {
    const { bits, clusters } = this.#g;
    const words = bits === 32 ? PAGE / 4 : 0;
    for (let c = 2; c <= clusters + 1; c++) {
      if (c % 65536 === 0) yield c / clusters;
      if (words > 0 && c % words === 0 && this.#isFree(c * 4)) {
        c += words - 1; // a page of zeros: most of an empty volume is
        continue;
      }
      const value = this.get(c);
      if (value !== 0) this.used++;
      if (value === this.#mask - 8) this.bad++;
    }
  }
  #isFree(at: number): boolean {
    const { bytes } = this.#page(at);
    return bytes.length > PAGE && new Uint32Array(bytes.buffer, 0, PAGE / 4).every((w) => w === 0);
  }

  #page(at: number): Page {
    const index = Math.floor(at / PAGE);
    if (this.#last?.index === index) return this.#last;
    return (this.#last = this.#pages.get(index) ?? this.#load(index));
  }
  #load(index: number): Page {
    if (this.#pages.size >= MAX_PAGES) this.#evict();
    const { fatStart, fatSize } = this.#g;
    const length = Math.min(PAGE, fatSize - index * PAGE);
    // Memory is used again: the collector would let 256 MiB of it pile up. FAT12's last entry is read as a word.
    const bytes = length === PAGE ? this.#spare.pop() ?? new Uint8Array(PAGE + 1) : new Uint8Array(length + 1);
    const at = fatStart + this.#copy * fatSize + index * PAGE;
    finished(this.#device.read(bytes.subarray(0, length), at), this.#errno);
    const page = { index, bytes, view: viewOf(bytes), dirty: false };
    this.#pages.set(index, page);
    return page;
  }
  #evict(): void {
    this.flush();
    for (const page of [...this.#pages.values()].slice(0, MAX_PAGES / 4)) {
      this.#pages.delete(page.index);
      if (page.bytes.length > PAGE) this.#spare.push(page.bytes);
    }
    this.#last = undefined;
  }
  /** Write what changed to every FAT that is kept. */
  flush(): void {
    const { fats, fatStart, fatSize, mirrored } = this.#g;
    for (const page of this.#pages.values()) {
      if (!page.dirty) continue;
      for (let n = 0; n < fats; n++) {
        if (!mirrored && n !== this.#copy) continue;
        const at = fatStart + n * fatSize + page.index * PAGE;
        finished(this.#device.write!(page.bytes.subarray(0, page.bytes.length - 1), at), this.#errno);
      }
      page.dirty = false;
    }
  }
}
