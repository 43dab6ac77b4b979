/** Routes as netlink(7) tells of them. */
import * as BSD from "../../abi/flags.ts";
import type { IfInfo } from "../../abi/if_list.ts";
import type { RouteMessage } from "../../abi/route_messages.ts";
import { RTA as BSD_RTA, RTF, RTV } from "../../abi/route_structs.ts";
import { AF, RTA, RTAX_MTU, RTM_F_CLONED, Rtmsg, RTN, RTPROT, SCOPE, TABLE } from "./rtnetlink.ts";
import type { Questions } from "../proc/questions.ts";
import { prefixOf } from "./addresses.ts";
import { type Address, addressIn, attribute, joined, number, packed } from "./build.ts";

/** A route, in Linux' words. */
interface Route {
  readonly destination: Address;
  readonly prefix: number;
  readonly gateway: Address | undefined;
  /** RTF_* */
  readonly flags: number;
  readonly index: number;
  /** 0: the interface's. */
  readonly mtu: number;
}
const refuses = ({ flags }: Route) => (flags & (RTF.REJECT | RTF.BLACKHOLE)) !== 0;

function routeOf({ header, addresses }: RouteMessage): Route[] {
  const { flags, index, locks, mtu } = header;
  const destination = addressIn(addresses.get(BSD_RTA.DST));
  if (!destination || flags & RTF.LLDATA) return [];
  const prefix = flags & RTF.HOST
    ? destination.bytes.length * 8
    : prefixOf(destination.family, addresses.get(BSD_RTA.NETMASK));
  const gateway = flags & RTF.GATEWAY ? addressIn(addresses.get(BSD_RTA.GATEWAY)) : undefined;
  return [{ destination, prefix, gateway, flags, index, mtu: locks & RTV.MTU ? mtu : 0 }];
}
const bsdFamily = (family: number) => (family === AF.INET ? BSD.AF_INET : BSD.AF_INET6);
async function routesOf(ask: Questions, family: number): Promise<Route[]> {
  const families = family === AF.UNSPEC ? [AF.INET, AF.INET6] : [family];
  const all: Route[] = [];
  for (const one of families) all.push(...(await ask.routes(bsdFamily(one))).flatMap(routeOf));
  return all;
}

/** Whether the first `bits` of both are the same. */
function within(bits: number, a: Uint8Array, b: Uint8Array): boolean {
  const whole = bits >>> 3;
  for (let i = 0; i < whole; i++) if (a[i] !== b[i]) return false;
  return (bits & 7) === 0 || ((a[whole]! ^ b[whole]!) >>> (8 - (bits & 7))) === 0;
}
/** The address of an interface that its packets to a host on its network have. */
function sourceFor(on: IfInfo | undefined, { family, bytes }: Address): Uint8Array | undefined {
  for (const { address, mask } of on?.addresses ?? []) {
    const own = addressIn(address);
    if (own?.family === family && within(prefixOf(family, mask), own.bytes, bytes)) return own.bytes;
  }
  return undefined;
}

const KERNELS = RTF.CONNECTED | RTF.LOCAL | RTF.BROADCAST;
function typeOf({ flags }: Route): number {
  if (flags & RTF.BLACKHOLE) return RTN.BLACKHOLE;
  if (flags & RTF.REJECT) return RTN.UNREACHABLE;
  if (flags & RTF.LOCAL) return RTN.LOCAL;
  return flags & RTF.BROADCAST ? RTN.BROADCAST : RTN.UNICAST;
}
function protocolOf({ flags }: Route): number {
  if (flags & KERNELS) return RTPROT.KERNEL;
  return flags & RTF.DYNAMIC ? RTPROT.REDIRECT : RTPROT.BOOT;
}
function scopeOf(route: Route): number {
  // IPv6 has no scopes of routes there.
  if (route.destination.family === AF.INET6 || route.gateway || refuses(route)) return SCOPE.UNIVERSE;
  return route.flags & RTF.LOCAL ? SCOPE.HOST : SCOPE.LINK;
}
/** The body of an RTM_NEWROUTE. `to`: it answers for that. */
function body(route: Route, source: Uint8Array | undefined, to?: Address): Uint8Array {
  const { destination, gateway, flags, index, mtu } = route;
  const prefix = to ? to.bytes.length * 8 : route.prefix;
  const table = flags & (RTF.LOCAL | RTF.BROADCAST) ? TABLE.LOCAL : TABLE.MAIN;
  const kind = { type: typeOf(route), scope: scopeOf(route), protocol: protocolOf(route) };
  return joined([
    packed(Rtmsg, { family: destination.family, prefix, table, ...kind, flags: to ? RTM_F_CLONED : 0 }),
    number(RTA.TABLE, table),
    ...(prefix > 0 ? [attribute(RTA.DST, (to ?? destination).bytes)] : []),
    ...(gateway && !refuses(route) ? [attribute(RTA.GATEWAY, gateway.bytes)] : []),
    ...(refuses(route) ? [] : [number(RTA.OIF, index)]),
    ...(source ? [attribute(RTA.PREFSRC, source)] : []),
    ...(mtu > 0 ? [attribute(RTA.METRICS, number(RTAX_MTU, mtu))] : []),
  ]);
}
const indexed = async (ask: Questions) => new Map((await ask.interfaces()).map((i) => [i.index, i]));

/** Bodies of RTM_NEWROUTE. */
export async function routeBodies(ask: Questions, family: number): Promise<Uint8Array[]> {
  const interfaces = await indexed(ask);
  return (await routesOf(ask, family)).map((route) => {
    const { destination, flags, index } = route;
    // Who made it by an address is told that, of IPv4.
    if (destination.family !== AF.INET || (flags & KERNELS) === 0) return body(route, undefined);
    return body(route, flags & RTF.LOCAL ? destination.bytes : sourceFor(interfaces.get(index), destination));
  });
}
/** The body of the route to a destination; undefined: there is none. */
export async function routeTo(ask: Questions, to: Address): Promise<Uint8Array | undefined> {
  const interfaces = await indexed(ask);
  const leading = (await routesOf(ask, to.family)).filter((r) => within(r.prefix, r.destination.bytes, to.bytes));
  const [best] = leading.sort((a, b) => b.prefix - a.prefix);
  return best && body(best, sourceFor(interfaces.get(best.index), best.gateway ?? to), to);
}
