/** What netstat and sockstat show as JSON, for scripts: addresses are numbers, what is not there is left out. */
import { AF_INET, AF_INET6, AF_LOCAL } from "../../abi/flags.ts";
import { TCPS } from "../../abi/pcb_structs.ts";
import { RTA, RTF } from "../../abi/route_structs.ts";
import { type Endpoint, isConnected, isListening, type Pcb } from "../../abi/pcbs.ts";
import type { RouteMessage } from "../../abi/route_messages.ts";
import { addressText } from "./host_names.ts";
import { flagLetters } from "./route_table.ts";
import { in6Text, netName, sockaddrText, type ZoneName } from "./sockaddr_text.ts";

const FAMILIES: Readonly<Record<number, string>> = { [AF_INET]: "inet", [AF_INET6]: "inet6", [AF_LOCAL]: "local" };
const IPPROTO_TCP = 6;

function endValue({ address, port, path }: Endpoint, zone: ZoneName): object | undefined {
  if (address === undefined) return path === "" ? undefined : { path };
  return { address: typeof address === "number" ? addressText(address) : in6Text(address, zone), port };
}
/** A socket; `protocol` is its name. */
export function socketValue(p: Pcb, protocol: string, zone: ZoneName): object {
  return {
    family: FAMILIES[p.family] ?? p.family,
    protocol,
    local: endValue(p.local, zone),
    foreign: isConnected(p) ? endValue(p.foreign, zone) : undefined,
    state: p.protocol === IPPROTO_TCP ? TCPS[p.tstate] : undefined,
    listening: isListening(p),
    received: p.rcvq,
    unsent: p.sndq,
  };
}
const EMPTY = new Uint8Array(0);
/** A route; flags as the letters of netstat -r. */
export function routeValue({ header, addresses }: RouteMessage, zone: ZoneName): object {
  const [destination, gateway, mask] = [RTA.DST, RTA.GATEWAY, RTA.NETMASK].map((bit) => addresses.get(bit));
  const network = (header.flags & RTF.HOST) === 0 && mask !== undefined;
  return {
    family: FAMILIES[destination?.[1] ?? 0] ?? destination?.[1],
    destination: network ? netName(destination ?? EMPTY, mask, zone) : sockaddrText(destination ?? EMPTY, zone),
    gateway: sockaddrText(gateway ?? EMPTY, zone),
    flags: flagLetters(header.flags),
    mtu: header.mtu || undefined,
    interface: zone(header.index),
  };
}
/** Lines for a list or record of values. */
export const jsonText = (value: unknown): string => JSON.stringify(value, undefined, 2);
