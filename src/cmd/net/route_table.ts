/** Routing tables as netstat -r and route show print them. */
import { AF_INET, AF_INET6 } from "../../abi/flags.ts";
import { NET_RT, RTA, RTF, RTV } from "../../abi/route_structs.ts";
import { messagesOf, type RouteMessage, takeApart } from "../../abi/route_messages.ts";
import type { SyncCalls } from "../client.ts";
import { routeDump } from "./route_message.ts";
import { netName, sockaddrText, type ZoneName } from "./sockaddr_text.ts";

/** Flags by their letters, in the order they are written in. */
const LETTERS: readonly (readonly [number, string])[] = [
  [RTF.UP, "U"],
  [RTF.GATEWAY, "G"],
  [RTF.HOST, "H"],
  [RTF.REJECT, "R"],
  [RTF.BLACKHOLE, "B"],
  [RTF.DYNAMIC, "D"],
  [RTF.MODIFIED, "M"],
  [RTF.DONE, "d"],
  [RTF.MASK, "m"],
  [RTF.CONNECTED, "C"],
  [RTF.LLDATA, "L"],
  [RTF.STATIC, "S"],
  [RTF.PROTO1, "1"],
  [RTF.PROTO2, "2"],
  [RTF.ANNOUNCE, "p"],
  [RTF.LOCAL, "l"],
  [RTF.BROADCAST, "b"],
];
/** Those that only messages have. */
const OF_MESSAGES = RTF.DONE | RTF.MASK;
const TITLES: Readonly<Record<number, string>> = { [AF_INET]: "Internet", [AF_INET6]: "Internet6" };
/** Widths of destination and gateway, where addresses are numbers. */
const WIDTHS: Readonly<Record<number, readonly [number, number]>> = { [AF_INET6]: [39, 30] };
const NARROW = [18, 18] as const;

export interface RouteOptions {
  /** 0: all. */
  readonly family: number;
  /** Of these only; none: of all. */
  readonly families?: ReadonlySet<number>;
  /** Also metrics, each route on lines of its own. */
  readonly verbose: boolean;
  /** Without those that are neighbours' link addresses. */
  readonly noLinks: boolean;
  /** RTF_* that are not shown. */
  readonly hidden?: number;
  /** Flags stand below each other, with blanks for those that are not set. */
  readonly aligned?: boolean;
  readonly interfaceName: ZoneName;
  /** A host's name; left out: numbers are wanted. */
  readonly hostName?: (sa: Uint8Array) => string | undefined;
}
/** The letters of RTF_* flags. */
export const flagLetters = (flags: number): string => LETTERS.filter(([bit]) => flags & bit).map(([, l]) => l).join("");
const alignedLetters = (flags: number): string =>
  LETTERS.filter(([bit]) => (bit & OF_MESSAGES) === 0).map(([bit, letter]) => (flags & bit ? letter : " ")).join("");

const EMPTY = new Uint8Array(0);
/** Gateways and hosts are named without their link: the interface is in the line. */
function hostText(sa: Uint8Array, o: RouteOptions): string {
  return o.hostName?.(sa) ?? sockaddrText(sa);
}
function mtuText({ header }: RouteMessage): string {
  const text = header.mtu === 0 ? "-" : String(header.mtu);
  return text.padStart(6) + (header.locks & RTV.MTU ? "L" : " ");
}
function widths(family: number, o: RouteOptions): readonly [number, number] {
  return (o.hostName ? undefined : WIDTHS[family]) ?? NARROW;
}
function line(r: RouteMessage, family: number, o: RouteOptions): string {
  const { header, addresses } = r;
  const [destination, mask] = [addresses.get(RTA.DST)!, addresses.get(RTA.NETMASK)];
  const network = (header.flags & RTF.HOST) === 0 && mask !== undefined;
  const name = network ? netName(destination, mask, o.interfaceName) : hostText(destination, o);
  const [wide, wider] = widths(family, o);
  const gateway = hostText(addresses.get(RTA.GATEWAY) ?? EMPTY, o);
  const flags = (o.aligned ? alignedLetters : flagLetters)(header.flags & ~(OF_MESSAGES | (o.hidden ?? 0)));
  return `${name.padEnd(wide)} ${gateway.padEnd(wider)} ${flags.padEnd(6)} ${"-".padStart(6)} ${"-".padStart(8)} ` +
    `${mtuText(r)} ${o.interfaceName(header.index)}`;
}
/** Three lines of metrics; L: it is locked. */
function metrics({ header: h }: RouteMessage): string[] {
  const one = (name: string, value: number, bit: number) =>
    `${name.padEnd(8)} ${String(value).padStart(10)}${h.locks & bit ? "L" : " "}`;
  return [
    `\t${one("expire", h.expire, RTV.EXPIRE)}  ${one("recvpipe", h.recvpipe, RTV.RPIPE)}  ` +
    one("sendpipe", h.sendpipe, RTV.SPIPE),
    `\t${one("ssthresh", h.ssthresh, RTV.SSTHRESH)}  ${one("rtt", h.rtt, RTV.RTT)}  ` +
    one("rttvar", h.rttvar, RTV.RTTVAR),
    `\t${one("hopcount", h.hopcount, RTV.HOPCOUNT)}`,
  ];
}
function header(family: number, o: RouteOptions): string[] {
  const [wide, wider] = widths(family, o);
  const titles = `${"Destination".padEnd(wide)} ${"Gateway".padEnd(wider)} Flags    Refs      Use    Mtu Interface`;
  return ["", `${TITLES[family] ?? `Protocol Family ${family}`}:`, titles];
}
/** The lines of all tables, or of one family's. */
export function routeTable(sys: SyncCalls, o: RouteOptions): string[] {
  const lines = ["Routing tables"];
  let family: number | undefined;
  for (const r of routes(sys, o)) {
    const own = r.addresses.get(RTA.DST)![1] ?? 0;
    if (own !== family) lines.push(...header(own, o));
    family = own;
    lines.push(line(r, own, o), ...(o.verbose ? metrics(r) : []));
  }
  return lines;
}
/** The routes that are to be shown. */
export function* routes(
  sys: SyncCalls,
  o: Pick<RouteOptions, "family" | "families" | "noLinks">,
): Generator<RouteMessage> {
  for (const message of messagesOf(routeDump(sys, o.family, NET_RT.DUMP))) {
    const route = takeApart(message);
    const destination = route?.addresses.get(RTA.DST);
    if (!route || !destination || (o.noLinks && (route.header.flags & RTF.LLDATA) !== 0)) continue;
    const isWanted = o.family === 0 || destination[1] === o.family;
    if (isWanted && (!o.families?.size || o.families.has(destination[1]!))) yield route;
  }
}
