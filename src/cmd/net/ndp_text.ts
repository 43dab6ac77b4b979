/** Neighbours, routers and prefixes as ndp(8) writes them. */
import { AF_INET6 } from "../../abi/flags.ts";
import { parseSockaddrIn6 } from "../../abi/inet.ts";
import { In6Defrouter, In6Prefix, NDPRF_ONLINK, PRF_RA } from "../../abi/nd_structs.ts";
import { In6Nbrinfo, ND6_INFINITE_LIFETIME } from "../../abi/net_structs.ts";
import { CTL_NET } from "../../abi/route_structs.ts";
import { SysError } from "../../abi/errno.ts";
import type { Host } from "../../host/host.ts";
import type { In6Addr } from "../../lib/in6.ts";
import { formatMac } from "../../lib/inet.ts";
import { viewOf } from "../../lib/struct.ts";
import type { SyncCalls } from "../client.ts";
import { nameOf } from "./host_names.ts";
import { type Control, request } from "./if_request.ts";
import type { Neighbour } from "./neighbours.ts";
import { readWhole } from "./route_message.ts";
import { in6Text } from "./sockaddr_text.ts";

/** Widths of address, link address and interface. */
const WIDTHS = [36, 17, 6] as const;
/** ND6_LLINFO_* by their letters. */
const STATES = "IRSDP";
const REACHABLE = STATES.indexOf("R");
const ICMPV6 = 58;
/** Variables net.inet6.icmp6.nd6_drlist and nd6_prlist. */
const [DRLIST, PRLIST] = [19, 20];

export interface Names {
  readonly interfaceName: (index: number) => string;
  /** Who knows names; left out: numbers are wanted. */
  readonly host: Host | undefined;
  /** Seconds since 1970. */
  readonly now: number;
}
const hostText = (a: In6Addr, { host, interfaceName }: Names): string =>
  (host && nameOf(host, a)) ?? in6Text(a, interfaceName);
/** `1d2h3m4s`, from the first that is not 0. */
function duration(total: number): string {
  const whole = Math.max(0, Math.floor(total));
  const parts = [Math.floor(whole / 86400), Math.floor(whole / 3600) % 24, Math.floor(whole / 60) % 60, whole % 60];
  const found = parts.findIndex((p) => p > 0);
  const first = found < 0 ? parts.length - 1 : found;
  return parts.slice(first).map((p, i) => `${p}${"dhms"[first + i]}`).join("");
}
const until = (expire: number, now: number, never: string): string =>
  expire === 0 ? never : expire > now ? duration(expire - now) : "expired";

/** A neighbour and how it is doing. */
export interface NeighbourState extends Neighbour {
  /** ND6_LLINFO_*; undefined: the kernel does not say. */
  readonly state: number | undefined;
  readonly router: boolean;
}
/** How a neighbour is doing; our own addresses are always there. */
export function stateOf(control: Control, n: Neighbour, own: boolean, names: Names): NeighbourState {
  if (own) return { ...n, state: REACHABLE, router: false };
  const name = names.interfaceName(n.index);
  const data = request(In6Nbrinfo, { name });
  (n.address as In6Addr).write(viewOf(data), In6Nbrinfo.at.addr);
  try {
    const { state, isrouter, expire } = In6Nbrinfo.dump(viewOf(control.one("SIOCGNBRINFO_IN6", data, AF_INET6)), 0);
    return { ...n, state, router: isrouter !== 0, expire };
  } catch (e) {
    if (!(e instanceof SysError)) throw e; // it may be gone by now
    return { ...n, state: undefined, router: false };
  }
}
/** Columns grow with what is in them, at the cost of those behind. */
function line(cells: readonly [string, string, string], expire: string, state: string, flags: string): string {
  const [address, link, iface] = cells;
  const a = Math.max(WIDTHS[0], address.length);
  const l = Math.max(WIDTHS[0] + WIDTHS[1] - a, link.length);
  const i = Math.max(WIDTHS[0] + WIDTHS[1] + WIDTHS[2] - a - l, iface.length);
  return `${address.padEnd(a)} ${link.padEnd(l)} ${iface.padStart(i)} ${expire.padEnd(9)} ${state} ${flags}\n`;
}
/** A table with a head. */
export function tableLines(all: readonly NeighbourState[], names: Names): string[] {
  const head = line(["Neighbor", "Linklayer Address", "Netif"], "Expire", "S", "Flags");
  return [head, ...all.map((n) => row(n, names))];
}
function row(n: NeighbourState, names: Names): string {
  const mac = n.mac.length > 0 ? formatMac(n.mac) : "(incomplete)";
  const cells = [hostText(n.address as In6Addr, names), mac, names.interfaceName(n.index)] as const;
  // Only who is known for sure is so for ever: others have no end of their own.
  const expire = until(n.expire, names.now, n.state === REACHABLE ? "permanent" : "-");
  const flags = (n.router ? "R" : "") + (n.published ? "p" : "");
  return line(cells, expire, n.state === undefined ? " " : STATES[n.state] ?? "?", flags);
}

const read = (sys: SyncCalls, variable: number) => readWhole(sys, [CTL_NET, AF_INET6, ICMPV6, variable]);
/** RFC 4191, by its two bits. */
const PREFERENCES = ["medium", "high", "rsv", "low"];
/** A line a default router. */
export function routerLines(sys: SyncCalls, names: Names): string[] {
  const raw = read(sys, DRLIST);
  const lines: string[] = [];
  for (let at = 0; at + In6Defrouter.size <= raw.length; at += In6Defrouter.size) {
    const { rtaddr, flags, expire, ifIndex } = In6Defrouter.dump(viewOf(raw), at);
    const address = parseSockaddrIn6(rtaddr);
    if (!address) continue;
    lines.push(
      `${hostText(address.address, names)} if=${names.interfaceName(ifIndex)}, flags=${flags & 0x80 ? "M" : ""}${
        flags & 0x40 ? "O" : ""
      }, pref=${PREFERENCES[(flags >> 3) & 3]}, expire=${until(expire, names.now, "Never")}\n`,
    );
  }
  return lines;
}
/** Two or three lines a prefix. */
export function prefixLines(sys: SyncCalls, names: Names): string[] {
  const raw = read(sys, PRLIST);
  const lines: string[] = [];
  for (let at = 0; at + In6Prefix.size <= raw.length;) {
    const p = In6Prefix.dump(viewOf(raw), at);
    at += In6Prefix.size;
    const prefix = parseSockaddrIn6(p.prefix);
    if (prefix) lines.push(prefixText(in6Text(prefix.address, names.interfaceName), p, names));
    const routers = Array.from({ length: p.advrtrs }, (_, i) => raw.subarray(at + i * 28, at + i * 28 + 28));
    at += p.advrtrs * 28;
    lines.push(...advertisers(routers, names));
  }
  return lines;
}
const lifetime = (seconds: number) => (seconds === ND6_INFINITE_LIFETIME ? "infinity" : String(seconds));
function prefixText(prefix: string, p: ReturnType<typeof In6Prefix.dump>, names: Names): string {
  const flags = [[p.raflags & PRF_RA.ONLINK, "L"], [p.raflags & PRF_RA.AUTONOMOUS, "A"], [p.flags & NDPRF_ONLINK, "O"]]
    .map(([on, letter]) => (on ? letter : "")).join("");
  return `${prefix}/${p.prefixlen} if=${names.interfaceName(p.ifIndex)}\nflags=${flags} ` +
    `vltime=${lifetime(p.vltime)}, pltime=${lifetime(p.pltime)}, expire=${until(p.expire, names.now, "Never")}, ` +
    `ref=${p.refcnt}\n`;
}
function advertisers(routers: readonly Uint8Array[], names: Names): string[] {
  const known = routers.flatMap((sa) => parseSockaddrIn6(sa)?.address ?? []);
  if (known.length === 0) return ["  No advertising router\n"];
  return ["  advertised by\n", ...known.map((a) => `    ${hostText(a, names)}\n`)];
}
