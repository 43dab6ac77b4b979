/** Messages about routes, interfaces and addresses, for the routing socket and sysctl net.route (NetBSD: rtsock.c). */
import { viewOf } from "../lib/struct.ts";
import {
  buildMessage,
  IF_MSGHDR_DATA,
  IfaMsghdr,
  IfAnnouncemsghdr,
  IfMsghdr,
  type MessageAddresses,
  RTA,
  RTF,
  RTM,
  RTM_VERSION,
  RtMsghdr,
  sockaddrDl,
} from "../abi/route_structs.ts";
import { writeIfData } from "./if_data.ts";
import type { Interface } from "./interface.ts";
import type { NeighbourEntry, RouteEntry } from "./route_family.ts";
import type { FamilyAddress } from "./change.ts";

type Addresses = readonly (readonly [bit: number, sockaddr: Uint8Array | undefined])[];
/** Those that are there; an empty one counts. */
function present(all: Addresses): MessageAddresses {
  return new Map(all.filter((row): row is readonly [number, Uint8Array] => row[1] !== undefined));
}
const bitsOf = (addresses: MessageAddresses): number => [...addresses.keys()].reduce((all, bit) => all | bit, 0);

/** What a message about a route says beside the route. */
export interface RouteHead {
  readonly pid?: number;
  readonly seq?: number;
  readonly errno?: number;
  /** RTF_DONE. */
  readonly flags?: number;
  readonly inits?: number;
}
/** RTM_GET and its kin. `link`: with the interface and the address of ours. */
export function routeMessage(type: number, e: RouteEntry, link: boolean, head: RouteHead = {}): Uint8Array {
  const addresses = present([
    [RTA.DST, e.destination],
    [RTA.GATEWAY, e.gateway],
    [RTA.NETMASK, e.mask],
    [RTA.IFP, link ? e.iface.linkAddress : undefined],
    [RTA.IFA, link ? e.source : undefined],
  ]);
  return routeBytes(type, addresses, {
    ...head,
    ...e.metrics,
    index: e.iface.index,
    flags: e.flags | (head.flags ?? 0),
    use: e.used,
  });
}
/** Any message with a struct rt_msghdr. */
export function routeBytes(
  type: number,
  addresses: MessageAddresses,
  values: Parameters<typeof RtMsghdr.write>[2],
): Uint8Array {
  const header = new Uint8Array(RtMsghdr.size);
  RtMsghdr.write(viewOf(header), 0, { ...values, version: RTM_VERSION, type, addrs: bitsOf(addresses) });
  return buildMessage(header, addresses);
}
/** A neighbour as arp(8) and ndp(8) list it. */
export function neighbourMessage({ address, mac, iface, expire, published }: NeighbourEntry): Uint8Array {
  const gateway = sockaddrDl({ index: iface.index, type: iface.type, name: "", mac });
  const flags = RTF.UP | RTF.HOST | RTF.LLDATA | (published ? RTF.ANNOUNCE : 0);
  return routeBytes(RTM.GET, present([[RTA.DST, address], [RTA.GATEWAY, gateway]]), {
    flags,
    index: iface.index,
    expire,
  });
}
/** An interface's flags in 32 bits: the last of its 16 is spread. */
const spread = (flags: number): number => (flags << 16) >> 16;
/** RTM_IFINFO. `link`: with its name and link address. */
export function interfaceMessage(iface: Interface, link: boolean): Uint8Array {
  const header = new Uint8Array(IfMsghdr.size);
  const d = viewOf(header);
  const addresses = present([[RTA.IFP, link ? iface.linkAddress : undefined]]);
  IfMsghdr.write(d, 0, {
    version: RTM_VERSION,
    type: RTM.IFINFO,
    addrs: bitsOf(addresses),
    flags: spread(iface.flags),
    index: iface.index,
  });
  writeIfData(d, IF_MSGHDR_DATA, iface);
  return buildMessage(header, addresses);
}
/** RTM_NEWADDR and RTM_DELADDR. `link`: with the interface's name and link address. */
export function addressMessage(type: number, iface: Interface, a: FamilyAddress, link: boolean): Uint8Array {
  return addressBytes(type, iface, a.flags, [
    [RTA.NETMASK, a.mask],
    [RTA.IFP, link ? iface.linkAddress : undefined],
    [RTA.IFA, a.address],
    [RTA.BRD, a.other],
  ]);
}
/** An interface's link address among its addresses; the mask says how long its name is. */
export function linkAddressMessage(iface: Interface): Uint8Array {
  const name = iface.name.length;
  const mask = new Uint8Array(8 + name).fill(0xff, 8);
  mask[0] = mask.length;
  return addressBytes(RTM.NEWADDR, iface, 0, [[RTA.NETMASK, mask], [RTA.IFA, iface.linkAddress]]);
}
function addressBytes(type: number, { index, metric }: Interface, flags: number, all: Addresses): Uint8Array {
  const header = new Uint8Array(IfaMsghdr.size);
  const addresses = present(all);
  IfaMsghdr.write(viewOf(header), 0, {
    version: RTM_VERSION,
    type,
    addrs: bitsOf(addresses),
    flags,
    metric,
    index,
  });
  return buildMessage(header, addresses);
}
/** RTM_IFANNOUNCE. `what`: IFAN_*. */
export function announceMessage({ index, name }: Interface, what: number): Uint8Array {
  const message = new Uint8Array(IfAnnouncemsghdr.size);
  IfAnnouncemsghdr.write(viewOf(message), 0, {
    msglen: message.length,
    version: RTM_VERSION,
    type: RTM.IFANNOUNCE,
    index,
    name,
    what,
  });
  return message;
}
