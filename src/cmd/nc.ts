/** rump.nc: standard input and output at a socket of a rump kernel, for programs that are not hijacked (nc(1)). */
import { errno, SysError } from "../abi/errno.ts";
import { AF_INET, AF_INET6, AF_UNSPEC, SO_REUSEADDR, SOCK_DGRAM, SOCK_STREAM, SOL_SOCKET } from "../abi/flags.ts";
import { parseSockaddrIn, parseSockaddrIn6, sockaddrIn, sockaddrIn6 } from "../abi/inet.ts";
import { In6Addr } from "../lib/in6.ts";
import { viewOf } from "../lib/struct.ts";
import { Failure, type Grammar } from "./cli.ts";
import { attached } from "./client.ts";
import { type Address, addressOf, addressText, familyOf, portOf } from "./host_names.ts";
import { words } from "./files.ts";
import type { Run } from "./mod.ts";
import { Tool } from "./tool.ts";

const grammar: Grammar = {
  usage: [
    "[-46dnuv] [-p port] [-s address] [-w seconds] host port",
    "-z [-46nuv] [-w seconds] host port[-port]",
    "-l [-46dkuv] [-w seconds] [address] port",
  ],
  about: "A connection of the rump kernel RUMP_SERVER names: what is read goes there, what comes is written.\n" +
    "When the input ends, the other end is told so, and what it still sends is written.",
  letters: "46dklNnp:s:uvw:z",
  help: {
    l: "listen, and take one connection",
    k: "with -l: the next one when it has ended",
    u: "UDP",
    z: "only try whether there is somebody, at each port",
    v: "say who is connected",
    w: "seconds to wait for a connection, and for data when nothing comes or goes; 0: no end",
    d: "do not read the input",
    p: "our own port",
    s: "our own address",
    n: "addresses and ports are numbers",
    N: "taken for other nc's sake: the other end is always told when the input ends",
    "4": "IPv4 only",
    "6": "IPv6 only",
  },
  examples: ["10.0.0.2 80 < request", "-l 5000 > file", "-vz 10.0.0.2 20-25", "-lk 7"],
};
type Client = Awaited<ReturnType<typeof attached>>;
const PIECE = 128 << 10;
/** The most a datagram holds. */
const DATAGRAM = 65_507;
const BACKLOG = 5;
const SHUT_WR = 1;
/** Of datagrams nobody knows which one is the last: so many seconds after the input's end without one. */
const UDP_END = 1;
/** Ports of a range. */
const MOST_PORTS = 65_536;

interface Settings {
  readonly family: number;
  readonly type: number;
  readonly protocol: "tcp" | "udp";
  /** Milliseconds; 0: no end. */
  readonly wait: number;
  readonly source: Address | undefined;
  readonly sourcePort: number;
}
function settingsOf(t: Tool): Settings {
  const family = t.last("4", "6") === "6" ? AF_INET6 : t.has("4") ? AF_INET : AF_UNSPEC;
  const protocol = t.has("u") ? "udp" : "tcp";
  const wait = t.value("w") ?? "0";
  if (!/^\d{1,6}(\.\d+)?$/.test(wait)) throw new Failure(`${t.name}: -w ${wait}: not seconds`);
  const source = t.value("s") === undefined ? undefined : hostOf(t, t.value("s")!, family);
  const sourcePort = t.value("p") === undefined ? 0 : onePort(t, t.value("p")!, protocol);
  return {
    family,
    type: t.has("u") ? SOCK_DGRAM : SOCK_STREAM,
    protocol,
    wait: Number(wait) * 1000,
    source,
    sourcePort,
  };
}
function hostOf(t: Tool, name: string, family: number): Address {
  const found = t.has("n") && !/^[\d.]+$|:/.test(name) ? undefined : addressOf(t.host, name, family);
  if (found === undefined) throw new Failure(`${t.name}: ${name}: unknown host`);
  return found;
}
function onePort(t: Tool, text: string, protocol: string): number {
  const port = t.has("n") && !/^\d+$/.test(text) ? undefined : portOf(t.host, text, protocol);
  if (port === undefined) throw new Failure(`${t.name}: ${text}: not a port`);
  return port;
}
/** A port, or with -z a range of them. */
function portsOf(t: Tool, text: string, protocol: string): number[] {
  const m = /^(\d{1,5})-(\d{1,5})$/.exec(text);
  if (!m) return [onePort(t, text, protocol)];
  const [from, to] = [Number(m[1]), Number(m[2])];
  if (!t.has("z") || from > to || to >= MOST_PORTS) throw new Failure(`${t.name}: ${text}: not a port`);
  return Array.from({ length: to - from + 1 }, (_, i) => from + i);
}
const sockaddr = (address: Address, port: number) =>
  typeof address === "number" ? sockaddrIn(address, port) : sockaddrIn6(address, port);
function sockaddrText(name: Uint8Array): string {
  const end = name[1] === AF_INET ? parseSockaddrIn(name) : parseSockaddrIn6(name);
  return end ? `${addressText(end.address)} ${end.port}` : "somebody";
}

/** A call that ends in time. ETIMEDOUT: it did not. */
async function within<T>(client: Client, ms: number, call: (sys: Client["sys"]) => Promise<T>): Promise<T> {
  if (ms === 0) return await call(client.sys);
  const stop = new AbortController();
  const timer = setTimeout(() => stop.abort(), ms);
  try {
    return await call(client.until(stop.signal));
  } catch (e) {
    throw stop.signal.aborted && e === errno.EINTR ? errno.ETIMEDOUT : e;
  } finally {
    clearTimeout(timer);
  }
}
async function open({ sys }: Client, family: number, s: Settings): Promise<number> {
  try {
    return await sys.socket({ domain: family, type: s.type, protocol: 0 });
  } catch (e) {
    if (e !== errno.EAFNOSUPPORT && e !== errno.ENOSYS && e !== errno.EPROTONOSUPPORT) throw e;
    throw new Failure(
      `the server has no such network: start it with -l rumpnet_netinet${family === AF_INET6 ? "6" : ""}`,
    );
  }
}
async function bind({ sys }: Client, fd: number, s: Settings, name: Uint8Array): Promise<void> {
  if (s.type === SOCK_STREAM) {
    await sys.setsockopt({ s: fd, level: SOL_SOCKET, name: SO_REUSEADDR, val: new Uint8Array([1, 0, 0, 0]) });
  }
  await sys.bind({ s: fd, name });
}
/** A socket connected to an end. */
async function connect(client: Client, s: Settings, to: Address, port: number): Promise<number> {
  const fd = await open(client, familyOf(to), s);
  const any = typeof to === "number" ? 0 : ANY6;
  try {
    if (s.source !== undefined || s.sourcePort) await bind(client, fd, s, sockaddr(s.source ?? any, s.sourcePort));
    await within(client, s.wait, (sys) => sys.connect({ s: fd, name: sockaddr(to, port) }));
    return fd;
  } catch (e) {
    await client.sys.close({ fd });
    throw e;
  }
}
const ANY6 = new In6Addr(0, 0, 0, 0);

/** Both directions of a connection, until both have come to their end. */
class Pipe {
  readonly #t: Tool;
  readonly #client: Client;
  readonly #fd: number;
  readonly #s: Settings;
  /** When something came or went last, milliseconds. */
  #last: number;
  #inputEnded = false;
  readonly #stop = new AbortController();

  constructor(t: Tool, client: Client, fd: number, s: Settings) {
    [this.#t, this.#client, this.#fd, this.#s] = [t, client, fd, s];
    this.#last = t.host.now();
  }
  get #datagrams(): boolean {
    return this.#s.type === SOCK_DGRAM;
  }
  /** Throws what ends it, but for the other end's end and silence that was waited for. */
  async run(): Promise<void> {
    const watch = setInterval(() => this.#look(), LOOK_MS);
    const sent = this.#t.has("d") ? Promise.resolve() : this.#send();
    // What fails in sending ends the receiving: it would wait in vain.
    const failed = sent.then(() => new Promise<never>(() => {}));
    try {
      await Promise.race([this.#receive(), failed]);
      // The other end has no more to say, but may well listen yet; silence ends both.
      if (!this.#stop.signal.aborted) await sent;
    } finally {
      clearInterval(watch);
      sent.catch(() => {});
      await this.#client.sys.close({ fd: this.#fd }).catch(() => {});
    }
  }
  #look(): void {
    const end = this.#datagrams && this.#inputEnded ? this.#s.wait || UDP_END * 1000 : this.#s.wait;
    if (end > 0 && this.#t.host.now() - this.#last >= end) this.#stop.abort();
  }
  async #receive(): Promise<void> {
    const buf = new Uint8Array(PIECE);
    const sys = this.#client.until(this.#stop.signal);
    for (;;) {
      const n = await sys.recvfrom({ s: this.#fd, buf, flags: 0 }).catch((e) => this.#silence(e));
      if (n < 0 || (n === 0 && !this.#datagrams)) return;
      this.#last = this.#t.host.now();
      this.#t.out(buf.subarray(0, n));
    }
  }
  /** -1: it was waited for long enough. */
  #silence(e: unknown): number {
    if (e === errno.EINTR && this.#stop.signal.aborted) return -1;
    throw e;
  }
  async #send(): Promise<void> {
    const { host } = this.#t;
    for (;;) {
      const piece = await host.inputLater(this.#datagrams ? DATAGRAM : PIECE);
      if (!piece) break;
      for (let at = 0; at < piece.length;) {
        at += await this.#client.sys.write({ fd: this.#fd, buf: piece.subarray(at) });
        this.#last = host.now();
      }
    }
    this.#inputEnded = true;
    this.#last = host.now();
    if (!this.#datagrams) await this.#client.sys.shutdown({ s: this.#fd, how: SHUT_WR }).catch(() => {}); // it may be gone
  }
}
const LOOK_MS = 50;

async function dial(t: Tool, client: Client, s: Settings): Promise<number> {
  const [name, service, ...more] = t.rest;
  if (name === undefined || service === undefined || more.length > 0) return t.usage();
  const to = hostOf(t, name, s.family);
  let good = 0;
  for (const port of portsOf(t, service, s.protocol)) {
    const fd = await connect(client, s, to, port).catch((e) => said(t, e, `${name} ${port}`, t.has("z")));
    if (fd === undefined) continue;
    good++;
    if (t.has("v")) t.host.err(`Connection to ${name} ${port} port [${s.protocol}] succeeded!\n`);
    if (t.has("z")) await client.sys.close({ fd });
    else await new Pipe(t, client, fd, s).run().catch((e) => void said(t, e, `${name} ${port}`, false));
  }
  return good > 0 ? 0 : 1;
}
/** Say what failed; where others follow (`on`) only with -v, and it goes on. */
function said(t: Tool, e: unknown, what: string, on: boolean): undefined {
  if (e instanceof Failure) throw new Failure(`${t.name}: ${e.message}`);
  if (!(e instanceof SysError)) throw e;
  const line = `${t.name}: ${what}: ${words(e)}`;
  if (!on) throw new Failure(line);
  if (t.has("v")) t.host.err(`${line}\n`);
  return undefined;
}

async function serve(t: Tool, client: Client, s: Settings): Promise<number> {
  const operands = [...t.rest, ...(t.value("p") === undefined ? [] : [t.value("p")!])];
  const [address, service] = operands.length > 1 ? operands : [t.value("s"), operands[0]];
  if (service === undefined || operands.length > 2) return t.usage();
  const own = address === undefined ? (s.family === AF_INET6 ? ANY6 : 0) : hostOf(t, address, s.family);
  const name = sockaddr(own, onePort(t, service, s.protocol));
  const fd = await open(client, familyOf(own), s).catch((e) => said(t, e, service, false));
  try {
    await bind(client, fd!, s, name);
    if (s.type === SOCK_STREAM) await client.sys.listen({ s: fd!, backlog: BACKLOG });
    if (t.has("v")) t.host.err(`Listening on ${sockaddrText(name)}\n`);
    do await (s.type === SOCK_STREAM ? take(t, client, fd!, s) : answer(t, client, fd!, s)); while (t.has("k"));
  } catch (e) {
    said(t, e, `${service}`, false);
  }
  return 0;
}
/** One connection. With -k what fails in it is said, and the next may come. */
async function take(t: Tool, client: Client, fd: number, s: Settings): Promise<void> {
  const [from, anamelen] = [new Uint8Array(28), int(28)];
  const made = await within(client, s.wait, (sys) => sys.accept({ s: fd, name: from, anamelen }));
  if (t.has("v")) t.host.err(`Connection from ${sockaddrText(from)} received!\n`);
  const pipe = new Pipe(t, client, made, s).run();
  if (!t.has("k")) return await pipe;
  await pipe.catch((e) => void t.host.err(`${t.name}: ${sockaddrText(from)}: ${words(e)}\n`));
}
/** Who speaks first by UDP is whom it is all for. */
async function answer(t: Tool, client: Client, fd: number, s: Settings): Promise<void> {
  const [from, fromlenaddr, buf] = [new Uint8Array(28), int(28), new Uint8Array(DATAGRAM)];
  const n = await within(client, s.wait, (sys) => sys.recvfrom({ s: fd, buf, flags: 0, from, fromlenaddr }));
  if (t.has("v")) t.host.err(`Connection from ${sockaddrText(from)} received!\n`);
  t.out(buf.subarray(0, n));
  await client.sys.connect({ s: fd, name: from.subarray(0, viewOf(fromlenaddr).getUint32(0, true)) });
  await new Pipe(t, client, fd, s).run();
}
const int = (n: number) => new Uint8Array(new Int32Array([n]).buffer);

export const run: Run = async (host, argv) => {
  const t = new Tool(host, argv, grammar, () => {
    throw new Error("blocking calls are not used");
  });
  if (t.rest.length === 0 && !t.has("l")) t.usage();
  if (t.has("k") && t.has("u")) throw new Failure(`${t.name}: -k and -u do not go together`);
  const s = settingsOf(t);
  const client = await attached(host, argv[0]!);
  try {
    return await (t.has("l") ? serve(t, client, s) : dial(t, client, s));
  } finally {
    client.close();
  }
};
