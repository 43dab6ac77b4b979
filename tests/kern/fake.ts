/** A kernel on a fake machine: fixed clock, seeded random, timers that run when told to. */
import { host } from "../../src/host/mod.ts";
import { errno } from "../../src/abi/errno.ts";
import { bootKernel, type BootOptions, type Hypercalls, type Kernel } from "../../src/kern/kernel.ts";
import { Lwp } from "../../src/kern/proc.ts";
import type { BlockDevice, Sockets } from "../../src/plugin.ts";

export interface FakeHost extends Hypercalls {
  /** Milliseconds since 1970. */
  clock: number;
  /** Let time pass: due timers run in order. */
  pass(ms: number): void;
  /** Modules `import` finds, by path. */
  readonly modules: Map<string, Record<string, unknown>>;
}

const no = () => Promise.reject(errno.EPROTONOSUPPORT);
const noSockets: Sockets = {
  tls: {
    listen: no,
    connect: no,
    connectBlocking() {
      throw errno.EPROTONOSUPPORT;
    },
  },
  listen() {
    throw errno.EPROTONOSUPPORT;
  },
  connect() {
    throw errno.EPROTONOSUPPORT;
  },
  connectBlocking() {
    throw errno.EPROTONOSUPPORT;
  },
};

/** A host whose clock stands still until `pass`. */
export function fakeHost(): FakeHost {
  const timers = new Set<{ readonly at: number; readonly fn: () => void }>();
  const modules = new Map<string, Record<string, unknown>>();
  let seed = 1;
  return {
    clock: Date.UTC(2026, 10, 23, 8, 5),
    os: "linux",
    modules,
    hostname: () => "fake",
    cpus: () => 2,
    memory: () => 2 ** 33,
    loadavg: () => [0.5, 0.25, 0.125],
    sockets: noSockets,
    sharedFile: host.eventSharedFile,
    growingFile: host.growingFile,
    file: (path) => host.readFile(path),
    tap: host.eventTap,
    datagrams: host.eventDatagrams,
    now() {
      return this.clock;
    },
    wall() {
      return this.clock;
    },
    random(into) {
      for (let i = 0; i < into.length; i++) into[i] = (seed = (seed * 1103515245 + 12345) & 0x7fffffff) >>> 16;
    },
    verify: host.verify,
    unpack: host.unpack,
    unpacking: host.unpacking,
    pack: host.pack,
    timer(ms, fn) {
      const timer = { at: this.clock + ms, fn };
      timers.add(timer);
      return () => timers.delete(timer);
    },
    soon: (fn) => queueMicrotask(fn),
    pass(ms) {
      this.clock += ms;
      for (const timer of [...timers].sort((a, b) => a.at - b.at)) {
        if (timer.at <= this.clock && timers.delete(timer)) timer.fn();
      }
    },
    import(path) {
      const module = modules.get(path);
      return module ? Promise.resolve(module) : Promise.reject(new Error(`${path}: no such file or directory`));
    },
  };
}

/** A booted kernel, its first client's lwp and calls. */
export async function fakeKernel(options: BootOptions = {}): Promise<{
  readonly host: FakeHost;
  readonly kernel: Kernel;
  readonly lwp: Lwp;
  readonly sys: ReturnType<Kernel["calls"]>;
}> {
  const host = fakeHost();
  const kernel = await bootKernel(host, options);
  const lwp = new Lwp(kernel.fork("test"));
  return { host, kernel, lwp, sys: kernel.dispatcher.bind(lwp) };
}

/** A disk in memory that counts transfers; `slow` answers by promises, `fail` makes transfers throw EIO. */
export function memoryDisk(size: number, how: { slow?: boolean } = {}): BlockDevice & {
  readonly bytes: Uint8Array;
  reads: number;
  writes: number;
  fail: boolean;
} {
  const bytes = new Uint8Array(size);
  const answer = () => (how.slow ? Promise.resolve() : undefined);
  return {
    name: "memory",
    blockSize: 512,
    size,
    bytes,
    reads: 0,
    writes: 0,
    fail: false,
    read(into, offset) {
      this.reads++;
      if (this.fail || offset + into.length > size) throw errno.EIO;
      into.set(bytes.subarray(offset, offset + into.length));
      return answer();
    },
    write(from, offset) {
      this.writes++;
      if (this.fail || offset + from.length > size) throw errno.EIO;
      bytes.set(from, offset);
      return answer();
    },
  };
}
