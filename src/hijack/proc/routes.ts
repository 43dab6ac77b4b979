/** /proc/net/route and ipv6_route: the rump kernel's routes; and arp: IPv4's neighbours. */
import { AF_INET, AF_INET6 } from "../../abi/flags.ts";
import { parseIn6Mask, parseInetMask } from "../../abi/inet.ts";
import type { IfInfo } from "../../abi/if_list.ts";
import type { RouteMessage } from "../../abi/route_messages.ts";
import { parseSockaddrDl, RTA, RTF, RTV } from "../../abi/route_structs.ts";
import { In6Addr } from "../../lib/in6.ts";
import { formatIpv4, formatMac } from "../../lib/inet.ts";
import { hardwareOf } from "../interfaces.ts";
import { bytes6, HEX, hex, in4, in6, word } from "./hex.ts";
import type { Questions } from "./questions.ts";

/** Flags with the same bits on both sides: UP, GATEWAY, HOST, DYNAMIC, MODIFIED. */
const SAME = RTF.UP | RTF.GATEWAY | RTF.HOST | RTF.DYNAMIC | RTF.MODIFIED;
/** linux/route.h, linux/ipv6_route.h */
const REJECT = 0x200;
const NO_NEXT_HOP = 0x20_0000;
const LOCAL = 0x8000_0000;
const LINE = 127;
const ALL = 0xffff_ffff;
const NOBODY = new In6Addr(0, 0, 0, 0);

const refuses = (flags: number) => (flags & (RTF.REJECT | RTF.BLACKHOLE)) !== 0;
const flagsOf = (flags: number) => (flags & SAME) | (refuses(flags) ? REJECT : 0);
const namesOf = async (ask: Questions) => new Map((await ask.interfaces()).map((i) => [i.index, i]));
type Interfaces = ReadonlyMap<number, IfInfo>;
/** What refuses has no interface. */
const nameOf = ({ header: { flags, index } }: RouteMessage, interfaces: Interfaces) =>
  refuses(flags) ? "*" : interfaces.get(index)?.name ?? String(index);

function line({ header, addresses }: RouteMessage, name: string): string | undefined {
  const destination = in4(addresses.get(RTA.DST));
  if (destination === undefined) return undefined;
  const gateway = header.flags & RTF.GATEWAY ? in4(addresses.get(RTA.GATEWAY)) ?? 0 : 0;
  const mask = header.flags & RTF.HOST ? ALL : parseInetMask(addresses.get(RTA.NETMASK) ?? new Uint8Array(0)) ?? 0;
  const mtu = header.locks & RTV.MTU ? header.mtu : 0;
  const flags = HEX(flagsOf(header.flags), 4);
  return [name, word(destination), word(gateway), flags, 0, 0, 0, word(mask), mtu, 0, 0].join("\t");
}
const TITLE = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT";
/** /proc/net/route. Linux shows no routes to own addresses there. */
export async function routeTable(ask: Questions): Promise<string> {
  const interfaces = await namesOf(ask);
  const others = RTF.LOCAL | RTF.BROADCAST | RTF.LLDATA;
  const routes = (await ask.routes(AF_INET)).filter(({ header }) => (header.flags & others) === 0);
  const lines = routes.map((r) => line(r, nameOf(r, interfaces))).filter((l) => l !== undefined);
  return [TITLE, ...lines].map((l) => `${l.padEnd(LINE)}\n`).join("");
}

function line6({ header, addresses }: RouteMessage, name: string): string | undefined {
  const destination = in6(addresses.get(RTA.DST));
  if (!destination) return undefined;
  const { flags } = header;
  const prefix = flags & RTF.HOST
    ? 128
    : Math.max(0, parseIn6Mask(addresses.get(RTA.NETMASK) ?? new Uint8Array(0)) ?? 0);
  const gateway = flags & RTF.GATEWAY ? in6(addresses.get(RTA.GATEWAY)) ?? NOBODY : NOBODY;
  const told = flagsOf(flags) | (flags & RTF.GATEWAY ? 0 : NO_NEXT_HOP);
  const all = hex(flags & RTF.LOCAL ? told + LOCAL : told, 8);
  return `${bytes6(destination)} ${hex(prefix, 2)} ${bytes6(NOBODY)} 00 ${bytes6(gateway)} 00000000 00000001 ` +
    `00000000 ${all} ${name.padStart(8)}\n`;
}
/** /proc/net/ipv6_route. */
export async function route6Table(ask: Questions): Promise<string> {
  const interfaces = await namesOf(ask);
  const routes = (await ask.routes(AF_INET6)).filter(({ header }) => (header.flags & RTF.LLDATA) === 0);
  return routes.map((r) => line6(r, nameOf(r, interfaces)) ?? "").join("");
}

/** linux/if_arp.h ATF_* */
const ATF = { COMPLETE: 2, PERMANENT: 4, PUBLISHED: 8 } as const;
const NO_ADDRESS = new Uint8Array(6);
/** /proc/net/arp. */
export async function arpTable(ask: Questions): Promise<string> {
  const interfaces = await namesOf(ask);
  const own = new Set([...interfaces.values()].flatMap((i) => i.addresses.map(({ address }) => in4(address))));
  const all = await ask.routes(AF_INET, RTF.LLDATA);
  const lines = all.filter((m) => !own.has(in4(m.addresses.get(RTA.DST)))).map((m) => neighbour(m, interfaces));
  return `IP address       HW type     Flags       HW address            Mask     Device\n${lines.join("")}`;
}
function neighbour({ header, addresses }: RouteMessage, interfaces: Interfaces): string {
  const { mac } = parseSockaddrDl(addresses.get(RTA.GATEWAY) ?? new Uint8Array(0)) ?? { mac: NO_ADDRESS };
  const on = interfaces.get(header.index);
  const flags = (mac.length > 0 ? ATF.COMPLETE : 0) | (mac.length > 0 && header.expire === 0 ? ATF.PERMANENT : 0) |
    (header.flags & RTF.ANNOUNCE ? ATF.PUBLISHED : 0);
  const address = formatIpv4(in4(addresses.get(RTA.DST)) ?? 0).padEnd(16);
  const type = hex(on ? hardwareOf(on.type) : 0, 1).padEnd(10);
  return `${address} 0x${type}0x${hex(flags, 1).padEnd(10)}${
    formatMac(mac.length > 0 ? mac : NO_ADDRESS)
  }     *        ` +
    `${on?.name ?? header.index}\n`;
}
