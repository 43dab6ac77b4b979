/**
 * A packed image being written: grains one after the other, each table behind its grains, the directory and the footer that
 * tells where it is at the end. A grain that is written again is packed again: what it was stays in the file.
 */
import { finished } from "../../src/lib/finished.ts";
import { viewOf } from "../../src/lib/struct.ts";
import { eachUnit } from "../../src/lib/units.ts";
import type { BlockDevice, Sys } from "../../src/plugin.ts";
import { description, GRAIN_SECTORS, type NewImage, TABLE_ENTRIES } from "./create.ts";
import {
  AT_END,
  COMPRESSED,
  DEFLATE,
  Header,
  LINE_ENDS,
  MAGIC,
  Marker,
  MARKERS,
  MetadataMarker,
  SECTOR,
  VALID,
} from "./layout.ts";

const GRAIN = GRAIN_SECTORS * SECTOR;
const DESCRIPTION_AT = 1;
const DESCRIPTION_SECTORS = 20;
/** Marker types. */
const END_OF_STREAM = 0;
const GRAIN_TABLE = 1;
const DIRECTORY = 2;
const FOOTER = 3;
const roundUp = (n: number, unit: number) => Math.ceil(n / unit) * unit;

export class StreamWriter {
  readonly #sys: Sys;
  readonly #base: BlockDevice;
  readonly #size: number;
  /** Places of grains, in sectors, by table; 0: nowhere. */
  readonly #tables = new Map<number, Uint32Array>();
  /** Where tables were written, in sectors. */
  readonly #placed = new Map<number, number>();
  /** The table that is not written yet. */
  #current = -1;
  /** Where the next thing goes, whole sectors. */
  #end = GRAIN;

  /** A string: why there can be none. */
  static create(sys: Sys, base: BlockDevice, image: NewImage): StreamWriter | string {
    const capacity = Math.ceil(image.size / SECTOR);
    const text = description(image, capacity, "streamOptimized");
    if (text.length > DESCRIPTION_SECTORS * SECTOR) return "its name is too long";
    const stream = new StreamWriter(sys, base, capacity * SECTOR);
    finished(base.resize!(GRAIN), sys.errno);
    finished(base.write!(text, DESCRIPTION_AT * SECTOR), sys.errno);
    finished(base.write!(stream.#header(AT_END), 0), sys.errno);
    return stream;
  }
  private constructor(sys: Sys, base: BlockDevice, size: number) {
    this.#sys = sys;
    this.#base = base;
    this.#size = size;
  }
  device(name: string): BlockDevice {
    const inside = (bytes: Uint8Array, offset: number) => {
      if (!(offset >= 0) || offset + bytes.length > this.#size) throw this.#sys.errno.EIO;
    };
    return {
      name,
      size: this.#size,
      blockSize: SECTOR,
      unit: GRAIN,
      read: (into, offset) => {
        inside(into, offset);
        eachUnit(into, offset, GRAIN, (grain, part, from) => this.#read(grain, part, from));
      },
      write: (from, offset) => {
        inside(from, offset);
        return this.#write(from, offset);
      },
      close: () => {
        this.#finish();
        return this.#base.close?.();
      },
    };
  }
  #read(grain: number, into: Uint8Array, from: number): void {
    const at = (this.#tables.get(Math.floor(grain / TABLE_ENTRIES))?.[grain % TABLE_ENTRIES] ?? 0) * SECTOR;
    if (at === 0) return void into.fill(0);
    const marker = new Uint8Array(Marker.size);
    finished(this.#base.read(marker, at), this.#sys.errno);
    const packed = new Uint8Array(Marker.get.size(viewOf(marker), 0));
    finished(this.#base.read(packed, at + Marker.size), this.#sys.errno);
    const bytes = this.#sys.unpack("zlib", packed, GRAIN);
    if (bytes?.length !== GRAIN) throw this.#sys.errno.EIO;
    into.set(bytes.subarray(from, from + into.length));
  }
  /** All grains of a transfer are packed at once; one transfer comes after the other. */
  async #write(from: Uint8Array, offset: number): Promise<void> {
    const later: Promise<readonly [grain: number, packed: Uint8Array]>[] = [];
    eachUnit(from, offset, GRAIN, (grain, part, at) => {
      const whole = this.#whole(grain, part, at);
      later.push(this.#sys.pack("zlib", whole).then((packed) => [grain, packed] as const));
    });
    for (const [grain, packed] of await Promise.all(later)) this.#keep(grain, packed);
  }
  #whole(grain: number, from: Uint8Array, offset: number): Uint8Array {
    if (from.length === GRAIN) return from;
    const whole = new Uint8Array(GRAIN);
    this.#read(grain, whole, 0);
    whole.set(from, offset);
    return whole;
  }
  #keep(grain: number, packed: Uint8Array): void {
    const bytes = new Uint8Array(roundUp(Marker.size + packed.length, SECTOR));
    Marker.write(viewOf(bytes), 0, { sector: grain * GRAIN_SECTORS, size: packed.length });
    bytes.set(packed, Marker.size);
    this.#table(Math.floor(grain / TABLE_ENTRIES))[grain % TABLE_ENTRIES] = this.#append(bytes);
  }
  /** A table, for changing: the last one goes to the file. */
  #table(index: number): Uint32Array {
    if (index !== this.#current) this.#writeTable();
    this.#current = index;
    const table = this.#tables.get(index) ?? new Uint32Array(TABLE_ENTRIES);
    this.#tables.set(index, table);
    return table;
  }
  #writeTable(): void {
    const table = this.#tables.get(this.#current);
    if (table) this.#placed.set(this.#current, this.#metadata(GRAIN_TABLE, numbers(table)));
  }
  #finish(): void {
    this.#writeTable();
    const tables = Math.max(1, Math.ceil(this.#size / GRAIN / TABLE_ENTRIES));
    const directory = Uint32Array.from({ length: tables }, (_, i) => this.#placed.get(i) ?? 0);
    const at = this.#metadata(DIRECTORY, numbers(directory));
    this.#metadata(FOOTER, this.#header(at));
    this.#metadata(END_OF_STREAM, new Uint8Array(0));
  }
  /** A marker, and what it is of behind it: that one's place in sectors. */
  #metadata(type: number, bytes: Uint8Array): number {
    const marker = new Uint8Array(SECTOR);
    MetadataMarker.write(viewOf(marker), 0, { sectors: Math.ceil(bytes.length / SECTOR), type });
    this.#append(marker);
    return this.#append(bytes);
  }
  /** Its place in sectors. */
  #append(bytes: Uint8Array): number {
    const at = this.#end;
    const end = at + roundUp(bytes.length, SECTOR);
    if (end / SECTOR > 0xffff_ffff) throw this.#sys.errno.EFBIG;
    finished(this.#base.resize!(end), this.#sys.errno);
    finished(this.#base.write!(bytes, at), this.#sys.errno);
    this.#end = end;
    return at / SECTOR;
  }
  #header(directory: number): Uint8Array {
    const header = new Uint8Array(SECTOR);
    Header.write(viewOf(header), 0, {
      magic: MAGIC,
      version: 3,
      flags: VALID | COMPRESSED | MARKERS,
      capacity: this.#size / SECTOR,
      grainSize: GRAIN_SECTORS,
      descriptorOffset: DESCRIPTION_AT,
      descriptorSize: DESCRIPTION_SECTORS,
      tableSize: TABLE_ENTRIES,
      directory,
      overhead: GRAIN_SECTORS,
      lineEnds: LINE_ENDS,
      compression: DEFLATE,
    });
    if (directory === AT_END) header.fill(0xff, Header.at.directory, Header.at.overhead);
    return header;
  }
}
/** 32-bit little-endian numbers. */
function numbers(table: Uint32Array): Uint8Array {
  const d = viewOf(new Uint8Array(table.length * 4));
  table.forEach((n, i) => d.setUint32(i * 4, n, true));
  return new Uint8Array(d.buffer);
}
