/** The FUSE protocol of the Linux kernel (linux/fuse.h, 7.x), as far as it is served: little-endian, natural alignment. */
import { struct, u16, u32, u64 } from "../lib/struct.ts";

/** struct fuse_in_header. `unique` is echoed: two halves cost less than a BigInt. */
export const InHeader = struct("le", {
  len: u32,
  opcode: u32,
  uniqueLow: u32,
  uniqueHigh: u32,
  nodeid: u64,
  uid: u32,
  gid: u32,
  pid: u32,
  extlen: u16,
  pad: u16,
}, 40);
/** struct fuse_out_header; `error` is minus the errno. */
export const OUT_HEADER = 16;

/** struct fuse_attr. */
export const FuseAttr = struct("le", {
  ino: u64,
  size: u64,
  blocks: u64,
  atime: u64,
  mtime: u64,
  ctime: u64,
  atimensec: u32,
  mtimensec: u32,
  ctimensec: u32,
  mode: u32,
  nlink: u32,
  uid: u32,
  gid: u32,
  rdev: u32,
  blksize: u32,
  flags: u32,
}, 88);
/** struct fuse_entry_out before its attr. */
export const EntryOut = struct("le", {
  nodeid: u64,
  generation: u64,
  entryValid: u64,
  attrValid: u64,
  entryValidNsec: u32,
  attrValidNsec: u32,
}, 40);
export const ENTRY_SIZE = EntryOut.size + FuseAttr.size;
/** struct fuse_attr_out before its attr. */
export const AttrOut = struct("le", { valid: u64, validNsec: u32, dummy: u32 }, 16);
export const SetattrIn = struct("le", {
  valid: u32,
  pad: u32,
  fh: u64,
  size: u64,
  lockOwner: u64,
  atime: u64,
  mtime: u64,
  ctime: u64,
  atimensec: u32,
  mtimensec: u32,
  ctimensec: u32,
  mode: u32,
  unused4: u32,
  uid: u32,
  gid: u32,
  unused5: u32,
}, 88);
/** struct fuse_read_in and fuse_write_in. */
export const ReadIn = struct("le", {
  fh: u64,
  offset: u64,
  size: u32,
  flags: u32,
  lockOwner: u64,
  openFlags: u32,
  pad: u32,
}, 40);
export const InitIn = struct("le", { major: u32, minor: u32, maxReadahead: u32, flags: u32, flags2: u32 }, 20);
export const InitOut = struct("le", {
  major: u32,
  minor: u32,
  maxReadahead: u32,
  flags: u32,
  maxBackground: u16,
  congestion: u16,
  maxWrite: u32,
  timeGran: u32,
  maxPages: u16,
  mapAlignment: u16,
  flags2: u32,
}, 36);
export const INIT_OUT_SIZE = 64;
export const StatfsOut = struct("le", {
  blocks: u64,
  bfree: u64,
  bavail: u64,
  files: u64,
  ffree: u64,
  bsize: u32,
  namelen: u32,
  frsize: u32,
  pad: u32,
}, 56);
export const STATFS_SIZE = 80;
/** struct fuse_dirent before the name; records are padded to 8. */
export const FuseDirent = struct("le", { ino: u64, off: u64, namelen: u32, type: u32 }, 24);
export const OpenOut = struct("le", { fh: u64, openFlags: u32, pad: u32 }, 16);
export const FallocateIn = struct("le", { fh: u64, offset: u64, length: u64, mode: u32, pad: u32 }, 32);
export const LseekIn = struct("le", { fh: u64, offset: u64, whence: u32, pad: u32 }, 24);

export const IoctlIn = struct("le", { fh: u64, flags: u32, command: u32, arg: u64, inSize: u32, outSize: u32 }, 32);
/** struct fuse_ioctl_out: result 0, no retry. */
export const IOCTL_OUT = 16;

/** Ours: what the process that serves has done, asked of the root directory (ioccom.h _IOR('R', 1, 72 bytes)). */
export const MountStats = struct("le", {
  /** Requests since the mount; of those, answered later and not yet. */
  requests: u64,
  waiting: u64,
  reads: u64,
  bytesRead: u64,
  writes: u64,
  bytesWritten: u64,
  /** Bytes of blocks in memory, and of those not yet on the disk. */
  cached: u64,
  dirty: u64,
  /** Since the mount. */
  milliseconds: u64,
}, 72);
export const IOC_MOUNT_STATS = (2 << 30 | 72 << 16 | 0x52 << 8 | 1) >>> 0;

/** struct fuse_lk_in; `end` is the last byte. */
export const LkIn = struct("le", {
  fh: u64,
  owner: u64,
  start: u64,
  end: u64,
  type: u32,
  pid: u32,
  flags: u32,
  pad: u32,
}, 48);
export const LK_FLOCK = 1;
/** struct fuse_lk_out. */
export const LkOut = struct("le", { start: u64, end: u64, type: u32, pid: u32 }, 24);
/** struct fuse_release_in, and of struct fuse_flush_in the owner. */
export const ReleaseIn = struct("le", { fh: u64, flags: u32, releaseFlags: u32, owner: u64 }, 24);
export const RELEASE_FLOCK = 2;

/** FUSE_INIT flags, low word. */
export const INIT = {
  ASYNC_READ: 1 << 0,
  /** Locks of fcntl(2), and of flock(2), are asked for. */
  POSIX_LOCKS: 1 << 1,
  FLOCK_LOCKS: 1 << 10,
  /** open(2) cuts the file, rather than a SETATTR after it. */
  ATOMIC_O_TRUNC: 1 << 3,
  BIG_WRITES: 1 << 5,
  /** ioctl(2) of directories is asked, too. */
  HAS_IOCTL_DIR: 1 << 11,
  /** Data in memory goes when a file's time or size has changed. */
  AUTO_INVAL_DATA: 1 << 12,
  DO_READDIRPLUS: 1 << 13,
  ASYNC_DIO: 1 << 15,
  WRITEBACK_CACHE: 1 << 16,
  NO_OPEN_SUPPORT: 1 << 17,
  PARALLEL_DIROPS: 1 << 18,
  ABORT_ERROR: 1 << 21,
  MAX_PAGES: 1 << 22,
  CACHE_SYMLINKS: 1 << 23,
  HANDLE_KILLPRIV_V2: 1 << 28,
  INIT_EXT: 1 << 30,
} as const;
export const FATTR_MODE = 1;
export const FATTR_UID = 2;
export const FATTR_GID = 4;
export const FATTR_SIZE = 8;
export const FATTR_ATIME = 16;
export const FATTR_MTIME = 32;
export const FATTR_ATIME_NOW = 128;
export const FATTR_MTIME_NOW = 256;
export const FATTR_KILL_SUIDGID = 2048;
/** In a write's flags: the writer is nobody who may keep set-id bits. */
export const WRITE_KILL_SUIDGID = 4;
export const FOPEN_DIRECT_IO = 1;
export const FOPEN_KEEP_CACHE = 2;
export const FOPEN_CACHE_DIR = 8;
export const RENAME_NOREPLACE = 1;
export const RENAME_EXCHANGE = 2;
/** Notification: attributes, and from `offset` on data, of a node are to be asked for again; offset -1: attributes alone. */
export const NOTIFY_INVAL_INODE = 2;
export const InvalInode = struct("le", { nodeid: u64, offset: u64, length: u64 }, 24);
/** Notification: all names are to be looked up again. */
export const NOTIFY_INC_EPOCH = 8;
/** Protocol minor from which it exists. */
export const EPOCH_MINOR = 44;
