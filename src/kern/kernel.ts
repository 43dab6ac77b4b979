/** A rump kernel: everything wired together (NetBSD: rump.c rump_init). No globals: a process may have many. */
import { errno } from "../abi/errno.ts";
import type {
  Async,
  BlockDevice,
  BufferOptions,
  Buffers,
  KernelServices,
  KernelView,
  NetDevice,
  OpenDatagrams,
  OpenGrowingFile,
  OpenPort,
  OpenSharedFile,
  OpenTap,
  OpenTunnel,
  OpenUnpacking,
  Pack,
  Plugin,
  ProcessView,
  Sockets,
  Sys,
  SysctlNode,
  Unpack,
  Volume,
} from "../plugin.ts";
import { pathVolume } from "../lib/path_volume.ts";
import { BufferCache } from "./buffers.ts";
import { type Calls, Dispatcher } from "./dispatch.ts";
import { parseOptions } from "./driver_options.ts";
import { Ktrace } from "./ktrace.ts";
import { Log } from "./log.ts";
import { KernelMemory } from "./memory.ts";
import { type Builtins, pluginOf, Registry } from "./plugins.ts";
import { type Cred, Lwp, type Proc, ProcTable, root } from "./proc.ts";
import { Sysctl } from "./sysctl.ts";
import { baseSyscalls } from "./syscalls.ts";
import { baseSysctls } from "./sysctl_kern.ts";
import { kernelView } from "./view.ts";

/** What a kernel needs of the machine: the part of `Host` it uses, so that tests can give a fake. */
export interface Hypercalls {
  readonly os: string;
  hostname(): string;
  cpus(): number;
  /** Bytes of memory this process may have. */
  memory(): number;
  /** Programs that ran or waited to, on the average of 1, 5 and 15 minutes. */
  loadavg(): readonly [number, number, number];
  now(): number;
  wall(): number;
  random(into: Uint8Array): void;
  /** Whether `signature` is that of `message` by an Ed25519 public key. */
  verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean;
  readonly unpack: Unpack;
  readonly unpacking: OpenUnpacking;
  readonly pack: Pack;
  /** Call once after `ms`; returns the cancellation. */
  timer(ms: number, fn: () => void): () => void;
  readonly sockets: Sockets;
  readonly sharedFile: OpenSharedFile;
  readonly growingFile: OpenGrowingFile;
  /** A small file, whole. Throws errno. */
  file(path: string): Uint8Array;
  readonly tap: OpenTap;
  readonly datagrams: OpenDatagrams;
  /** A promise is outstanding (+1) or done (-1): a loop of our own must let the runtime turn. Left out: the runtime's loop. */
  pending?(change: 1 | -1): void;
  /** Call when what is done now is done. */
  soon(fn: () => void): void;
  /** Load a plugin's module by path. */
  import(path: string): Promise<Record<string, unknown>>;
}

export interface BootOptions {
  /** Built-in components by NetBSD's names. */
  readonly builtins?: Builtins;
  /** Components to load at boot: names of built-in ones, or paths of plugin files. */
  readonly components?: readonly string[];
  /** Memory for cached disk blocks, bytes. */
  readonly bufferMemory?: number;
  readonly ncpu?: number;
  readonly hostname?: string;
}

export class Kernel implements KernelServices {
  readonly dispatcher = new Dispatcher();
  readonly registry = new Registry();
  readonly tree = new Sysctl();
  readonly procs = new ProcTable();
  readonly log = new Log();
  readonly ktrace: Ktrace;
  readonly buffers: BufferCache;
  readonly memory: KernelMemory;
  /** Milliseconds since 1970 when it came up. */
  readonly booted: number;
  readonly sys: Sys;
  readonly host: Hypercalls;
  readonly options: BootOptions;
  /** Components loaded so far, in order. */
  readonly loaded = new Set<string>();
  /** The kernel's own process. */
  readonly proc1: Proc;
  /** Services of factions for those that know them: `vfs`, `net` (set at their setup). */
  readonly faction = new Map<string, unknown>();
  /** Called when reboot(2) has halted the kernel: the server ends then. */
  onHalt: () => void = () => {};
  /** Somebody's error that nobody waits for: logged, and nothing ends for it. */
  readonly stray: (e: unknown) => void;
  /** Set by who has mounts. */
  volumeChanged: (volume: Volume, node?: unknown, name?: string) => void = () => {};
  /** Set by who has mounts. */
  lend: Sys["lend"] = () => {
    throw errno.ENOSYS;
  };
  /** Set by who has mounts: those there are, and where a process stands. */
  mountsNow: KernelView["mounts"] = () => [];
  placesOf: (proc: Proc) => Pick<ProcessView, "cwd" | "root"> = () => ({ cwd: undefined, root: undefined });
  /** Set by who has interfaces. */
  openPort: OpenPort = () => {
    throw errno.ENXIO;
  };
  /** Set by who has an Internet. */
  openTunnel: OpenTunnel = () => {
    throw errno.EAFNOSUPPORT;
  };
  /** Who asked for it by reboot(2). */
  haltedBy: Proc | undefined;
  readonly #atHalt: (() => Async<void>)[] = [];
  readonly #atFork: ((proc: Proc, parent?: Proc) => void)[] = [];
  #halted: Promise<void> | undefined;

  constructor(host: Hypercalls, options: BootOptions = {}) {
    this.host = host;
    this.options = options;
    this.buffers = new BufferCache(options.bufferMemory ?? 64 << 20);
    this.booted = host.wall();
    // As Linux has it for its tmpfs: half of what there is.
    this.memory = new KernelMemory(Math.floor(host.memory() / 2));
    this.sys = {
      errno,
      now: () => host.wall(),
      random: (into) => host.random(into),
      log: this.log.write,
      pathVolume: (driver) => pathVolume(errno, driver),
      changed: (volume, node, name) => this.volumeChanged(volume as Volume, node, name),
      lend: (path) => this.lend(path),
      kernel: kernelView(this),
      memory: this.memory,
      callout: (ms, fn) => host.timer(ms, fn),
      unpack: host.unpack,
      unpacking: host.unpacking,
      pack: host.pack,
      buffers: (device: BlockDevice, o: BufferOptions): Buffers => this.buffers.attach(device, o),
      sockets: host.sockets,
      sharedFile: host.sharedFile,
      growingFile: host.growingFile,
      file: (path) => host.file(path),
      tap: host.tap,
      datagrams: host.datagrams,
      netDevice: (name, unit) => this.#netDevice(name, unit),
      port: (name, user) => this.openPort(name, user),
      tunnel: (local, remote, input) => this.openTunnel(local, remote, input),
    };
    this.stray = (e) => this.log.write(`bug: ${e instanceof Error ? e.stack ?? e.message : e}`);
    this.dispatcher.bug = (name, e) =>
      this.log.write(`bug in ${name}: ${e instanceof Error ? e.stack ?? e.message : e}`);
    this.proc1 = this.procs.create("rump_server", root);
    this.proc1.started = this.booted;
    this.ktrace = new Ktrace(this);
    this.establish(baseSyscalls(this));
    this.sysctl(baseSysctls(this));
  }

  establish(handlers: Parameters<KernelServices["establish"]>[0]): void {
    this.dispatcher.establish(handlers as never);
  }
  sysctl(nodes: Readonly<Record<string, SysctlNode>>): void {
    this.tree.add(nodes);
  }
  #netDevice(name: string, unit: number): Async<NetDevice> {
    const driver = this.registry.ofKind("net").find((d) => d.name === name);
    if (!driver) throw errno.ENXIO;
    return driver.create(this.sys, unit, parseOptions(driver.options, {}));
  }
  atHalt(fn: () => Async<void>): void {
    this.#atHalt.push(fn);
  }
  use(plugin: Plugin): Async<void> {
    this.registry.add(plugin);
    if (plugin.kind === "component") return plugin.setup(this);
    return undefined;
  }

  /** Load a component: a built-in name (`rumpfs_msdos`, also `msdos`), or the path of a plugin's module. Twice is once. */
  async load(name: string): Promise<void> {
    const builtin = this.#builtin(name);
    if (builtin) return await this.#loadBuiltin(builtin);
    if (!/[/.]/.test(name)) throw new Error(`${name}: no such component${this.#others()}`);
    if (this.loaded.has(name)) return;
    const plugin = pluginOf(name, await this.host.import(name));
    if (plugin.kind === "fs") await this.load("rumpvfs");
    await this.use(plugin);
    this.loaded.add(name);
  }
  /** Whether a name is that of a built-in component. */
  isBuiltin(name: string): boolean {
    return this.#builtin(name) !== undefined;
  }
  /** For who named none of them: the components a command line can name; transports are chosen by the locator. */
  #others(): string {
    const names = Object.keys(this.options.builtins ?? {}).filter((n) => !n.startsWith("sp_"));
    return names.length === 0 ? "" : `; there are ${names.join(", ")}`;
  }
  #builtin(name: string): string | undefined {
    const known = this.options.builtins ?? {};
    const bare = name.replace(/^lib/, "").replace(/\.so$/, "");
    return [bare, `rumpfs_${bare}`, `rumpnet_${bare}`, `rumpdev_${bare}`, `rump${bare}`].find((n) =>
      Object.hasOwn(known, n)
    );
  }
  async #loadBuiltin(name: string): Promise<void> {
    if (this.loaded.has(name)) return;
    this.loaded.add(name);
    const { requires = [], load } = this.options.builtins![name]!;
    for (const needed of requires) await this.#loadBuiltin(needed);
    await this.use((await load()).default);
  }

  /** A new process: a client has come; or, of a parent, one with its files, directories and rights. */
  fork(comm: string, cred: Cred = root, parent?: Proc): Proc {
    const proc = this.procs.create(comm, cred, parent);
    proc.started = this.host.wall();
    for (const fn of this.#atFork) fn(proc, parent);
    return proc;
  }
  /** Called for every new process, and now for those there are. */
  atFork(fn: (proc: Proc, parent?: Proc) => void): void {
    this.#atFork.push(fn);
    for (const proc of this.procs) if (proc !== this.proc1) fn(proc);
  }
  /** System calls as functions of a process. */
  calls(proc: Proc): Calls {
    return this.dispatcher.bind(new Lwp(proc));
  }

  /** Unmount, sync, close: once; later calls wait for the first. The first error is the one thrown, after all was tried. */
  halt(): Promise<void> {
    return (this.#halted ??= this.outstanding(this.#halt()));
  }
  /** Something that goes on by itself: the loop is told as long as it does; of an lwp's call, as long as that one is awake. */
  outstanding<T>(work: Promise<T>, lwp?: Lwp): Promise<T> {
    const tell = (change: 1 | -1) => this.host.pending?.(change);
    if (lwp) lwp.counted(tell);
    else tell(1);
    return work.finally(() => lwp ? lwp.uncounted() : tell(-1));
  }
  async #halt(): Promise<void> {
    this.log.write("rump kernel halting...");
    let failure: unknown;
    for (const fn of this.#atHalt.reverse()) {
      try {
        await fn();
      } catch (e) {
        failure ??= e;
        this.log.write(`halt: ${e instanceof Error ? e.message : e}`);
      }
    }
    this.log.write("halted");
    this.onHalt();
    if (failure) throw failure;
  }
}

/** Make a kernel and load its components. */
export async function bootKernel(host: Hypercalls, options: BootOptions = {}): Promise<Kernel> {
  const kernel = new Kernel(host, options);
  for (const name of options.components ?? []) await kernel.load(name);
  return kernel;
}
