/** NetBSD's C structures (amd64) that cross the system call boundary; layouts checked against recorded sessions. */
import { bytes, chars, i32, i64, struct, u16, u32, u64, u8 } from "../lib/struct.ts";

/** sys/stat.h struct stat (__stat50). Times: seconds and nanoseconds; blocks of 512 bytes. */
export const Stat = struct("le", {
  dev: u64,
  mode: u32,
  pad0: u32,
  ino: u64,
  nlink: u32,
  uid: u32,
  gid: u32,
  pad1: u32,
  rdev: u64,
  atime: i64,
  atimensec: i64,
  mtime: i64,
  mtimensec: i64,
  ctime: i64,
  ctimensec: i64,
  birthtime: i64,
  birthtimensec: i64,
  size: i64,
  blocks: i64,
  blksize: i32,
  flags: u32,
  gen: u32,
  spare: bytes(12),
}, 152);

/** sys/resource.h struct loadavg: fixed-point numbers, `fscale` is 1. */
export const Loadavg = struct("le", { one: u32, five: u32, fifteen: u32, pad: u32, fscale: i64 }, 24);

/** sys/dirent.h struct dirent (__getdents30), up to the name; a record is `reclen` long, a multiple of 8. */
export const Dirent = struct("le", { fileno: u64, reclen: u16, namlen: u16, type: u8 }, 13);

/** sys/statvfs.h struct statvfs (statvfs1, getvfsstat). */
export const Statvfs = struct("le", {
  flag: u64,
  bsize: u64,
  frsize: u64,
  iosize: u64,
  blocks: u64,
  bfree: u64,
  bavail: u64,
  bresvd: u64,
  files: u64,
  ffree: u64,
  favail: u64,
  fresvd: u64,
  syncreads: u64,
  syncwrites: u64,
  asyncreads: u64,
  asyncwrites: u64,
  fsidx0: u32,
  fsidx1: u32,
  fsid: u64,
  namemax: u64,
  owner: u32,
  spare: bytes(16),
  fstypename: chars(32),
  mntonname: chars(1024),
  mntfromname: chars(1024),
  pad: u32,
}, 2256);

/** sys/poll.h struct pollfd. */
export const Pollfd = struct("le", { fd: i32, events: u16, revents: u16 }, 8);
/** sys/event.h struct kevent. */
export const Kevent = struct("le", {
  ident: u64,
  filter: u32,
  flags: u32,
  fflags: u32,
  pad: u32,
  data: i64,
  udata: bytes(8),
}, 40);
/** sys/fcntl.h struct flock. */
export const Flock = struct("le", { start: i64, len: i64, pid: i32, type: u16, whence: u16 }, 24);

/** sys/uio.h struct iovec. */
export const Iovec = struct("le", { base: u64, len: u64 }, 16);

/** sys/time.h struct timespec; struct timeval has microseconds in the second field. */
export const Timespec = struct("le", { sec: i64, nsec: i64 }, 16);

/** sys/sysctl.h struct sysctlnode, version 1. `child` … `desc` are kernel pointers: 0 from us. */
export const Sysctlnode = struct("le", {
  flags: u32,
  num: i32,
  name: chars(32),
  ver: u32,
  rsvd: u32,
  csize: u32,
  clen: u32,
  child: u64,
  size: u64,
  func: u64,
  parent: u64,
  desc: u64,
}, 96);

/** sys/sysctl.h struct sysctldesc, version 1, up to the text; records are padded to 4 bytes. */
export const Sysctldesc = struct("le", { num: i32, ver: u32, len: u32 }, 12);

/** sys/time.h struct clockinfo (kern.clockrate). */
export const Clockinfo = struct("le", { hz: i32, tick: i32, tickadj: i32, stathz: i32, profhz: i32 }, 20);

/** struct msghdr of 64 bits: where its fields stand. */
export const MSGHDR = {
  name: 0,
  namelen: 8,
  iov: 16,
  iovlen: 24,
  control: 32,
  controllen: 40,
  flags: 44,
  size: 48,
} as const;
/** struct mmsghdr: a struct msghdr, and the bytes of its message. */
export const MMSGHDR = { length: 48, size: 56 } as const;
/** struct cmsghdr; what it carries follows at CMSG_DATA, and the next one at a multiple of 8. */
export const Cmsghdr = struct("le", { len: u32, level: i32, type: i32 }, 12);
export const CMSG_DATA = 16;
/** struct linger */
export const Linger = struct("le", { onoff: i32, linger: i32 }, 8);
/** struct unpcbid (LOCAL_PEEREID) */
export const Unpcbid = struct("le", { pid: i32, euid: u32, egid: u32 }, 12);
/** struct sockaddr_un: length, family, path. */
export const SOCKADDR_UN = { path: 2, size: 106 } as const;
