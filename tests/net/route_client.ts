/** The routing socket and sysctl net.route as programs use them. */
import { AF_INET, AF_INET6, AF_ROUTE, SOCK_RAW } from "../../src/abi/flags.ts";
import { parseIn6Mask, parseInetMask, parseSockaddrIn, parseSockaddrIn6, sockaddrIn } from "../../src/abi/inet.ts";
import {
  buildMessage,
  CTL_NET,
  MsgHead,
  NET_RT,
  parseAddresses,
  parseSockaddrDl,
  RTA,
  RTF,
  RTM_VERSION,
  RtMsghdr,
} from "../../src/abi/route_structs.ts";
import type { Calls } from "../../src/kern/dispatch.ts";
import { formatIpv4, maskOf, parseIpv4 } from "../../src/lib/inet.ts";
import { viewOf } from "../../src/lib/struct.ts";

export const routeSocket = (sys: Calls, protocol = 0) =>
  sys.socket({ domain: AF_ROUTE, type: SOCK_RAW, protocol }) as number;

export const sockaddr = (text: string) => sockaddrIn(parseIpv4(text)!, 0);
type Values = Parameters<typeof RtMsghdr.write>[2];
/** A message: what it says, and addresses by their bit. */
export function message(type: number, values: Values, addresses: Record<number, Uint8Array>): Uint8Array {
  const header = new Uint8Array(RtMsghdr.size);
  const map = new Map(Object.entries(addresses).map(([bit, a]) => [Number(bit), a]));
  const addrs = [...map.keys()].reduce((all, bit) => all | bit, 0);
  RtMsghdr.write(viewOf(header), 0, { version: RTM_VERSION, type, seq: 7, ...values, addrs });
  return buildMessage(header, map);
}
/** "10.0.0.0/24", or a host. */
export function destination(text: string): Record<number, Uint8Array> {
  const [address, length] = text.split("/") as [string, string?];
  if (length === undefined) return { [RTA.DST]: sockaddr(address) };
  return { [RTA.DST]: sockaddr(address), [RTA.NETMASK]: sockaddrIn(maskOf(Number(length)), 0) };
}
export function write(sys: Calls, fd: number, bytes: Uint8Array): number {
  return sys.write({ fd, buf: bytes }) as number;
}
/** The next message. */
export async function read(sys: Calls, fd: number): Promise<Uint8Array> {
  const buf = new Uint8Array(2048);
  return buf.slice(0, await sys.read({ fd, buf }));
}
const name = (a: Uint8Array | undefined): string => {
  if (!a) return "-";
  const link = parseSockaddrDl(a);
  if (link) return `${link.name || `link#${link.index}`}`;
  const six = parseSockaddrIn6(a)?.address;
  if (six) return `${six}${six.zone ? `%${six.zone}` : ""}`;
  return formatIpv4(parseSockaddrIn(a)?.address ?? 0);
};
/** A route in short: "10.0.0.0/ffffff00 by link#2, flags, mtu" */
export function shown(bytes: Uint8Array): string {
  const { flags, addrs, mtu, index } = RtMsghdr.dump(viewOf(bytes), 0);
  const a = parseAddresses(bytes, RtMsghdr.size, addrs)!;
  const mask = a.get(RTA.NETMASK);
  const six = a.get(RTA.DST)?.[1] === AF_INET6;
  const to = !mask ? "" : six ? `/${parseIn6Mask(mask) ?? 0}` : `/${(parseInetMask(mask) ?? 0).toString(16)}`;
  const letters = Object.entries({
    U: RTF.UP,
    G: RTF.GATEWAY,
    H: RTF.HOST,
    R: RTF.REJECT,
    B: RTF.BLACKHOLE,
    S: RTF.STATIC,
    l: RTF.LOCAL,
    C: RTF.CONNECTED,
  })
    .filter(([, bit]) => flags & bit).map(([l]) => l).join("");
  return `${name(a.get(RTA.DST))}${to} ${name(a.get(RTA.GATEWAY))} ${letters} ${mtu || "-"} ${index}`;
}
/** Records one behind the other. */
export function* records(bytes: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length;) {
    const length = MsgHead.get.msglen(viewOf(bytes), at);
    yield bytes.subarray(at, at + length);
    at += length;
  }
}
/** A table of net.route. */
export function table(sys: Calls, operation: number, argument = 0, family: number = AF_INET): Uint8Array[] {
  const name = new Uint8Array(new Int32Array([CTL_NET, AF_ROUTE, 0, family, operation, argument]).buffer);
  const oldlenp = new Uint8Array(8);
  sys.__sysctl({ name, oldlenp });
  const oldp = new Uint8Array(viewOf(oldlenp).getUint32(0, true));
  sys.__sysctl({ name, oldp, oldlenp });
  return [...records(oldp.subarray(0, viewOf(oldlenp).getUint32(0, true)))].map((r) => r.slice());
}
export const routes = (sys: Calls, family: number = AF_INET) => table(sys, NET_RT.DUMP, 0, family).map(shown);
