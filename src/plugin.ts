/**
 * Everything a plugin may see. A plugin outside the tree needs only `import type` from here: values arrive as
 * parameters (`sys`), so its file also loads into the compiled executable.
 */
import type { Errnos } from "./abi/errno.ts";
import type { Async } from "./lib/async.ts";
import type { BlockDevice, DiskCreation, DiskFacts, DiskRequest } from "./lib/disk.ts";
import type { PathDriver, PathNode } from "./lib/path_volume.ts";
import type { Volume, WholeVolume } from "./lib/volume.ts";
import type { OpenDatagrams } from "./lib/datagrams.ts";
import type { OpenGrowingFile } from "./lib/growing_file.ts";
import type { NetDevice } from "./lib/net_device.ts";
import type { KernelView } from "./lib/kernel_view.ts";
import type { OpenPort } from "./lib/port.ts";
import type { OpenSharedFile } from "./lib/shared_file.ts";
import type { Schema } from "./lib/standard_schema.ts";
import type { OpenTap } from "./lib/tap.ts";
import type { OpenTunnel } from "./lib/tunnel.ts";
import type { OpenUnpacking, Pack, Unpack } from "./lib/unpack.ts";
import type { BlockingChannel, Channel, Listener, Security, SocketAddress, Sockets } from "./lib/streams.ts";

export type { Async, Errnos, Schema };
export type { Datagrams, OpenDatagrams } from "./lib/datagrams.ts";
export type { BlockDevice, DiskCreation, DiskFacts, DiskRequest, DiskSnapshot } from "./lib/disk.ts";
export type { GrowingFile, OpenGrowingFile } from "./lib/growing_file.ts";
export type { Input, NetDevice } from "./lib/net_device.ts";
export type { Offload, Offloads } from "./lib/offload.ts";
export type { PathAttr, PathDriver, PathNode } from "./lib/path_volume.ts";
export type { FileView, KernelView, MountView, ProcessView, SysctlValue } from "./lib/kernel_view.ts";
export type { OpenPort, Port, PortUser } from "./lib/port.ts";
export type { OpenSharedFile, SharedFile } from "./lib/shared_file.ts";
export type { OpenTap, Tap } from "./lib/tap.ts";
export type { OpenTunnel, Tunnel } from "./lib/tunnel.ts";
export type { OpenUnpacking, Pack, Packing, Unpack, Unpacking } from "./lib/unpack.ts";
export type { Attr, FileType, Make, SetAttr, StatFs, Volume, WholeVolume } from "./lib/volume.ts";
export type {
  BlockingChannel,
  Channel,
  Listener,
  Said,
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
  /** What this kernel is and does, for who shows it. */
  readonly kernel: KernelView;
  /** Memory for files that live in it, within the kernel's bound (sysctl vm.filemem_limit). */
  readonly memory: FileMemory;
  /** Call `fn` once after `ms` milliseconds; the result cancels it. */
  callout(ms: number, fn: () => void): () => void;
  /** Bytes that are compressed. */
  readonly unpack: Unpack;
  /** The same, a piece at a time. */
  readonly unpacking: OpenUnpacking;
  /** The other way round. */
  readonly pack: Pack;
  /** The volume of a driver that thinks in paths. */
  pathVolume(driver: PathDriver): Volume<PathNode>;
  /**
   * Something on a mounted volume changed by another hand than the kernel's (`Volume.changing`): what this kernel and the
   * host's remember of `node` is forgotten; with `name`, of that name in the directory `node`; of everything without both.
   */
  changed<N>(volume: Volume<N>, node?: N, name?: string): void;
  /**
   * A mounted directory of this kernel, and all that is below it on the same mount, as a volume: for drivers that stand on
   * others (`FsDriver.layers`). It stays busy until `unmount` is called. What is written is seen at its own place, too.
   * ENOENT, ENOTDIR; ENOSYS in a process that has no file systems.
   */
  lend(path: string): Async<WholeVolume>;
  /** A write-back cache of a device's blocks within the kernel's memory limit (sysctl vm.bufmem_hiwater). */
  buffers(device: BlockDevice, options: BufferOptions): Buffers;
  /** Stream sockets of the host, for transports. */
  readonly sockets: Sockets;
  /** Files of the host as memory shared with other processes; relative to where the server was started. */
  readonly sharedFile: OpenSharedFile;
  /** Files of the host that are written at their end only; relative to where the server was started. */
  readonly growingFile: OpenGrowingFile;
  /** A small file of the host a user has named (certificates, tables), whole: 16 MiB at most. Throws errno. */
  file(path: string): Uint8Array;
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

/** A share of memory: what is taken is given back, at the latest when the volume is unmounted. */
export interface FileMemory {
  /** Bytes there may be, and are. */
  readonly limit: number;
  readonly used: number;
  /** ENOSPC when there is not so much left; then nothing is taken. */
  take(bytes: number): void;
  give(bytes: number): void;
}
/** How a volume is asked for. */
export interface MountRequest<O> {
  /** What is to be mounted, as it was asked for: a path, the whole one where it is the host's; a URL; the driver's own name. */
  readonly source: string;
  /** Parsed with the driver's schema. */
  readonly options: O;
  readonly readOnly: boolean;
  /** Where it is mounted, a whole path of this kernel; undefined: at no place in it. */
  readonly on?: string | undefined;
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

/** What a file system may lack: the claims on it are skipped by the conformance suite (`rump plugin check`). */
export type Capability =
  /** anything may be changed */
  | "write"
  /** directories can be made */
  | "directories"
  | "rename"
  | "truncate"
  /** hard links, link counts */
  | "links"
  /** link counts of directories */
  | "dirlinks"
  | "symlinks"
  /** fifos and device nodes */
  | "nodes"
  /** permission bits are kept */
  | "modes"
  /** owners can be changed */
  | "owners"
  /** flags of chflags(2) are kept */
  | "flags"
  /** names that differ only in case are different */
  | "case"
  /** a name can be changed to itself in another case (Linux takes both names of a mount for one file, and does nothing) */
  | "recase"
  /** any byte but "/" in names, also a dot or blank at the end */
  | "names"
  /** access times to the second */
  | "atime"
  /** files past 4 GiB */
  | "huge"
  | "xattr"
  | "allocate"
  | "punch"
  /** RENAME_EXCHANGE */
  | "exchange";

export interface FsDriver<O = unknown, N = unknown> {
  readonly kind: "fs";
  /** As in `mount -t`. */
  readonly name: string;
  /** Mounts a block device (then `device` is always given). */
  readonly wantsDevice?: boolean;
  /**
   * It stands on directories of the kernel, which these options name, or its source ("source"): the upper one first. mount(2)
   * makes whole paths of them; a program of its own (rump_NAME) takes directories and images of the host, and opens for
   * reading what is only read.
   */
  readonly layers?: Readonly<Record<string, "read" | "write">>;
  /** What its volumes cannot keep, beyond what absent operations show. */
  readonly lacks?: readonly Capability[];
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

export interface DiskDriver<O = unknown, C = unknown> {
  readonly kind: "disk";
  readonly name: string;
  /** Of a URL they follow its `#`, and are no part of `source`. */
  readonly options?: Schema<O>;
  /**
   * It makes connections while it is used, which a mount's sandbox forbids, or takes its time, which many file systems cannot
   * wait for: it is opened and served by a process of its own then.
   */
  apart?(options: O): boolean;
  /** EINVAL, with a line in the log, for what is no image of its format. */
  open(sys: Sys, options: O, request?: DiskRequest): Async<BlockDevice>;
  /** Of a format. EINVAL, with a line in the log, for what is no image of it. `base` stays open. */
  describe?(sys: Sys, base: BlockDevice, source: string): Async<DiskFacts>;
  /** Options of new images; shown and parsed as those of file systems are. */
  readonly creation?: Schema<C>;
  /** Make an empty image, and open it for writing. EINVAL, with a line in the log, for what the format cannot be. */
  create?(sys: Sys, request: DiskCreation<C>): Async<BlockDevice>;
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
export type Plugin = FsDriver<any, any> | DiskDriver<any, any> | NetDriver<any> | Transport | Component;
