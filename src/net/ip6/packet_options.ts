/** What packets of a socket carry besides its data: all of them ("sticky" options), or one (ancillary data) (RFC 3542; NetBSD: ip6_setpktopt). */
import { errno } from "../../abi/errno.ts";
import { AF_INET6 } from "../../abi/flags.ts";
import { parseSockaddrIn6, SOCKADDR_IN6, sockaddrIn6 } from "../../abi/inet.ts";
import * as IPV6 from "../../abi/inet6_options.ts";
import { In6Addr } from "../../lib/in6.ts";
import { viewOf } from "../../lib/struct.ts";
import type { Interface } from "../interface.ts";
import { extras, type Extras6, type Headers6 } from "./extras.ts";
import type { Ip6 } from "./ip6.ts";

export interface PacketOptions6 {
  source?: In6Addr | undefined;
  iface?: Interface | undefined;
  ttl?: number | undefined;
  groupTtl?: number | undefined;
  tos?: number | undefined;
  /** In packets every link carries; undefined: multicasts are. */
  leastMtu?: boolean | undefined;
  dontFragment?: boolean | undefined;
  /** Temporary addresses before public ones; undefined: as net.inet6.ip6.prefer_tempaddr says. */
  preferTemporary?: boolean | undefined;
  extras?: Extras6 | undefined;
}
/** Whose options they are. */
export interface Asker {
  readonly root: boolean;
  /** Of all packets of the socket. */
  readonly sticky: boolean;
  /** Of a socket of TCP: segments are never cut, and their source is fixed. */
  readonly stream: boolean;
}
const DEFAULT = -1;
const MAX_HOPS = 255;
const INT = 4;
/** The headers, and which of them are the super-user's. */
const HEADERS: Readonly<Record<number, keyof Headers6>> = {
  [IPV6.IPV6_HOPOPTS]: "hopByHop",
  [IPV6.IPV6_RTHDRDSTOPTS]: "routingOptions",
  [IPV6.IPV6_RTHDR]: "routing",
  [IPV6.IPV6_DSTOPTS]: "destinationOptions",
};
const NOTHING = new Uint8Array(0);

/** EINVAL: not a value it can have; EPERM; ENXIO, EADDRNOTAVAIL, EAFNOSUPPORT; ENOPROTOOPT: there is no such option. */
export function setPacketOption(ip6: Ip6, into: PacketOptions6, name: number, data: Uint8Array, who: Asker): void {
  const header = HEADERS[name];
  if (header) return setHeader(into, header, data, who);
  switch (name) {
    case IPV6.IPV6_PKTINFO:
      return setInfo(ip6, into, data, who);
    case IPV6.IPV6_NEXTHOP:
      return setNextHop(into, data, who);
    case IPV6.IPV6_HOPLIMIT:
      if (who.sticky) throw errno.ENOPROTOOPT;
      // The system's own value: the socket's.
      if (intOf(data, DEFAULT, MAX_HOPS) !== DEFAULT) into.ttl = into.groupTtl = intOf(data);
      return;
    case IPV6.IPV6_TCLASS:
      into.tos = orDefault(intOf(data, DEFAULT, 255));
      return;
    case IPV6.IPV6_USE_MIN_MTU:
      into.leastMtu = choice(data);
      return;
    case IPV6.IPV6_PREFER_TEMPADDR:
      into.preferTemporary = choice(data);
      return;
    case IPV6.IPV6_DONTFRAG:
      into.dontFragment = intOf(data) !== 0 && !who.stream;
      return;
    default:
      throw errno.ENOPROTOOPT;
  }
}
/** What a sticky option is; undefined: it is none of these. */
export function getPacketOption(of: PacketOptions6, name: number): Uint8Array | undefined {
  const header = HEADERS[name];
  if (header) return of.extras?.[header] ?? NOTHING;
  switch (name) {
    case IPV6.IPV6_PKTINFO: {
      const info = new Uint8Array(IPV6.In6Pktinfo.size);
      of.source?.write(viewOf(info), 0);
      IPV6.In6Pktinfo.set.index(viewOf(info), 0, of.iface?.index ?? 0);
      return info;
    }
    case IPV6.IPV6_NEXTHOP:
      return of.extras?.nextHop ? sockaddrIn6(of.extras.nextHop, 0) : NOTHING;
    case IPV6.IPV6_TCLASS:
      return intBytes(of.tos ?? 0);
    case IPV6.IPV6_USE_MIN_MTU:
      return intBytes(of.leastMtu === undefined ? DEFAULT : Number(of.leastMtu));
    case IPV6.IPV6_PREFER_TEMPADDR:
      return intBytes(of.preferTemporary === undefined ? DEFAULT : Number(of.preferTemporary));
    case IPV6.IPV6_DONTFRAG:
      return intBytes(of.dontFragment ? 1 : 0);
    default:
      return undefined;
  }
}
/** struct in6_pktinfo: where to send from, and by which interface; all zero: neither. */
function setInfo(ip6: Ip6, into: PacketOptions6, data: Uint8Array, { sticky, stream }: Asker): void {
  if (data.length !== IPV6.In6Pktinfo.size) throw errno.EINVAL;
  const d = viewOf(data);
  const index = IPV6.In6Pktinfo.get.index(d, 0);
  const iface = ip6.stack.byIndex(index);
  if (index !== 0 && !iface) throw errno.ENXIO;
  const given = In6Addr.read(d, 0);
  const source = given.scoped ? given.in(index) : given;
  if (!source.unspecified && stream && sticky) throw errno.EINVAL;
  if (!source.unspecified && !ip6.isLocal(source)) throw errno.EADDRNOTAVAIL;
  into.iface = iface;
  into.source = source.unspecified ? undefined : source;
}
/** A struct sockaddr_in6 of a neighbour; nothing: as the routes say. */
function setNextHop(into: PacketOptions6, data: Uint8Array, { root }: Asker): void {
  if (!root) throw errno.EPERM;
  if (data.length === 0) return void (into.extras = extras({ ...into.extras, nextHop: undefined }));
  if (data.length < 16 || data.length < data[0]!) throw errno.EINVAL;
  if (data[1] !== AF_INET6) throw errno.EAFNOSUPPORT;
  if (data[0] !== SOCKADDR_IN6) throw errno.EINVAL;
  const nextHop = parseSockaddrIn6(data.subarray(0, SOCKADDR_IN6))!.address;
  if (nextHop.unspecified || nextHop.multicast) throw errno.EINVAL;
  into.extras = extras({ ...into.extras, nextHop });
}
/** A header as long as it says; nothing: none. */
function setHeader(into: PacketOptions6, which: keyof Headers6, data: Uint8Array, { root }: Asker): void {
  if (which !== "routing" && !root) throw errno.EPERM;
  if (data.length > 0) {
    if (data.length < 2 || data.length !== 8 + 8 * data[1]!) throw errno.EINVAL;
    if (which === "routing" && !routes(data)) throw errno.EINVAL;
  }
  into.extras = extras({ ...into.extras, [which]: data.length === 0 ? undefined : data.slice() });
}
/** Type 0 is the only one there is: it names nodes, all of them to be visited. */
function routes(data: Uint8Array): boolean {
  const [, length, type, left] = data;
  return type === 0 && length! > 0 && length! % 2 === 0 && left === length! / 2;
}
/** An int within bounds. EINVAL. */
function intOf(data: Uint8Array, least = -Infinity, most = Infinity): number {
  const n = data.length === INT ? viewOf(data).getInt32(0, true) : NaN;
  if (!(n >= least && n <= most)) throw errno.EINVAL;
  return n;
}
const intBytes = (n: number) => new Uint8Array(new Int32Array([n]).buffer);
const orDefault = (n: number) => n === DEFAULT ? undefined : n;
/** Yes, no, or as the system does (-1). */
function choice(data: Uint8Array): boolean | undefined {
  const n = orDefault(intOf(data, DEFAULT, 1));
  return n === undefined ? undefined : n === 1;
}
