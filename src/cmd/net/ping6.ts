/** rump.ping6: ICMPv6 echo requests of a rump kernel (ping6(8)). */
import { AF_INET6, SO_DEBUG, SO_RCVBUF, SO_SNDBUF, SOCK_DGRAM, SOCK_RAW, SOL_SOCKET } from "../../abi/flags.ts";
import { parseSockaddrIn6, SOCKADDR_IN6, sockaddrIn6 } from "../../abi/inet.ts";
import * as IPV6 from "../../abi/inet6_options.ts";
import type { In6Addr } from "../../lib/in6.ts";
import { Icmp6, ICMP6_ECHO_REPLY, ICMP6_ECHO_REQUEST } from "../../wire/icmp6.ts";
import { IPPROTO_ICMPV6, IPPROTO_IPV6 } from "../../wire/ipv6.ts";
import type { Grammar } from "../cli.ts";
import { nameOf } from "./host_names.ts";
import type { Run } from "../mod.ts";
import { type Pinger, PingLoop } from "./ping_loop.ts";
import { deadlineOption, loopOptions } from "./ping_options.ts";
import { echoRequest6, hearAnswers, icmp6Text, Links, type Message6, parseMessage6, quoted } from "./probe_ipv6.ts";
import { numberOption, payload } from "./probe_options.ts";
import { type Arrived, type Client, probeProgram, ProbeSocket, sourceFor } from "./probe_socket.ts";
import type { Tool } from "../tool.ts";

const MAX_DATA = 65_535 - 8;
/** Of the header and of ICMPv6's. */
const HEADERS = 48;
/** Milliseconds for the last reply. */
const PATIENCE = 10_000;
/** The port that is asked for the way to a host. */
const DISCARD = 9;

class Ping6 implements Pinger {
  readonly call = "sendmsg";
  readonly to: Uint8Array;
  readonly #t: Tool;
  readonly #links: Links;
  readonly #address: In6Addr;
  readonly #id: number;
  readonly #data: Uint8Array;

  constructor(t: Tool, links: Links, address: In6Addr) {
    this.#t = t;
    this.#links = links;
    this.#address = address;
    this.to = sockaddrIn6(address, 0);
    this.#id = t.host.pid & 0xffff;
    this.#data = payload(t, numberOption(t, "s", 8, { least: 0, most: MAX_DATA }), false);
  }
  head(source: In6Addr): string {
    const { length } = this.#data;
    const way = `${this.#links.text(source)} --> ${this.#links.text(this.#address)}`;
    return `PING6(${HEADERS + length}=40+8+${length} bytes) ${way}\n`;
  }
  async prepare(socket: ProbeSocket, link: number): Promise<void> {
    const t = this.#t;
    const ip = (name: number, value: number | Uint8Array) => socket.set(IPPROTO_IPV6, name, value);
    await socket.stamp();
    await ip(IPV6.IPV6_RECVHOPLIMIT, 1);
    if (!t.has("v")) await hearAnswers(socket);
    // Large ones are cut so that they pass everywhere, unless the way's own size is wanted.
    if (!t.has("m")) await ip(IPV6.IPV6_USE_MIN_MTU, 1);
    if (t.has("d")) await socket.set(SOL_SOCKET, SO_DEBUG, 1);
    const room = t.has("b") ? numberOption(t, "b", 0, { least: 1, most: 1 << 24 }) : 0;
    for (const name of room > 0 ? [SO_SNDBUF, SO_RCVBUF] : []) await socket.set(SOL_SOCKET, name, room);
    const hops = t.has("h") ? numberOption(t, "h", 0, { least: 0, most: 255 }) : undefined;
    const kinds = hops === undefined ? [] : [IPV6.IPV6_UNICAST_HOPS, IPV6.IPV6_MULTICAST_HOPS];
    for (const name of kinds) await ip(name, hops!);
    if (link !== 0) await ip(IPV6.IPV6_MULTICAST_IF, link);
    const gateway = t.value("g");
    if (gateway !== undefined) await ip(IPV6.IPV6_NEXTHOP, sockaddrIn6(this.#links.target(t, gateway, link), 0));
    const source = t.value("S");
    if (source !== undefined) await socket.bind(sockaddrIn6(this.#links.target(t, source, link), 0));
  }
  request(seq: number): Uint8Array {
    return echoRequest6(this.#id, seq, this.#data);
  }
  replied(a: Arrived): number | undefined {
    const message = parseMessage6(a);
    if (!message) return undefined;
    if (message.type === ICMP6_ECHO_REPLY) {
      return message.rest >>> 16 === this.#id ? message.rest & 0xffff : undefined;
    }
    if (message.type !== ICMP6_ECHO_REQUEST) this.#tell(message);
    return undefined;
  }
  /** An error about a request of ours, or with -v any message. */
  #tell(message: Message6): void {
    const about = quoted(message.data);
    const echo = about?.next === IPPROTO_ICMPV6 ? about.view.getUint32(4) : undefined;
    const ours = echo !== undefined && echo >>> 16 === this.#id && about!.payload[0] === ICMP6_ECHO_REQUEST;
    if (ours ? this.#t.has("q", "f") : !this.#t.has("v")) return;
    const of = ours ? ` for icmp_seq=${echo & 0xffff}` : "";
    const length = Icmp6.size + message.data.length;
    this.#t.out(`${length} bytes from ${this.#name(message.from)}: ${icmp6Text(message)}${of}\n`);
  }
  line(a: Arrived, seq: number, ms: number, again: boolean): string {
    const { from, hops } = parseMessage6(a)!;
    const limit = hops === undefined ? "" : ` hlim=${hops}`;
    const twice = again ? "(DUP!)" : "";
    return `${a.data.length} bytes from ${this.#name(from)}, icmp_seq=${seq}${limit} time=${ms.toFixed(3)} ms${twice}${
      this.#wrong(a.data.subarray(Icmp6.size))
    }`;
  }
  #wrong(data: Uint8Array): string {
    const i = this.#data.findIndex((b, k) => data[k] !== b);
    if (i < 0) return "";
    return `\nwrong data byte #${i} should be 0x${this.#data[i]!.toString(16)} but was 0x${
      (data[i] ?? 0).toString(16)
    }`;
  }
  #name(address: In6Addr): string {
    const name = this.#t.has("H") && !this.#t.has("n") ? nameOf(this.#t.host, address) : undefined;
    return name ?? this.#links.text(address);
  }
}

async function ping6(t: Tool, host: string, client: Client): Promise<number> {
  const socket = await ProbeSocket.open(client, AF_INET6, SOCK_RAW, IPPROTO_ICMPV6);
  const patience = numberOption(t, "x", PATIENCE, { least: 1, most: 86_400_000 });
  const options = loopOptions(t, { patience: () => patience, deadline: deadlineOption(t, "X") });
  const links = await Links.of(client);
  const iface = t.value("I");
  const link = iface === undefined ? 0 : links.indexOf(iface);
  const address = links.target(t, host, link);
  const pinger = new Ping6(t, links, address);
  await pinger.prepare(socket, link);
  t.out(pinger.head(await sourceOf(t, client, socket, address)));
  const loop = new PingLoop(t, socket, pinger, options);
  const { counts } = loop;
  try {
    await loop.run();
  } finally {
    t.out(`\n--- ${host} ping6 statistics ---\n${counts.line}\n`);
    if (counts.trips.count > 0) t.out(`round-trip min/avg/max/std-dev = ${counts.trips.text(3)} ms\n`);
  }
  return counts.received > 0 ? 0 : NO_REPLY;
}
/** The status where nobody answered. */
const NO_REPLY = 2;
async function sourceOf(t: Tool, client: Client, socket: ProbeSocket, address: In6Addr): Promise<In6Addr> {
  const name = t.has("S")
    ? await socket.name(SOCKADDR_IN6)
    : await sourceFor(client, sockaddrIn6(address, DISCARD), SOCK_DGRAM);
  return parseSockaddrIn6(name)!.address;
}

/** RFC 4620 is experimental, and few answer: it tells strangers much. */
const NODE_INFORMATION = "node information is not asked for (RFC 4620)";
const REFUSED = {
  "a:": NODE_INFORMATION,
  t: NODE_INFORMATION,
  w: NODE_INFORMATION,
  W: NODE_INFORMATION,
  N: NODE_INFORMATION,
  "P:": "there is no IPsec",
};
const grammar: Grammar = {
  usage:
    "[-dfHmnoqv] [-b bufsize] [-c count] [-g gateway] [-h hoplimit] [-I interface] [-i wait] [-l preload] [-p pattern] " +
    "[-S sourceaddr] [-s packetsize] [-X deadline] [-x maxwait] host",
  about: "Send ICMPv6 echo requests to a host from a rump kernel, and tell of the replies.",
  letters: "b:c:dfg:Hh:I:i:l:mnop:qS:s:vX:x:",
  refused: REFUSED,
  help: {
    b: "bytes of the socket's buffers",
    c: "end after so many replies",
    d: "debugging of the socket (SO_DEBUG)",
    f: "flood: the next when a reply comes, and a hundred times a second; a dot for each that is lost",
    g: "by this neighbour",
    H: "names of hosts, not addresses",
    h: "hop limit",
    I: "by this interface: multicasts, and addresses of its link",
    i: "seconds between requests (1)",
    l: "so many at once first",
    m: "packets as large as the way allows, not of the least size that passes everywhere",
    n: "addresses only, also with -H",
    o: "end after one reply",
    p: "up to 16 bytes to fill requests with, hexadecimal",
    q: "statistics only",
    S: "send from this address",
    s: "bytes of data (8)",
    v: "all ICMPv6 messages that come",
    X: "end after so many seconds, whatever was sent and came",
    x: "milliseconds to wait for the last reply (10000)",
  },
  examples: ["-c 3 2001:db8::1", "-c 1 fe80::1%shmif0", "-c 1 -I shmif0 ff02::1"],
};
export const run: Run = probeProgram(grammar, ping6);
