/** Routes and messages about them in words (route(8) get and monitor). */
import {
  IfaMsghdr,
  IFAN,
  IfAnnouncemsghdr,
  IfMsghdr,
  MsgHead,
  parseAddresses,
  parseSockaddrDl,
  RTA,
  RTF,
  RTM,
  RTV,
} from "../../abi/route_structs.ts";
import { type RouteMessage, takeApart } from "../../abi/route_messages.ts";
import type { Host } from "../../host/host.ts";
import { viewOf } from "../../lib/struct.ts";
import { sockaddrNamer } from "./host_names.ts";
import { bitNames, IFF_NAMES } from "./if_request.ts";
import { netName, sockaddrText, type ZoneName } from "./sockaddr_text.ts";

/** RTF_* by their bits, lowest first. */
const RTF_NAMES =
  "UP GATEWAY HOST REJECT DYNAMIC MODIFIED DONE MASK_PRESENT CONNECTED XRESOLVE LLINFO STATIC BLACKHOLE CLONED PROTO2 PROTO1 SRC ANNOUNCE LOCAL BROADCAST"
    .split(" ");
const MESSAGES: Readonly<Record<number, string>> = {
  [RTM.ADD]: "RTM_ADD: Add Route",
  [RTM.DELETE]: "RTM_DELETE: Delete Route",
  [RTM.CHANGE]: "RTM_CHANGE: Change Metrics or flags",
  [RTM.GET]: "RTM_GET: Report Metrics",
  [RTM.LOSING]: "RTM_LOSING: Kernel Suspects Partitioning",
  [RTM.REDIRECT]: "RTM_REDIRECT: Told to use different route",
  [RTM.MISS]: "RTM_MISS: Lookup failed on this address",
  [RTM.LOCK]: "RTM_LOCK: fix specified metrics",
  [RTM.NEWADDR]: "RTM_NEWADDR: address being added to iface",
  [RTM.DELADDR]: "RTM_DELADDR: address being removed from iface",
  [RTM.IFANNOUNCE]: "RTM_IFANNOUNCE: iface arrival/departure",
  [RTM.IFINFO]: "RTM_IFINFO: iface status change",
  [RTM.CHGADDR]: "RTM_CHGADDR: address being changed on iface",
};
const ADDRESSES = "DST GATEWAY NETMASK GENMASK IFP IFA AUTHOR BRD TAG".split(" ");

/** How addresses are written. */
export interface Names {
  readonly interfaceName: ZoneName;
  /** The host's name for a struct sockaddr; undefined: it has none, or none is wanted. */
  readonly hostName: (sa: Uint8Array) => string | undefined;
  readonly host: (sa: Uint8Array) => string;
  /** Where a route leads. */
  readonly network: (m: RouteMessage) => string;
}
export function namesOf(host: Host, numeric: boolean, interfaceName: ZoneName): Names {
  const name = sockaddrNamer(host);
  const hostName = (sa: Uint8Array) => (numeric ? undefined : name(sa));
  const named = (sa: Uint8Array) => hostName(sa) ?? sockaddrText(sa, interfaceName);
  const network = ({ header, addresses }: RouteMessage) => {
    const [destination, mask] = [addresses.get(RTA.DST)!, addresses.get(RTA.NETMASK)];
    return header.flags & RTF.HOST || !mask ? named(destination) : netName(destination, mask, interfaceName);
  };
  return { interfaceName, hostName, host: named, network };
}
const flagNames = (flags: number, names: readonly string[]) => `<${bitNames(flags, names).join(",")}>`;

/** What `get` prints; `now`: seconds since 1970. */
export function describeRoute(asked: string, m: RouteMessage, names: Names, now: number): string {
  const { header, addresses } = m;
  const text = (bit: number) => names.host(addresses.get(bit)!);
  const lines = [`   route to: ${asked}`, `destination: ${text(RTA.DST)}`];
  if (addresses.has(RTA.NETMASK)) lines.push(`       mask: ${maskText(addresses, names)}`);
  if (header.flags & RTF.GATEWAY && addresses.has(RTA.GATEWAY)) lines.push(`    gateway: ${text(RTA.GATEWAY)}`);
  if (addresses.has(RTA.IFA)) lines.push(` local addr: ${text(RTA.IFA)}`);
  const link = parseSockaddrDl(addresses.get(RTA.IFP) ?? new Uint8Array(0));
  if (link) lines.push(`  interface: ${link.name || names.interfaceName(link.index)}`);
  lines.push(`      flags: ${flagNames(header.flags, RTF_NAMES)}`, METRICS_HEAD, metrics(header, now));
  return `${lines.join("\n")}\n`;
}
/** A mask as an address of the destination's family. */
function maskText(addresses: RouteMessage["addresses"], names: Names): string {
  const [destination, mask] = [addresses.get(RTA.DST)!, addresses.get(RTA.NETMASK)!];
  const whole = new Uint8Array(Math.max(destination.length, mask.length));
  whole.set(mask);
  if (mask.length > 0) whole.set([destination[0]!, destination[1]!]);
  return sockaddrText(whole, names.interfaceName);
}
const METRICS_HEAD = " recvpipe  sendpipe  ssthresh  rtt,msec    rttvar  hopcount      mtu     expire";
/** Eight numbers; L: it is locked. */
function metrics(h: RouteMessage["header"], now: number): string {
  const msec = (us: number) => Math.floor((us + 500) / 1000);
  const all: [number, number][] = [
    [h.recvpipe, RTV.RPIPE],
    [h.sendpipe, RTV.SPIPE],
    [h.ssthresh, RTV.SSTHRESH],
    [msec(h.rtt), RTV.RTT],
    [msec(h.rttvar), RTV.RTTVAR],
    [h.hopcount, RTV.HOPCOUNT],
    [h.mtu, RTV.MTU],
    [h.expire && h.expire - now, RTV.EXPIRE],
  ];
  return all.map(([value, bit]) => `${String(value).padStart(8)}${h.locks & bit ? "L" : " "}`).join(" ");
}

/** What `monitor` prints of a message. */
export function messageText(message: Uint8Array, names: Names, when: Date): string {
  const d = viewOf(message);
  if (message.length < MsgHead.size) return "";
  const type = MsgHead.get.type(d, 0);
  const head = `got message of size ${message.length} on ${when.toString().replace(/ GMT.*/, "")}\n${
    MESSAGES[type] ?? `#${type}`
  }: len ${message.length}, `;
  return `${head}${behind(type, message, names)}\n`;
}
function behind(type: number, message: Uint8Array, names: Names): string {
  const d = viewOf(message);
  if (type === RTM.IFANNOUNCE && message.length >= IfAnnouncemsghdr.size) {
    const { index, name, what } = IfAnnouncemsghdr.dump(d, 0);
    return `if# ${index}, name ${printable(name)}, what: ${what === IFAN.ARRIVAL ? "arrival" : "departure"}\n`;
  }
  if (type === RTM.IFINFO && message.length >= IfMsghdr.size) {
    const { index, flags } = IfMsghdr.dump(d, 0);
    return `if# ${index}, ${names.interfaceName(index)}, flags: ${flagNames(flags & 0xffff, IFF_NAMES)}\n`;
  }
  if ((type === RTM.NEWADDR || type === RTM.DELADDR || type === RTM.CHGADDR) && message.length >= IfaMsghdr.size) {
    const { metric, flags, addrs } = IfaMsghdr.dump(d, 0);
    return `metric ${metric}, flags: ${flagNames(flags, RTF_NAMES)}\n${
      addressLines(parseAddresses(message, IfaMsghdr.size, addrs), names)
    }`;
  }
  const m = takeApart(message);
  if (!m) return "not understood\n";
  const { pid, seq, errno, flags, inits, locks } = m.header;
  return `pid ${pid}, seq ${seq}, errno ${errno}, flags: ${
    flagNames(flags, RTF_NAMES)
  }\nlocks: ${locks} inits: ${inits}\n${addressLines(m.addresses, names)}`;
}
function addressLines(addresses: RouteMessage["addresses"] | undefined, names: Names): string {
  if (!addresses || addresses.size === 0) return "";
  const all = [...addresses];
  const bits = ADDRESSES.filter((_, i) => addresses.has(1 << i));
  return `sockaddrs: <${bits.join(",")}>\n${
    all.map(([, sa]) => ` ${sockaddrText(sa, names.interfaceName)}`).join("")
  }\n`;
}
const printable = (text: string) => text.replace(/\p{C}/gu, "?");
