/** Partition tables of PCs: the master boot record in sector 0, and the chain of extended ones behind it. Little-endian. */
import { bytes, struct, u32, u8, viewOf } from "../lib/struct.ts";
import type { Disk, Slice } from "./slice.ts";

/** One of four entries at 446: LBAs and counts are sectors. */
export const MbrEntry = struct("le", {
  status: u8,
  firstChs: bytes(3),
  type: u8,
  lastChs: bytes(3),
  start: u32,
  sectors: u32,
}, 16);
export const MBR_TABLE = 446;
export const MBR_DISK_ID = 440;
export const MBR_SIGNATURE = 510;
const ENTRIES = 4;
const ACTIVE = 0x80;
/** The type that says: look for a GPT. */
export const MBR_PROTECTIVE = 0xee;
/** How many logical partitions are looked for. */
const MAX_LOGICAL = 128;

export const mbrTypes: Readonly<Record<number, string>> = {
  0x01: "FAT12",
  0x04: "FAT16 <32M",
  0x05: "Extended",
  0x06: "FAT16",
  0x07: "HPFS/NTFS/exFAT",
  0x0b: "W95 FAT32",
  0x0c: "W95 FAT32 (LBA)",
  0x0e: "W95 FAT16 (LBA)",
  0x0f: "W95 Extended (LBA)",
  0x11: "Hidden FAT12",
  0x14: "Hidden FAT16 <32M",
  0x16: "Hidden FAT16",
  0x17: "Hidden HPFS/NTFS",
  0x1b: "Hidden W95 FAT32",
  0x1c: "Hidden W95 FAT32 (LBA)",
  0x1e: "Hidden W95 FAT16 (LBA)",
  0x27: "Hidden NTFS WinRE",
  0x82: "Linux swap",
  0x83: "Linux",
  0x85: "Linux extended",
  0x8e: "Linux LVM",
  0xa5: "FreeBSD",
  0xa6: "OpenBSD",
  0xa8: "Darwin UFS",
  0xa9: "NetBSD",
  0xaf: "HFS/HFS+",
  0xee: "GPT protective",
  0xef: "EFI System",
  0xfb: "VMware VMFS",
  0xfd: "Linux RAID",
};
const EXTENDED = [0x05, 0x0f, 0x85];
/** Types of slices that may hold a BSD disklabel. */
export const BSD_TYPES: readonly string[] = ["a5", "a6", "a9"];
/** FreeBSD's: its labels may count from the slice. */
export const FREEBSD = "a5";

interface Entry {
  readonly status: number;
  readonly type: number;
  readonly start: number;
  readonly sectors: number;
}
/** The four entries of a boot record; undefined: it is none. */
function entries(sector: Uint8Array): Entry[] | undefined {
  if (sector.length < MBR_SIGNATURE + 2) return undefined;
  const d = viewOf(sector);
  if (d.getUint16(MBR_SIGNATURE, true) !== 0xaa55) return undefined;
  return Array.from({ length: ENTRIES }, (_, i) => {
    const at = MBR_TABLE + i * MbrEntry.size;
    const { get } = MbrEntry;
    return { status: get.status(d, at), type: get.type(d, at), start: get.start(d, at), sectors: get.sectors(d, at) };
  });
}
const isUsed = (e: Entry) => e.type !== 0 && e.sectors > 0;
const isExtended = (e: Entry) => EXTENDED.includes(e.type);
const hex = (n: number, digits: number) => n.toString(16).padStart(digits, "0");

/**
 * The partitions of a master boot record, primary ones by their place (1-4), logical ones from 5 on; undefined: sector 0
 * holds none. Sectors are of `sectorSize` bytes: the record does not say.
 */
export function readMbr(disk: Disk, sectorSize: number): Slice[] | undefined {
  const first = disk.read(0, 512);
  const table = entries(first);
  // Boot code of something else has anything there.
  if (!table?.every((e) => e.status === 0 || e.status === ACTIVE) || !table.some(isUsed)) return undefined;
  const id = viewOf(first).getUint32(MBR_DISK_ID, true);
  const slice = (e: Entry, number: number, base: number): Slice => ({
    scheme: "MBR",
    id: String(number),
    type: mbrTypes[e.type] ?? "unknown",
    typeId: hex(e.type, 2),
    label: undefined,
    uuid: id === 0 ? undefined : `${hex(id, 8)}-${hex(number, 2)}`,
    offset: (base + e.start) * sectorSize,
    length: e.sectors * sectorSize,
    container: isExtended(e),
  });
  const primary = table.flatMap((e, i) => (isUsed(e) ? [slice(e, i + 1, 0)] : []));
  const logical = table.filter((e) => isUsed(e) && isExtended(e)).flatMap((e) => chain(disk, sectorSize, e));
  return [...primary, ...logical.slice(0, MAX_LOGICAL).map(({ entry, base }, i) => slice(entry, i + 5, base))];
}
/** Is this record nothing but the fence around a GPT? */
export const isProtective = (s: Slice): boolean => s.typeId === hex(MBR_PROTECTIVE, 2);

/**
 * The logical partitions of an extended one. Each link has one partition, counted from the link itself, and the next
 * link, counted from the extended partition's start. A link met twice ends the walk.
 */
function chain(disk: Disk, sectorSize: number, extended: Entry): { readonly entry: Entry; readonly base: number }[] {
  const found: { entry: Entry; base: number }[] = [];
  const seen = new Set<number>();
  for (let at: number | undefined = 0; at !== undefined && found.length < MAX_LOGICAL;) {
    if (seen.has(at) || seen.size > MAX_LOGICAL || at >= extended.sectors) break;
    seen.add(at);
    const base = extended.start + at;
    const link = entries(disk.read(base * sectorSize, 512));
    const entry = link?.find((e) => isUsed(e) && !isExtended(e));
    if (entry && at + entry.start + entry.sectors <= extended.sectors) found.push({ entry, base });
    at = link?.find((e) => isUsed(e) && isExtended(e))?.start;
  }
  return found;
}
