/** The server's side of rump_sp: listening, limits, who may come in, processes that wait for their client (NetBSD: rumpuser_sp.c). */
import type { Kernel } from "../kern/kernel.ts";
import type { Proc } from "../kern/proc.ts";
import { Quiet } from "../kern/quiet.ts";
import type { Channel, Listener, Security } from "../plugin.ts";
import { entrance, type Policy } from "./admission.ts";
import { Connection } from "./connection.ts";
import type { Located } from "./locator.ts";
import { NONCE } from "./proof.ts";
import type { ServeMount } from "./served_mounts.ts";
import { spSysctls } from "./sysctl_sp.ts";
import { COOKIE } from "./sysproxy.ts";

export interface Limits {
  /** Connections at once. */
  readonly maxClients: number;
  /** Calls of one client that may be waiting; more are not taken until some have ended. */
  readonly maxCalls: number;
  /** Bytes of memory the waiting calls of one client may hold, beyond which no more of its calls are taken. */
  readonly maxBytes: number;
  /** Milliseconds a client may take to say hello, and a forked child to come. */
  readonly helloMs: number;
  /** Children of one server that may be waited for. */
  readonly maxForks: number;
  /** Clients that may have a ring in shared memory (ring.ts). */
  readonly maxRings: number;
  /** Sockets spliced with programs' (splices.ts). */
  readonly maxSplices: number;
  /** Mounts of the host's that are served (served_mounts.ts). */
  readonly maxMounts: number;
}
const LIMITS: Limits = {
  maxClients: 10_000,
  maxCalls: 1024,
  maxBytes: 16 << 20,
  helloMs: 10_000,
  maxForks: 256,
  maxRings: 64,
  maxSplices: 4096,
  maxMounts: 256,
};

export interface ServeOptions extends Partial<Limits> {
  /** Name and version for the banner: `rump-0.1.0`. */
  readonly version: string;
  readonly policy?: Policy;
  /** The process ends when the kernel has halted: who asked for that is hung up on by that, when everything is written. */
  readonly lingers?: boolean;
  /** Gives memory nobody needs back to the system; called when it has become quiet. */
  readonly collect?: () => void;
  /** Serves mounts of the host's; left out: none. */
  readonly mounts?: ServeMount;
}
/** Out-arguments of calls that end at once share memory of this size. */
const SCRATCH = 1 << 20;

/** What all connections of a server share, and its counters. */
export class SpServer {
  readonly kernel: Kernel;
  readonly options: ServeOptions;
  readonly limits: { -readonly [K in keyof Limits]: Limits[K] };
  /** The line every client is sent first. */
  readonly banner: Uint8Array;
  /** Its name for as long as it runs: proofs of keys are for it alone. */
  readonly name = new Uint8Array(NONCE);
  readonly clients = new Set<Connection>();
  readonly splices = new Set<{ close(): void }>();
  readonly mounts = new Set<{ close(): void }>();
  /** Connections accepted, requests that came (a batch is one), calls made. */
  accepted = 0;
  requests = 0;
  calls = 0;
  /** Bytes of memory waiting calls hold. */
  held = 0;
  /** Rings there are, and calls that came through rings. */
  rings = 0;
  ringCalls = 0;
  /** Clients sent away. */
  refused = 0;
  readonly quiet: Quiet | undefined;
  #scratch = new Uint8Array(SCRATCH);
  #listeners: Listener[] = [];
  /** Forked processes by cookie. */
  readonly #forks = new Map<string, { readonly child: Proc; readonly cancel: () => void }>();

  constructor(kernel: Kernel, options: ServeOptions) {
    this.kernel = kernel;
    this.options = options;
    const { maxClients, maxCalls, maxBytes, helloMs, maxForks, maxRings, maxSplices, maxMounts } = {
      ...LIMITS,
      ...options,
    };
    this.limits = { maxClients, maxCalls, maxBytes, helloMs, maxForks, maxRings, maxSplices, maxMounts };
    if (options.collect) this.quiet = new Quiet(kernel.sys.callout, options.collect);
    kernel.sysctl(spSysctls(this));
    kernel.sys.random(this.name);
    this.banner = new TextEncoder().encode(`RUMPSP-0.4-${options.version}/amd64\n`);
  }
  /** Listen at a locator's address; its port, where it has one. Throws errno, and of an encrypted transport Errors about its certificate. */
  async listen({ transport, address }: Located, security: Security = {}): Promise<number | undefined> {
    const { sys } = this.kernel;
    const accept = (channel: Channel) => this.#accept(channel, "path" in address);
    const listener = await (transport.listen?.(sys, address, accept, security) ?? sys.sockets.listen(address, accept));
    this.#listeners.push(listener);
    return listener.port;
  }
  #accept(channel: Channel, unix: boolean): void {
    const { policy = {} } = this.options;
    const full = this.clients.size >= this.limits.maxClients;
    this.accepted++;
    this.clients.add(
      new Connection(
        this,
        channel,
        full ? { refused: "too many clients", final: true } : entrance(policy, unix, channel.credentials),
      ),
    );
  }
  /** A process is not needed any more. */
  exit(proc: Proc): void {
    const { kernel } = this;
    const done = kernel.procs.exit(proc);
    if (!(done instanceof Promise)) return;
    kernel.outstanding(done).catch((e) => kernel.log.write(`exit of pid ${proc.pid}: ${e}`));
  }
  /** Fork a process; whoever comes with the cookie in time is its client. Undefined: too many are waited for. */
  prefork(parent: Proc): Uint8Array | undefined {
    if (this.#forks.size >= this.limits.maxForks) return undefined;
    const cookie = new Uint8Array(COOKIE);
    this.kernel.sys.random(cookie);
    const child = this.kernel.fork(parent.comm, parent.cred, parent);
    const cancel = this.kernel.sys.callout(this.limits.helloMs, () => {
      this.claim(cookie);
      this.exit(child);
    });
    this.#forks.set(String(cookie), { child, cancel });
    return cookie;
  }
  /** The process a cookie stands for, once. */
  claim(cookie: Uint8Array): Proc | undefined {
    const fork = this.#forks.get(String(cookie));
    this.#forks.delete(String(cookie));
    fork?.cancel();
    return fork?.child;
  }
  /** Stop listening and end all connections. */
  close(): void {
    for (const listener of this.#listeners.splice(0)) listener.close();
    const { haltedBy } = this.kernel;
    for (const client of [...this.clients]) {
      if (this.options.lingers && haltedBy && client.proc === haltedBy) client.linger();
      else client.close();
    }
    for (const each of [...this.splices, ...this.mounts]) each.close();
    for (const { child, cancel } of this.#forks.values()) {
      cancel();
      this.exit(child);
    }
    this.#forks.clear();
  }
  /** Zeroed memory for out-arguments; one call at a time uses it. */
  readonly allocate = (n: number): Uint8Array => {
    this.#lent += n;
    if (n > SCRATCH - this.#top) return new Uint8Array(n);
    const memory = this.#scratch.subarray(this.#top, this.#top + n).fill(0);
    this.#top += n;
    return memory;
  };
  /** Bytes the call under way was given; where the scratch memory's free part begins, and began before that call. */
  #lent = 0;
  #top = 0;
  #kept = 0;
  /** The call under way has ended (its memory can be used again) or waits (it keeps its memory); bytes it was given. */
  settle(waits: boolean): number {
    const lent = this.#lent;
    this.#lent = 0;
    if (waits) this.#kept = this.#top;
    else this.#top = this.#kept;
    if (this.#kept > SCRATCH / 2) {
      this.#scratch = new Uint8Array(SCRATCH);
      this.#kept = this.#top = 0;
    }
    return lent;
  }
}
