/** Layouts of Squashfs 4.0 (Linux: fs/squashfs/squashfs_fs.h). */
import { bytes, struct, u16, u32, u64 } from "../../src/lib/struct.ts";

export const Superblock = struct("le", {
  magic: u32,
  inodes: u32,
  made: u32,
  blockSize: u32,
  fragments: u32,
  compression: u16,
  blockLog: u16,
  flags: u16,
  ids: u16,
  major: u16,
  minor: u16,
  root: bytes(8),
  bytesUsed: u64,
  idTable: u64,
  xattrTable: u64,
  inodeTable: u64,
  directoryTable: u64,
  fragmentTable: u64,
  lookupTable: u64,
}, 96);
export const MAGIC = 0x73717368;
/** Flags: no such table. */
export const NO_TABLE = 2 ** 64;

/** What each inode begins with. */
export const InodeHeader = struct("le", { type: u16, mode: u16, uid: u16, gid: u16, mtime: u32, number: u32 }, 16);
export const DirInode = struct("le", { block: u32, nlink: u32, size: u16, offset: u16, parent: u32 }, 16);
export const LongDirInode = struct("le", {
  nlink: u32,
  size: u32,
  block: u32,
  parent: u32,
  indexes: u16,
  offset: u16,
  xattr: u32,
}, 24);
export const FileInode = struct("le", { start: u32, fragment: u32, offset: u32, size: u32 }, 16);
export const LongFileInode = struct("le", {
  start: u64,
  size: u64,
  sparse: u64,
  nlink: u32,
  fragment: u32,
  offset: u32,
  xattr: u32,
}, 40);
export const LinkInode = struct("le", { nlink: u32, size: u32 }, 8);
export const DeviceInode = struct("le", { nlink: u32, rdev: u32 }, 8);
export const LongDeviceInode = struct("le", { nlink: u32, rdev: u32, xattr: u32 }, 12);
export const PlainInode = struct("le", { nlink: u32 }, 4);
export const LongPlainInode = struct("le", { nlink: u32, xattr: u32 }, 8);
/** There is none: of fragments and attributes. */
export const NONE = 0xffff_ffff;

/** Before up to 256 entries of a directory. */
export const DirHeader = struct("le", { count: u32, block: u32, number: u32 }, 12);
/** An entry, without its name. */
export const DirEntry = struct("le", { offset: u16, number: u16, type: u16, length: u16 }, 8);

export const FragmentEntry = struct("le", { start: u64, size: u32, unused: u32 }, 16);
export const XattrHeader = struct("le", { start: u64, ids: u32, unused: u32 }, 16);
export const XattrId = struct("le", { block: bytes(8), count: u32, size: u32 }, 16);
export const XattrEntry = struct("le", { type: u16, length: u16 }, 4);

/** Sizes of data blocks: this bit says that it is not compressed. */
export const RAW_BLOCK = 1 << 24;
