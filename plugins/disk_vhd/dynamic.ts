/** A growing image: blocks where the table says, each with a bitmap of its sectors before it; the footer ends the file. */
import { finished } from "../../src/lib/finished.ts";
import { eachUnit } from "../../src/lib/units.ts";
import { viewOf } from "../../src/lib/struct.ts";
import type { BlockDevice, DiskRequest, Sys } from "../../src/plugin.ts";
import { DynamicHeader, Footer, FOOTER_SIZE, HEADER_SIZE, isSummed, SECTOR, UNUSED } from "./layout.ts";

/** Blocks are 2 MiB, of other writers 512 KiB and more. */
const [LEAST_BLOCK, MOST_BLOCK] = [4096, 64 << 20];
/** Entries of the table: 2 TiB in blocks of 512 KiB. */
const MOST_ENTRIES = 4 << 20;

interface Opening {
  readonly sys: Sys;
  readonly base: BlockDevice;
  readonly footer: Uint8Array;
  readonly request: DiskRequest;
}
export class Dynamic {
  readonly #o: Opening;
  readonly #size: number;
  readonly #blockSize: number;
  readonly #tableAt: number;
  readonly #table: DataView;
  /** Bytes of a block's bitmap, whole sectors. */
  readonly #mapSize: number;
  /** Bitmaps of blocks that were looked at. */
  readonly #maps = new Map<number, Uint8Array>();
  /** Where the footer stands, and a new block will. */
  #end: number;

  private constructor(o: Opening, header: DataView, table: DataView) {
    this.#o = o;
    this.#size = Footer.get.size(viewOf(o.footer), 0);
    this.#blockSize = DynamicHeader.get.blockSize(header, 0);
    this.#tableAt = DynamicHeader.get.tableOffset(header, 0);
    this.#table = table;
    this.#mapSize = Math.ceil(this.#blockSize / SECTOR / 8 / SECTOR) * SECTOR;
    this.#end = o.base.size - FOOTER_SIZE;
  }
  /** Read the header and the table; a string says what is wrong with them. */
  static open(o: Opening): Dynamic | string {
    const { base, sys, footer } = o;
    const at = Footer.get.dataOffset(viewOf(footer), 0);
    if (!(at + HEADER_SIZE <= base.size)) return "its header is past the end";
    const header = new Uint8Array(HEADER_SIZE);
    finished(base.read(header, at), sys.errno);
    const d = viewOf(header);
    const { get } = DynamicHeader;
    if (!isSummed(header, DynamicHeader.at.checksum)) return "the header's checksum is wrong";
    const [blockSize, entries, tableAt] = [get.blockSize(d, 0), get.entries(d, 0), get.tableOffset(d, 0)];
    const power = blockSize >= LEAST_BLOCK && blockSize <= MOST_BLOCK && Number.isInteger(Math.log2(blockSize));
    if (!power) return `blocks of ${blockSize} bytes`;
    if (entries > MOST_ENTRIES || entries * blockSize < Footer.get.size(viewOf(footer), 0)) {
      return `a table of ${entries} entries`;
    }
    if (!(tableAt + entries * 4 <= base.size)) return "its table is past the end";
    const table = new Uint8Array(entries * 4);
    finished(base.read(table, tableAt), sys.errno);
    return new Dynamic(o, d, viewOf(table));
  }
  device(name: string): BlockDevice {
    const { base, request, sys } = this.#o;
    const inside = (bytes: Uint8Array, offset: number) => {
      if (!(offset >= 0) || offset + bytes.length > this.#size) throw sys.errno.EIO;
    };
    return {
      name,
      size: this.#size,
      blockSize: SECTOR,
      read: (into, offset) => {
        inside(into, offset);
        eachUnit(into, offset, this.#blockSize, (block, part, from) => this.#read(block, part, from));
      },
      ...!request.readOnly && base.write && base.resize && {
        write: (from: Uint8Array, offset: number) => {
          inside(from, offset);
          eachUnit(from, offset, this.#blockSize, (block, part, at) => this.#write(block, part, at));
        },
      },
      nextData: (offset) => this.#nextData(offset),
      flush: () => base.flush?.(),
      close: () => base.close?.(),
    };
  }
  #nextData(offset: number): number {
    const first = Math.floor(offset / this.#blockSize);
    for (let block = first; block * this.#blockSize < this.#size; block++) {
      if (this.#table.getUint32(block * 4) !== UNUSED) return Math.max(offset, block * this.#blockSize);
    }
    return this.#size;
  }
  /** Where a block's bitmap is, in bytes; undefined: the block is nowhere. EIO: that is past the end. */
  #place(block: number): number | undefined {
    const sector = this.#table.getUint32(block * 4);
    if (sector === UNUSED) return undefined;
    const at = sector * SECTOR;
    if (at + this.#mapSize + this.#blockSize > this.#o.base.size) throw this.#o.sys.errno.EIO;
    return at;
  }
  #read(block: number, into: Uint8Array, from: number): void {
    const at = this.#place(block);
    if (at === undefined) return void into.fill(0);
    const { base, sys } = this.#o;
    finished(base.read(into, at + this.#mapSize + from), sys.errno);
    const map = this.#map(block, at);
    for (let s = 0; s < into.length / SECTOR; s++) {
      const n = from / SECTOR + s;
      if (!(map[n >> 3]! & 0x80 >> (n & 7))) into.fill(0, s * SECTOR, (s + 1) * SECTOR);
    }
  }
  #write(block: number, from: Uint8Array, offset: number): void {
    const at = this.#place(block) ?? this.#allocate(block);
    const { base, sys } = this.#o;
    finished(base.write!(from, at + this.#mapSize + offset), sys.errno);
    const map = this.#map(block, at);
    let changed = false;
    for (let n = offset / SECTOR; n < (offset + from.length) / SECTOR; n++) {
      changed ||= !(map[n >> 3]! & 0x80 >> (n & 7));
      map[n >> 3]! |= 0x80 >> (n & 7);
    }
    if (changed) finished(base.write!(map, at), sys.errno);
  }
  #map(block: number, at: number): Uint8Array {
    const kept = this.#maps.get(block);
    if (kept) return kept;
    const map = new Uint8Array(this.#mapSize);
    finished(this.#o.base.read(map, at), this.#o.sys.errno);
    this.#maps.set(block, map);
    if (this.#maps.size > KEPT) this.#maps.delete(this.#maps.keys().next().value!);
    return map;
  }
  /** A block of zeros where the footer was, which goes behind it. The footer at the file's start holds until the new one is there. */
  #allocate(block: number): number {
    const { base, sys, footer } = this.#o;
    const at = Math.ceil(this.#end / SECTOR) * SECTOR;
    const end = at + this.#mapSize + this.#blockSize;
    finished(base.resize!(end + FOOTER_SIZE), sys.errno);
    finished(base.write!(footer, end), sys.errno);
    const map = new Uint8Array(this.#mapSize).fill(0xff);
    // What was the footer is the start of the bitmap now.
    finished(base.write!(map, at), sys.errno);
    this.#maps.set(block, map);
    if (base.flush) finished(base.flush(), sys.errno);
    this.#end = end;
    this.#table.setUint32(block * 4, at / SECTOR);
    const entry = new Uint8Array(this.#table.buffer, this.#table.byteOffset + block * 4, 4);
    finished(base.write!(entry, this.#tableAt + block * 4), sys.errno);
    return at;
  }
}
/** Bitmaps kept: each is 512 bytes of blocks of 2 MiB. */
const KEPT = 4096;
