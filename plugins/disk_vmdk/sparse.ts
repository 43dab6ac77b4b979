/** An open image: a directory of tables of grains. New grains go to the file's end, and into both sets of tables. */
import { finished } from "../../src/lib/finished.ts";
import { eachUnit } from "../../src/lib/units.ts";
import { viewOf } from "../../src/lib/struct.ts";
import type { BlockDevice, DiskRequest, Sys } from "../../src/plugin.ts";
import type { Geometry } from "./header.ts";
import { Marker, SECTOR } from "./layout.ts";

/** Tables kept in memory, and unpacked grains. */
const KEPT_TABLES = 1024;
const KEPT_GRAINS = 64;
/** Entries looked at in one search for data. */
const MOST_LOOKED = 1 << 18;

export class Sparse {
  readonly #sys: Sys;
  readonly #base: BlockDevice;
  readonly #g: Geometry;
  readonly #request: DiskRequest;
  readonly #directory: DataView;
  readonly #spare: DataView | undefined;
  readonly #tables = new Map<number, DataView>();
  readonly #unpacked = new Map<number, Uint8Array>();

  constructor(sys: Sys, base: BlockDevice, geometry: Geometry, request: DiskRequest) {
    this.#sys = sys;
    this.#base = base;
    this.#g = geometry;
    this.#request = request;
    this.#directory = this.#view(geometry.directory, geometry.tables);
    this.#spare = geometry.spare === undefined ? undefined : this.#view(geometry.spare, geometry.tables);
  }
  device(name: string): BlockDevice {
    const { size } = this.#g;
    const base = this.#base;
    const inside = (bytes: Uint8Array, offset: number) => {
      if (!(offset >= 0) || offset + bytes.length > size) throw this.#sys.errno.EIO;
    };
    return {
      name,
      size,
      blockSize: SECTOR,
      read: (into, offset) => {
        inside(into, offset);
        eachUnit(into, offset, this.#g.grainSize, (grain, part, from) => this.#read(grain, part, from));
      },
      ...!this.#request.readOnly && !this.#g.compressed && base.write && base.resize && {
        write: (from: Uint8Array, offset: number) => {
          inside(from, offset);
          eachUnit(from, offset, this.#g.grainSize, (grain, part, at) => this.#write(grain, part, at));
        },
      },
      nextData: (offset) => this.#nextData(offset),
      unit: this.#g.grainSize,
      flush: () => base.flush?.(),
      close: () => base.close?.(),
    };
  }
  /** `count` numbers of 32 bits. */
  #view(at: number, count: number): DataView {
    const bytes = new Uint8Array(count * 4);
    if (!(at + bytes.length <= this.#base.size)) throw this.#sys.errno.EIO;
    finished(this.#base.read(bytes, at), this.#sys.errno);
    return viewOf(bytes);
  }
  /** The table a grain is in; undefined: it has none. */
  #table(index: number): DataView | undefined {
    const kept = this.#tables.get(index);
    if (kept) return kept;
    const at = this.#directory.getUint32(index * 4, true) * SECTOR;
    if (at === 0) return undefined;
    const table = this.#view(at, this.#g.tableSize);
    this.#tables.set(index, table);
    if (this.#tables.size > KEPT_TABLES) this.#tables.delete(this.#tables.keys().next().value!);
    return table;
  }
  /** Where a grain is, in bytes; 0: nowhere, it is zeros. */
  #place(grain: number): number {
    const { tableSize, zeroed } = this.#g;
    const sector = this.#table(Math.floor(grain / tableSize))?.getUint32((grain % tableSize) * 4, true) ?? 0;
    return sector === 0 || (zeroed && sector === 1) ? 0 : sector * SECTOR;
  }
  #nextData(offset: number): number {
    const { size, grainSize, tableSize } = this.#g;
    let grain = Math.floor(offset / grainSize);
    for (let looked = 0; grain * grainSize < size && looked < MOST_LOOKED; looked++) {
      const table = Math.floor(grain / tableSize);
      if (!this.#table(table)) grain = (table + 1) * tableSize;
      else if (this.#place(grain) === 0) grain++;
      else break;
    }
    return Math.min(size, Math.max(offset, grain * grainSize));
  }
  #read(grain: number, into: Uint8Array, from: number): void {
    const at = this.#place(grain);
    if (at === 0) into.fill(0);
    else if (this.#g.compressed) into.set(this.#unpack(at).subarray(from, from + into.length));
    else this.#transfer(into, at + from);
  }
  #transfer(into: Uint8Array, at: number): void {
    if (at + into.length > this.#base.size) throw this.#sys.errno.EIO;
    finished(this.#base.read(into, at), this.#sys.errno);
  }
  #unpack(at: number): Uint8Array {
    const kept = this.#unpacked.get(at);
    if (kept) return kept;
    const { grainSize } = this.#g;
    const marker = new Uint8Array(Marker.size);
    this.#transfer(marker, at);
    const size = Marker.get.size(viewOf(marker), 0);
    if (size > grainSize * 2) throw this.#sys.errno.EIO;
    const packed = new Uint8Array(size);
    this.#transfer(packed, at + Marker.size);
    const bytes = this.#sys.unpack("zlib", packed, grainSize);
    if (!bytes) throw this.#sys.errno.EIO;
    const grain = new Uint8Array(grainSize);
    grain.set(bytes);
    this.#unpacked.set(at, grain);
    if (this.#unpacked.size > KEPT_GRAINS) this.#unpacked.delete(this.#unpacked.keys().next().value!);
    return grain;
  }
  #write(grain: number, from: Uint8Array, offset: number): void {
    const at = this.#place(grain);
    if (at !== 0) {
      if (at + offset + from.length > this.#base.size) throw this.#sys.errno.EIO;
      finished(this.#base.write!(from, at + offset), this.#sys.errno);
    } else this.#allocate(grain, from, offset);
  }
  /** Data first, then the flush, then both tables: a crash leaves at most a grain nobody has. */
  #allocate(grain: number, from: Uint8Array, offset: number): void {
    const { grainSize, tableSize } = this.#g;
    const { errno } = this.#sys;
    const index = Math.floor(grain / tableSize);
    const table = this.#table(index);
    // qemu-img and VMware make all tables with the image.
    if (!table) throw errno.EIO;
    const at = Math.ceil(this.#base.size / grainSize) * grainSize;
    if (at / SECTOR > 0xffff_ffff) throw errno.EFBIG;
    finished(this.#base.resize!(at + grainSize), errno);
    finished(this.#base.write!(from, at + offset), errno);
    if (this.#base.flush) finished(this.#base.flush(), errno);
    const entry = new Uint8Array(4);
    viewOf(entry).setUint32(0, at / SECTOR, true);
    for (const directory of [this.#spare, this.#directory]) {
      const tableAt = (directory?.getUint32(index * 4, true) ?? 0) * SECTOR;
      if (tableAt > 0) finished(this.#base.write!(entry, tableAt + (grain % tableSize) * 4), errno);
    }
    table.setUint32((grain % tableSize) * 4, at / SECTOR, true);
  }
}
