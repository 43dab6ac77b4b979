/** One client's connection: the banner, which wire it speaks, its process, and back-pressure (NetBSD: rumpuser_sp.c). */
import { errno, type SysError } from "../abi/errno.ts";
import { standardFiles } from "./console.ts";
import type { Kernel } from "../kern/kernel.ts";
import { Lwp, type Proc } from "../kern/proc.ts";
import { then } from "../lib/async.ts";
import type { Async, Channel } from "../plugin.ts";
import { CborWire } from "./wire_cbor.ts";
import { MAGIC } from "./frame.ts";
import type { Entrance } from "./admission.ts";
import { credOf, type Grant, guardOf } from "./grants.ts";
import type { SpServer } from "./server.ts";
import { SysproxyWire } from "./wire_sysproxy.ts";

/** How a client's bytes become calls, and their outcomes bytes. */
export interface Wire {
  readonly name: string;
  /** What arrived; lent, unless it returns true: then it is used on. */
  receive(bytes: Uint8Array): boolean | void;
  /** There is room again: go on with what was left. */
  resume(): void;
  /** Tell the client why it is sent away; nothing follows. */
  farewell(why: string, error: SysError): void;
  /** The connection has ended. */
  ended?(): void;
}

/** Bytes the waiting calls of all clients may hold; beyond that each client has one. */
const ALL_CALLS = 512 << 20;
/** Longest name of a program. */
export const MAX_COMM = 64;

/** See the head of this file. */
export class Connection {
  readonly server: SpServer;
  readonly kernel: Kernel;
  readonly channel: Channel;
  /** How this client may come in without a key. */
  readonly entrance: Entrance;
  /** Its process, once it has said who it is. */
  proc: Proc | undefined;
  ended = false;
  /** An exec is under way: it waits for the other calls. */
  inExec = false;
  /** Names of calls that wait for something. */
  readonly pending: string[] = [];
  #held = 0;
  /** Calls made. */
  calls = 0;
  /** When it came, by the monotonic clock. */
  readonly since: number;
  #lwp: Lwp | undefined;
  #wire: Wire | undefined;
  #first: number[] = [];
  #blocked = false;
  #welcoming = false;
  readonly #idle: (() => void)[] = [];
  readonly #cancelTimer: () => void;

  constructor(server: SpServer, channel: Channel, entrance: Entrance) {
    this.server = server;
    this.kernel = server.kernel;
    this.channel = channel;
    this.since = this.kernel.host.now();
    this.entrance = entrance;
    channel.receive((bytes) => this.#receive(bytes));
    channel.closed(() => this.#end());
    channel.drained(() => this.#flow());
    this.#cancelTimer = this.kernel.sys.callout(server.limits.helloMs, () => this.close());
    // In one segment, and nothing after it: NetBSD's client reads it with one read(2).
    channel.send(server.banner);
  }
  close(): void {
    this.channel.close();
    this.#end();
  }
  /** Its calls end, but it hangs up only with this process: the client sees that all is done. */
  linger(): void {
    this.channel.pause(true);
    this.#end();
  }
  /** The program becomes another one: its other calls end first, then its close-on-exec descriptors go. */
  exec(comm: string): Async<void> {
    const proc = this.proc!;
    this.inExec = true;
    proc.drain();
    const drained = then(this.idle(), () => proc.files.closeOnExec());
    const done = then(drained, () => {
      proc.comm = comm;
      proc.draining = false;
      this.inExec = false;
    });
    if (done instanceof Promise) void this.kernel.outstanding(done);
    return done;
  }
  #end(): void {
    if (this.ended) return;
    this.ended = true;
    this.#cancelTimer();
    this.server.clients.delete(this);
    this.#wire?.ended?.();
    if (this.proc) this.server.exit(this.proc);
  }

  #receive(bytes: Uint8Array): boolean | void {
    if (this.#wire) return this.#wire.receive(bytes);
    // The first bytes choose the wire: what goes on as MAGIC does is ours, anything else is NetBSD's.
    for (let i = 0; i < bytes.length; i++) {
      this.#first.push(bytes[i]!);
      const n = this.#first.length;
      if (bytes[i] !== MAGIC[n - 1]) {
        return this.#begin(new SysproxyWire(this), new Uint8Array(this.#first), bytes, i + 1);
      }
      if (n === MAGIC.length) return this.#begin(new CborWire(this), new Uint8Array(0), bytes, i + 1);
    }
  }
  #begin(wire: Wire, first: Uint8Array, bytes: Uint8Array, from: number): boolean | void {
    this.#wire = wire;
    if (first.length > 0) wire.receive(first);
    return from < bytes.length && !this.ended ? wire.receive(bytes.subarray(from)) : false;
  }

  /** The client has said who it is. */
  admit(proc: Proc): void {
    this.#cancelTimer();
    this.proc = proc;
  }
  /** Let a new client in: its process has a console, and what its grant says. `admitted` follows unless it could not be. */
  welcome(comm: string, grant: Grant, admitted: () => void, parent?: number): void {
    if (this.#welcoming) return this.dismiss("a second hello");
    this.#welcoming = true;
    const proc = this.kernel.fork(comm);
    standardFiles(this.kernel, proc);
    const settle = () => {
      proc.cred = credOf(grant);
      proc.guard = guardOf(grant);
      if (parent !== undefined) this.#descend(proc, parent);
      if (this.ended) return this.server.exit(proc);
      this.admit(proc);
      admitted();
    };
    const refuse = (e: unknown) => {
      this.server.exit(proc);
      this.dismiss(`path ${grant.path}: ${e instanceof Error ? e.message : e}`, errno.EPERM);
    };
    try {
      const inside = grant.path === undefined ? undefined : this.#enclose(proc, grant.path);
      if (inside instanceof Promise) void this.kernel.outstanding(inside.then(settle, refuse));
      else settle();
    } catch (e) {
      refuse(e);
    }
  }
  /** It says whose child it is: believed of its own kind. */
  #descend(proc: Proc, pid: number): void {
    const parent = this.kernel.procs.get(pid);
    if (!parent || pid === 1 || parent.cred.uid !== proc.cred.uid) return;
    proc.ppid = pid;
    this.kernel.ktrace.inherit(proc, parent);
  }
  #enclose(proc: Proc, path: string): Async<unknown> {
    const sys = this.kernel.calls(proc);
    return then(sys.chroot({ path }), () => sys.chdir({ path: "/" }));
  }
  /** A client that does not keep to the protocol, or may not come in: it is told, and goes. */
  dismiss(why: string, error: SysError = errno.EPROTO): void {
    if (this.ended) return;
    this.server.refused++;
    this.kernel.log.write(`rump_sp: ${this.channel.peer}: ${why}`);
    this.#wire?.farewell(why, error);
    this.close();
  }
  /** Who makes the next call. A call that waits keeps its own: it can be interrupted by itself. */
  get lwp(): Lwp {
    return (this.#lwp ??= new Lwp(this.proc!));
  }
  get waiting(): number {
    return this.pending.length;
  }
  /** The wire it speaks; "" before it said anything. */
  get wire(): string {
    return this.#wire?.name ?? "";
  }
  /** A call comes. */
  count(): void {
    this.calls++;
    this.server.calls++;
    this.server.quiet?.served();
  }
  /** A call waits: count it, and the bytes it holds, until it is done. */
  wait(nr: number, work: Promise<void>, bytes: () => number): void {
    const lwp = this.#lwp;
    this.#lwp = undefined;
    const name = this.kernel.dispatcher.nameOf(nr);
    this.pending.push(name);
    const done = work.finally(() => {
      this.pending.splice(this.pending.indexOf(name), 1);
      this.hold(-bytes());
      if (this.waiting === 0) { for (const fn of this.#idle.splice(0)) fn(); }
      this.#flow();
    });
    void this.kernel.outstanding(done, lwp);
  }
  /** When no call waits. */
  idle(): Async<void> {
    return this.waiting === 0 ? undefined : new Promise((resolve) => this.#idle.push(resolve));
  }
  /** Bytes of memory its waiting calls hold. */
  get held(): number {
    return this.#held;
  }
  /** They hold so many more. */
  hold(bytes: number): void {
    this.#held += bytes;
    this.server.held += bytes;
  }
  /** As many calls wait as may, or they hold as much memory as they may, or with those of all others. */
  get full(): boolean {
    const { limits: { maxCalls, maxBytes }, held } = this.server;
    return this.waiting >= maxCalls || this.#held >= maxBytes || (this.waiting > 0 && held >= ALL_CALLS);
  }
  /** Nothing more of it is taken for now. */
  get blocked(): boolean {
    return this.#blocked || this.ended;
  }
  /** Send the parts of a frame. False: the client is slow, no more of its requests may be taken until `resume`. */
  send(parts: readonly Uint8Array[]): boolean {
    if (this.ended) return false;
    if (!this.channel.send(...parts)) this.stall();
    return !this.#blocked;
  }
  /** Read nothing until replies have gone out, or calls have ended. */
  stall(): void {
    this.#blocked = true;
    this.channel.pause(true);
  }
  #flow(): void {
    if (!this.#blocked || this.ended) return;
    this.#blocked = false;
    this.channel.pause(false);
    this.#wire?.resume();
  }
}
