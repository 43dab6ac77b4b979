/** rump.nc: standard input and output at a socket of a rump kernel, for programs that are not hijacked (nc(1)). */
import { SysError } from "../../abi/errno.ts";
import { AF_INET, AF_LOCAL, AF_UNSPEC, MSG_DONTWAIT, SOCK_STREAM } from "../../abi/flags.ts";
import { viewOf } from "../../lib/struct.ts";
import { Failure, type Grammar } from "../cli.ts";
import { attached } from "../client.ts";
import { words } from "../files.ts";
import type { Run } from "../mod.ts";
import { DATAGRAM, Pipe } from "./nc_pipe.ts";
import * as sockets from "./nc_socket.ts";
import type { NcClient, Settings } from "./nc_socket.ts";
import { Tool } from "../tool.ts";

const TLS = "nothing is encrypted here";
const PROXY = "proxies are not spoken to";
const grammar: Grammar = {
  usage: [
    "[-46DdnNrtuv] [-I bytes] [-i seconds] [-M ttl] [-m minttl] [-O bytes] [-p port] [-s address] [-T tos] [-w seconds] host port",
    "-z [-46nruv] [-i seconds] [-w seconds] host port[-port]",
    "-l [-46Ddkntuv] [-w seconds] [address] port",
    "-U [-dklNuv] [-s path] [-w seconds] path",
  ],
  about: "A connection of the rump kernel RUMP_SERVER names: what is read goes there, what comes is written.\n" +
    "When the input ends, the other end is told so, and what it still sends is written.",
  letters: "46DdhI:i:klM:m:NnO:p:rs:T:tUuvw:z",
  refused: {
    "C:": TLS,
    c: TLS,
    "e:": TLS,
    "H:": TLS,
    "K:": TLS,
    "o:": TLS,
    "R:": TLS,
    F: "a socket of a rump kernel is none of the host's",
    "P:": PROXY,
    "X:": PROXY,
    "x:": PROXY,
    S: "there are no signatures of TCP segments (RFC 2385)",
  },
  help: {
    l: "listen, and take one connection",
    k: "with -l: the next one when it has ended; by UDP, from everybody",
    u: "UDP",
    U: "local (UNIX) sockets, by their path in the rump kernel",
    z: "only try whether there is somebody, at each port",
    v: "say who is connected",
    w: "seconds to wait for a connection, and for data when nothing comes or goes; 0: no end",
    i: "seconds between lines, and between ports",
    d: "do not read the input",
    p: "our own port",
    s: "our own address; of local datagram sockets, our own path",
    r: "ports in no order, and our own one at random",
    n: "addresses and ports are numbers",
    N: "taken for other nc's sake: the other end is always told when the input ends",
    t: "answer telnet servers that nothing is agreed on",
    I: "bytes of the buffer for what comes",
    O: "bytes of the buffer for what goes",
    M: "time to live, or hop limit",
    m: "the least time to live of what comes",
    T: "type of service: lowdelay, ef, af11, cs1, a number, ...",
    D: "debugging of the socket (SO_DEBUG)",
    "4": "IPv4 only",
    "6": "IPv6 only",
    h: "the same as --help",
  },
  examples: ["10.0.0.2 80 < request", "-l 5000 > file", "-vz 10.0.0.2 20-25", "-lk 7", "-lU /tmp/sock"],
};
const BACKLOG = 5;
/** How a UDP port is tried: so many datagrams, milliseconds apart. */
const [PROBES, PROBE_MS] = [3, 100];

async function dial(t: Tool, client: NcClient, s: Settings): Promise<number> {
  const [name, service, ...more] = t.rest;
  const local = s.family === AF_LOCAL;
  if (name === undefined || (service === undefined) !== local || more.length > 0) return t.usage();
  const ports = local ? [0] : sockets.portsOf(t, service!, s.protocol);
  let [good, first] = [0, true];
  for (const port of ports) {
    if (!first && s.interval > 0) await new Promise((resolve) => setTimeout(resolve, s.interval));
    first = false;
    if (await call(t, client, s, { name, port, others: ports.length > 1 })) good++;
  }
  return good > 0 ? 0 : 1;
}
interface Callee {
  readonly name: string;
  /** Of local sockets, 0. */
  readonly port: number;
  /** Other ports are tried, too. */
  readonly others: boolean;
}
/** One connection from its beginning to its end. False: there was none. */
async function call(t: Tool, client: NcClient, s: Settings, { name, port, others }: Callee): Promise<boolean> {
  const what = s.family === AF_LOCAL ? name : `${name} ${port}`;
  const mayFail = others || t.has("z");
  try {
    const { fd, remove } = await sockets.connect(t, client, s, sockets.endOf(t, s, name, port));
    try {
      if (t.has("z") && s.protocol === "udp") await probe(client, fd);
      if (t.has("v", "z")) t.host.err(`Connection to ${what} ${succeeded(t, s, port)} succeeded!\n`);
      if (t.has("z")) await client.sys.close({ fd });
      else await new Pipe(t, client, fd, s).run();
    } finally {
      await remove();
    }
    return true;
  } catch (e) {
    if (!(e instanceof SysError)) throw e;
    if (!mayFail) throw new Failure(`${what}: ${words(e)}`);
    if (t.has("v")) t.host.err(`${t.name}: ${what}: ${words(e)}\n`);
    return false;
  }
}
const succeeded = (t: Tool, s: Settings, port: number) =>
  s.family === AF_LOCAL ? "[local]" : `port [${sockets.serviceText(t, port, s.protocol)}]`;
/** A host that has nobody there says so; who says nothing may be there, or not. Throws ECONNREFUSED. */
async function probe({ sys }: NcClient, fd: number): Promise<void> {
  for (let n = 0; n < PROBES; n++) {
    await sys.sendto({ s: fd, buf: new TextEncoder().encode("X"), flags: 0 });
    await new Promise((resolve) => setTimeout(resolve, PROBE_MS));
    await sys.recvfrom({ s: fd, buf: new Uint8Array(DATAGRAM), flags: MSG_DONTWAIT }).catch((e) => {
      if (e instanceof SysError && e.code !== "EAGAIN") throw e;
    });
  }
}

/** Address and port, or the path, it is to listen at. */
function listenEnd(t: Tool, s: Settings): Uint8Array {
  if (s.family === AF_LOCAL) {
    const [path, more] = t.rest;
    return path === undefined || more !== undefined ? t.usage() : sockets.sockaddrUn(path);
  }
  const operands = [...t.rest, ...(t.value("p") === undefined ? [] : [t.value("p")!])];
  const [address, service] = operands.length > 1 ? operands : [t.value("s"), operands[0]];
  if (service === undefined || operands.length > 2) return t.usage();
  const port = sockets.onePort(t, service, s.protocol);
  return sockets.ownEnd(t, s, address, port, s.family === AF_UNSPEC && address === undefined ? AF_INET : s.family);
}
async function serve(t: Tool, client: NcClient, s: Settings): Promise<number> {
  const name = listenEnd(t, s);
  const what = s.family === AF_LOCAL ? sockets.sockaddrText(name) : t.rest.at(-1) ?? t.value("p")!;
  let isBound = false;
  try {
    const fd = await sockets.open(client, name[1]!, s);
    await sockets.bind(client, fd, s, name);
    isBound = true;
    if (s.type === SOCK_STREAM) await client.sys.listen({ s: fd, backlog: BACKLOG });
    if (t.has("v")) t.host.err(`Listening on ${sockets.sockaddrText(name)}\n`);
    if (s.type !== SOCK_STREAM) await (t.has("k") ? hearAll(t, client, fd, s) : answer(t, client, fd, s));
    else do await take(t, client, fd, s); while (t.has("k"));
  } catch (e) {
    if (!(e instanceof SysError)) throw e;
    throw new Failure(`${what}: ${words(e)}`);
  } finally {
    if (isBound && s.family === AF_LOCAL) await client.sys.unlink({ path: what }).catch(() => {}); // or the server is
  }
  return 0;
}
/** One connection. With -k what fails in it is said, and the next may come. */
async function take(t: Tool, client: NcClient, fd: number, s: Settings): Promise<void> {
  const from = new Uint8Array(sockets.SOCKADDR_ROOM);
  const anamelen = sockets.int(from.length);
  const made = await sockets.inTime(client, s.wait, (sys) => sys.accept({ s: fd, name: from, anamelen }));
  if (t.has("v")) t.host.err(`Connection from ${sockets.sockaddrText(from)} received!\n`);
  const pipe = new Pipe(t, client, made, s).run();
  if (!t.has("k")) return await pipe;
  await pipe.catch((e) => void t.host.err(`${t.name}: ${sockets.sockaddrText(from)}: ${words(e)}\n`));
}
/** A datagram, which is written, and whom it is from. */
async function datagram(t: Tool, client: NcClient, fd: number, s: Settings): Promise<Uint8Array> {
  const [from, buf] = [new Uint8Array(sockets.SOCKADDR_ROOM), new Uint8Array(DATAGRAM)];
  const fromlenaddr = sockets.int(from.length);
  const n = await sockets.inTime(client, s.wait, (sys) => sys.recvfrom({ s: fd, buf, flags: 0, from, fromlenaddr }));
  const name = from.subarray(0, viewOf(fromlenaddr).getUint32(0, true));
  if (t.has("v")) t.host.err(`Connection from ${sockets.sockaddrText(name)} received!\n`);
  t.out(buf.subarray(0, n));
  return name;
}
/** Datagrams of everybody. */
async function hearAll(t: Tool, client: NcClient, fd: number, s: Settings): Promise<never> {
  for (;;) await datagram(t, client, fd, s);
}
/** Who speaks first by UDP is whom it is all for; who has no name is only heard. */
async function answer(t: Tool, client: NcClient, fd: number, s: Settings): Promise<void> {
  const name = await datagram(t, client, fd, s);
  if (name.length > 2) await client.sys.connect({ s: fd, name });
  await new Pipe(t, client, fd, s).run();
}

/** What does not go together (nc(1)). */
function check(t: Tool): void {
  if (t.has("l") && t.has("z")) throw new Failure("-l and -z do not go together");
  if (t.has("k") && !t.has("l")) throw new Failure("-k is for -l");
  if (t.has("U") && t.has("4", "6", "p", "M", "m", "T", "z")) {
    throw new Failure("-U: local sockets have paths, and nothing of the Internet");
  }
}
export const run: Run = async (host, argv) => {
  const t = new Tool(host, argv.some((a) => a === "-h") ? [argv[0]!, "--help"] : argv, grammar, () => {
    throw new Error("blocking calls are not used");
  });
  if (t.rest.length === 0 && !t.has("l")) t.usage();
  let client: NcClient | undefined;
  try {
    check(t);
    const s = sockets.settingsOf(t);
    client = await attached(host, argv[0]!);
    return await (t.has("l") ? serve(t, client, s) : dial(t, client, s));
  } catch (e) {
    throw e instanceof Failure ? new Failure(`${t.name}: ${e.message}`) : e;
  } finally {
    client?.close();
  }
};
