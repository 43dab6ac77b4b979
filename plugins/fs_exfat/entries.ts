/** Directory entries (exFAT specification, sections 6 and 7). Pure and bounded. */
import { viewOf } from "../../src/lib/struct.ts";

export const ENTRY = 32;
const IN_USE = 0x80;
const BITMAP = 0x81;
const UPCASE = 0x82;
const FILE = 0x85;
const STREAM = 0xc0;
const NAME = 0xc1;
const UNITS = 15;

/** Where data is. */
export interface Stream {
  /** First cluster; 0: none. */
  readonly first: number;
  /** Bytes. */
  readonly size: number;
  /** Its clusters follow one another: the FAT says nothing of them. */
  readonly isContiguous: boolean;
}
export interface FileSet extends Stream {
  /** Of the first entry, in bytes of the directory. */
  readonly at: number;
  readonly name: string;
  readonly attributes: number;
  /** Bytes that were written; zeros follow. */
  readonly valid: number;
  /** Seconds since 1970, with a fraction. */
  readonly birthtime: number;
  readonly mtime: number;
  readonly atime: number;
}
export interface Entries {
  readonly files: readonly FileSet[];
  readonly bitmap?: Stream;
  readonly upcase?: Stream & { readonly checksum: number };
  /** Sets that are wrong, each a line. */
  readonly damage: readonly string[];
}

/** What a directory's bytes say. */
export function parseEntries(b: Uint8Array): Entries {
  const d = viewOf(b);
  const files: FileSet[] = [];
  const damage: string[] = [];
  let bitmap: Stream | undefined;
  let upcase: Entries["upcase"];
  for (let at = 0; at + ENTRY <= b.length && b[at] !== 0; at += ENTRY) {
    const type = b[at]!;
    if (type === BITMAP) bitmap ??= streamOf(d, at, false);
    else if (type === UPCASE) upcase ??= { ...streamOf(d, at, false), checksum: d.getUint32(at + 4, true) };
    else if (type === FILE) {
      const set = fileSet(b, d, at);
      if (typeof set === "string") damage.push(set);
      else {
        files.push(set);
        at += b[at + 1]! * ENTRY;
      }
    }
  }
  return { files, damage, ...bitmap && { bitmap }, ...upcase && { upcase } };
}
function streamOf(d: DataView, at: number, isContiguous: boolean): Stream {
  return { first: d.getUint32(at + 20, true), size: Number(d.getBigUint64(at + 24, true)), isContiguous };
}
function fileSet(b: Uint8Array, d: DataView, at: number): FileSet | string {
  const more = b[at + 1]!;
  const end = at + (more + 1) * ENTRY;
  if (more < 2 || more > 18 || end > b.length || b[at + ENTRY] !== STREAM) return `no whole entry set at byte ${at}`;
  if (setChecksum(b.subarray(at, end)) !== d.getUint16(at + 2, true)) return `wrong checksum of the set at byte ${at}`;
  const stream = at + ENTRY;
  const name = nameOf(b, d, at, b[stream + 3]!);
  if (name === undefined) return `a name that is none, at byte ${at}`;
  return {
    ...streamOf(d, stream, (b[stream + 1]! & 2) !== 0),
    at,
    name,
    attributes: d.getUint16(at + 4, true),
    valid: Number(d.getBigUint64(stream + 8, true)),
    birthtime: time(d.getUint32(at + 8, true), b[at + 20]!, b[at + 22]!),
    mtime: time(d.getUint32(at + 12, true), b[at + 21]!, b[at + 23]!),
    atime: time(d.getUint32(at + 16, true), 0, b[at + 24]!),
  };
}
/** 6.3.3: all bytes of the set but the sum's own. */
export function setChecksum(set: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i < set.length; i++) {
    if (i !== 2 && i !== 3) sum = ((sum << 15 | sum >>> 1) + set[i]!) & 0xffff;
  }
  return sum;
}
function nameOf(b: Uint8Array, d: DataView, at: number, length: number): string | undefined {
  const parts = Math.ceil(length / UNITS);
  if (length === 0 || parts > b[at + 1]! - 1) return undefined;
  let name = "";
  for (let i = 0; i < length; i++) {
    const part = at + (2 + Math.floor(i / UNITS)) * ENTRY;
    if ((b[part]! & IN_USE) === 0 || b[part] !== NAME) return undefined;
    name += String.fromCharCode(d.getUint16(part + 2 + i % UNITS * 2, true));
  }
  name = name.replace(/\p{Surrogate}/gu, "\ufffd");
  return name === "." || name === ".." || name.includes("/") || name.includes("\0") ? undefined : name;
}
/** 7.4.8-7.4.10: a DOS time, hundredths of a second over it, quarters of an hour from UTC (without them: UTC). */
function time(stamp: number, hundredths: number, zone: number): number {
  const [date, clock] = [stamp >>> 16, stamp & 0xffff];
  const utc = Date.UTC(1980 + (date >> 9), (date >> 5 & 15) - 1, date & 31, clock >> 11, clock >> 5 & 63);
  const quarters = zone & 0x80 ? zone << 25 >> 25 : 0;
  return utc / 1000 + (clock & 31) * 2 + Math.min(hundredths, 199) / 100 - quarters * 900;
}
