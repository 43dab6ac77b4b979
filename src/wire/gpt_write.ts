/** Making partition tables: a GPT with its protective boot record, or an MBR, as pieces to be written. */
import { crc32 } from "../lib/crc32.ts";
import { viewOf } from "../lib/struct.ts";
import { GPT_REVISION, GPT_SIGNATURE, GptEntry, GptHeader, guidBytes } from "./gpt.ts";
import { MBR_DISK_ID, MBR_PROTECTIVE, MBR_SIGNATURE, MBR_TABLE, MbrEntry } from "./mbr.ts";

/** Bytes and where on the disk they go. */
export type Piece = readonly [offset: number, bytes: Uint8Array];

const ENTRIES = 128;
const TABLE = ENTRIES * GptEntry.size;
/** Characters a partition's name may have: UTF-16 units. */
export const GPT_NAME = 36;

/** Sectors a GPT takes at the start of a disk (with the boot record), and at its end. */
export function gptSectors(sector: number): { readonly start: number; readonly end: number } {
  const table = Math.ceil(TABLE / sector);
  return { start: 2 + table, end: 1 + table };
}

export interface NewGpt {
  /** Bytes a sector, sectors of the disk. */
  readonly sector: number;
  readonly sectors: number;
  readonly disk: Uint8Array;
  readonly partitions: readonly {
    readonly type: string;
    readonly guid: Uint8Array;
    readonly first: number;
    readonly last: number;
    readonly name: string;
  }[];
}
/** Boot record, first header and table, last table and header. */
export function gptPieces(g: NewGpt): Piece[] {
  const table = new Uint8Array(TABLE);
  const d = viewOf(table);
  g.partitions.forEach((p, i) => {
    const name = new Uint8Array(2 * GPT_NAME);
    for (let k = 0; k < p.name.length && k < GPT_NAME; k++) viewOf(name).setUint16(2 * k, p.name.charCodeAt(k), true);
    const { guid, first, last } = p;
    GptEntry.write(d, i * GptEntry.size, { type: guidBytes(p.type)!, guid, first, last, name });
  });
  const lastSector = g.sectors - 1;
  const { end } = gptSectors(g.sector);
  const tableCrc = crc32(table);
  const header = (
    here: number,
    other: number,
    at: number,
  ): Piece => [here * g.sector, gptHeader(g, here, other, at, tableCrc)];
  return [
    [0, protective(g.sectors)],
    header(1, lastSector, 2),
    [2 * g.sector, table],
    [(g.sectors - end) * g.sector, table],
    header(lastSector, 1, g.sectors - end),
  ];
}
function gptHeader(g: NewGpt, here: number, other: number, table: number, tableCrc: number): Uint8Array {
  const out = new Uint8Array(g.sector);
  const { start, end } = gptSectors(g.sector);
  GptHeader.write(viewOf(out), 0, {
    signature: new TextEncoder().encode(GPT_SIGNATURE),
    revision: GPT_REVISION,
    headerSize: GptHeader.size,
    here,
    other,
    firstUsable: start,
    lastUsable: g.sectors - end - 1,
    disk: g.disk,
    table,
    entries: ENTRIES,
    entrySize: GptEntry.size,
    tableCrc,
  });
  GptHeader.set.headerCrc(viewOf(out), 0, crc32(out.subarray(0, GptHeader.size)));
  return out;
}

const MAX_LBA = 0xffff_ffff;
/** What cannot be told in cylinders, heads and sectors. */
const NO_CHS = new Uint8Array([0xfe, 0xff, 0xff]);
/** Cylinder, head and sector of an LBA, with 255 heads and 63 sectors. */
function chs(lba: number): Uint8Array {
  const cylinder = Math.floor(lba / (255 * 63));
  if (cylinder > 1023) return NO_CHS;
  return new Uint8Array([Math.floor(lba / 63) % 255, ((cylinder >> 2) & 0xc0) | ((lba % 63) + 1), cylinder & 0xff]);
}
function bootRecord(id: number, entry: Parameters<typeof MbrEntry.write>[2]): Uint8Array {
  const out = new Uint8Array(512);
  const d = viewOf(out);
  d.setUint32(MBR_DISK_ID, id, true);
  MbrEntry.write(d, MBR_TABLE, entry);
  d.setUint16(MBR_SIGNATURE, 0xaa55, true);
  return out;
}
/** One partition over the whole disk: for those who know no GPT. */
function protective(sectors: number): Uint8Array {
  return bootRecord(0, {
    type: MBR_PROTECTIVE,
    firstChs: new Uint8Array([0, 2, 0]),
    lastChs: new Uint8Array([0xff, 0xff, 0xff]),
    start: 1,
    sectors: Math.min(sectors - 1, MAX_LBA),
  });
}
/** A boot record with one partition. Throws an Error where 32 bits do not suffice. */
export function mbrPieces(
  id: number,
  p: { readonly type: number; readonly start: number; readonly sectors: number },
): Piece[] {
  if (p.start + p.sectors > MAX_LBA) throw new Error(`an MBR reaches ${MAX_LBA} sectors far: use a GPT`);
  return [[0, bootRecord(id, { ...p, firstChs: chs(p.start), lastChs: chs(p.start + p.sectors - 1) })]];
}
