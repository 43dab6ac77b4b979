/** Sockets of rump.nc: what its options say of them, and how they are made. */
import { errno } from "../../abi/errno.ts";
import * as FLAGS from "../../abi/flags.ts";
import { parseSockaddrIn, parseSockaddrIn6, sockaddrIn, sockaddrIn6 } from "../../abi/inet.ts";
import { IP_MINTTL, IP_TOS, IP_TTL, IPPROTO_IP } from "../../abi/inet_options.ts";
import { IPV6_TCLASS, IPV6_UNICAST_HOPS } from "../../abi/inet6_options.ts";
import { SOCKADDR_UN } from "../../abi/structs.ts";
import { In6Addr } from "../../lib/in6.ts";
import { viewOf } from "../../lib/struct.ts";
import { IPPROTO_IPV6 } from "../../wire/ipv6.ts";
import { Failure } from "../cli.ts";
import type { attached } from "../client.ts";
import { type Address, addressOf, addressText, portOf, serviceOf } from "./host_names.ts";
import { numberOption } from "./probe_options.ts";
import type { Tool } from "../tool.ts";

export type NcClient = Awaited<ReturnType<typeof attached>>;
const { AF_INET, AF_INET6, AF_LOCAL, AF_UNSPEC, SOCK_DGRAM, SOCK_STREAM, SOL_SOCKET } = FLAGS;
/** Room for a sockaddr of any family. */
export const SOCKADDR_ROOM = SOCKADDR_UN.size;
const ANY6 = new In6Addr(0, 0, 0, 0);
const MOST_BYTES = 1 << 28;

export interface Settings {
  /** AF_UNSPEC: that of the address. */
  readonly family: number;
  readonly type: number;
  readonly protocol: "tcp" | "udp";
  /** Milliseconds; 0: no end. */
  readonly wait: number;
  /** Between lines, and between ports; milliseconds. */
  readonly interval: number;
  /** Our own end; undefined: any. */
  readonly source: string | undefined;
  readonly sourcePort: number;
  readonly options: readonly SocketOption[];
}
interface SocketOption {
  readonly level: number;
  readonly name: number;
  readonly value: number;
}
/** What the options of nc say. Throws Failure. */
export function settingsOf(t: Tool): Settings {
  const family = t.has("U") ? AF_LOCAL : t.last("4", "6") === "6" ? AF_INET6 : t.has("4") ? AF_INET : AF_UNSPEC;
  const protocol = t.has("u") ? "udp" : "tcp";
  const sourcePort = t.value("p") === undefined ? 0 : onePort(t, t.value("p")!, protocol);
  return {
    family,
    type: t.has("u") ? SOCK_DGRAM : SOCK_STREAM,
    protocol,
    wait: secondsOf(t, "w"),
    interval: secondsOf(t, "i"),
    source: t.value("s"),
    sourcePort: t.has("r") && sourcePort === 0 ? PRIVATE + below(t, 65_536 - PRIVATE) : sourcePort,
    options: optionsOf(t, family),
  };
}
/** The first port that is nobody's (RFC 6335). */
const PRIVATE = 49_152;
/** A number from 0 on. */
function below({ host }: Tool, limit: number): number {
  const bytes = new Uint8Array(4);
  host.random(bytes);
  return Math.floor((viewOf(bytes).getUint32(0) / 2 ** 32) * limit);
}
function secondsOf(t: Tool, letter: string): number {
  const text = t.value(letter) ?? "0";
  if (!/^\d{1,6}(\.\d+)?$/.test(text)) throw new Failure(`-${letter} ${text}: not seconds`);
  return Number(text) * 1000;
}
function optionsOf(t: Tool, family: number): SocketOption[] {
  const found: SocketOption[] = [];
  const add = (level: number, name: number, value: number) => void found.push({ level, name, value });
  const isV6 = family === AF_INET6;
  if (t.has("D")) add(SOL_SOCKET, FLAGS.SO_DEBUG, 1);
  for (const [letter, name] of [["I", FLAGS.SO_RCVBUF], ["O", FLAGS.SO_SNDBUF]] as const) {
    if (t.has(letter)) add(SOL_SOCKET, name, numberOption(t, letter, 0, { least: 1, most: MOST_BYTES }));
  }
  if (t.has("M")) {
    const hops = numberOption(t, "M", 0, { least: 1, most: 255 });
    add(isV6 ? IPPROTO_IPV6 : IPPROTO_IP, isV6 ? IPV6_UNICAST_HOPS : IP_TTL, hops);
  }
  if (t.has("m")) {
    if (isV6) throw new Failure("-m: IPv6 has no such option");
    add(IPPROTO_IP, IP_MINTTL, numberOption(t, "m", 0, { least: 1, most: 255 }));
  }
  if (t.has("T")) add(isV6 ? IPPROTO_IPV6 : IPPROTO_IP, isV6 ? IPV6_TCLASS : IP_TOS, tosOf(t.value("T")!));
  return found;
}
/** Types of service by their names (netinet/ip.h; RFC 2474, 2597, 3246). */
const SERVICES: Readonly<Record<string, number>> = {
  critical: 0xa0,
  inetcontrol: 0xc0,
  lowdelay: 0x10,
  netcontrol: 0xe0,
  throughput: 0x08,
  reliability: 0x04,
  ef: 0xb8,
};
function tosOf(text: string): number {
  const [, group, one, two] = /^(cs|af)([0-7])([1-3])?$/.exec(text) ?? [];
  if (group === "cs" && two === undefined) return Number(one) << 5;
  if (group === "af" && two !== undefined && one! >= "1" && one! <= "4") return (Number(one) << 5) | (Number(two) << 3);
  const n = Object.hasOwn(SERVICES, text)
    ? SERVICES[text]!
    : /^(\d{1,3}|0x[0-9a-f]{1,2})$/i.test(text)
    ? Number(text)
    : NaN;
  if (!(n <= 255)) throw new Failure(`-T ${text}: not a type of service`);
  return n;
}

/** The address of a host; with -n only of a number. Throws Failure. */
export function hostOf(t: Tool, name: string, family: number): Address {
  const found = t.has("n") && !/^[\d.]+$|:/.test(name) ? undefined : addressOf(t.host, name, family);
  if (found === undefined) throw new Failure(`${name}: unknown host`);
  return found;
}
/** A port by its number or its service. Throws Failure. */
export function onePort(t: Tool, text: string, protocol: string): number {
  const port = t.has("n") && !/^\d+$/.test(text) ? undefined : portOf(t.host, text, protocol);
  if (port === undefined) throw new Failure(`${text}: not a port`);
  return port;
}
/** A port or a range of them, in their order or (-r) in none. */
export function portsOf(t: Tool, text: string, protocol: string): number[] {
  const m = /^(\d{1,5})-(\d{1,5})$/.exec(text);
  if (!m) return [onePort(t, text, protocol)];
  const [from, to] = [Number(m[1]), Number(m[2])];
  if (from > to || to > 65_535) throw new Failure(`${text}: not a port`);
  const ports = Array.from({ length: to - from + 1 }, (_, i) => from + i);
  if (!t.has("r")) return ports;
  return ports.map((port) => [below(t, 2 ** 32), port] as const).toSorted(([a], [b]) => a - b).map(([, port]) => port);
}
/** `tcp/http`, `udp/*`. */
export const serviceText = (t: Tool, port: number, protocol: string): string =>
  `${protocol}/${(t.has("n") ? undefined : serviceOf(t.host, port, protocol)) ?? "*"}`;

/** A path as a sockaddr. Throws Failure for one that is too long. */
export function sockaddrUn(path: string): Uint8Array {
  const bytes = new TextEncoder().encode(path);
  const size = SOCKADDR_UN.path + bytes.length + 1;
  if (size > SOCKADDR_UN.size || bytes.length === 0) throw new Failure(`${path}: not a path of a socket`);
  const name = new Uint8Array(size);
  name.set([size, AF_LOCAL]);
  name.set(bytes, SOCKADDR_UN.path);
  return name;
}
const sockaddr = (address: Address, port: number) =>
  typeof address === "number" ? sockaddrIn(address, port) : sockaddrIn6(address, port);
/** The end a name and a port mean; of local sockets, a path. */
export function endOf(t: Tool, s: Settings, name: string, port: number): Uint8Array {
  return s.family === AF_LOCAL ? sockaddrUn(name) : sockaddr(hostOf(t, name, s.family), port);
}
/** Where it listens; without a name, everywhere. */
export function ownEnd(t: Tool, s: Settings, name: string | undefined, port: number, family = s.family): Uint8Array {
  if (family === AF_LOCAL) return sockaddrUn(name!);
  if (name === undefined) return sockaddr(family === AF_INET6 ? ANY6 : 0, port);
  return sockaddr(hostOf(t, name, family), port);
}
/** An address as nc says it: "10.0.0.1 80", a path, or "somebody" where there is none. */
export function sockaddrText(name: Uint8Array): string {
  if (name[1] === AF_LOCAL) {
    const path = new TextDecoder().decode(name.subarray(SOCKADDR_UN.path, name[0])).replace(/\0.*$/s, "");
    return path.replace(/\p{C}/gu, "?") || "somebody";
  }
  const end = name[1] === AF_INET ? parseSockaddrIn(name) : parseSockaddrIn6(name);
  return end ? `${addressText(end.address)} ${end.port}` : "somebody";
}

/** A call that ends in time. ETIMEDOUT: it did not. */
export async function inTime<T>(client: NcClient, ms: number, call: (sys: NcClient["sys"]) => Promise<T>): Promise<T> {
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
/** A new socket with the options that were asked for. Rejects with Failure where the server has no such network. */
export async function open({ sys }: NcClient, family: number, s: Settings): Promise<number> {
  let fd: number;
  try {
    fd = await sys.socket({ domain: family, type: s.type, protocol: 0 });
  } catch (e) {
    const missing = e === errno.EAFNOSUPPORT || e === errno.ENOSYS || e === errno.EPROTONOSUPPORT;
    if (!missing) throw e;
    const component = { [AF_INET6]: "rumpnet_netinet6", [AF_LOCAL]: "rumpnet" }[family] ?? "rumpnet_netinet";
    throw new Failure(`the server has no such network: start it with -l ${component}`);
  }
  for (const { level, name, value } of s.options) {
    await sys.setsockopt({ s: fd, level, name, val: int(value) });
  }
  return fd;
}
/** Give a socket its own end; a port of TCP may still be in TIME_WAIT. */
export async function bind({ sys }: NcClient, fd: number, s: Settings, name: Uint8Array): Promise<void> {
  if (s.type === SOCK_STREAM && name[1] !== AF_LOCAL) {
    await sys.setsockopt({ s: fd, level: SOL_SOCKET, name: FLAGS.SO_REUSEADDR, val: int(1) });
  }
  await sys.bind({ s: fd, name });
}
/** Whether a name for our own end is needed, which is it; a path is made where datagrams have to come back. */
function sourceEnd(t: Tool, s: Settings, to: Uint8Array): Uint8Array | undefined {
  if (to[1] !== AF_LOCAL) {
    return s.source === undefined && s.sourcePort === 0 ? undefined : ownEnd(t, s, s.source, s.sourcePort, to[1]);
  }
  if (s.type === SOCK_STREAM) return undefined;
  return sockaddrUn(s.source ?? `/tmp/nc.${t.host.pid}.${below(t, 1e9)}`);
}
/** A connected socket; `remove` forgets the path it has. */
export interface Made {
  readonly fd: number;
  readonly remove: () => Promise<void>;
}
/** Connect to an address, within -w. Rejects with errno, and nothing is left. */
export async function connect(t: Tool, client: NcClient, s: Settings, to: Uint8Array): Promise<Made> {
  const fd = await open(client, to[1]!, s);
  const own = sourceEnd(t, s, to);
  const remove = async () => {
    if (own?.[1] === AF_LOCAL) await client.sys.unlink({ path: sockaddrText(own) }).catch(() => {}); // it may be gone
  };
  try {
    if (own) await bind(client, fd, s, own);
    await inTime(client, s.wait, (sys) => sys.connect({ s: fd, name: to }));
    return { fd, remove };
  } catch (e) {
    await client.sys.close({ fd });
    if (e !== errno.ECONNRESET) await remove();
    throw e;
  }
}
/** An int of the kernel's. */
export const int = (n: number): Uint8Array => new Uint8Array(new Int32Array([n]).buffer);
