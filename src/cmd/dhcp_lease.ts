/** What a DHCP server's answer gives, as far as it makes sense, and how an interface gets it. */
import { errno } from "../abi/errno.ts";
import { AF_ROUTE, SOCK_RAW } from "../abi/flags.ts";
import { sockaddrIn } from "../abi/inet.ts";
import { Ifaliasreq, Ifreq } from "../abi/net_structs.ts";
import { buildMessage, RTA, RTF, RTM, RTM_VERSION, RtMsghdr } from "../abi/route_structs.ts";
import { formatIpv4, maskOf, prefixOf } from "../lib/inet.ts";
import { viewOf } from "../lib/struct.ts";
import { type DhcpMessage, OPTION, option32 } from "../wire/dhcp.ts";
import { Control, request } from "./if_request.ts";
import type { Tool } from "./tool.ts";

/** Addresses are in host order, times in seconds. */
export interface Lease {
  readonly address: number;
  readonly mask: number;
  readonly broadcast: number;
  readonly router: number | undefined;
  readonly server: number;
  readonly seconds: number;
  /** When to ask this server again, and when any. */
  readonly t1: number;
  readonly t2: number;
}
/** Shorter leases are taken for this long: a server cannot make its clients ask without end. */
const SHORTEST = 10;
/** Longer ones, too (RFC 2131: all ones is for ever), are asked for again after a week. */
const LONGEST = 7 * 86_400;

/** Undefined: no host can have that address, or no server says it gives it. */
export function leaseOf(m: DhcpMessage): Lease | undefined {
  const [address, server] = [m.yiaddr, option32(m, OPTION.SERVER)];
  const mask = option32(m, OPTION.MASK) ?? classMask(address);
  const bits = prefixOf(mask);
  if (server === undefined || !isHost(address) || !isHost(server) || bits === undefined || bits < 1) return undefined;
  const all = (address | ~mask) >>> 0;
  if (bits < 31 && (address === all || address === (address & mask) >>> 0)) return undefined;
  const seconds = clamp(option32(m, OPTION.LEASE) ?? 0, SHORTEST, LONGEST);
  const t1 = clamp(option32(m, OPTION.T1) ?? seconds / 2, SHORTEST / 2, seconds);
  const t2 = clamp(option32(m, OPTION.T2) ?? seconds * 0.875, t1, seconds);
  const router = option32(m, OPTION.ROUTER);
  const isNear = router !== undefined && isHost(router) && ((router ^ address) & mask) === 0 && router !== address;
  return { address, mask, broadcast: all, router: isNear ? router : undefined, server, seconds, t1, t2 };
}
const clamp = (n: number, low: number, high: number) => Math.min(high, Math.max(low, n));
/** Neither this network, this host, a multicast nor reserved. */
const isHost = (a: number) => a >>> 24 !== 0 && a >>> 24 !== 127 && a >>> 24 < 224;
const classMask = (a: number) => maskOf(a >>> 31 === 0 ? 8 : a >>> 30 === 2 ? 16 : 24);

/** The lease in one line. */
export function leaseText({ address, mask, router, server, seconds }: Lease): string {
  const way = router === undefined ? "" : ` gateway ${formatIpv4(router)}`;
  return `${formatIpv4(address)}/${prefixOf(mask)}${way} server ${formatIpv4(server)} lease ${seconds} seconds`;
}
/** Give the interface its address, the one it had before goes; and the default route. */
export function takeLease(t: Tool, name: string, lease: Lease, before: Lease | undefined): void {
  const control = new Control(t);
  if (before && before.address !== lease.address) dropLease(t, name, before);
  const [addr, dstaddr, mask] = [lease.address, lease.broadcast, lease.mask].map((a) => sockaddrIn(a, 0));
  control.one("SIOCAIFADDR", request(Ifaliasreq, { name, addr: addr!, dstaddr: dstaddr!, mask: mask! }));
  if (lease.router !== undefined) defaultRoute(t, lease.router);
}
/** It is over: nobody may use the address. The kernel takes routes by way of it along. */
export function dropLease(t: Tool, name: string, { address }: Lease): void {
  new Control(t).one("SIOCDIFADDR", request(Ifreq, { name, addr: sockaddrIn(address, 0) }));
}
/** Add the default route, or lead the one there is elsewhere. */
function defaultRoute(t: Tool, router: number): void {
  const fd = t.sys.socket({ domain: AF_ROUTE, type: SOCK_RAW, protocol: 0 });
  try {
    t.sys.write({ fd, buf: routeRequest(RTM.ADD, router) });
  } catch (e) {
    if (e !== errno.EEXIST) throw e;
    t.sys.write({ fd, buf: routeRequest(RTM.CHANGE, router) });
  } finally {
    t.sys.close({ fd });
  }
}
function routeRequest(type: number, router: number): Uint8Array {
  const header = new Uint8Array(RtMsghdr.size);
  RtMsghdr.write(viewOf(header), 0, {
    version: RTM_VERSION,
    type,
    flags: RTF.UP | RTF.GATEWAY | RTF.STATIC,
    addrs: RTA.DST | RTA.GATEWAY | RTA.NETMASK,
    pid: 1,
    seq: 1,
  });
  const any = sockaddrIn(0, 0);
  return buildMessage(header, new Map([[RTA.DST, any], [RTA.GATEWAY, sockaddrIn(router, 0)], [RTA.NETMASK, any]]));
}
