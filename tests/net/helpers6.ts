/** Hosts with IPv6, their addresses, and messages of ICMPv6 made by hand. */
import { AF_INET6, IFF, SOCK_DGRAM } from "../../src/abi/flags.ts";
import { parseSockaddrIn6, sockaddrIn6 } from "../../src/abi/inet.ts";
import type { Calls } from "../../src/kern/dispatch.ts";
import { formatIpv6, In6Addr, parseIpv6 } from "../../src/lib/in6.ts";
import { stackOf } from "../../src/net/interfaces.ts";
import type { Ip6 } from "../../src/net/ip6/ip6.ts";
import type { Stack } from "../../src/net/stack.ts";
import { viewOf } from "../../src/lib/struct.ts";
import { CMSG_DATA, Cmsghdr } from "../../src/abi/structs.ts";
import type { Input, NetDevice } from "../../src/plugin.ts";
import { bytes, cable, int, intOf, netKernel, pass, settle, text } from "./helpers.ts";

let hosts = 0;
/** A host with IPv6: numbers at random differ from host to host. */
export async function inet6Host(...more: string[]) {
  const made = await netKernel("rumpnet_netinet6", ...more);
  made.kernel.sys.random(new Uint8Array(++hosts));
  const stack = stackOf(made.kernel);
  return { ...made, stack, ip6: stack.ip6 as Ip6 };
}
export type Host6 = Awaited<ReturnType<typeof inet6Host>>;
/** Give a host an interface that is up, with addresses: "2001:db8::1/64". */
export async function attach6(
  { stack, ip6 }: { readonly stack: Stack; readonly ip6: Ip6 },
  name: string,
  device: NetDevice,
  ...addresses: string[]
) {
  const iface = stack.attach(name, device);
  for (const given of addresses) {
    const [address, length] = given.split("/");
    await ip6.addresses.add(iface, { address: parseIpv6(address!)!, length: Number(length) });
  }
  await stack.setFlags(iface, iface.flags | IFF.UP);
  return iface;
}
/** Time enough for addresses to be ready. */
export const ready = (...all: Host6[]) => pass(all, 2000, 500);
/** Hosts a (2001:db8::1) and b (2001:db8::2) on one cable, their addresses ready. */
export async function twoHosts6(through?: Parameters<typeof cable>[0]) {
  const [one, two] = cable(through);
  const [a, b] = [await inet6Host(), await inet6Host()];
  const ifaces = [await attach6(a, "en0", one!, "2001:db8::1/64"), await attach6(b, "en0", two!, "2001:db8::2/64")];
  await ready(a, b);
  return { a, b, ifaces };
}

/** An IPv6 address and port; `zone`: the index of its link. */
export const sin6 = (address: string, port: number, zone = 0) => sockaddrIn6(parseIpv6(address)!.in(zone), port);
export const named6 = (name: Uint8Array) => {
  const { address, port } = parseSockaddrIn6(name)!;
  return `[${formatIpv6(address)}${address.zone ? `%${address.zone}` : ""}]:${port}`;
};
/** A UDP socket, at a port where one is said. */
export async function udp6(sys: Calls, port?: number, address = "::"): Promise<number> {
  const s = sys.socket({ domain: AF_INET6, type: SOCK_DGRAM, protocol: 0 }) as number;
  if (port !== undefined) await sys.bind({ s, name: sin6(address, port) });
  return s;
}
export async function receive6(sys: Calls, s: number): Promise<readonly [data: string, from: string]> {
  const [buf, from, fromlenaddr] = [new Uint8Array(9000), new Uint8Array(28), new Uint8Array([28, 0, 0, 0])];
  const n = await sys.recvfrom({ s, buf, flags: 0, from, fromlenaddr });
  return [text(buf.subarray(0, n)), named6(from)];
}
export const send6 = (sys: Calls, s: number, data: string | Uint8Array, to: Uint8Array) =>
  sys.sendto({ s, buf: typeof data === "string" ? bytes(data) : data, flags: 0, to });
export { settle };

/** A link whose other end is the test: what a host sends, and frames to it. */
export function wire() {
  let input: Input | undefined;
  const sent: Uint8Array[] = [];
  const device: NetDevice = {
    medium: "ethernet",
    mtu: 1500,
    mac: new Uint8Array([0xb2, 0xa0, 0, 0, 0, 1]),
    up: (fn) => void (input = fn),
    output: (frame) => void sent.push(frame.slice()),
    down: () => void (input = undefined),
  };
  return { device, sent, inject: (frame: Uint8Array) => input?.(frame) };
}
/** The test's own link address. */
export const PEER = new Uint8Array([2, 0, 0, 0, 0, 0x99]);
export interface Given {
  readonly from: string;
  readonly to: string;
  readonly hops?: number;
  readonly next?: number;
  readonly mac?: Uint8Array;
}
/** An Ethernet frame with an IPv6 packet. */
export function frame6({ from, to, hops = 64, next = 58, mac = PEER }: Given, payload: Uint8Array): Uint8Array {
  const f = new Uint8Array(54 + payload.length);
  const d = viewOf(f);
  const dst = parseIpv6(to)!;
  f.set(dst.multicast ? [0x33, 0x33, dst.d >>> 24, dst.d >>> 16, dst.d >>> 8, dst.d] : [0xb2, 0xa0, 0, 0, 0, 1]);
  f.set(mac, 6);
  d.setUint16(12, 0x86dd);
  f[14] = 0x60;
  d.setUint16(18, payload.length);
  f[20] = next;
  f[21] = hops;
  parseIpv6(from)!.write(d, 22);
  dst.write(d, 38);
  f.set(payload, 54);
  return f;
}
/** The checksum of ICMPv6, TCP or UDP `payload`, with its field at `at` as it is. */
export function checksum6({ from, to, next = 58 }: Given, payload: Uint8Array): number {
  const all = new Uint8Array(40 + payload.length + 1);
  parseIpv6(from)!.write(viewOf(all), 0);
  parseIpv6(to)!.write(viewOf(all), 16);
  viewOf(all).setUint32(32, payload.length);
  all[39] = next;
  all.set(payload, 40);
  let sum = 0;
  for (let i = 0; i < 40 + payload.length; i += 2) sum += (all[i]! << 8) | all[i + 1]!;
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}
/** A frame with an ICMPv6 message: of hop limit 255, unless said otherwise. */
export function icmp6(given: Given, message: readonly number[]): Uint8Array {
  const payload = Uint8Array.from(message);
  payload[2] = payload[3] = 0;
  viewOf(payload).setUint16(2, checksum6(given, payload));
  return frame6({ hops: 255, ...given }, payload);
}
/** 16 bytes of an address, for messages. */
export const in6 = (text: string): number[] => {
  const out = new Uint8Array(16);
  parseIpv6(text)!.write(viewOf(out), 0);
  return [...out];
};
export const be32 = (n: number): number[] => [n >>> 24, (n >>> 16) & 255, (n >>> 8) & 255, n & 255];
/** What a host sent of ICMPv6: type, code, source, destination, message; extension headers but hop-by-hop are not looked into. */
export function icmp6Of(f: Uint8Array) {
  const d = viewOf(f);
  const hop = f[20] === 0 ? 8 + 8 * f[55]! : 0;
  const at = 54 + hop;
  if (d.getUint16(12) !== 0x86dd || (hop ? f[54] : f[20]) !== 58) return undefined;
  const text = (o: number) => formatIpv6(In6Addr.read(d, o));
  const message = f.slice(at, 54 + d.getUint16(18));
  return { type: f[at]!, code: f[at + 1]!, from: text(22), to: text(38), hops: f[21]!, message, mac: f.slice(0, 6) };
}
/** Messages of one type among what was sent. */
export const ofType = (sent: readonly Uint8Array[], type: number) =>
  sent.map(icmp6Of).filter((m) => m !== undefined).filter((m) => m.type === type);
/** A host on a wire of the test's, its addresses ready. */
export async function hostOnWire(...addresses: string[]) {
  const w = wire();
  const host = await inet6Host();
  const iface = await attach6(host, "en0", w.device, ...addresses);
  await ready(host);
  w.sent.length = 0;
  return { ...host, ...w, iface, if6: host.ip6.of(iface) };
}

/** IPPROTO_IPV6 */
export const LEVEL = 41;
/** Set an option of a socket, and ask for one that is an int. */
export const set = (sys: Calls, s: number, name: number, val: Uint8Array, level = LEVEL) =>
  sys.setsockopt({ s, level, name, val });
export function get(sys: Calls, s: number, name: number, level = LEVEL): number {
  const val = new Uint8Array(4);
  sys.getsockopt({ s, level, name, val, avalsize: int(4) });
  return intOf(val);
}
/** What recvmsg gives: data, and control messages by type. */
export async function message(sys: Calls, s: number) {
  const [iov, control, msg, name] = [new Uint8Array(2000), new Uint8Array(500), new Uint8Array(48), new Uint8Array(28)];
  const n = (await sys.recvmsg({ s, msg, name, iov, control, flags: 0 })) as number;
  const d = viewOf(control);
  const found = new Map<number, Uint8Array>();
  for (let at = 0; at < control.length && Cmsghdr.get.len(d, at) >= CMSG_DATA;) {
    const len = Cmsghdr.get.len(d, at);
    if (Cmsghdr.get.level(d, at) === LEVEL) found.set(Cmsghdr.get.type(d, at), control.slice(at + CMSG_DATA, at + len));
    at += (len + 7) & ~7;
  }
  return { data: text(iov.subarray(0, n)), found };
}
/** A control message of IPv6. */
export function cmsg(type: number, data: Uint8Array): Uint8Array {
  const out = new Uint8Array((CMSG_DATA + data.length + 7) & ~7);
  Cmsghdr.write(viewOf(out), 0, { len: CMSG_DATA + data.length, level: LEVEL, type });
  out.set(data, CMSG_DATA);
  return out;
}
