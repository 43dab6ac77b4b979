/** A rump server, a client of it that works for a program, and the program's end of a pair in our own hands. */
import { AF_INET, SOCK_STREAM } from "../../src/abi/flags.ts";
import { sockaddrIn } from "../../src/abi/inet.ts";
import { raw, result } from "../../src/host/ffi.ts";
import { host } from "../../src/host/mod.ts";
import { viewOf } from "../../src/lib/struct.ts";
import { type AsyncClient, pipelinedClient } from "../../src/proxy/client.ts";
import { IPPROTO_TCP } from "../../src/wire/ipv4.ts";
import { Shell } from "../cli/helpers.ts";

const LO = 0x7f00_0001;
const AF_UNIX = 1;
export const STREAM = 1;
export const SEQPACKET = 5;
export const MSG_OOB = 1;
const NONBLOCK_CLOEXEC = 0o2004000;
const DONTWAIT_NOSIGNAL = 0x4040;
const EAGAIN = -11;
/** What is waited for at most, milliseconds. */
const PATIENCE = 20_000;
export const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** Ask until there is an answer. */
export async function until<T>(ask: () => T | undefined | Promise<T | undefined>, what = "it"): Promise<T> {
  const end = Date.now() + PATIENCE;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (Date.now() > end) throw new Error(`${what} does not happen`);
    await sleep(1);
  }
}

/** The program's end of a pair. Results below 0 are minus the host's errno. */
export class Program {
  readonly fd: number;
  constructor(fd: number) {
    this.fd = fd;
  }
  /** What there is now. */
  now(length: number, flags = 0): Uint8Array | number {
    const into = new Uint8Array(length);
    const n = result(raw.recv(this.fd, into, length, DONTWAIT_NOSIGNAL | flags));
    return n < 0 ? n : into.subarray(0, n);
  }
  /** What comes next, an empty piece being the end, or why nothing does. */
  next(length = 65_536, flags = 0): Promise<Uint8Array | number> {
    return until(() => {
      const got = this.now(length, flags);
      return got === EAGAIN ? undefined : got;
    }, "data");
  }
  /** Exactly so many bytes. */
  async read(length: number): Promise<Uint8Array> {
    const all = new Uint8Array(length);
    for (let at = 0; at < length;) {
      const got = await this.next(length - at);
      if (typeof got === "number" || got.length === 0) throw new Error(`the end (${got}) after ${at} of ${length}`);
      all.set(got, at);
      at += got.length;
    }
    return all;
  }
  /** What goes now. */
  put(bytes: Uint8Array, flags = 0): number {
    return result(raw.send(this.fd, bytes, bytes.length, DONTWAIT_NOSIGNAL | flags));
  }
  async write(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length;) {
      at += await until(() => {
        const n = this.put(bytes.subarray(at));
        if (n < 0 && n !== EAGAIN) throw new Error(`write: ${n}`);
        return n > 0 ? n : undefined;
      }, "room");
    }
  }
  shutdown(how: number): void {
    raw.shutdown(this.fd, how);
  }
  close(): void {
    raw.close(this.fd);
  }
}
/** Both ends of a pair of local sockets. */
export function pair(type = STREAM): readonly [ours: number, theirs: number] {
  const both = new Uint8Array(8);
  if (raw.socketpair(AF_UNIX, type | NONBLOCK_CLOEXEC, 0, both) < 0) throw new Error("socketpair");
  return [viewOf(both).getInt32(0, true), viewOf(both).getInt32(4, true)];
}

/** See the head of this file. */
export class DataLab {
  readonly sh = new Shell();
  readonly server: ReturnType<Shell["start"]>;
  readonly #clients: AsyncClient[] = [];
  #port = 7000;
  #listeners = new Map<AsyncClient, { readonly s: number; readonly port: number }>();
  readonly #keep = setInterval(() => {}, 60_000);
  #running: Promise<void> | undefined;

  constructor(components = "-l rumpvfs -l rumpfs_tmpfs -l rumpnet_netinet") {
    this.server = this.sh.start(`rump_server -s ${components} --log=log ${this.locator}`);
    if (!this.sh.until("[ -S sock ]")) throw new Error("no server");
    host.loop.pending(1); // the tests' own promises have their turns
    this.#running = host.loop.run();
  }
  get locator(): string {
    return `unix://${this.sh.dir}/sock`;
  }
  async client(comm = "hijack"): Promise<AsyncClient> {
    const channel = await host.loopSockets.connect({ path: `${this.sh.dir}/sock` });
    const client = await pipelinedClient(channel, comm);
    this.#clients.push(client);
    return client;
  }
  async #listener(client: AsyncClient) {
    const had = this.#listeners.get(client);
    if (had) return had;
    const { sys } = client;
    const s = await sys.socket({ domain: AF_INET, type: SOCK_STREAM, protocol: 0 });
    const port = this.#port++;
    await sys.bind({ s, name: sockaddrIn(LO, port) });
    await sys.listen({ s, backlog: 128 });
    const made = { s, port };
    this.#listeners.set(client, made);
    return made;
  }
  /** A connection of TCP: `s` of `client`, and the other end of `other`. */
  async connection(client: AsyncClient, other: AsyncClient): Promise<{ readonly s: number; readonly peer: number }> {
    const { s: listener, port } = await this.#listener(other);
    const s = await client.sys.socket({ domain: AF_INET, type: SOCK_STREAM, protocol: 0 });
    const accepted = other.sys.accept({ s: listener });
    await client.sys.connect({ s, name: sockaddrIn(LO, port) });
    const peer = await accepted;
    const val = new Uint8Array([1, 0, 0, 0]);
    for (const [c, fd] of [[client, s], [other, peer]] as const) {
      await c.sys.setsockopt({ s: fd, level: IPPROTO_TCP, name: 1, val });
    }
    return { s, peer };
  }
  count(name: string): number {
    return Number(this.sh.must(`rump.sysctl -n rump.sp.${name}`, { RUMP_SERVER: this.locator }));
  }
  async close(): Promise<void> {
    for (const client of this.#clients) client.close();
    this.sh.run("rump.halt", { RUMP_SERVER: this.locator });
    host.loop.pending(-1);
    host.loop.stop();
    await this.#running;
    clearInterval(this.#keep);
    this.sh.close();
  }
}
