/**
 * Journals of what was written to a disk, in the order in which it got there, as Linux' dm-log-writes has them
 * (drivers/md/dm-log-writes.c; xfstests' replay-log reads them): a sector that counts the entries, then every entry in a
 * sector of its own, with what it wrote behind it. Little-endian.
 */
import { struct, u32, u64, viewOf } from "../lib/struct.ts";

const Super = struct("le", { magic: u64, version: u64, entries: u64, sectorSize: u32 }, 28);
const Entry = struct("le", { sector: u64, sectors: u64, flags: u64, length: u64 }, 32);
/** 0x6a736677736872 in two halves: numbers are exact up to 2^53 only. */
const [MAGIC_LOW, MAGIC_HIGH] = [0x77736872, 0x6a7366];
const VERSION = 1;
const FLUSH = 1;
const FUA = 2;
const DISCARD = 4;
const MARK = 8;
const KNOWN = 0x1f;

/** Bytes of a sector of a journal that is begun here. */
export const LOG_SECTOR = 512;
/** Longest text of a mark. */
export const LONGEST_MARK = LOG_SECTOR - Entry.size;

/** What was done to the disk. Offsets and lengths are bytes of the disk. */
export type Logged =
  /** The bytes follow the entry. `fua`: they were on the medium when it ended. */
  | { readonly kind: "write"; readonly offset: number; readonly length: number; readonly fua?: boolean }
  | { readonly kind: "discard"; readonly offset: number; readonly length: number }
  /** Everything before it is on the medium. */
  | { readonly kind: "flush" }
  /** Somebody's word for this moment. */
  | { readonly kind: "mark"; readonly text: string };

/** The first sector of a journal with so many entries. */
export function logHead(entries: number): Uint8Array {
  const bytes = new Uint8Array(LOG_SECTOR);
  Super.write(viewOf(bytes), 0, { version: VERSION, entries, sectorSize: LOG_SECTOR });
  viewOf(bytes).setUint32(0, MAGIC_LOW, true);
  viewOf(bytes).setUint32(4, MAGIC_HIGH, true);
  return bytes;
}
/** How many entries a journal has, and the bytes of its sectors; a string: why it is none. */
export function parseLogHead(bytes: Uint8Array): { readonly entries: number; readonly sector: number } | string {
  if (bytes.length < Super.size) return "not a journal of writes";
  const d = viewOf(bytes);
  if (d.getUint32(0, true) !== MAGIC_LOW || d.getUint32(4, true) !== MAGIC_HIGH) return "not a journal of writes";
  if (Super.get.version(d, 0) !== VERSION) return `version ${Super.get.version(d, 0)} of the journal`;
  const [entries, sector] = [Super.get.entries(d, 0), Super.get.sectorSize(d, 0)];
  if (sector < 512 || sector > 1 << 16 || (sector & sector - 1) !== 0) return `sectors of ${sector} bytes`;
  return Number.isSafeInteger(entries) ? { entries, sector } : `${entries} entries`;
}
/** An entry's sector. */
export function logEntry(e: Logged): Uint8Array {
  const bytes = new Uint8Array(LOG_SECTOR);
  const d = viewOf(bytes);
  if (e.kind === "flush") Entry.write(d, 0, { flags: FLUSH });
  else if (e.kind === "mark") {
    const text = new TextEncoder().encode(e.text).subarray(0, LONGEST_MARK);
    Entry.write(d, 0, { flags: MARK, length: text.length });
    bytes.set(text, Entry.size);
  } else {
    const flags = e.kind === "discard" ? DISCARD : e.fua ? FUA : 0;
    Entry.write(d, 0, { sector: e.offset / LOG_SECTOR, sectors: e.length / LOG_SECTOR, flags });
  }
  return bytes;
}
/** What an entry's sector says; a string: why it is none. */
export function parseLogEntry(bytes: Uint8Array, sector: number): readonly Logged[] | string {
  if (bytes.length < Entry.size) return "ends in the middle of an entry";
  const d = viewOf(bytes);
  const { get } = Entry;
  const [flags, text] = [get.flags(d, 0), get.length(d, 0)];
  if (flags > KNOWN) return `unknown flags 0x${flags.toString(16)}`;
  const [offset, length] = [get.sector(d, 0) * sector, get.sectors(d, 0) * sector];
  if (!Number.isSafeInteger(offset + length)) return "a write at no place";
  const found: Logged[] = flags & FLUSH ? [{ kind: "flush" }] : [];
  if (flags & MARK) {
    if (text > bytes.length - Entry.size) return "a mark without end";
    found.push({ kind: "mark", text: new TextDecoder().decode(bytes.subarray(Entry.size, Entry.size + text)) });
  } else if (flags & DISCARD) found.push({ kind: "discard", offset, length });
  else if (length > 0) found.push({ kind: "write", offset, length, ...flags & FUA && { fua: true } });
  return found;
}
