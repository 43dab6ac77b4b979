/** The list of interfaces and their addresses: sysctl net.route IFLIST (NetBSD: route(4)). */
import { viewOf } from "../lib/struct.ts";
import { errno } from "./errno.ts";
import { IfData } from "./net_structs.ts";
import { messagesOf } from "./route_messages.ts";
import {
  IF_MSGHDR_DATA,
  IfaMsghdr,
  IfMsghdr,
  MsgHead,
  parseAddresses,
  parseSockaddrDl,
  RTA,
  RTM,
} from "./route_structs.ts";

/** An address of an interface; sockaddrs as the kernel tells them. */
export interface IfAddress {
  readonly family: number;
  readonly address: Uint8Array;
  readonly mask: Uint8Array;
  /** The broadcast address, or the other end. */
  readonly other: Uint8Array;
}
/** An interface, and what is told with it. */
export interface IfInfo {
  readonly name: string;
  readonly index: number;
  /** IFF_* */
  readonly flags: number;
  /** IFT_* */
  readonly type: number;
  /** The link address; empty: none. */
  readonly mac: Uint8Array;
  readonly data: ReturnType<typeof IfData.dump>;
  readonly addresses: readonly IfAddress[];
}
/** Messages of sysctl net.route IFLIST: each interface is followed by its addresses. */
export function parseInterfaces(from: Uint8Array): IfInfo[] {
  const all: IfInfo[] = [];
  let addresses: IfAddress[] = [];
  for (const message of messagesOf(from)) {
    if (message.length < IfaMsghdr.size) throw errno.EPROTO;
    const type = MsgHead.get.type(viewOf(message), 0);
    if (type === RTM.IFINFO) all.push(interfaceOf(message, addresses = []));
    else if (type === RTM.NEWADDR) addresses.push(addressOf(message));
  }
  return all;
}
function behind(message: Uint8Array, header: { readonly size: number }, addrs: number) {
  const found = parseAddresses(message, header.size, addrs);
  if (!found) throw errno.EPROTO;
  return found;
}
const NONE = new Uint8Array(0);
function interfaceOf(message: Uint8Array, addresses: readonly IfAddress[]): IfInfo {
  const d = viewOf(message);
  if (message.length < IfMsghdr.size) throw errno.EPROTO;
  const link = parseSockaddrDl(behind(message, IfMsghdr, IfMsghdr.get.addrs(d, 0)).get(RTA.IFP) ?? NONE);
  const data = IfData.dump(d, IF_MSGHDR_DATA);
  const { mac = NONE } = link ?? {};
  // Others' words: no control characters reach the terminal.
  const name = (link?.name ?? "").replace(/\p{C}/gu, "?");
  const flags = IfMsghdr.get.flags(d, 0) & 0xffff;
  return { name, index: IfMsghdr.get.index(d, 0), flags, type: data.type, mac, data, addresses };
}
function addressOf(message: Uint8Array): IfAddress {
  const found = behind(message, IfaMsghdr, IfaMsghdr.get.addrs(viewOf(message), 0));
  const [address, mask, other] = [RTA.IFA, RTA.NETMASK, RTA.BRD].map((bit) => found.get(bit) ?? NONE);
  return { family: address![1] ?? 0, address: address!, mask: mask!, other: other! };
}
