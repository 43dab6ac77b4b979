/** FAT on disk (Microsoft's FAT description 1.03; NetBSD bpb.h, direntry.h). All little-endian. */
import { bytes, struct, u16, u32, u8 } from "../lib/struct.ts";

/** Boot sector as DOS 3.31 has it; FAT32 goes on with Bpb32. */
export const Bpb = struct("le", {
  jump: bytes(3),
  oem: bytes(8),
  bytesPerSector: u16,
  sectorsPerCluster: u8,
  reserved: u16,
  fats: u8,
  rootEntries: u16,
  total16: u16,
  media: u8,
  fatSize16: u16,
  sectorsPerTrack: u16,
  heads: u16,
  hidden: u32,
  total32: u32,
}, 36);
/** What follows at 36 on FAT32. `flags`: bits 0-3 the active FAT when bit 7 says there is no mirroring. */
export const Bpb32 = struct("le", {
  fatSize: u32,
  flags: u16,
  version: u16,
  rootCluster: u32,
  fsInfo: u16,
  backup: u16,
  reserved: bytes(12),
}, 28);
/** Offset of the state byte (bit 0: dirty) in the boot sector. */
export const STATE_16 = 37;
export const STATE_32 = 65;
export const SIGNATURE = 510;

/** FSInfo sector: `free` and `next` at 488; 0xffffffff: unknown. */
export const FsInfo = struct("le", { tail: u32, free: u32, next: u32 }, 12);
export const FSINFO_LEAD = 0x41615252;
export const FSINFO_TAIL = 0x61417272;
export const FSINFO_AT = 484;

/** Short directory entry. Times are local: see plugins/fs_msdos/times.ts. */
export const Dirent = struct("le", {
  name: bytes(11),
  attr: u8,
  ntCase: u8,
  ctimeTenth: u8,
  ctime: u16,
  cdate: u16,
  adate: u16,
  clusterHigh: u16,
  mtime: u16,
  mdate: u16,
  clusterLow: u16,
  size: u32,
}, 32);
export const ATTR_READ_ONLY = 1;
export const ATTR_HIDDEN = 2;
export const ATTR_SYSTEM = 4;
export const ATTR_VOLUME = 8;
export const ATTR_DIRECTORY = 0x10;
export const ATTR_ARCHIVE = 0x20;
/** (attr & 0x3f) of a slot of a long name. */
export const ATTR_LONG = 0x0f;
export const FREE = 0xe5;
/** NTRes: the base, the extension is shown in lower case. */
export const LOWER_BASE = 8;
export const LOWER_EXT = 0x10;

/** Where the 13 UTF-16 units of a long-name slot stand. */
export const LFN_UNITS = [1, 3, 5, 7, 9, 14, 16, 18, 20, 22, 24, 28, 30] as const;
export const LFN_LAST = 0x40;
export const LFN_CHECKSUM = 13;
/** Units a long name may have. */
export const LFN_MAX = 255;

/** Checksum of a short name's 11 bytes, kept in each slot of its long name. */
export function lfnChecksum(name: Uint8Array, at = 0): number {
  let sum = 0;
  for (let i = at; i < at + 11; i++) sum = (((sum & 1) << 7) + (sum >> 1) + name[i]!) & 0xff;
  return sum;
}

/** What stands at 36 on FAT12 and FAT16, behind Bpb32 (at 64) on FAT32. */
export const BootTail = struct("le", {
  drive: u8,
  state: u8,
  signature: u8,
  serial: u32,
  label: bytes(11),
  type: bytes(8),
}, 26);
/** `signature`: serial number, label and type follow. */
export const BOOT_TAIL = 0x29;
/** Most clusters of each type. */
export const MAX_CLUSTERS = { 12: 4084, 16: 65524, 32: 0x0ffffff4 } as const;
