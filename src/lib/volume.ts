/** A mounted volume as its driver gives it: what a file system driver is written against (NetBSD: vnodeops(9)). */
import type { Async } from "./async.ts";

export type FileType = "file" | "dir" | "link" | "chr" | "blk" | "fifo" | "sock";

/** What stat(2) tells. Left-out fields get plain values: mode 0755/0644, nlink 1, owner 0, times 0. */
export interface Attr {
  readonly ino: number;
  readonly type: FileType;
  /** Bytes. */
  readonly size: number;
  /** Permission bits, 07777. */
  readonly mode?: number;
  readonly nlink?: number;
  readonly uid?: number;
  readonly gid?: number;
  /** Device number of chr and blk, as NetBSD's makedev(3) packs it. */
  readonly rdev?: number;
  /** Bytes the file takes on its device; left out: `size`. */
  readonly allocated?: number;
  /** Best size of a transfer, bytes. */
  readonly blockSize?: number;
  /** Seconds since 1970 (may be negative), and nanoseconds within. */
  readonly atime?: number;
  readonly atimensec?: number;
  readonly mtime?: number;
  readonly mtimensec?: number;
  readonly ctime?: number;
  readonly ctimensec?: number;
  readonly birthtime?: number;
  readonly birthtimensec?: number;
  /** chflags(2) bits. */
  readonly flags?: number;
}

/** What to change; a field that is absent stays. `size` truncates or lengthens with zeros. */
export type SetAttr = {
  readonly [K in "mode" | "uid" | "gid" | "size" | "flags" | "atime" | "atimensec" | "mtime" | "mtimensec"]?: number;
};

/** Mode and owner of a file to be made. */
export interface Make {
  /** Permission bits after umask. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
}

export interface StatFs {
  /** Bytes a block; the counts below are in blocks. */
  readonly blockSize: number;
  readonly blocks: number;
  readonly free: number;
  /** For those who are not root; left out: `free`. */
  readonly available?: number;
  readonly files?: number;
  readonly filesFree?: number;
  /** Longest name in bytes; left out: 255. */
  readonly nameMax?: number;
}

/**
 * A mounted volume. `N` is the driver's own node: the kernel never looks inside, but compares by identity, so one file
 * is one node value for as long as anyone may hold it (see `inactive`). Operations a driver leaves out fail with the
 * errno of `src/vfs/defaults.ts`. Names are single path components, never "", "." or ".."; the kernel has checked that
 * `dir` is a directory, that the name is no longer than `nameMax`, permissions, and that the volume is not read-only.
 * Every operation may throw `sys.errno.X`; anything else thrown is a bug: it is logged and becomes EIO.
 */
export interface Volume<N = unknown> {
  readonly root: N;
  /** One file answers to several spellings (FAT): the name cache forgets whole directories then. */
  readonly foldsCase?: boolean;
  /** The volume cannot be written, whatever the mount says (read-only medium): shown as read-only. */
  readonly readOnly?: boolean;
  /** Its files change by other hands, too: `Sys.changed` tells. A file that has changed has another size or mtime. */
  readonly changing?: boolean;
  /** With `changing`: seconds what it says of its files is true, though nobody tells of changes; left out: `Sys.changed` does. */
  readonly validSeconds?: number;
  /** Source shown by df and mount; left out: the device or the driver's name. */
  readonly label?: string;
  getattr(node: N): Async<Attr>;
  /** `undefined` when there is no such name: misses are ordinary, so they do not throw. */
  lookup(dir: N, name: string): Async<N | undefined>;
  /** All entries but "." and "..", each once; the kernel takes a snapshot. */
  readdir(dir: N): Async<Iterable<readonly [name: string, node: N]>>;
  readlink?(node: N): Async<string>;
  /** Fill `into` (lent for the call) from `offset`, return the byte count: 0 at end of file. */
  read?(node: N, into: Uint8Array, offset: number): Async<number>;
  /** Write `from` (lent) at `offset`, growing the file with zeros up to it; return how much was written. */
  write?(node: N, from: Uint8Array, offset: number): Async<number>;
  setattr?(node: N, change: SetAttr): Async<void>;
  create?(dir: N, name: string, make: Make): Async<N>;
  mkdir?(dir: N, name: string, make: Make): Async<N>;
  mknod?(dir: N, name: string, make: Make & { readonly type: FileType; readonly rdev: number }): Async<N>;
  symlink?(dir: N, name: string, target: string, make: Make): Async<N>;
  link?(node: N, dir: N, name: string): Async<void>;
  /** Remove a name; the node stays usable until `inactive`. */
  unlink?(dir: N, name: string, node: N): Async<void>;
  /** Remove an empty directory, else ENOTEMPTY. */
  rmdir?(dir: N, name: string, node: N): Async<void>;
  /**
   * Move `node`; `target` is what stands at the new place now (same kind, and to be replaced). The kernel has refused
   * what rename(2) refuses, save that a full target directory is the driver's ENOTEMPTY to find.
   */
  rename?(fromDir: N, fromName: string, node: N, toDir: N, toName: string, target: N | undefined): Async<void>;
  /** Swap two names (RENAME_EXCHANGE). */
  exchange?(fromDir: N, fromName: string, toDir: N, toName: string): Async<void>;
  /** Set aside room for [offset, offset+length); `keepSize`: beyond the end without growing. */
  allocate?(node: N, offset: number, length: number, keepSize: boolean): Async<void>;
  /** Zero [offset, offset+length) and give its room back. */
  punch?(node: N, offset: number, length: number): Async<void>;
  /** Where the next data at or after `offset` is, -1: nowhere; or the next hole, as which the end counts (SEEK_DATA, SEEK_HOLE). */
  seek?(node: N, offset: number, hole: boolean): Async<number>;
  /** Extended attributes; a missing one is `undefined`. */
  getxattr?(node: N, name: string): Async<Uint8Array | undefined>;
  setxattr?(node: N, name: string, value: Uint8Array): Async<void>;
  removexattr?(node: N, name: string): Async<boolean>;
  listxattr?(node: N): Async<Iterable<string>>;
  /**
   * ioctl(2) of the host on a file of a FUSE mount: the host's command number, with the argument's bytes; the answer's
   * bytes. ENOTTY for commands it does not know. Who asks has been checked: commands with an argument are the owner's.
   */
  ioctl?(node: N, command: number, data: Uint8Array): Async<Uint8Array>;
  statfs?(): Async<StatFs>;
  /** fsync(2): the file's data and what is needed to find it again. */
  fsync?(node: N): Async<void>;
  /** All changes to the device. */
  sync?(): Async<void>;
  /**
   * Somebody holds the node from now on, until `inactive`. A driver that has this may forget a node nobody holds, and give
   * another for its name; never before the call that gave it has ended.
   */
  active?(node: N): void;
  /** Nobody holds the node any more: the room of an unlinked file can go. It may be looked up again if it has a name. */
  inactive?(node: N): Async<void>;
  /** The last call: write everything. The kernel closes the device afterwards. */
  unmount?(): Async<void>;
  /** mount -u: change options of a live mount. */
  update?(options: unknown, readOnly: boolean): Async<void>;
}

/** What is said of a volume, and may be left out. */
export type Facts = "foldsCase" | "readOnly" | "label" | "changing" | "validSeconds";
/** A volume with every operation present: those its driver left out throw the errno they fail with. */
export type WholeVolume<N = unknown> = Required<Omit<Volume<N>, Facts>> & Volume<N>;
