/** BSD disklabels (disklabel(5), sys/disklabel.h), of either byte order: the partitions of a disk or of one of its slices. */
import { struct, u16, u32, u8, viewOf } from "../lib/struct.ts";
import { type Disk, SECTOR, type Slice } from "./slice.ts";

const MAGIC = 0x82564557;
/** Offsets in a label: its second magic, the number of partitions, the bytes a sector. */
const MAGIC2 = 132;
const COUNT = 138;
const SECTOR_BYTES = 40;
/** Where partitions begin in a label, and how long one is. */
const PARTITIONS = 148;
const PARTITION = 16;
/** NetBSD has 16, some ports and OpenBSD up to 22: letters. */
const MAX_PARTITIONS = 22;
/** How far from the start of a disk a label is looked for; of a slice: sectors 0 and 1, of any size. */
const SEARCHED = 64 << 10;
const SEARCHED_SLICE = 8 << 10;
const MAX_SECTOR = 64 << 10;

const fields = { size: u32, offset: u32, fragmentSize: u32, type: u8, fragments: u8, cylinders: u16 } as const;
const layouts = { le: struct("le", fields, PARTITION), be: struct("be", fields, PARTITION) } as const;
type Order = keyof typeof layouts;

/** FS_* of sys/disklabel.h. */
const types: Readonly<Record<number, string>> = {
  0: "unused",
  1: "swap",
  7: "4.2BSD",
  8: "MSDOS",
  9: "4.4LFS",
  11: "HPFS",
  12: "ISO9660",
  13: "boot",
  17: "Linux Ext2",
  18: "NTFS",
  19: "RAID",
  20: "ccd",
  22: "Apple HFS",
  27: "cgd",
};
const UNUSED = 0;
/** Partition c (d on x86) is the whole slice in all BSDs; FreeBSD's counts tell from it where others begin. */
const RAW = 2;

/**
 * The partitions of the first good label of a disk, or of the slice at `start`; undefined: there is none. Offsets count
 * from the start of the disk; `relative`: a label whose partition c begins there begins at the slice's start.
 */
export function readDisklabel(disk: Disk, start = 0, relative = false): Slice[] | undefined {
  const bytes = disk.read(start, start === 0 ? SEARCHED : SEARCHED_SLICE);
  const d = viewOf(bytes);
  for (let at = 0; at + PARTITIONS <= bytes.length; at += 4) {
    for (const order of ["le", "be"] as const) {
      if (isLabel(d, at, order)) return partitions(d, at, order, { disk, base: relative ? start : undefined });
    }
  }
  return undefined;
}
/** Both magics, a plausible count, and a checksum (exclusive or of all 16-bit words) of 0. */
function isLabel(d: DataView, at: number, order: Order): boolean {
  const le = order === "le";
  if (d.getUint32(at, le) !== MAGIC || d.getUint32(at + MAGIC2, le) !== MAGIC) return false;
  const count = d.getUint16(at + COUNT, le);
  const last = at + PARTITIONS + count * PARTITION;
  if (count > MAX_PARTITIONS || last > d.byteLength) return false;
  let sum = 0;
  for (let i = at; i < last; i += 2) sum ^= d.getUint16(i, le);
  return sum === 0;
}
/** Bytes a sector; what cannot be means 512. */
function sectorOf(d: DataView, at: number, order: Order): number {
  const size = d.getUint32(at + SECTOR_BYTES, order === "le");
  return size >= SECTOR && size <= MAX_SECTOR && (size & (size - 1)) === 0 ? size : SECTOR;
}
function partitions(
  d: DataView,
  at: number,
  order: Order,
  where: { readonly disk: Disk; readonly base: number | undefined },
): Slice[] {
  const sector = sectorOf(d, at, order);
  const { get } = layouts[order];
  const count = d.getUint16(at + COUNT, order === "le");
  const place = (i: number) => at + PARTITIONS + i * PARTITION;
  const raw = count > RAW ? get.offset(d, place(RAW)) * sector : 0;
  const shift = where.base === undefined ? 0 : where.base - raw;
  return Array.from({ length: count }, (_, i) => {
    const type = get.type(d, place(i));
    const offset = get.offset(d, place(i)) * sector + shift;
    const size = get.size(d, place(i)) * sector;
    if (type === UNUSED && size === 0) return undefined;
    return {
      scheme: "DISKLABEL" as const,
      id: String.fromCharCode(97 + i),
      type: types[type] ?? "unknown",
      typeId: String(type),
      label: undefined,
      uuid: undefined,
      offset,
      length: size || Math.max(0, where.disk.size - offset), // 0: to the end of the disk
      container: false,
    };
  }).filter((s) => s !== undefined);
}
