/** Layouts of the Virtual Hard Disk format: big-endian. */
import { bytes, struct, u32, u64 } from "../../src/lib/struct.ts";
import { viewOf } from "../../src/lib/struct.ts";

export const FOOTER_SIZE = 512;
export const Footer = struct("be", {
  cookie: bytes(8),
  features: u32,
  version: u32,
  dataOffset: u64,
  time: u32,
  creator: bytes(12),
  originalSize: u64,
  size: u64,
  geometry: u32,
  type: u32,
  checksum: u32,
  id: bytes(16),
}, 84);
export const DISK_FIXED = 2;
export const DISK_DYNAMIC = 3;
export const DISK_CHANGES = 4;

export const HEADER_SIZE = 1024;
export const DynamicHeader = struct("be", {
  cookie: bytes(8),
  dataOffset: u64,
  tableOffset: u64,
  version: u32,
  entries: u32,
  blockSize: u32,
  checksum: u32,
}, 40);
/** A block that is nowhere. */
export const UNUSED = 0xffff_ffff;
export const SECTOR = 512;

/** The one's complement of the sum of all bytes but the four at `at`, where it stands. */
export function sum(block: Uint8Array, at: number): number {
  let all = 0;
  for (let i = 0; i < block.length; i++) if (i < at || i >= at + 4) all += block[i]!;
  return ~all >>> 0;
}
/** Whether the sum at `at` is right. */
export const isSummed = (block: Uint8Array, at: number): boolean => sum(block, at) === viewOf(block).getUint32(at);
