/** Directory entries (exFAT specification, sections 6 and 7): their layout, sums and hashes. Pure and bounded. */
import { bytes, struct, u16, u32, u64, u8, viewOf } from "../../src/lib/struct.ts";

export const ENTRY = 32;
/** Types; without IN_USE: removed, or an empty label. */
export const IN_USE = 0x80;
export const BITMAP = 0x81;
export const UPCASE = 0x82;
export const LABEL = 0x83;
export const FILE = 0x85;
export const STREAM = 0xc0;
export const NAME = 0xc1;
/** Of a secondary entry's type: who does not know it leaves it alone. */
const BENIGN = 0x20;
/** GeneralSecondaryFlags. */
export const ALLOCATES = 1;
export const NO_CHAIN = 2;
/** Units of UTF-16 in a name entry, and in a name. */
export const UNITS = 15;
export const LONGEST_NAME = 255;
/** Most entries of a set: 18 may follow the first, beside the benign ones that there is room for. */
const MOST_ENTRIES = 256;

/** 7.4 */
export const FileEntry = struct("le", {
  type: u8,
  secondaries: u8,
  checksum: u16,
  attributes: u16,
  reserved: u16,
  birth: u32,
  mtime: u32,
  atime: u32,
  birthHundredths: u8,
  mtimeHundredths: u8,
  birthZone: u8,
  mtimeZone: u8,
  atimeZone: u8,
  rest: bytes(7),
}, 32);
/** 7.6 */
export const StreamEntry = struct("le", {
  type: u8,
  flags: u8,
  reserved: u8,
  nameLength: u8,
  nameHash: u16,
  reserved2: u16,
  valid: u64,
  reserved3: u32,
  first: u32,
  size: u64,
}, 32);

/** Where data is. */
export interface Stream {
  /** First cluster; 0: none. */
  readonly first: number;
  /** Bytes. */
  readonly size: number;
  /** Its clusters follow one another: the FAT says nothing of them. */
  readonly isContiguous: boolean;
}
/** Of any entry that has them: flags at 1, first cluster at 20, size at 24. */
export function streamAt(d: DataView, at: number): Stream {
  const { flags, first, size } = StreamEntry.get;
  return { first: first(d, at), size: size(d, at), isContiguous: (flags(d, at) & NO_CHAIN) !== 0 };
}
/** How many entries the set at a byte has; a string says what is wrong with it. */
export function setLength(b: Uint8Array, at: number): number | string {
  const count = b[at + 1]! + 1;
  const end = at + count * ENTRY;
  if (count < 3 || count > MOST_ENTRIES || end > b.length || b[at + ENTRY] !== STREAM) return "no whole entry set";
  const length = b[at + ENTRY + 3]!;
  const names = Math.ceil(length / UNITS);
  if (length === 0 || names + 2 > count) return "a set without a whole name";
  for (let i = 2; i < count; i++) {
    const type = b[at + i * ENTRY]!;
    if (i < 2 + names ? type !== NAME : (type & (IN_USE | BENIGN)) !== (IN_USE | BENIGN)) {
      return `a set with an entry of type ${type}`;
    }
  }
  if (setChecksum(b.subarray(at, end)) !== (b[at + 2]! | b[at + 3]! << 8)) return "a set with a wrong checksum";
  return count;
}
/** 6.3.3: all bytes of the set but the sum's own. */
export function setChecksum(set: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i < set.length; i++) {
    if (i !== 2 && i !== 3) sum = ((sum << 15 | sum >>> 1) + set[i]!) & 0xffff;
  }
  return sum;
}
/** 7.6.4: of the name in upper case. */
export function nameHash(name: string): number {
  let hash = 0;
  for (let i = 0; i < name.length; i++) {
    const unit = name.charCodeAt(i);
    hash = ((hash << 15 | hash >>> 1) + (unit & 0xff)) & 0xffff;
    hash = ((hash << 15 | hash >>> 1) + (unit >> 8)) & 0xffff;
  }
  return hash;
}
/** Where a unit of a set's name stands. */
export const unitAt = (i: number): number => (2 + Math.floor(i / UNITS)) * ENTRY + 2 + i % UNITS * 2;
/** The name of a sound set, as it stands there. */
export function setName(d: DataView, at: number): string {
  const length = StreamEntry.get.nameLength(d, at + ENTRY);
  let name = "";
  for (let i = 0; i < length; i++) {
    name += String.fromCharCode(d.getUint16(at + unitAt(i), true));
  }
  return name;
}
/** A whole set: `raw` is the file's and the stream's entry, `hash` that of its name in upper case, `extra` what follows the name. */
export function makeSet(raw: Uint8Array, name: string, hash: number, extra: Uint8Array): Uint8Array {
  const names = Math.ceil(name.length / UNITS);
  const set = new Uint8Array((2 + names) * ENTRY + extra.length);
  const d = viewOf(set);
  set.set(raw);
  set.set(extra, (2 + names) * ENTRY);
  for (let i = 0; i < names; i++) set[(2 + i) * ENTRY] = NAME;
  for (let i = 0; i < name.length; i++) {
    d.setUint16(unitAt(i), name.charCodeAt(i), true);
  }
  FileEntry.set.secondaries(d, 0, set.length / ENTRY - 1);
  StreamEntry.set.nameLength(d, ENTRY, name.length);
  StreamEntry.set.nameHash(d, ENTRY, hash);
  sealSet(set);
  return set;
}
/** Put the checksum right. */
export function sealSet(set: Uint8Array): void {
  FileEntry.set.checksum(viewOf(set), 0, setChecksum(set));
}
