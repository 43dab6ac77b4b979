/** ext2, ext3 and ext4 on disk (Linux: Documentation/filesystems/ext4; NetBSD: sys/ufs/ext2fs). All little-endian. */
import { bytes, chars, struct, u16, u32, u8 } from "../lib/struct.ts";

/** Where the superblock stands, and how large it is. */
export const SUPER_AT = 1024;
export const SUPER_SIZE = 1024;
export const SUPER_MAGIC = 0xef53;
/** s_state: unmounted cleanly; errors were seen. */
export const STATE_VALID = 1;
export const STATE_ERROR = 2;

export const Super = struct("le", {
  inodes: u32,
  blocksLow: u32,
  reservedLow: u32,
  freeBlocksLow: u32,
  freeInodes: u32,
  firstDataBlock: u32,
  logBlockSize: u32,
  logClusterSize: u32,
  blocksPerGroup: u32,
  clustersPerGroup: u32,
  inodesPerGroup: u32,
  mountTime: u32,
  writeTime: u32,
  mounts: u16,
  maxMounts: u16,
  magic: u16,
  state: u16,
  errors: u16,
  minorRevision: u16,
  lastCheck: u32,
  checkInterval: u32,
  creator: u32,
  revision: u32,
  reservedUid: u16,
  reservedGid: u16,
  firstInode: u32,
  inodeSize: u16,
  groupNumber: u16,
  compat: u32,
  incompat: u32,
  roCompat: u32,
  uuid: bytes(16),
  volumeName: chars(16),
  lastMounted: bytes(64),
  algorithms: u32,
  preallocBlocks: u8,
  preallocDirBlocks: u8,
  reservedGdtBlocks: u16,
  journalUuid: bytes(16),
  journalInode: u32,
  journalDevice: u32,
  lastOrphan: u32,
  hashSeed: bytes(16),
  hashVersion: u8,
  journalBackupType: u8,
  descSize: u16,
  defaultMountOptions: u32,
  firstMetaBg: u32,
  mkfsTime: u32,
  journalBlocks: bytes(68),
  blocksHigh: u32,
  reservedHigh: u32,
  freeBlocksHigh: u32,
  minExtraIsize: u16,
  wantExtraIsize: u16,
  flags: u32,
  raidStride: u16,
  mmpInterval: u16,
  mmpBlock: bytes(8),
  raidStripeWidth: u32,
  logGroupsPerFlex: u8,
  checksumType: u8,
  pad0: u16,
  kbytesWritten: bytes(8),
  snapshots: bytes(20),
  errorLog: bytes(108),
  mountOptions: bytes(64),
  quotaInodes: bytes(8),
  overheadBlocks: u32,
  backupGroups0: u32,
  backupGroups1: u32,
  encryptAlgorithms: bytes(4),
  encryptSalt: bytes(16),
  lostFound: u32,
  projectQuota: u32,
  checksumSeed: u32,
  timesHigh: bytes(8),
  encoding: u16,
  encodingFlags: u16,
  orphanFile: u32,
  reserved: bytes(94 * 4),
  checksum: u32,
}, 1024);

/** struct ext4_group_desc; without the feature 64bit the first 32 bytes are all there is. */
export const Group = struct("le", {
  blockBitmapLow: u32,
  inodeBitmapLow: u32,
  inodeTableLow: u32,
  freeBlocksLow: u16,
  freeInodesLow: u16,
  usedDirsLow: u16,
  flags: u16,
  excludeBitmapLow: u32,
  blockBitmapSumLow: u16,
  inodeBitmapSumLow: u16,
  unusedInodesLow: u16,
  checksum: u16,
  blockBitmapHigh: u32,
  inodeBitmapHigh: u32,
  inodeTableHigh: u32,
  freeBlocksHigh: u16,
  freeInodesHigh: u16,
  usedDirsHigh: u16,
  unusedInodesHigh: u16,
  excludeBitmapHigh: u32,
  blockBitmapSumHigh: u16,
  inodeBitmapSumHigh: u16,
  reserved: u32,
}, 64);
export const GROUP_SIZE = 32;

/** struct ext4_inode with i_extra_isize and what it covers; revision 0 has the first 128 bytes. */
export const Inode = struct("le", {
  mode: u16,
  uidLow: u16,
  sizeLow: u32,
  atime: u32,
  ctime: u32,
  mtime: u32,
  dtime: u32,
  gidLow: u16,
  links: u16,
  blocksLow: u32,
  flags: u32,
  version: u32,
  block: bytes(60),
  generation: u32,
  xattrLow: u32,
  sizeHigh: u32,
  fragment: u32,
  blocksHigh: u16,
  xattrHigh: u16,
  uidHigh: u16,
  gidHigh: u16,
  checksumLow: u16,
  pad: u16,
  extraSize: u16,
  checksumHigh: u16,
  ctimeExtra: u32,
  mtimeExtra: u32,
  atimeExtra: u32,
  birthtime: u32,
  birthtimeExtra: u32,
  versionHigh: u32,
  project: u32,
}, 160);
/** Without what `extraSize` counts. */
export const INODE_SIZE = 128;
/** Bytes of `block`: pointers, extents, a short symbolic link, or the beginning of inline data. */
export const BLOCK_ROOM = 60;

// i_flags
export const FL_IMMUTABLE = 0x10;
export const FL_APPEND = 0x20;
export const FL_NODUMP = 0x40;
export const FL_ENCRYPT = 0x800;
export const FL_INDEX = 0x1000;
export const FL_HUGE_FILE = 0x4_0000;
export const FL_EXTENTS = 0x8_0000;
export const FL_VERITY = 0x10_0000;
export const FL_EA_INODE = 0x20_0000;
export const FL_INLINE_DATA = 0x1000_0000;
export const FL_PROJINHERIT = 0x2000_0000;
export const FL_CASEFOLD = 0x4000_0000;

/** Well-known inodes. */
export const INO_ROOT = 2;
export const INO_JOURNAL = 8;
export const FIRST_INODE = 11;

/** struct ext4_dir_entry_2 before its name; a file type of 0xde marks the checksum at a block's end. */
export const DirEntry = struct("le", { inode: u32, length: u16, nameLength: u8, fileType: u8 }, 8);
export const FT_CHECKSUM = 0xde;
/** struct ext4_dir_entry_tail. */
export const DirTail = struct("le", { zero: u32, length: u16, zero2: u8, fileType: u8, checksum: u32 }, 12);

/** struct ext4_extent_header, _idx, _extent: all twelve bytes. */
export const ExtentHeader = struct("le", { magic: u16, entries: u16, max: u16, depth: u16, generation: u32 }, 12);
export const ExtentIndex = struct("le", { block: u32, leafLow: u32, leafHigh: u16, unused: u16 }, 12);
export const Extent = struct("le", { block: u32, length: u16, startHigh: u16, startLow: u32 }, 12);
export const EXTENT_MAGIC = 0xf30a;
/** Longer lengths are of extents without data: the length less this. */
export const EXTENT_MAX = 0x8000;

/** struct ext4_xattr_header of a block, and what stands in an inode: its magic only. */
export const XattrHeader = struct("le", {
  magic: u32,
  references: u32,
  blocks: u32,
  hash: u32,
  checksum: u32,
  reserved: bytes(12),
}, 32);
export const XATTR_MAGIC = 0xea02_0000;
/** struct ext4_xattr_entry before its name. */
export const XattrEntry = struct("le", {
  nameLength: u8,
  nameIndex: u8,
  valueOffset: u16,
  valueInode: u32,
  valueSize: u32,
  hash: u32,
}, 16);
