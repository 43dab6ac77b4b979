/** The hypercalls: all the kernel and its applets may ask of the machine underneath (NetBSD: rumpuser(3)). */
import type { OpenUnpacking, Pack, Unpack } from "../lib/unpack.ts";
import type {
  BlockDevice,
  BlockingChannel,
  Channel,
  OpenDatagrams,
  OpenGrowingFile,
  OpenSharedFile,
  OpenTap,
  Sockets,
  Watcher,
} from "../plugin.ts";
import type { SocketEnd } from "../lib/socket_end.ts";
import type { Held, HostNames } from "../lib/host_names.ts";
import type { Notifier, Trapped } from "./notifier.ts";
import type { StandIns, Taken } from "./stand_ins.ts";

export type { Notifier, StandIns, Taken, Trapped };

import type { Launch } from "./launch.ts";

export type { Launch };

/** Thrown by host calls that fail: `code` is the host's errno name ("ENOENT"), `message` a plain reason ("no such file or directory"). */
export interface HostError extends Error {
  readonly code: string;
}

/** Memory whose address never changes, for system calls by FFI. `view` and `bytes` are the same bytes. */
export interface Pinned {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly view: DataView<ArrayBuffer>;
  readonly words: Uint32Array<ArrayBuffer>;
  /** Address of bytes[0]; page-aligned. */
  readonly address: number;
}

/** An open file of the host. Offsets and lengths in bytes; calls throw HostError. */
export interface HostFile {
  readonly fd: number;
  readonly size: number;
  readonly writable: boolean;
  /** Type of what was opened. */
  readonly type: "file" | "blk" | "chr" | "dir";
  /** Of a file opened as `direct`: what shares such a block, in bytes, with what is written is written again. */
  readonly align?: number;
  /** Bytes read, fewer only at the end of the file. */
  pread(into: Uint8Array, offset: number): number;
  pwrite(from: Uint8Array, offset: number): number;
  truncate(size: number): void;
  /** Give the room of [offset, offset + length) back: it reads as zeros. False: the file's file system cannot. */
  punch(offset: number, length: number): boolean;
  fdatasync(): void;
  /**
   * Exclusive (shared when read-only) lock on [start, start+length), kept until the file is closed; the holder's pid, 0 when
   * it cannot be told, when somebody else has it. length 0: to the end.
   */
  lock(exclusive: boolean, start: number, length: number): { readonly pid: number } | undefined;
  /** Who has any lock on [start, start+length), or an exclusive one; nothing is locked by asking. */
  holder(start: number, length: number, exclusive?: boolean): { readonly pid: number } | undefined;
  /** Give a file opened as `unnamed` a name; EEXIST when another has it. */
  link(path: string): void;
  /** Offset of the next data at or after `offset`; -1 when there is none (SEEK_DATA). */
  nextData(offset: number): number;
  close(): void;
}

export interface HostStat {
  readonly type: "file" | "dir" | "link" | "chr" | "blk" | "fifo" | "sock";
  readonly size: number;
  /** Bytes it takes on its disk. */
  readonly allocated: number;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Seconds, with a fraction. */
  readonly mtime: number;
  readonly ino: number;
  readonly dev: number;
}

/** What became of a descriptor the loop watches. */
export interface Ready {
  readonly readable: boolean;
  readonly writable: boolean;
  /** POLLERR or POLLHUP. */
  readonly error: boolean;
  /** POLLPRI. */
  readonly urgent: boolean;
}
/** What of a descriptor is waited for, beside errors. */
export interface Interest {
  readonly read: boolean;
  readonly write: boolean;
  readonly urgent?: boolean;
}

/**
 * The one loop (house.md, section 15): epoll by FFI; read first, wait after; the runtime's own epoll descriptor is one of
 * those waited for, so its promises, timers and signals go on but cost nothing while none is pending.
 */
export interface Loop {
  /** Make what waiting takes, which the first to wait or to watch does else: a sandbox may forbid it later. */
  open(): void;
  /**
   * Watch a descriptor. `ready` returns true when it did something and may have more to do: it is called again before
   * the loop sleeps (with all fields false but readable).
   */
  add(fd: number, interest: Interest, ready: (what: Ready) => boolean): void;
  change(fd: number, interest: Interest): void;
  remove(fd: number): void;
  /** Ask a watcher, too, until the loop is about to sleep: then it rests, and must be named again. */
  watch(watcher: Watcher): void;
  unwatch(watcher: Watcher): void;
  /** Its clock, milliseconds. */
  readonly now: () => number;
  /**
   * Whoever just sent something is likely to do so again within microseconds: do not sleep at once, look there first. `look`
   * serves what has come; false: nothing has.
   */
  expect(look: () => boolean): void;
  /** Call once after `ms`; returns the cancellation. */
  timer(ms: number, fn: () => void): () => void;
  /** Call when what the loop does now is done, before it waits: it costs less than a promise, and needs no turn of the runtime. */
  soon(fn: () => void): void;
  /** A promise is outstanding (+1) or done (-1): while any is, the runtime's event loop turns at least every millisecond. */
  pending(change: 1 | -1): void;
  /** Told of what a ready function or a timer throws: a bug; the loop goes on. */
  onError: (e: unknown) => void;
  /** Promises were settled: who waits for them goes on before the loop waits. */
  settled(): void;
  /** Serve until `stop`; at once over when `stop` was called before. */
  run(): Promise<void>;
  stop(): void;
}

/** How a FUSE file system is mounted. */
export interface FuseMountOptions {
  /** Shown as the source: the image's path. */
  readonly source: string;
  /** The type is `fuse.SUBTYPE`. */
  readonly subtype: string;
  readonly readOnly: boolean;
  readonly allowOther: boolean;
  /** noexec, nosuid, nodev, noatime, sync, dirsync … as mount(8) names them. */
  readonly flags: readonly string[];
}

/** A descriptor of /dev/fuse with a mount behind it. */
export interface FuseMount {
  readonly fd: number;
  /** Unmount; `lazy` also when busy. False: busy. Never blocks on our own serving. */
  unmount(lazy: boolean): Async<boolean>;
  /** It is not going to be served: take it away, and wait until it is gone. */
  abandon(): void;
  /** Another process unmounts when asked: this one may enter the sandbox. */
  readonly mayGiveUpRights: boolean;
}
type Async<T> = T | Promise<T>;

/** A process of our own program that may be ended at any time. */
export interface Isolated {
  readonly pid: number;
  /** To its `isolatedEnd`. */
  readonly channel: Channel;
  /** To its `isolatedDisk`. */
  readonly disk: Channel;
  /** What proc(5) tells of it, also in the sandbox. Throws HostError when it is gone. */
  status(): Uint8Array;
  /** End it, whatever it does; also in the sandbox. */
  kill(): void;
}

export interface Spawned {
  readonly pid: number;
  /** Exit status; 128 + signal when killed. */
  readonly status: Promise<number>;
  readonly stdout: Promise<string>;
  readonly stderr: Promise<string>;
}

export interface Host {
  readonly runtime: "bun" | "deno";
  readonly os: string;
  readonly pid: number;
  readonly uid: number;
  readonly gid: number;
  /** argv[0] as the user typed it (the symlink's name when started through one), then the arguments. */
  readonly argv: readonly string[];
  /** Path of our own executable and the arguments that must precede an applet's (empty when compiled). */
  readonly self: { readonly path: string; readonly args: readonly string[] };
  env(name: string): string | undefined;
  /** See conceal.ts. */
  conceal(secret: string): void;
  cwd(): string;
  chdir(path: string): void;
  /** Give memory nobody needs back to the system, as far as the runtime does not do so itself: tens of milliseconds. */
  collect(): void;
  hostname(): string;
  /** Monotonic milliseconds. */
  now(): number;
  /** Wall clock, milliseconds since 1970. */
  wall(): number;
  random(into: Uint8Array): void;
  /** Ed25519 (RFC 8032): the signature of a message by a key's 32-byte seed and public key, and whether one is right. */
  sign(key: { readonly seed: Uint8Array; readonly publicKey: Uint8Array }, message: Uint8Array): Uint8Array;
  verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean;
  readonly unpack: Unpack;
  readonly unpacking: OpenUnpacking;
  readonly pack: Pack;
  /** Whether two views, of one length, hold the same bytes. */
  same(a: Uint8Array, b: Uint8Array): boolean;
  cpus(): number;
  /** Bytes of memory this process may have, and the load averages of the machine. */
  memory(): number;
  loadavg(): readonly [number, number, number];
  /** Resident bytes of this process. */
  rss(): number;
  exit(code: number): never;
  /** Standard streams, unbuffered and whole. */
  out(text: string | Uint8Array): void;
  err(text: string): void;
  /** The system's log under a program's name; undefined: there is none. Never waits. */
  syslog(program: string): ((line: string) => void) | undefined;
  /** Everything on standard input, by pieces. `undefined`: the end. */
  input(max: number): Uint8Array | undefined;
  /** The same without waiting here. One at a time. */
  inputLater(max: number): Promise<Uint8Array | undefined>;
  isTerminal(fd: 0 | 1 | 2): boolean;
  /** Columns of the terminal on fd 1; undefined when it is none. */
  columns(): number | undefined;

  // Files
  open(
    path: string,
    how: {
      readonly write?: boolean;
      readonly create?: boolean;
      readonly truncate?: boolean;
      readonly exclusive?: boolean;
      /** Only what stands there: no link is followed, and nothing is waited for. */
      readonly plain?: boolean;
      /** The path is a directory's: a new file in it, without a name until it is linked (Linux: O_TMPFILE). */
      readonly unnamed?: boolean;
      /** Read and write it past the host's page cache (Linux: O_DIRECT); EOPNOTSUPP where that cannot be. */
      readonly direct?: boolean;
      readonly mode?: number;
    },
  ): HostFile;
  stat(path: string, follow?: boolean): HostStat;
  /** See beneath.ts. */
  held(path: string): Held;
  /** Calls on names of any bytes, for directories that are served. */
  readonly names: HostNames;
  readdir(path: string): string[];
  readlink(path: string): string;
  realpath(path: string): string;
  mkdir(path: string, mode: number): void;
  unlink(path: string): void;
  rmdir(path: string): void;
  rename(from: string, to: string): void;
  symlink(target: string, path: string): void;
  chmod(path: string, mode: number): void;
  utimes(path: string, atime: number, mtime: number): void;
  /** Everything in it; EFBIG when that is more than `most` bytes. */
  readFile(path: string, most?: number): Uint8Array;
  writeFile(path: string, data: Uint8Array | string): void;
  /** A host file, block device or partition of one as a disk: [offset, offset+length) of it. */
  disk(
    path: string,
    how: {
      readonly write: boolean;
      readonly offset?: number;
      readonly length?: number;
      /** EBUSY for a block device that is mounted or otherwise in use, also by another one who asked so. */
      readonly exclusive?: boolean;
      readonly direct?: boolean;
    },
  ): BlockDevice & { readonly file: HostFile };
  /** [offset, offset+length) of an open file as a disk, which closes it. */
  diskOn(
    file: HostFile,
    name: string,
    part: { readonly offset?: number; readonly length?: number },
  ): BlockDevice & { readonly file: HostFile };
  /** ioctl(2) on a file or directory that is opened for it; `data` goes and comes. Throws HostError. */
  ioctl(path: string, command: number, data: Uint8Array): void;
  /** User and group numbers by name; undefined: unknown. */
  userId(name: string): number | undefined;
  groupId(name: string): number | undefined;
  userName(uid: number): string | undefined;
  groupName(gid: number): string | undefined;
  /** Addresses of a name by the system's resolver, best first; none: it is unknown. Waits some seconds at most. */
  resolve(name: string): string[];
  /** The name of an address, as it is written; undefined: none is known, or not soon. */
  hostNameOf(address: string): string | undefined;

  // Processes
  spawn(
    command: string,
    args: readonly string[],
    options?: { readonly env?: Record<string, string>; readonly stdin?: string },
  ): Spawned;
  /** Run a program with our terminal, files and environment and some more; its exit status. */
  runChild(command: string, args: readonly string[], env: Record<string, string>): Promise<number>;
  /** Do nothing for a while. */
  sleep(ms: number): void;
  /**
   * Start this program again as a daemon with the same argv and RUMP_DAEMON=1, and wait for its word: `ok` ends this
   * process with 0, with lines it may print, an error text is printed and ends it with 1. In the daemon `daemon()` is the
   * function to say it with.
   */
  daemonize(): never;
  /**
   * In a daemon: report readiness (no argument) or failure to the waiting parent, once; `show` what its terminal shows before
   * that. Undefined when not one.
   */
  readonly daemon: (((error?: string, lines?: string) => void) & { show(text: string): void }) | undefined;
  /** SIGTERM, SIGINT, SIGHUP, SIGUSR1 … by name. */
  onSignal(name: string, fn: () => void): void;
  /** Told of errors nobody waits for (a plugin's timer throws, a promise is rejected), which end nothing from now on. */
  onStray(fn: (e: unknown) => void): void;
  kill(pid: number, signal: string): void;
  import(path: string): Promise<Record<string, unknown>>;

  // The loop and what lives in it
  readonly loop: Loop;
  /** Sockets in `loop`: for servers. */
  readonly loopSockets: Sockets;
  /** Sockets in the runtime's event loop: for a kernel or client inside somebody's program. */
  readonly eventSockets: Sockets;
  /** Files shared with other processes as memory, watched in `loop`; or in the runtime's event loop. */
  readonly loopSharedFile: OpenSharedFile;
  readonly eventSharedFile: OpenSharedFile;
  readonly growingFile: OpenGrowingFile;
  /** TAP devices, likewise. */
  readonly loopTap: OpenTap;
  readonly eventTap: OpenTap;
  /** UDP sockets, likewise. */
  readonly loopDatagrams: OpenDatagrams;
  readonly eventDatagrams: OpenDatagrams;
  /** Start our program with `--isolated` and these arguments, in `loop`. Throws HostError. */
  startIsolated(args: readonly string[]): Isolated;
  /** In such a process: the socket to who started it; what is sent is gone when `send` returns. */
  isolatedEnd(): Pick<Channel, "send" | "receive" | "closed">;
  /** In such a process: where the disk it may use is asked for. */
  isolatedDisk(): BlockingChannel;
  /** Start our program with these arguments; its `isolatedEnd` is the other end. It ends when that is closed. Throws HostError. */
  startApart(args: readonly string[]): BlockingChannel;
  /** Be the process that speaks TLS for a client which blocks; started by `connectBlocking` of `tls`. */
  tlsRelay(): Promise<number>;
  /** Blocking I/O on a socket, for the command-line client. */
  blocking(fd: number): BlockingChannel;

  // FFI
  pin(length: number): Pinned;
  /** read(2)/write(2) at an address: bytes, or minus the host's errno. */
  read(fd: number, address: number, length: number): number;
  write(fd: number, address: number, length: number): number;
  /** writev(2): `iov` is the address of struct iovec[count]. */
  writev(fd: number, iov: number, count: number): number;
  /** The address of a view's first byte; valid while the view lives (both engines keep large buffers in place). */
  addressOf(bytes: Uint8Array): number;
  /** Mount FUSE at `dir`: mount(2) as root, fusermount3 otherwise. Throws HostError with one line. */
  fuseMount(dir: string, options: FuseMountOptions): Promise<FuseMount>;
  /** This thread, and what it starts, are stopped at what a seccomp filter says; the listener's descriptor. Throws HostError. */
  seccompListener(program: Uint8Array): number;
  /** The programs a listener's filter stops. */
  notifier(listener: number): Notifier;
  /** Pairs of sockets that stand in for others. */
  standIns(): StandIns;
  /** An end of such a pair, in the loop; it stays the caller's to close. */
  socketEnd(fd: number): SocketEnd;
  /** The machine by node's name of it. */
  readonly machine: string;
  /**
   * Give up, for good, what serving a mount does not need: user, new privileges, files, sockets, processes. `log`: the
   * kernel's audit log tells what is refused from then on. The result is what could not be given up. Throws HostError.
   */
  sandbox(how: { readonly log: boolean }): readonly string[];
  /** Starting somebody else's program in our place. */
  launch(): Promise<Launch>;
}
