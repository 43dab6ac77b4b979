/** BSD disklabels (sys/disklabel.h), of either byte order: the partitions of a disk or an MBR slice. */
import { struct, u16, u32, u8, viewOf } from "../lib/struct.ts";

const MAGIC = 0x82564557;
/** Where partitions begin in a label, and how long one is. */
const PARTITIONS = 148;
const PARTITION = 16;
const MAX_PARTITIONS = 16;
/** A label's offsets and sizes count these, whatever its sector size says. */
export const SECTOR = 512;
/** How far from the start a label is looked for. */
const SEARCHED = 64 << 10;

const fields = { size: u32, offset: u32, fragmentSize: u32, type: u8, fragments: u8, cylinders: u16 } as const;
const layouts = { le: struct("le", fields, PARTITION), be: struct("be", fields, PARTITION) } as const;

export interface Partition {
  /** a-p */
  readonly letter: string;
  /** Bytes from the start of the disk. */
  readonly offset: number;
  /** Bytes; 0: to the end of the disk. */
  readonly length: number;
  /** FS_*: 8 MS-DOS, 7 4.2BSD, 0 unused. */
  readonly type: number;
}

/** The partitions of the first good label in the first 64 KiB; undefined: there is none. */
export function readDisklabel(start: Uint8Array): Partition[] | undefined {
  const d = viewOf(start);
  const end = Math.min(start.length, SEARCHED);
  for (let at = 0; at + PARTITIONS <= end; at += 4) {
    for (const order of ["le", "be"] as const) {
      const found = isLabel(d, at, order, end) ? partitions(d, at, order) : undefined;
      if (found) return found;
    }
  }
  return undefined;
}
/** Both magics, a plausible count, and a checksum (exclusive or of all 16-bit words) of 0. */
function isLabel(d: DataView, at: number, order: "le" | "be", end: number): boolean {
  const le = order === "le";
  if (d.getUint32(at, le) !== MAGIC || d.getUint32(at + 132, le) !== MAGIC) return false;
  const count = d.getUint16(at + 138, le);
  const last = at + PARTITIONS + count * PARTITION;
  if (count > MAX_PARTITIONS || last > end) return false;
  let sum = 0;
  for (let i = at; i < last; i += 2) sum ^= d.getUint16(i, le);
  return sum === 0;
}
function partitions(d: DataView, at: number, order: "le" | "be"): Partition[] {
  const layout = layouts[order];
  const count = d.getUint16(at + 138, order === "le");
  return Array.from({ length: count }, (_, i) => {
    const base = at + PARTITIONS + i * PARTITION;
    return {
      letter: String.fromCharCode(97 + i),
      offset: layout.get.offset(d, base) * SECTOR,
      length: layout.get.size(d, base) * SECTOR,
      type: layout.get.type(d, base),
    };
  });
}
