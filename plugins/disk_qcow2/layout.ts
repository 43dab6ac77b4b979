/** Layouts of qcow2, versions 2 and 3 (QEMU: docs/interop/qcow2). Numbers are big-endian. */
import { struct, u16, u32, u64, u8 } from "../../src/lib/struct.ts";

export const Header = struct("be", {
  magic: u32,
  version: u32,
  backingOffset: u64,
  backingSize: u32,
  clusterBits: u32,
  size: u64,
  crypt: u32,
  l1Size: u32,
  l1Offset: u64,
  refcountOffset: u64,
  refcountClusters: u32,
  snapshots: u32,
  snapshotsOffset: u64,
}, 72);
/** What version 3 adds. */
export const Header3 = struct("be", {
  incompatibleHigh: u32,
  incompatible: u32,
  compatibleHigh: u32,
  compatible: u32,
  autoclearHigh: u32,
  autoclear: u32,
  refcountOrder: u32,
  headerLength: u32,
}, 32);
export const HEADER3_AT = Header.size;
export const Compression = struct("be", { type: u8 }, 1);
export const COMPRESSION_AT = HEADER3_AT + Header3.size;

/** Behind the header: what others need not know. Each is filled up to 8 bytes; the last has type 0. */
export const Extension = struct("be", { type: u32, length: u32 }, 8);
export const BACKING_FORMAT = 0xe2792aca;
/** One of the states kept in the image; its id and name follow the extra bytes, all filled up to 8. */
export const Snapshot = struct("be", {
  l1Offset: u64,
  l1Size: u32,
  idLength: u16,
  nameLength: u16,
  seconds: u32,
  nanoseconds: u32,
  clock: u64,
  memory: u32,
  extra: u32,
}, 40);
/** The extra bytes, where there are so many. */
export const SnapshotExtra = struct("be", { memory: u64, size: u64 }, 16);

export const MAGIC = 0x514649fb;
/** Incompatible features. */
export const DIRTY = 1;
export const CORRUPT = 2;
export const COMPRESSION_TYPE = 8;

/** In the upper word of an entry of either table: its cluster is nobody else's, so it can be written in place. */
export const COPIED = 0x8000_0000;
/** In the upper word of an entry of the second table. */
export const COMPRESSED = 0x4000_0000;
/** In the lower word: it reads as zeros, whatever it has. */
export const ZERO = 1;
