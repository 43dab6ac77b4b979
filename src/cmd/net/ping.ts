/** rump.ping: echo requests of a rump kernel (ping(8)). */
import { AF_INET, SO_BROADCAST, SO_DEBUG, SO_DONTROUTE, SOCK_RAW, SOL_SOCKET } from "../../abi/flags.ts";
import { sockaddrIn } from "../../abi/inet.ts";
import * as IP from "../../abi/inet_options.ts";
import { formatIpv4 } from "../../lib/inet.ts";
import { viewOf } from "../../lib/struct.ts";
import { ICMP_ECHO, ICMP_ECHOREPLY, IPPROTO_ICMP } from "../../wire/ipv4.ts";
import { Failure, type Grammar } from "../cli.ts";
import { addressOf, nameOf } from "./host_names.ts";
import { icmpText, routesText } from "./icmp_text.ts";
import type { Run } from "../mod.ts";
import { type Pinger, PingLoop } from "./ping_loop.ts";
import { deadlineOption, intervalOption, loopOptions } from "./ping_options.ts";
import { echoRequest, parseIcmp, parsePacket, recordRoute, sourceRoute, wholePacket } from "./probe_ipv4.ts";
import { numberOption, payload } from "./probe_options.ts";
import { type Arrived, type Client, probeProgram, ProbeSocket } from "./probe_socket.ts";
import type { Counts } from "./probe_stats.ts";
import type { Tool } from "../tool.ts";

/** Bytes of data that make a packet of 64 KiB. */
const MAX_DATA = 65_535 - 60 - 8;
const MAX_TTL = 255;
/** Bytes of a compatible time, and of a struct timespec. */
const [STAMP, TIMESPEC] = [8, 16];

/** An address or name of a host. Throws Failure. */
function target(t: Tool, name: string): number {
  const address = addressOf(t.host, name, AF_INET);
  if (address === undefined) throw new Failure(`Cannot resolve "${name}" (Host name lookup failure)`);
  return address as number;
}

class Ping implements Pinger {
  readonly call = "sendto";
  readonly to: Uint8Array;
  readonly #t: Tool;
  readonly #host: string;
  readonly #address: number;
  readonly #id: number;
  readonly #data: Uint8Array;
  /** Bytes at the beginning that say when a request went. */
  readonly #stamp: number;
  /** Behind the point of milliseconds: compatible times have microseconds. */
  readonly digits: number;
  /** Options of the header that are made here. */
  readonly #header: { readonly tos: number; readonly ttl: number } | undefined;
  readonly #options: Uint8Array;
  #lastRoute = "";

  constructor(t: Tool, host: string, address: number) {
    this.#t = t;
    this.#host = host;
    this.#address = address;
    this.to = sockaddrIn(address, 0);
    this.#id = t.host.pid & 0xffff;
    this.#data = payload(t, numberOption(t, "s", 56, { least: 0, most: MAX_DATA }), t.has("P"));
    this.#stamp = t.has("C") && this.#data.length >= STAMP ? STAMP : 0;
    this.digits = t.has("C") || this.#data.length < TIMESPEC ? 3 : 6;
    const gateway = t.value("g");
    this.#options = gateway === undefined
      ? t.has("R") ? recordRoute() : new Uint8Array(0)
      : sourceRoute([target(t, gateway), address]);
    this.#header = t.has("D") ? { tos: tosOf(t), ttl: ttlOf(t) ?? MAX_TTL } : undefined;
    if (this.#header && gateway !== undefined) throw new Failure("-D and -g do not go together");
  }
  get head(): string {
    return `PING ${this.#host} (${formatIpv4(this.#address)}): ${this.#data.length} data bytes\n`;
  }
  async prepare(socket: ProbeSocket): Promise<void> {
    const t = this.#t;
    await socket.stamp();
    await socket.set(SOL_SOCKET, SO_BROADCAST, 1);
    if (t.has("d")) await socket.set(SOL_SOCKET, SO_DEBUG, 1);
    if (t.has("r")) await socket.set(SOL_SOCKET, SO_DONTROUTE, 1);
    if (this.#header) await socket.set(IP.IPPROTO_IP, IP.IP_HDRINCL, 1);
    else if (this.#options.length > 0) await socket.set(IP.IPPROTO_IP, IP.IP_OPTIONS, this.#options);
    if (t.has("t")) await socket.set(IP.IPPROTO_IP, IP.IP_TOS, tosOf(t));
    const ttl = ttlOf(t);
    if (ttl !== undefined) await socket.set(IP.IPPROTO_IP, IP.IP_TTL, ttl);
    if (ttl !== undefined) await socket.set(IP.IPPROTO_IP, IP.IP_MULTICAST_TTL, ttl);
    if (t.has("L")) await socket.set(IP.IPPROTO_IP, IP.IP_MULTICAST_LOOP, 0);
    await this.#from(socket);
  }
  /** Where it is sent from: for a multicast an interface by its address. */
  async #from(socket: ProbeSocket): Promise<void> {
    const text = this.#t.value("I");
    if (text === undefined) return;
    const name = sockaddrIn(target(this.#t, text), 0);
    if (this.#address >>> 28 === 14) await socket.set(IP.IPPROTO_IP, IP.IP_MULTICAST_IF, name.slice(4, 8));
    else await socket.bind(name);
  }
  request(seq: number): Uint8Array {
    if (this.#stamp > 0) stampTime(this.#data, this.#t.host.wall());
    const message = echoRequest(this.#id, seq, this.#data);
    if (!this.#header) return message;
    const [protocol, destination, options] = [IPPROTO_ICMP, this.#address, this.#options];
    return wholePacket(
      { ...this.#header, protocol, destination, options, source: 0, id: 0, dontFragment: true },
      message,
    );
  }
  replied({ data }: Arrived): number | undefined {
    const packet = parsePacket(data);
    const message = packet && parseIcmp(packet.payload);
    if (!message) return undefined;
    if (message.type === ICMP_ECHOREPLY) return message.id === this.#id ? message.seq : undefined;
    if (message.type === ICMP_ECHO && !this.#t.has("v")) return undefined;
    this.#tell(packet.source, packet.payload.length, message);
    return undefined;
  }
  /** An error about a request of ours, or with -v any message. */
  #tell(from: number, length: number, message: NonNullable<ReturnType<typeof parseIcmp>>): void {
    const about = parsePacket(message.data);
    const echo = about?.protocol === IPPROTO_ICMP ? parseIcmp(about.payload) : undefined;
    const ours = echo?.type === ICMP_ECHO && echo.id === this.#id && about?.destination === this.#address;
    if (ours ? this.#t.has("q", "Q", "f") : !this.#t.has("v")) return;
    const of = ours ? ` for icmp_seq=${echo.seq}` : "";
    this.#t.out(`${length} bytes from ${this.#name(from)}: ${icmpText(message)}${of}\n`);
  }
  line({ data }: Arrived, seq: number, ms: number, again: boolean): string {
    const packet = parsePacket(data)!;
    const twice = again ? " DUP!" : "";
    const first = `${packet.payload.length} bytes from ${
      this.#name(packet.source)
    }: icmp_seq=${seq}${twice} ttl=${packet.ttl}`;
    return `${first} time=${ms.toFixed(this.digits)} ms${this.#wrong(packet.payload.subarray(8))}${
      this.#route(packet.options)
    }`;
  }
  /** The first byte that did not come back as it was sent. */
  #wrong(data: Uint8Array): string {
    const i = this.#data.findIndex((b, k) => k >= this.#stamp && data[k] !== b);
    if (i < 0) return "";
    if (i >= data.length) return `\n${this.#data.length - data.length} data bytes are missing`;
    return `\nwrong data byte #${i} should have been 0x${this.#data[i]!.toString(16)} but was 0x${
      data[i]!.toString(16)
    }`;
  }
  #route(options: Uint8Array): string {
    const text = routesText(options, (a) => this.#name(a));
    if (text !== "" && text === this.#lastRoute) return "\t(same route)";
    this.#lastRoute = text;
    return text;
  }
  /** An address as it was typed needs no name; others have one by the host's resolver. */
  #name(address: number): string {
    const text = formatIpv4(address);
    if (this.#t.has("n") || text === this.#host) return text;
    const name = address === this.#address ? this.#host : nameOf(this.#t.host, address);
    return name === undefined ? text : `${name} (${text})`;
  }
}
/** Seconds and microseconds, as NetBSD's of old sends them. */
function stampTime(data: Uint8Array, ms: number): void {
  const d = viewOf(data);
  d.setUint32(0, Math.floor(ms / 1000));
  d.setUint32(4, Math.floor((ms % 1000) * 1000));
}
const ttlOf = (t: Tool) => (t.has("T") ? numberOption(t, "T", 0, { least: 1, most: MAX_TTL }) : undefined);
const tosOf = (t: Tool) => numberOption(t, "t", 0, { least: 0, most: 255 });

async function ping(t: Tool, host: string, client: Client): Promise<number> {
  const pinger = new Ping(t, host, target(t, host));
  const patience = (longest: number) => Math.max(2 * longest, 10 * intervalOption(t));
  const options = loopOptions(t, { patience, deadline: deadlineOption(t, "w") });
  const socket = await ProbeSocket.open(client, AF_INET, SOCK_RAW, IPPROTO_ICMP);
  await pinger.prepare(socket);
  t.out(pinger.head);
  const loop = new PingLoop(t, socket, pinger, options);
  const { counts } = loop;
  try {
    await loop.run();
  } finally {
    t.out(`\n----${host} PING Statistics----\n${summary(counts, pinger.digits, t.has("f"))}`);
  }
  return counts.received > 0 ? 0 : NO_REPLY;
}
function summary({ line, trips, rates }: Counts, digits: number, flood: boolean): string {
  if (trips.count === 0) return `${line}\n`;
  return `${line}\nround-trip min/avg/max/stddev = ${trips.text(digits)} ms\n${flood ? `${rates}\n` : ""}`;
}
/** The status where nobody answered. */
const NO_REPLY = 2;

const grammar: Grammar = {
  usage:
    "[-aCDdfLnoPQqRrv] [-c count] [-g gateway] [-h host] [-I addr] [-i interval] [-l preload] [-p pattern] [-s size] " +
    "[-T ttl] [-t tos] [-w deadline] host",
  about: "Send ICMP echo requests to a host from a rump kernel, and tell of the replies.",
  letters: "aCc:Ddfg:h:I:i:Ll:noPp:QqRrs:T:t:vw:",
  refused: { "E:": "there is no IPsec" },
  help: {
    a: "a bell for each reply",
    C: "times in requests as NetBSD's of old sent them",
    c: "end after so many replies",
    D: "packets are not to be cut on their way",
    d: "debugging of the socket (SO_DEBUG)",
    f: "flood: the next when a reply comes, and a hundred times a second; a dot for each that is lost",
    g: "a source route by this host",
    h: "the host, in another place",
    I: "send from this address; multicasts by the interface that has it",
    i: "seconds between requests (1)",
    L: "multicasts do not come back to their sender",
    l: "so many at once first",
    n: "addresses only, no names",
    o: "end after one reply",
    P: "random data",
    p: "up to 16 bytes to fill requests with, hexadecimal",
    Q: "errors about our requests are not shown",
    q: "statistics only",
    R: "record the route",
    r: "only hosts on a network of ours, by no route",
    s: "bytes of data (56)",
    T: "time to live",
    t: "type of service",
    v: "all ICMP messages that come",
    w: "end after so many seconds, whatever was sent and came",
  },
  examples: ["-c 3 10.0.0.1", "-n -D -s 1472 -c 1 10.0.0.1"],
};
export const run: Run = probeProgram(grammar, ping, 0, (t) => [...t.all("h"), ...t.rest]);
