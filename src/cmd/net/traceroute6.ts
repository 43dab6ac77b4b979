/** rump.traceroute6: the way IPv6 packets take from a rump kernel to a host (traceroute6(8)). */
import { AF_INET6, SO_DEBUG, SO_DONTROUTE, SOCK_DGRAM, SOCK_RAW, SOL_SOCKET } from "../../abi/flags.ts";
import { parseSockaddrIn6, SOCKADDR_IN6, sockaddrIn6 } from "../../abi/inet.ts";
import { IPV6_RECVHOPLIMIT, IPV6_UNICAST_HOPS } from "../../abi/inet6_options.ts";
import type { In6Addr } from "../../lib/in6.ts";
import * as ICMP6 from "../../wire/icmp6.ts";
import { IPPROTO_UDP } from "../../wire/ipv4.ts";
import { IPPROTO_ICMPV6, IPPROTO_IPV6 } from "../../wire/ipv6.ts";
import { Failure, type Grammar } from "../cli.ts";
import { nameOf } from "./host_names.ts";
import type { Run } from "../mod.ts";
import { echoRequest6, hearAnswers, icmp6Text, Links, type Message6, parseMessage6, quoted } from "./probe_ipv6.ts";
import { NO_AS, numberOption } from "./probe_options.ts";
import { type Arrived, type Client, probeProgram, ProbeSocket, sourceFor } from "./probe_socket.ts";
import type { Tool } from "../tool.ts";
import { type Answer, trace, traceOptions, type Tracer } from "./trace_loop.ts";

const PORT = 33_434;
/** Bytes of a probe's data. */
const LENGTH = 12;
const MAX_LENGTH = 65_527;
/** Why a host cannot be reached, by the code of the message (traceroute6(8)). */
const MARKS = "NPSA";

interface Way {
  readonly address: In6Addr;
  readonly source: In6Addr;
  readonly length: number;
  readonly port: number;
}
class Traceroute6 implements Tracer {
  readonly #t: Tool;
  readonly #links: Links;
  readonly #way: Way;
  readonly socket: ProbeSocket;
  readonly #sender: ProbeSocket;
  /** Tells our probes from others': a source port, or the identifier of echo requests. */
  readonly #id: number;
  readonly #echo: boolean;

  constructor(t: Tool, links: Links, way: Way, sockets: readonly [ProbeSocket, ProbeSocket], id: number) {
    this.#t = t;
    this.#links = links;
    this.#way = way;
    [this.socket, this.#sender] = sockets;
    this.#id = id;
    this.#echo = t.has("I");
  }
  async probe(ttl: number, seq: number): Promise<number> {
    const { address, length, port } = this.#way;
    await this.#sender.set(IPPROTO_IPV6, IPV6_UNICAST_HOPS, ttl);
    const data = new Uint8Array(length);
    if (this.#echo) return await this.#sender.send(echoRequest6(this.#id, seq & 0xffff, data), sockaddrIn6(address, 0));
    return await this.#sender.send(data, sockaddrIn6(address, (port + seq) & 0xffff));
  }
  read(a: Arrived, seq: number): Answer | undefined {
    const message = parseMessage6(a);
    if (!message) return undefined;
    const { type, code, rest, hops = 255 } = message;
    const from = this.#name(message.from);
    const last = hops <= 1 ? " !" : "";
    if (type === ICMP6.ICMP6_ECHO_REPLY && this.#echo && rest === this.#number(seq)) {
      return { from, mark: last, end: "there" };
    }
    const told = type === ICMP6.ICMP6_DST_UNREACH || (type === ICMP6.ICMP6_TIME_EXCEEDED && code === 0);
    if (!told || !this.#isOurs(message, seq)) return this.#other(message);
    if (type === ICMP6.ICMP6_TIME_EXCEEDED) return { from, mark: "", end: undefined };
    if (code === ICMP6.DST_UNREACH_NOPORT) return { from, mark: last, end: "there" };
    return { from, mark: code < MARKS.length ? ` !${MARKS[code]}` : ` !<${code}>`, end: "unreachable" };
  }
  /** Identifier and number of an echo request. */
  #number(seq: number): number {
    return ((this.#id << 16) | (seq & 0xffff)) >>> 0;
  }
  #isOurs({ data }: Message6, seq: number): boolean {
    const about = quoted(data);
    if (!about) return false;
    if (this.#echo) {
      return about.next === IPPROTO_ICMPV6 && about.payload[0] === ICMP6.ICMP6_ECHO_REQUEST &&
        about.view.getUint32(4) === this.#number(seq);
    }
    return about.next === IPPROTO_UDP && about.view.getUint16(0) === this.#id &&
      about.view.getUint16(2) === ((this.#way.port + seq) & 0xffff);
  }
  /** With -v, what else comes is shown. */
  #other(message: Message6): undefined {
    if (!this.#t.has("v")) return;
    const length = ICMP6.Icmp6.size + message.data.length;
    this.#t.out(`\n${length} bytes from ${this.#name(message.from)}: ${icmp6Text(message)}\n   `);
  }
  #name(address: In6Addr): string {
    const text = this.#links.text(address);
    if (this.#t.has("n")) return text;
    const name = nameOf(this.#t.host, address) ?? text;
    return this.#t.has("l") ? `${name} (${text})` : name;
  }
}

function lengthOf(t: Tool): number {
  const text = t.rest[1];
  if (text === undefined) return LENGTH;
  if (!/^\d{1,5}$/.test(text) || Number(text) > MAX_LENGTH) throw new Failure(`packet size must be 0 to ${MAX_LENGTH}`);
  return Number(text);
}
async function wayOf(t: Tool, client: Client, links: Links, host: string): Promise<Way> {
  const address = links.target(t, host);
  const given = t.value("s");
  const name = given === undefined ? await sourceFor(client, sockaddrIn6(address, PORT), SOCK_DGRAM) : undefined;
  const source = name ? parseSockaddrIn6(name)!.address : links.target(t, given!, address.zone);
  const port = numberOption(t, "p", PORT, { least: 1, most: 65_535 });
  return { address, source, length: lengthOf(t), port };
}
/** What probes are sent by, and what tells them from others'. */
async function senderOf(t: Tool, client: Client, source: In6Addr): Promise<readonly [ProbeSocket, number]> {
  const echo = t.has("I");
  const sender = await ProbeSocket.open(client, AF_INET6, echo ? SOCK_RAW : SOCK_DGRAM, echo ? IPPROTO_ICMPV6 : 0);
  await sender.bind(sockaddrIn6(source, 0));
  if (t.has("d")) await sender.set(SOL_SOCKET, SO_DEBUG, 1);
  if (t.has("r")) await sender.set(SOL_SOCKET, SO_DONTROUTE, 1);
  if (echo) return [sender, t.host.pid & 0xffff];
  return [sender, parseSockaddrIn6(await sender.name(SOCKADDR_IN6))!.port];
}
async function traceroute6(t: Tool, host: string, client: Client): Promise<number> {
  const o = traceOptions(t);
  const socket = await ProbeSocket.open(client, AF_INET6, SOCK_RAW, IPPROTO_ICMPV6);
  await socket.stamp();
  await socket.set(IPPROTO_IPV6, IPV6_RECVHOPLIMIT, 1);
  if (!t.has("v")) await hearAnswers(socket);
  const links = await Links.of(client);
  const way = await wayOf(t, client, links, host);
  const [sender, id] = await senderOf(t, client, way.source);
  const between = `${host} (${links.text(way.address)}) from ${links.text(way.source)}`;
  t.host.err(`${t.name} to ${between}, ${o.last} hops max, ${way.length} byte packets\n`);
  await trace(t, new Traceroute6(t, links, way, [socket, sender], id), o);
  return t.status;
}

const grammar: Grammar = {
  usage: "[-dIlnrv] [-f firsthop] [-m hoplimit] [-p port] [-q probes] [-s src] [-w waittime] host [datalen]",
  about: "Show the way IPv6 packets take from a rump kernel to a host: who drops them as their hops are over.",
  letters: "df:Ilm:np:q:rs:vw:",
  refused: NO_AS,
  help: {
    d: "debugging of the socket (SO_DEBUG)",
    f: "the first hop limit (1)",
    I: "ICMPv6 echo requests, not UDP",
    l: "names and addresses",
    m: "the largest hop limit (64)",
    n: "addresses only, no names",
    p: `UDP ports above this one (${PORT})`,
    q: "probes of each hop (3)",
    r: "only hosts on a network of ours, by no route",
    s: "send from this address",
    v: "all ICMPv6 messages that come",
    w: "seconds to wait for an answer (5)",
  },
  examples: ["-n 2001:db8:2::2"],
};
export const run: Run = probeProgram(grammar, traceroute6, 1);
