/** The file allocation table: entries in 64 KiB pages read when needed, allocation next-fit, frees held back until safe. */
import type { BlockDevice, Errnos } from "../../src/plugin.ts";
import { FsInfo, FSINFO_AT, FSINFO_LEAD, FSINFO_TAIL } from "../../src/wire/fat.ts";
import { viewOf } from "../../src/lib/struct.ts";
import type { Geometry } from "./bpb.ts";
import { Survey } from "./survey.ts";
import { finished } from "../../src/lib/finished.ts";

const PAGE = 64 << 10;
/** Pages kept: 16 MiB. */
const MAX_PAGES = 256;

interface Page {
  readonly index: number;
  readonly bytes: Uint8Array;
  readonly view: DataView;
  /** Bytes changed and not written: [from, to). */
  from: number;
  to: number;
}
/** Neighbouring clusters. */
export interface Run {
  readonly start: number;
  readonly length: number;
}

export class Fat {
  readonly #g: Geometry;
  readonly #device: BlockDevice;
  readonly #errno: Errnos;
  readonly #pages = new Map<number, Page>();
  #last: Page | undefined;
  /** Where the next search begins. */
  #hint = 2;
  /** What the whole table says: known when somebody has looked through it. */
  readonly survey: Survey;
  /** Runs freed since the last sync: still marked used, so that nobody gets them before the directories say so. */
  #freed: Run[] = [];
  /** Ends to be set together with the frees. */
  #cuts: number[] = [];
  /** Too many dirty pages: the volume syncs. */
  pressure: () => void = () => {};
  readonly end: number;
  readonly #bad: number;

  constructor(g: Geometry, device: BlockDevice, errnos: Errnos) {
    this.#g = g;
    this.#device = device;
    this.#errno = errnos;
    this.end = g.bits === 12 ? 0xfff : g.bits === 16 ? 0xffff : 0x0fffffff;
    this.#bad = this.end - 8;
    this.survey = new Survey({ clusters: g.clusters, get: (cluster) => this.get(cluster) });
  }
  valid(cluster: number): boolean {
    return cluster >= 2 && cluster <= this.#g.clusters + 1;
  }
  /** The next cluster of a chain: 0 at its end; -1 when the entry is free, bad or points outside. */
  next(cluster: number): number {
    const value = this.get(cluster);
    if (value >= 2 && value <= this.#g.clusters + 1) return value;
    return value > this.#bad ? 0 : -1;
  }
  /** Entry of a cluster. */
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
    const at = cluster + (cluster >> 1); // all of a FAT12 lies in the first page
    const word = this.#page(at).view.getUint16(at, true);
    return cluster & 1 ? word >> 4 : word & 0xfff;
  }
  set(cluster: number, value: number): void {
    const { bits } = this.#g;
    const at = bits === 32 ? cluster * 4 : bits === 16 ? cluster * 2 : cluster + (cluster >> 1);
    const page = this.#page(at);
    const i = at % PAGE;
    if (bits === 32) page.view.setUint32(i, (page.view.getUint32(i, true) & 0xf0000000) | value, true);
    else if (bits === 16) page.view.setUint16(i, value, true);
    else {
      const word = page.view.getUint16(i, true);
      page.view.setUint16(i, cluster & 1 ? (word & 0x000f) | (value << 4) : (word & 0xf000) | value, true);
    }
    page.from = Math.min(page.from, i);
    page.to = Math.max(page.to, i + (bits === 32 ? 4 : 2));
  }

  #page(at: number): Page {
    const index = Math.floor(at / PAGE);
    if (this.#last?.index === index) return this.#last;
    const page = this.#pages.get(index) ?? this.#load(index);
    this.#last = page;
    return page;
  }
  #load(index: number): Page {
    if (this.#pages.size >= MAX_PAGES) this.#evict();
    // One byte more than there is on disk: FAT12's last entry is read as a word.
    const length = Math.min(PAGE, this.#g.fatSize - index * PAGE);
    const bytes = new Uint8Array(length + 1);
    const { activeFat, fatStart, fatSize } = this.#g;
    finished(this.#device.read(bytes.subarray(0, length), fatStart + activeFat * fatSize + index * PAGE), this.#errno);
    const page: Page = { index, bytes, view: viewOf(bytes), from: Infinity, to: 0 };
    this.#pages.set(index, page);
    return page;
  }
  #evict(): void {
    let clean = 0;
    for (const page of this.#pages.values()) {
      if (page.to > 0) continue;
      this.#pages.delete(page.index);
      if (++clean >= MAX_PAGES / 4) break;
    }
    this.#last = undefined;
    if (clean === 0) this.pressure();
  }

  /** Up to `count` clusters in few runs, near `near` if it can be; marked as one chain. Fewer, or none, when the volume is full. */
  allocate(count: number, near: number): Run[] {
    const runs: Run[] = [];
    let from = this.valid(near) ? near : this.#hint;
    let before = 0;
    for (let wrapped = false; count > 0;) {
      const run = this.#freeRun(from, count);
      if (!run) {
        if (wrapped) break;
        wrapped = true;
        from = 2;
        continue;
      }
      if (before > 0) this.set(before, run.start);
      for (let c = run.start; c < run.start + run.length - 1; c++) this.set(c, c + 1);
      before = run.start + run.length - 1;
      this.set(before, this.end);
      runs.push(run);
      count -= run.length;
      from = before + 1;
      this.#counted(run, -1);
    }
    if (before > 0) this.#hint = before + 1;
    return runs;
  }
  /** The first free clusters at or after `from`, at most `count`. */
  #freeRun(from: number, count: number): Run | undefined {
    const last = this.#g.clusters + 1;
    const { dangling } = this.survey;
    const isFree = dangling.size === 0
      ? (c: number) => this.get(c) === 0
      : (c: number) => this.get(c) === 0 && !dangling.has(c);
    let start = from;
    while (start <= last && !isFree(start)) start++;
    if (start > last) return undefined;
    let length = 1;
    while (length < count && start + length <= last && isFree(start + length)) length++;
    return { start, length };
  }
  #counted({ start, length }: Run, by: 1 | -1): void {
    this.survey.changed(start, length, by);
    if (this.#told !== undefined) this.#told = Math.min(Math.max(0, this.#told + by * length), this.#g.clusters);
  }
  /** Give clusters back, once the directories on disk no longer speak of them. */
  release(runs: readonly Run[]): void {
    this.#freed.push(...runs);
  }
  /** `cluster` becomes the end of its chain, at the same moment. */
  cut(cluster: number): void {
    this.#cuts.push(cluster);
  }
  /** Whether clusters wait to be freed. */
  get held(): boolean {
    return this.#freed.length > 0 || this.#cuts.length > 0;
  }
  get hasCut(): boolean {
    return this.#cuts.length > 0;
  }
  /** The directories are on disk: free what was held back, and tell what it was. */
  applyFrees(): readonly Run[] {
    const freed = this.#freed;
    for (const cluster of this.#cuts) this.set(cluster, this.end);
    for (const run of freed) {
      for (let c = run.start; c < run.start + run.length; c++) this.set(c, 0);
      if (run.start < this.#hint) this.#hint = run.start;
      this.#counted(run, 1);
    }
    this.#cuts = [];
    this.#freed = [];
    return freed;
  }

  /** Free clusters, those held back included: counted, or as FSInfo has it until that is done. */
  get free(): number {
    if (this.#told === undefined) this.survey.finish();
    return (this.survey.free ?? this.#told!) + this.#freed.reduce((sum, r) => sum + r.length, 0);
  }
  /** The table is small enough to be looked through at once. */
  get isSmall(): boolean {
    return this.#g.clusters <= SMALL;
  }

  /** Write what changed to every FAT that is kept; whether there was anything. */
  flush(): boolean {
    let wrote = false;
    const { fats, fatStart, fatSize, sectorSize, mirrored, activeFat } = this.#g;
    for (const page of [...this.#pages.values()].sort((a, b) => a.index - b.index)) {
      if (page.to === 0) continue;
      wrote = true;
      const from = Math.floor(page.from / sectorSize) * sectorSize;
      const to = Math.min(Math.ceil(page.to / sectorSize) * sectorSize, page.bytes.length - 1);
      for (let n = 0; n < fats; n++) {
        if (!mirrored && n !== activeFat) continue;
        const at = fatStart + n * fatSize + page.index * PAGE + from;
        finished(this.#device.write!(page.bytes.subarray(from, to), at), this.#errno);
      }
      page.from = Infinity;
      page.to = 0;
    }
    return wrote;
  }
  get dirty(): boolean {
    for (const page of this.#pages.values()) if (page.to > 0) return true;
    return false;
  }

  /**
   * The hint of FSInfo, and its count; both only when they can be true. The count is believed where counting takes long
   * and the volume was left clean, or when somebody wants it (`usefree`).
   */
  readInfo(clean: boolean, usefree: boolean): void {
    const { fsInfo, sectorSize, clusters } = this.#g;
    if (fsInfo === 0) return;
    const sector = new Uint8Array(sectorSize);
    finished(this.#device.read(sector, fsInfo), this.#errno);
    const d = viewOf(sector);
    if (d.getUint32(0, true) !== FSINFO_LEAD || FsInfo.get.tail(d, FSINFO_AT) !== FSINFO_TAIL) return;
    const [free, next] = [FsInfo.get.free(d, FSINFO_AT), FsInfo.get.next(d, FSINFO_AT)];
    if (this.valid(next)) this.#hint = next;
    if ((usefree || (clean && !this.isSmall)) && free <= clusters) this.#told = free;
  }
  /** What FSInfo claims to be free, and what changed since: good enough to show, never to refuse by. */
  #told: number | undefined;
  writeInfo(): void {
    const { fsInfo, sectorSize } = this.#g;
    if (fsInfo === 0) return;
    const sector = new Uint8Array(sectorSize);
    finished(this.#device.read(sector, fsInfo), this.#errno);
    const d = viewOf(sector);
    if (d.getUint32(0, true) !== FSINFO_LEAD) return;
    FsInfo.set.free(d, FSINFO_AT, this.survey.free ?? this.#told ?? UNKNOWN);
    FsInfo.set.next(d, FSINFO_AT, this.valid(this.#hint) ? this.#hint : 2);
    finished(this.#device.write!(sector, fsInfo), this.#errno);
  }
}
/** FSInfo: not counted. */
const UNKNOWN = 0xffff_ffff;
/** Entries that are looked through in a few milliseconds. */
const SMALL = 1 << 20;
