/** The server's side of rump_sp: a process per connection, system calls from its frames (NetBSD: rumpuser_sp.c, sysproxy.c). */
import { errno } from "../abi/errno.ts";
import type { Reply } from "../kern/dispatch.ts";
import { File } from "../kern/file.ts";
import type { Kernel } from "../kern/kernel.ts";
import { Lwp, type Proc, root } from "../kern/proc.ts";
import type { Async, Channel, Listener } from "../plugin.ts";
import { decodeFrame, encodeFrame, Frames, MAGIC, VERSION } from "./frame.ts";
import { isLocal, type Located } from "./locator.ts";

export interface ServeOptions {
  /** Name and version for the banner: `rump-0.1.0`. */
  readonly version: string;
  /** The user who may come besides root, on unix sockets; left out: anybody whom the socket's permissions let in. */
  readonly uid?: number;
  /** Connections at once. */
  readonly maxClients?: number;
  /** Calls of one client that may be waiting; more are not read until some have ended. */
  readonly maxCalls?: number;
  /** Milliseconds a client may take to say hello. */
  readonly helloMs?: number;
}
const MAX_CLIENTS = 10_000;
const MAX_CALLS = 1024;
const HELLO_MS = 10_000;
const MAX_COMM = 64;
/** Out-arguments of calls that end at once share memory of this size. */
const SCRATCH = 1 << 20;

/** What all connections of a server share, and its counters. */
export class SpServer {
  readonly kernel: Kernel;
  readonly options: ServeOptions;
  readonly clients = new Set<Connection>();
  /** Connections accepted, calls made. */
  accepted = 0;
  calls = 0;
  #scratch = new Uint8Array(SCRATCH);
  #listeners: Listener[] = [];

  constructor(kernel: Kernel, options: ServeOptions) {
    this.kernel = kernel;
    this.options = options;
  }
  /** Listen at a locator's address; throws errno. */
  async listen({ transport, address }: Located): Promise<void> {
    const { sys } = this.kernel;
    const local = isLocal(address);
    const accept = (channel: Channel) => this.#accept(channel, "path" in address, local);
    this.#listeners.push(await (transport.listen?.(sys, address, accept) ?? sys.sockets.listen(address, accept)));
  }
  #accept(channel: Channel, unix: boolean, _local: boolean): void {
    const uid = channel.credentials?.uid;
    const mine = this.options.uid;
    let refused: string | undefined;
    if (this.clients.size >= (this.options.maxClients ?? MAX_CLIENTS)) refused = "too many clients";
    else if (unix && mine !== undefined && uid !== undefined && uid !== mine && uid !== 0) {
      refused = `uid ${uid} may not use this server`;
    }
    if (refused) this.kernel.log.write(`rump_sp: refused ${channel.peer}: ${refused}`);
    this.accepted++;
    this.clients.add(new Connection(this, channel, refused));
  }
  /** Stop listening and end all connections. */
  close(): void {
    for (const listener of this.#listeners.splice(0)) listener.close();
    for (const client of [...this.clients]) client.close();
  }
  /** Zeroed memory for out-arguments; one call at a time uses it. */
  readonly allocate = (n: number): Uint8Array => {
    if (n > SCRATCH - this.#taken) return new Uint8Array(n);
    const memory = this.#scratch.subarray(this.#taken, this.#taken + n).fill(0);
    this.#taken += n;
    return memory;
  };
  #taken = 0;
  /** The call under way has ended (its memory can be used again) or waits (it keeps its memory). */
  settle(waits: boolean): void {
    if (waits && this.#taken > 0) this.#scratch = new Uint8Array(SCRATCH);
    this.#taken = 0;
  }
}

type State = "magic" | "hello" | "calls" | "ended";

class Connection {
  readonly #server: SpServer;
  readonly #channel: Channel;
  readonly #refused: string | undefined;
  readonly #frames: Frames;
  #state: State = "magic";
  #magic: number[] = [];
  #proc: Proc | undefined;
  #lwp: Lwp | undefined;
  #waiting = 0;
  #blocked = false;
  readonly #cancelTimer: () => void;

  constructor(server: SpServer, channel: Channel, refused: string | undefined) {
    this.#server = server;
    this.#channel = channel;
    this.#refused = refused;
    this.#frames = new Frames((body) => this.#frame(body));
    channel.receive((bytes) => this.#receive(bytes));
    channel.closed(() => this.#end());
    channel.drained(() => this.#flow());
    this.#cancelTimer = server.kernel.sys.callout(server.options.helloMs ?? HELLO_MS, () => this.close());
    channel.send(new TextEncoder().encode(`RUMPSP-0.4-${server.options.version}/amd64\n`));
  }
  close(): void {
    this.#channel.close();
    this.#end();
  }
  #end(): void {
    if (this.#state === "ended") return;
    this.#state = "ended";
    this.#cancelTimer();
    this.#server.clients.delete(this);
    if (!this.#proc) return;
    const { kernel } = this.#server;
    const done = kernel.procs.exit(this.#proc);
    if (done instanceof Promise) {
      kernel.outstanding(done).catch((e) => kernel.log.write(`exit of pid ${this.#proc!.pid}: ${e}`));
    }
  }

  #receive(bytes: Uint8Array): void {
    if (this.#state === "magic") {
      const rest = this.#checkMagic(bytes);
      if (!rest) return;
      bytes = rest;
    }
    if (this.#frames.push(bytes) || this.#blocked) return;
    if (this.#frames.tooLong > 0) this.#protocol(`frame of ${this.#frames.tooLong} bytes`);
  }
  /** The first eight bytes choose the wire. */
  #checkMagic(bytes: Uint8Array): Uint8Array | undefined {
    for (let i = 0; i < bytes.length; i++) {
      if (bytes[i] !== MAGIC[this.#magic.length]) {
        this.#protocol("not a client of ours");
        return undefined;
      }
      this.#magic.push(bytes[i]!);
      if (this.#magic.length === MAGIC.length) {
        this.#state = "hello";
        return bytes.subarray(i + 1);
      }
    }
    return undefined;
  }
  /** A client that does not keep to the protocol: it is told, and goes. */
  #protocol(why: string, error = errno.EPROTO): void {
    this.#server.kernel.log.write(`rump_sp: ${this.#channel.peer}: ${why}`);
    this.#channel.send(...encodeFrame([0, error.errno, why]));
    this.close();
  }

  #frame(body: Uint8Array): boolean {
    if (this.#state === "ended") return false;
    const items = decodeFrame(body);
    if (!items) {
      this.#protocol("malformed frame");
      return false;
    }
    if (this.#state === "hello") return this.#hello(items);
    return this.#call(items);
  }
  /** [version, program name]. */
  #hello([version, comm]: unknown[]): boolean {
    if (this.#refused) this.#protocol(this.#refused, errno.EPERM);
    else if (version !== VERSION) this.#protocol(`wire version ${version}`);
    else if (typeof comm !== "string" || comm.length > MAX_COMM) this.#protocol("bad program name");
    if (this.#isEnded()) return false;
    this.#cancelTimer();
    this.#proc = this.#server.kernel.fork(comm as string, root);
    this.#lwp = new Lwp(this.#proc);
    this.#standardFiles(this.#proc);
    this.#state = "calls";
    return this.#send([0, 0, VERSION]);
  }
  #isEnded(): boolean {
    return this.#state === "ended";
  }
  /** Descriptors 0, 1 and 2 are the console: nothing to read, what is written goes to the log. */
  #standardFiles(proc: Proc): void {
    const { log } = this.#server.kernel;
    const console = new File({
      seekable: false,
      read: () => 0,
      write: (_file, from) => {
        for (const line of new TextDecoder().decode(from).split("\n")) {
          if (line !== "") log.write(`${proc.comm}: ${line}`);
        }
        return from.length;
      },
    }, 2);
    for (let fd = 0; fd < 3; fd++) proc.files.install(console);
  }

  #call([reqno, nr, ...args]: unknown[]): boolean {
    if (typeof reqno !== "number" || typeof nr !== "number") {
      this.#protocol("malformed request");
      return false;
    }
    // The frame is lent: what a waiting call still reads must be its own.
    for (let i = 0; i < args.length; i++) if (args[i] instanceof Uint8Array) args[i] = (args[i] as Uint8Array).slice();
    const server = this.#server;
    server.calls++;
    const reply: Async<Reply> = server.kernel.dispatcher.call(this.#lwp!, nr, args, server.allocate);
    if (reply instanceof Promise) return this.#later(reqno, reply);
    const go = this.#answer(reqno, reply);
    server.settle(false);
    return go;
  }
  #later(reqno: number, reply: Promise<Reply>): boolean {
    this.#server.settle(true);
    this.#waiting++;
    const answered = reply.then((r) => {
      this.#waiting--;
      if (this.#state !== "ended") this.#answer(reqno, r);
      this.#flow();
    });
    void this.#server.kernel.outstanding(answered);
    return this.#room();
  }
  #answer(reqno: number, { errno: e, ret, ret2, outs }: Reply): boolean {
    return this.#send(e === 0 ? [reqno, 0, ret, ret2, ...outs.map((o) => o ?? null)] : [reqno, e]);
  }
  #send(items: readonly unknown[]): boolean {
    if (!this.#channel.send(...encodeFrame(items))) this.#blocked = true;
    return this.#room();
  }
  /** Whether more requests may be taken; else nothing is read until `flow`. */
  #room(): boolean {
    const room = !this.#blocked && this.#waiting < (this.#server.options.maxCalls ?? MAX_CALLS);
    if (!room) {
      this.#blocked = true;
      this.#channel.pause(true);
    }
    return room;
  }
  /** Replies have gone out, or calls have ended: go on. */
  #flow(): void {
    if (!this.#blocked || this.#state === "ended") return;
    this.#blocked = false;
    this.#channel.pause(false);
    if (!this.#frames.resume() && !this.#blocked && this.#frames.tooLong > 0) {
      this.#protocol(`frame of ${this.#frames.tooLong} bytes`);
    }
  }
}
