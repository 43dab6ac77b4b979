/**
 * rump as a library: `boot` makes a kernel in this process (rump(3)), `connect` attaches to one elsewhere (rumpclient(3)).
 *
 * ```ts
 * import { boot, connect } from "rump";
 * const kernel = await boot({ components: ["rumpfs_tmpfs"] });
 * const fd = await kernel.sys.open({ path: "/tmp/x", flags: 0x202, mode: 0o644 });
 * ```
 */
import { errno, type ErrnoName, SysError } from "./abi/errno.ts";
import spTcp from "../plugins/sp_tcp/mod.ts";
import spTls from "../plugins/sp_tls/mod.ts";
import spUnix from "../plugins/sp_unix/mod.ts";
import { builtins } from "../plugins/mod.ts";
import type { BlockDevice, Plugin, Security, Sockets, Sys } from "./plugin.ts";
import type { Host } from "./host/host.ts";
import { host } from "./host/mod.ts";
import { bootKernel, type BootOptions, type Hypercalls, Kernel } from "./kern/kernel.ts";
import { type Calls } from "./kern/dispatch.ts";
import type { Cred, Proc } from "./kern/proc.ts";
import { identityIn } from "./proxy/attach.ts";
import type { AsyncBatch, BatchCalls, Later } from "./proxy/batch.ts";
import {
  type AsyncClient,
  blockingClient,
  type ClientOptions,
  pipelinedClient,
  type SyncClient,
} from "./proxy/client.ts";
import { parseLocator, reachable } from "./proxy/locator.ts";
import { callsOf, persistentAsync, type Retry } from "./proxy/reconnect.ts";
import { SpServer } from "./proxy/server.ts";
import { version } from "./version.ts";
import { hostfs } from "./vfs/hostfs.ts";
import { vfsOf } from "./vfs/vfs.ts";

export { errno, SysError };
export type { AsyncBatch, AsyncClient, BatchCalls, Calls, Cred, Later, Proc, Retry, SyncClient };

/** The machine as a kernel sees it, with timers and sockets of the loop it will live in. */
export function hypercalls(h: Host, timer: Hypercalls["timer"], sockets: Sockets): Hypercalls {
  const start = directory(h);
  const events = sockets === h.eventSockets;
  const whole = (path: string) => (path.startsWith("/") ? path : `${start}/${path}`);
  const open = events ? h.eventSharedFile : h.loopSharedFile;
  return {
    ...(events ? {} : { pending: (change: 1 | -1) => h.loop.pending(change) }),
    soon: events ? (fn) => queueMicrotask(fn) : (fn) => h.loop.soon(fn),
    os: h.os,
    hostname: () => h.hostname(),
    cpus: () => h.cpus(),
    memory: () => h.memory(),
    loadavg: () => h.loadavg(),
    now: () => h.now(),
    wall: () => h.wall(),
    random: (into) => h.random(into),
    verify: (key, message, signature) => h.verify(key, message, signature),
    unpack: h.unpack,
    unpacking: h.unpacking,
    pack: h.pack,
    timer,
    sockets,
    sharedFile: (path, size) => open(whole(path), size),
    growingFile: (path) => h.growingFile(whole(path)),
    file: (path) => smallFile(h, whole(path)),
    tap: events ? h.eventTap : h.loopTap,
    datagrams: events ? h.eventDatagrams : h.loopDatagrams,
    import: (path) => h.import(path),
  };
}
/** Bytes a file may have that is read whole. */
const SMALL = 16 << 20;
function smallFile(h: Host, path: string): Uint8Array {
  try {
    return h.readFile(path, SMALL);
  } catch (e) {
    throw e instanceof SysError ? e : errno[(e as { code?: string }).code as ErrnoName] ?? errno.EIO;
  }
}
/** Where the program was started, while it is there: a server goes elsewhere. */
function directory(h: Host): string {
  try {
    return h.cwd();
  } catch {
    return "";
  }
}
/** Timers of the runtime; they do not keep a program alive. */
function eventTimer(ms: number, fn: () => void): () => void {
  const timer = setTimeout(fn, ms) as unknown as number | { unref?(): void };
  if (typeof timer === "object") timer.unref?.();
  else (globalThis as { Deno?: { unrefTimer(t: number): void } }).Deno?.unrefTimer(timer);
  return () => clearTimeout(timer as never);
}

/** A kernel in this process. */
export interface Rump {
  /** System calls of the first process, as functions: a value where it is at hand, else a promise. Throws SysError. */
  readonly sys: Calls;
  readonly kernel: Kernel;
  /** Another process, with descriptors, directories and credentials of its own. */
  fork(comm: string, cred?: Cred): { readonly proc: Proc; readonly sys: Calls };
  /** Register a plugin of your own. */
  use(plugin: Plugin): Promise<void>;
  /** Lend a disk to the kernel under a name in /dev. */
  disk(key: string, device: BlockDevice): Promise<void>;
  /**
   * Lend a directory of the host and all below it, with its permissions, under a name (rump_pub_etfs_register,
   * RUMP_ETFS_DIR_SUBDIRS): no link leads out of it, and it stays this one whatever becomes of `path`.
   */
  directory(key: string, path: string, how?: { readonly readOnly?: boolean }): Promise<void>;
  /** Serve remote clients at a locator until `halt`; over tls:// with a certificate and its key. The locator for clients: port 0 is any free one. */
  listen(locator: string, security?: Security): Promise<string>;
  /** Unmount, sync and end. */
  halt(): Promise<void>;
}

/** Boot a kernel. Without options: file systems (rumpfs as root, tmpfs, msdos), nothing mounted, and local sockets. */
export async function boot(options: BootOptions = {}): Promise<Rump> {
  const components = ["rumpvfs", "rumpfs_tmpfs", "rumpfs_msdos", "rumpnet"];
  const kernel = await bootKernel(hypercalls(host, eventTimer, host.eventSockets), {
    builtins,
    components,
    ...options,
  });
  const fork = (comm: string, cred?: Cred) => {
    const proc = kernel.fork(comm, cred);
    return { proc, sys: kernel.calls(proc) };
  };
  const server = new SpServer(kernel, { version: `rump-${version}`, policy: { uid: host.uid } });
  kernel.atHalt(() => server.close());
  return {
    sys: fork("rump").sys,
    kernel,
    fork,
    use: async (plugin) => await kernel.use(plugin),
    disk: (key, device) => vfsOf(kernel).etfsDisk(key, device),
    directory: async (key, path, how = {}) => await vfsOf(kernel).etfsVolume(key, hostfs(host, path, how), path, "dir"),
    async listen(locator, security) {
      const located = parseLocator(locator, "server", findTransport);
      return reachable(locator, located, await server.listen(located, security));
    },
    halt: () => kernel.halt(),
  };
}

const findTransport = (name: string) => [spUnix, spTcp, spTls].find((t) => t.name === name);

/** How a client of a program is attached. */
export interface ConnectOptions {
  /** The file of an Ed25519 key (ssh-keygen's, without a passphrase) to prove. */
  readonly key?: string;
  /** Attach again when the server is gone, and make the calls under way once more: for so many seconds, once, for ever. */
  readonly retry?: Retry;
  /** What `prefork()` of another client gave: this one begins as its copy. */
  readonly fork?: Uint8Array;
  /** Whom to believe over tls://; left out: the system's authorities. */
  readonly trust?: Pick<Security, "ca" | "fingerprint">;
}

const clientOptions = (key?: string, fork?: Uint8Array): ClientOptions => ({
  ...(key ? { identity: identityIn(host, key) } : {}),
  ...(fork ? { fork } : {}),
});

/**
 * Attach with calls that block until they are answered: for scripts and many small calls. On the same machine they go through
 * shared memory, an order of magnitude faster than `connect` (RUMP_RING=0: they do not); over tls:// a process of its own
 * speaks for us, which a program that is compiled into one file cannot start. Throws where `connect` rejects. The server
 * must be another process.
 */
export function connectSync(
  locator: string,
  comm = "rump",
  options: Omit<ConnectOptions, "retry"> = {},
): SyncClient {
  const { transport, address } = parseLocator(locator, "client", findTransport);
  const { loopSockets: sockets } = host;
  const trust = options.trust ?? {};
  const channel = transport.connectBlocking?.({ sockets } as Sys, address, trust) ?? sockets.connectBlocking(address);
  const ring = host.env("RUMP_RING") === "0" ? {} : { ringAfter: 0 };
  const speaksUp = transport.name === "tcp";
  return blockingClient(channel, comm, { ...clientOptions(options.key, options.fork), ...ring, speaksUp });
}

/** Attach to a server: the same calls, each a promise, as many under way as one likes. */
export async function connect(locator: string, comm = "rump", options: ConnectOptions = {}): Promise<AsyncClient> {
  const { transport, address } = parseLocator(locator, "client", findTransport);
  const sys = { sockets: host.eventSockets } as Sys;
  const attach = async (fork?: Uint8Array) => {
    const channel = await (transport.connect?.(sys, address, options.trust ?? {}) ?? sys.sockets.connect(address));
    return await pipelinedClient(channel, comm, clientOptions(options.key, fork));
  };
  const client = await attach(options.fork);
  return options.retry === undefined ? client : persistent(client, attach, options.retry);
}
function persistent(first: AsyncClient, attach: () => Promise<AsyncClient>, retry: Retry): AsyncClient {
  let client = first;
  let closed = () => {};
  let over = false;
  const world = {
    now: () => host.now(),
    say: (line: string) => host.err(`${line}\n`),
    exit: (n: number) => host.exit(n),
    over: () => over,
    delay: (ms: number) => new Promise<void>((resolve) => void setTimeout(resolve, ms)),
  };
  const again = async () => callsOf(client = await attach());
  const sys = persistentAsync(callsOf(first), again, retry, world) as unknown as
    & AsyncClient["sys"]
    & Pick<AsyncClient, "batch">;
  const close = () => {
    over = true;
    client.close();
    closed();
  };
  return {
    sys,
    batch: sys.batch,
    until: (signal) => client.until(signal),
    prefork: () => client.prefork(),
    exec: (name) => client.exec(name),
    splice: (fd, descriptor) => client.splice(fd, descriptor),
    spliced: () => client.spliced(),
    serve: (seen, descriptor) => client.serve(seen, descriptor),
    close,
    closed: new Promise((resolve) => (closed = resolve)),
  };
}
