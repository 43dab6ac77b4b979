/**
 * Everything a plugin may see. A plugin outside the tree needs only `import type` from here: values arrive as
 * parameters (`sys`), so its file also loads into the compiled executable.
 */
import type { Errnos } from "./abi/errno.ts";
import type { Async } from "./lib/async.ts";
import type { OpenDatagrams } from "./lib/datagrams.ts";
import type { NetDevice } from "./lib/net_device.ts";
import type { OpenPort } from "./lib/port.ts";
import type { OpenSharedFile } from "./lib/shared_file.ts";
import type { Schema } from "./lib/standard_schema.ts";
import type { OpenTap } from "./lib/tap.ts";
import type { OpenTunnel } from "./lib/tunnel.ts";
import type { Unpack } from "./lib/unpack.ts";
import type { BlockingChannel, Channel, Listener, Security, SocketAddress, Sockets } from "./lib/streams.ts";

export type { Async, Errnos, Schema };
export type { Datagrams, OpenDatagrams } from "./lib/datagrams.ts";
export type { Input, NetDevice } from "./lib/net_device.ts";
export type { Offload, Offloads } from "./lib/offload.ts";
export type { OpenPort, Port, PortUser } from "./lib/port.ts";
export type { OpenSharedFile, SharedFile } from "./lib/shared_file.ts";
export type { OpenTap, Tap } from "./lib/tap.ts";
export type { OpenTunnel, Tunnel } from "./lib/tunnel.ts";
export type { Packing, Unpack } from "./lib/unpack.ts";
export type {
  BlockingChannel,
  Channel,
  Listener,
  Security,
  SharedMemory,
  SocketAddress,
  Sockets,
  TlsSockets,
  Watcher,
} from "./lib/streams.ts";

/** The kernel's services, passed to every factory. */
export interface Sys {
  /** Ready-made errors: `throw sys.errno.ENOENT`. */
  readonly errno: Errnos;
  /** Wall clock: milliseconds since 1970, with a fraction. */
  now(): number;
  /** Fill with unpredictable bytes. */
  random(into: Uint8Array): void;
  /** One line to the kernel's log (console of the server, `--log` file of a mount). */
  log(text: string): void;
  /** Call `fn` once after `ms` milliseconds; the result cancels it. */
  callout(ms: number, fn: () => void): () => void;
  /** Bytes that are compressed. */
  readonly unpack: Unpack;
  /** A write-back cache of a device's blocks within the kernel's memory limit (sysctl vm.bufmem_hiwater). */
  buffers(device: BlockDevice, options: BufferOptions): Buffers;
  /** Stream sockets of the host, for transports. */
  readonly sockets: Sockets;
  /** Files of the host as memory shared with other processes; relative to where the server was started. */
  readonly sharedFile: OpenSharedFile;
  /** Ethernet interfaces of the host. */
  readonly tap: OpenTap;
  /** A device of another driver that is loaded, for one that stands on it: nobody else has it. ENXIO: no such driver. */
  netDevice(driver: string, unit: number): Async<NetDevice>;
  /** UDP sockets of the host. */
  readonly datagrams: OpenDatagrams;
  /** Other interfaces of this kernel. */
  readonly port: OpenPort;
  /** IP packets within IP packets of this kernel. */
  readonly tunnel: OpenTunnel;
}

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

/** How a volume is asked for. */
export interface MountRequest<O> {
  /** What is to be mounted, as it was asked for: a path, the whole one where it is the host's; a URL; the driver's own name. */
  readonly source: string;
  /** Parsed with the driver's schema. */
  readonly options: O;
  readonly readOnly: boolean;
  /** What the mount point looks like: owner and mode a volume without its own may show. */
  readonly over: { readonly uid: number; readonly gid: number; readonly mode: number };
}

/** One thing a check found wrong. */
export interface Finding {
  /** What it is, for programs: `lost-chain`. One kind is always said by the same word. */
  readonly kind: string;
  /** What it is, for people: one line, without the path. */
  readonly text: string;
  /** The file it is about. */
  readonly path?: string;
  /** The place it is about, in units of the file system (clusters, blocks). */
  readonly block?: number;
  /** What mending it does: "cut it to 512 bytes". Left out: it cannot be mended. */
  readonly repair?: string;
  /** Mending it loses nothing: done without asking by those who preen. */
  readonly safe?: boolean;
}
/** How a volume is to be checked. */
export interface CheckRequest<O> {
  /** Parsed with the driver's schema. */
  readonly options: O;
  /** Tell of a finding; true: mend it now. Never true for one without `repair`, nor on a device that cannot be written. */
  found(finding: Finding): boolean;
  /** A part of the work begins. */
  phase(name: string): void;
  /** How much of the phase is done, 0 to 1; call it at least every 100 ms or so. False: stop, and throw EINTR. */
  progress(part: number): Async<boolean>;
}
/** What a checked volume holds. */
export interface CheckResult {
  /** Files and directories. */
  readonly files: number;
  /** Bytes free. */
  readonly free: number;
  /** Blocks or clusters free, and bytes of each. */
  readonly freeBlocks: number;
  readonly blockSize: number;
}

export interface FsDriver<O = unknown, N = unknown> {
  readonly kind: "fs";
  /** As in `mount -t`. */
  readonly name: string;
  /** Mounts a block device (then `device` is always given). */
  readonly wantsDevice?: boolean;
  /** Its volumes are never written: images are opened and locked for reading, and mounts are read-only whatever is asked. */
  readonly readOnly?: boolean;
  /** What it is, a sentence for `--help`. */
  readonly about?: string;
  /**
   * valibot (any Standard Schema validator does): options are checked before `mount` is called. Of an object's entries
   * `--help` shows what they are and `v.description`; `v.metadata` may say how they are written: `format` ("size", "octal",
   * "user", "group"), `letter` (of an option of their own) and `also` (other names).
   */
  readonly options?: Schema<O>;
  mount(sys: Sys, device: BlockDevice | undefined, request: MountRequest<O>): Async<Volume<N>>;
  /**
   * Load what mounting with such options needs beside the device (tables): a process in a sandbox can open no files later.
   * EINVAL when it is not to be had.
   */
  prepare?(sys: Sys, options: O): Async<void>;
  /**
   * Check an unmounted volume, and mend what `found` says (fsck(8)). EINVAL, with a line in the log, for what is no volume
   * of this kind; whatever else it throws means that the check could not be finished.
   */
  check?(sys: Sys, device: BlockDevice, request: CheckRequest<O>): Async<CheckResult>;
}

/** A disk: host file, memory, network. Transfers past `size` throw EIO. */
export interface BlockDevice {
  /** Offset and length of every transfer are multiples of it; 1: any. */
  readonly blockSize: number;
  /** Bytes. */
  readonly size: number;
  /** For messages and `df`. */
  readonly name: string;
  /** Fill all of `into` (lent). */
  read(into: Uint8Array, offset: number): Async<void>;
  /** Absent: read-only. */
  write?(from: Uint8Array, offset: number): Async<void>;
  /** Everything written so far is on the medium when it returns. */
  flush?(): Async<void>;
  /** Nobody needs what is there any more: it may read as anything, and its room is given back where that can be. */
  discard?(offset: number, length: number): Async<void>;
  close?(): Async<void>;
}
export interface DiskDriver<O = unknown> {
  readonly kind: "disk";
  readonly name: string;
  readonly options?: Schema<O>;
  open(sys: Sys, options: O): Async<BlockDevice>;
}

export interface BufferOptions {
  /** Bytes a buffer, a power of two and a multiple of the device's blockSize. The last one may be cut by the device's end. */
  readonly size: number;
  /** Called when too much is dirty: write back in the order the file system wants. */
  readonly pressure: () => void;
}
/** A device's cached blocks. A view is lent until the next call that may give another block; dirty blocks are never dropped. */
export interface Buffers {
  readonly size: number;
  /** The block's bytes, for reading. */
  get(block: number): Async<Uint8Array>;
  /** The same for changing: it counts as dirty from now on. */
  modify(block: number): Async<Uint8Array>;
  /** For a block that is written whole: zeros, dirty, never read from the device. */
  fresh(block: number): Uint8Array;
  /** Put what is cached over bytes just read from the device, which begin at a block. */
  overlay(into: Uint8Array, block: number): void;
  /** Write the dirty blocks of [from, to) (left out: all), neighbours in one transfer. */
  flush(from?: number, to?: number): Async<void>;
  /** Forget blocks, dirty or not: they were freed. */
  forget(from: number, to: number): void;
  /** How many bytes are dirty. */
  readonly dirty: number;
}

export interface NetDriver<O = unknown> {
  readonly kind: "net";
  /** Interface name prefix: `shmif` makes shmif0, shmif1, … */
  readonly name: string;
  readonly options?: Schema<O>;
  create(sys: Sys, unit: number, options: O): Async<NetDevice>;
}

/** How a locator `scheme://rest` becomes a stream. `parse` throws a plain Error whose text says what is wrong. */
export interface Transport {
  readonly kind: "transport";
  /** The locator's scheme: `unix`, `tcp`, … */
  readonly name: string;
  /** `rest` is what follows `scheme://`; throws `TransportError`-like plain Errors with NetBSD's texts. */
  parse(rest: string, side: "server" | "client"): SocketAddress;
  /** Left out: the host's sockets. */
  listen?(
    sys: Sys,
    address: SocketAddress,
    accept: (channel: Channel) => void,
    security: Security,
  ): Async<Listener>;
  connect?(sys: Sys, address: SocketAddress, security: Security): Async<Channel>;
  connectBlocking?(sys: Sys, address: SocketAddress, security: Security): BlockingChannel;
}

/** The escape hatch for what no other kind fits: a family of system calls, a protocol domain, devices in /dev. */
export interface Component {
  readonly kind: "component";
  /** As NetBSD names it: `rumpvfs`, `rumpdev_bpf`. */
  readonly name: string;
  setup(kernel: KernelServices): Async<void>;
}
/** What a component may touch. Everything built in is made through the same. */
export interface KernelServices {
  readonly sys: Sys;
  /** Register any plugin; a second one of the same kind and name throws, naming the first. */
  use(plugin: Plugin): Async<void>;
  /** Bind functions to declared system calls by name (src/abi/syscalls.ts). */
  // deno-lint-ignore no-explicit-any -- typed at the place of use by kern/dispatch.ts `Handlers`
  establish(handlers: Readonly<Record<string, (lwp: any, args: any) => unknown>>): void;
  /** Add sysctl nodes: dotted name to node (see kern/sysctl.ts). */
  sysctl(nodes: Readonly<Record<string, SysctlNode>>): void;
  /** Called in reverse order when the kernel halts. */
  atHalt(fn: () => Async<void>): void;
}
/** One sysctl variable: the type of its value, what it is for, how to read and (if writable) change it. */
export interface SysctlNode {
  readonly doc: string;
  readonly type: "int" | "quad" | "bool" | "string" | "struct" | "node";
  /** Number of a well-known node (CTL_KERN = 1, KERN_OSTYPE = 1); others are numbered as they come. */
  readonly number?: number;
  /** Shown by `sysctl -a`; left out: true. */
  readonly visible?: boolean;
  /** `room`: bytes the caller has, for a variable that is as long as one likes. */
  read(room: number): number | string | boolean | bigint | Uint8Array;
  /**
   * Of type `node`: the value for the numbers that follow its own (net.route: family, operation, argument). Throws EINVAL
   * for numbers that mean nothing. Who asks how long it is hears of some more, for what comes meanwhile.
   */
  tail?(rest: readonly number[]): Uint8Array;
  /** Throws EINVAL for a value it does not like. */
  write?(value: number | string | boolean | bigint | Uint8Array): void;
}

// Existential: the registry holds drivers of every option and node type.
// deno-lint-ignore no-explicit-any -- the one place where variance is given up
export type Plugin = FsDriver<any, any> | DiskDriver<any> | NetDriver<any> | Transport | Component;
