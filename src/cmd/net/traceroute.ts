/** rump.traceroute: the way packets take from a rump kernel to a host (traceroute(8)). */
import { errno } from "../../abi/errno.ts";
import { AF_INET, SO_DEBUG, SO_DONTROUTE, SOCK_DGRAM, SOCK_RAW, SOL_SOCKET } from "../../abi/flags.ts";
import { parseSockaddrIn, sockaddrIn } from "../../abi/inet.ts";
import { IP_HDRINCL, IPPROTO_IP } from "../../abi/inet_options.ts";
import { Ifreq } from "../../abi/net_structs.ts";
import { SIOC } from "../../abi/sockio.ts";
import { formatIpv4 } from "../../lib/inet.ts";
import { viewOf } from "../../lib/struct.ts";
import {
  Icmp,
  ICMP_ECHO,
  ICMP_ECHOREPLY,
  ICMP_TIMXCEED,
  ICMP_UNREACH,
  IPPROTO_ICMP,
  IPPROTO_UDP,
  Ipv4,
  Udp,
  UNREACH_NEEDFRAG,
  UNREACH_PORT,
  UNREACH_PROTOCOL,
} from "../../wire/ipv4.ts";
import { Failure, type Grammar } from "../cli.ts";
import { addressOf, nameOf } from "./host_names.ts";
import { labelsText } from "./icmp_extensions.ts";
import { icmpText } from "./icmp_text.ts";
import type { Run } from "../mod.ts";
import {
  echoRequest,
  type Ipv4Packet,
  parseIcmp,
  parsePacket,
  sourceRoute,
  udpDatagram,
  wholePacket,
} from "./probe_ipv4.ts";
import { NO_AS, numberOption } from "./probe_options.ts";
import { type Arrived, type Client, probeProgram, ProbeSocket, sourceFor } from "./probe_socket.ts";
import type { Tool } from "../tool.ts";
import { type Answer, trace, traceOptions, type Tracer } from "./trace_loop.ts";
import { dumpOf, markOf, MTUS } from "./trace_words.ts";

/** The first port is the next one; nobody listens there, as a rule. */
const PORT = 33_434;
/** Bytes of a probe, with its headers. */
const LENGTH = 40;
const MAX_LENGTH = 65_535;
/** Hosts of a source route beside the destination. */
const MAX_GATEWAYS = 8;
function target(t: Tool, name: string): number {
  const address = addressOf(t.host, name, AF_INET);
  if (address === undefined) throw new Failure(`unknown host ${name}`);
  return address as number;
}
interface Settings {
  readonly address: number;
  /** Where probes are sent to first: a gateway, or the host. */
  readonly firstHop: number;
  readonly source: number;
  readonly options: Uint8Array;
  readonly length: number;
  /** The least a probe has: its headers. */
  readonly least: number;
  readonly port: number;
  readonly tos: number;
}

class Traceroute implements Tracer {
  readonly #t: Tool;
  readonly #s: Settings;
  readonly socket: ProbeSocket;
  readonly #sender: ProbeSocket;
  /** Tells our probes from others': a source port, or the identifier of echo requests. */
  readonly #id: number;
  readonly #echo: boolean;
  /** Bytes of a probe; -P makes it smaller. */
  #length: number;

  constructor(t: Tool, s: Settings, socket: ProbeSocket, sender: ProbeSocket) {
    this.#t = t;
    this.#s = s;
    this.#length = s.length;
    this.socket = socket;
    this.#sender = sender;
    this.#id = 0x8000 | (t.host.pid & 0x7fff);
    this.#echo = t.has("I");
  }
  #to(seq: number): number {
    return (this.#s.port + seq) & 0xffff;
  }
  async probe(ttl: number, seq: number, aside: (line: string) => void): Promise<number> {
    const length = this.#length;
    for (;;) {
      try {
        const sent = await this.#send(ttl, seq);
        if (this.#length !== length) aside(`message too big, trying new MTU = ${this.#length}`);
        return sent;
      } catch (e) {
        if (e !== errno.EMSGSIZE || !this.#t.has("P") || !this.#shrink()) throw e;
      }
    }
  }
  #send(ttl: number, seq: number): Promise<number> {
    const { source, firstHop, options, tos } = this.#s;
    const data = new Uint8Array(this.#length - Ipv4.size - options.length - Udp.size);
    const between = { source, destination: this.#s.address, from: this.#id, to: this.#to(seq) };
    const message = this.#echo
      ? echoRequest(this.#id, seq & 0xffff, data)
      : udpDatagram(between, data, !this.#t.has("x"));
    const protocol = this.#echo ? IPPROTO_ICMP : IPPROTO_UDP;
    const dontFragment = this.#t.has("F", "P");
    const header = { tos, ttl, protocol, id: seq & 0xffff, source, destination: firstHop, dontFragment, options };
    const packet = wholePacket(header, message);
    if (this.#t.has("D")) this.#t.host.err(dumpOf(packet));
    return this.#sender.send(packet, sockaddrIn(firstHop, 0));
  }
  /** Make probes smaller, as small as `told` or the next size links have. False: there is none. */
  #shrink(told = MTUS.find((n) => n < this.#length) ?? 0): boolean {
    if (told < this.#s.least) return false;
    this.#length = told;
    return true;
  }
  /** What to say of a probe that did not pass; undefined: it cannot be smaller. */
  #tooLarge(next: number): string | undefined {
    const head = "fragmentation required and DF set";
    const had = this.#length;
    if (next > 0 && next < had) return this.#shrink(next) ? `${head}, next hop MTU = ${next}` : undefined;
    if (!this.#shrink()) return undefined;
    const bogus = next > 0 ? `\nBogus next hop MTU = ${next} > last MTU = ${had}. ` : "";
    return `${head}. ${bogus}trying new MTU = ${this.#length}`;
  }
  read({ data }: Arrived, seq: number): Answer | undefined {
    const packet = parsePacket(data);
    const message = packet && parseIcmp(packet.payload);
    if (!packet || !message) return undefined;
    const size = this.#t.has("v") ? ` ${packet.payload.length} bytes to ${formatIpv4(packet.destination)}` : "";
    const from = this.#name(packet.source) + size;
    const told = this.#t.has("l") ? ` (ttl = ${packet.ttl})` : "";
    const more = this.#t.has("M") ? labelsText(message.data) : "";
    const { type, code } = message;
    if (this.#echo && type === ICMP_ECHOREPLY && message.id === this.#id && message.seq === (seq & 0xffff)) {
      return { from, mark: `${told}${packet.ttl <= 1 ? " !" : ""}`, end: "there" };
    }
    const isError = type === ICMP_UNREACH || (type === ICMP_TIMXCEED && code === 0);
    if (!isError || !this.#isOurs(parsePacket(message.data), seq)) return this.#other(packet, message);
    if (type === ICMP_TIMXCEED) return { from, mark: told, more, end: undefined };
    const tooLarge = code === UNREACH_NEEDFRAG && this.#t.has("P") ? this.#tooLarge(message.rest & 0xffff) : undefined;
    const mark = told + markOf(code, packet.ttl, message.rest);
    const end = code === UNREACH_PORT || code === UNREACH_PROTOCOL ? "there" : "unreachable";
    return { from, mark, more, end, ...(tooLarge === undefined ? {} : { tooLarge }) };
  }
  #isOurs(about: Ipv4Packet | undefined, seq: number): boolean {
    if (!about || about.payload.length < Udp.size) return false;
    const d = viewOf(about.payload);
    if (!this.#echo) {
      return about.protocol === IPPROTO_UDP && Udp.get.source(d, 0) === this.#id &&
        Udp.get.destination(d, 0) === this.#to(seq);
    }
    const echo = Icmp.dump(d, 0);
    return about.protocol === IPPROTO_ICMP && echo.type === ICMP_ECHO && echo.id === this.#id &&
      echo.seq === (seq & 0xffff);
  }
  /** With -v, what else comes is shown. */
  #other({ source, payload }: Ipv4Packet, message: NonNullable<ReturnType<typeof parseIcmp>>): undefined {
    if (!this.#t.has("v") || message.type === ICMP_ECHO) return;
    this.#t.out(`\n${payload.length} bytes from ${this.#name(source)}: ${icmpText(message)}\n   `);
  }
  #name(address: number): string {
    const text = formatIpv4(address);
    return this.#t.has("n") ? text : `${nameOf(this.#t.host, address) ?? text} (${text})`;
  }
}
/** Where probes come from: an address, an interface's, or what leads there. */
async function sourceOf(t: Tool, client: Client, firstHop: number): Promise<number> {
  const given = t.value("s");
  if (given !== undefined) return target(t, given);
  const iface = t.value("i");
  const name = iface === undefined
    ? await sourceFor(client, sockaddrIn(firstHop, PORT), SOCK_DGRAM)
    : await interfaceAddress(client, iface);
  return parseSockaddrIn(name)?.address ?? 0;
}
async function interfaceAddress({ sys }: Client, name: string): Promise<Uint8Array> {
  const fd = (await sys.socket({ domain: AF_INET, type: SOCK_DGRAM, protocol: 0 })) as number;
  const data = new Uint8Array(Ifreq.size);
  Ifreq.write(viewOf(data), 0, { name });
  await sys.ioctl({ fd, com: SIOC.SIOCGIFADDR, data }).catch((e) => {
    throw new Failure(`${name}: ${(e as Error).message}`);
  });
  await sys.close({ fd });
  return Ifreq.get.addr(viewOf(data), 0);
}
async function settingsOf(t: Tool, client: Client, host: string): Promise<Settings> {
  const address = target(t, host);
  const gateways = t.all("g").map((g) => target(t, g));
  if (gateways.length > MAX_GATEWAYS) throw new Failure(`more than ${MAX_GATEWAYS} gateways`);
  const options = gateways.length > 0 ? sourceRoute([...gateways.slice(1), address]) : new Uint8Array(0);
  const firstHop = gateways[0] ?? address;
  const least = Ipv4.size + options.length + Udp.size;
  const text = t.rest[1];
  const usual = t.has("P") ? MTUS[0]! : Math.max(LENGTH, least);
  const length = text === undefined ? usual : /^\d{1,5}$/.test(text) ? Number(text) : NaN;
  if (!(length >= least && length <= MAX_LENGTH)) throw new Failure(`packet size must be ${least} to ${MAX_LENGTH}`);
  const port = numberOption(t, "p", PORT, { least: 1, most: 65_535 });
  const tos = numberOption(t, "t", 0, { least: 0, most: 255 });
  return { address, firstHop, source: await sourceOf(t, client, firstHop), options, length, least, port, tos };
}
async function traceroute(t: Tool, host: string, client: Client): Promise<number> {
  const o = traceOptions(t);
  const socket = await ProbeSocket.open(client, AF_INET, SOCK_RAW, IPPROTO_ICMP);
  const s = await settingsOf(t, client, host);
  await socket.stamp();
  const sender = await ProbeSocket.open(client, AF_INET, SOCK_RAW, IPPROTO_RAW);
  await sender.set(IPPROTO_IP, IP_HDRINCL, 1);
  if (t.has("d")) await sender.set(SOL_SOCKET, SO_DEBUG, 1);
  if (t.has("r")) await sender.set(SOL_SOCKET, SO_DONTROUTE, 1);
  t.host.err(`${t.name} to ${host} (${formatIpv4(s.address)}), ${o.last} hops max, ${s.length} byte packets\n`);
  await trace(t, new Traceroute(t, s, socket, sender), o);
  return t.status;
}
const IPPROTO_RAW = 255;

const grammar: Grammar = {
  usage: "[-DdFIlMnPrvx] [-f first_ttl] [-g gateway] [-i iface] [-m max_ttl] [-p port] [-q nqueries] [-s src_addr] " +
    "[-t tos] [-w waittime] [-z pause] host [packetlen]",
  about: "Show the way packets take from a rump kernel to a host: who drops them as their time to live is over.",
  letters: "DdFf:g:Ii:lMm:nPp:q:rs:t:vw:xz:",
  refused: NO_AS,
  help: {
    D: "show packets before they are sent",
    d: "debugging of the socket (SO_DEBUG)",
    F: "packets are not to be cut on their way",
    f: "the first time to live (1)",
    g: "a source route by this host; up to eight of them",
    I: "ICMP echo requests, not UDP",
    i: "send from this interface's address",
    l: "the time to live answers come with",
    M: "labels of MPLS that routers tell",
    m: "the largest time to live (64)",
    n: "addresses only, no names",
    P: "the largest packets that pass: smaller ones when routers say that they do not",
    p: `UDP ports above this one (${PORT})`,
    q: "probes of each hop (3)",
    r: "only hosts on a network of ours, by no route",
    s: "send from this address",
    t: "type of service",
    v: "all ICMP messages that come",
    w: "seconds to wait for an answer (5)",
    x: "UDP without checksums",
    z: "milliseconds between two probes (0)",
  },
  examples: ["-n 10.2.0.2", "-I -q 1 -m 4 10.2.0.2"],
};
export const run: Run = probeProgram(grammar, traceroute, 1);
