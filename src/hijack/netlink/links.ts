/** Interfaces as netlink(7) tells of them. */
import { IFF } from "../../abi/flags.ts";
import type { IfInfo } from "../../abi/if_list.ts";
import { IFT, LINK_STATE } from "../../abi/net_structs.ts";
import { IFF_LOWER_UP, Ifinfomsg, IFLA, LinkStats, LinkStats64, OPER } from "./rtnetlink.ts";
import { hardwareOf, linuxFlags, QUEUE } from "../interfaces.ts";
import { attribute, joined, number, packed, text } from "./build.ts";

const ALL_ONES = 0xff;
const MAC = 6;
const noLink = ({ flags, data }: IfInfo) => (flags & IFF.UP) === 0 || data.linkState === LINK_STATE.DOWN;
function stateOf(link: IfInfo): number {
  if (noLink(link)) return OPER.DOWN;
  return link.data.linkState === LINK_STATE.UP ? OPER.UP : OPER.UNKNOWN;
}
/** What has gone through it. */
const statistics = ({ data: d }: IfInfo) => ({
  rxPackets: d.ipackets,
  txPackets: d.opackets,
  rxBytes: d.ibytes,
  txBytes: d.obytes,
  rxErrors: d.ierrors,
  txErrors: d.oerrors,
  rxDropped: d.iqdrops,
  multicast: d.imcasts,
  collisions: d.collisions,
});
/** The link address, and whoever is on the link; Linux' loopback has one of zeros. */
function hardware({ type, mac }: IfInfo): Uint8Array[] {
  const own = type === IFT.LOOP ? new Uint8Array(MAC) : mac;
  if (own.length === 0) return [];
  const all = new Uint8Array(own.length).fill(type === IFT.LOOP ? 0 : ALL_ONES);
  return [attribute(IFLA.ADDRESS, own), attribute(IFLA.BROADCAST, all)];
}
/** The body of an RTM_NEWLINK. */
export function linkBody(link: IfInfo): Uint8Array {
  const { name, index, type, data } = link;
  const flags = linuxFlags(link.flags) | (noLink(link) ? 0 : IFF_LOWER_UP);
  return joined([
    packed(Ifinfomsg, { type: hardwareOf(type), index, flags }),
    text(IFLA.IFNAME, name),
    number(IFLA.TXQLEN, QUEUE),
    attribute(IFLA.OPERSTATE, new Uint8Array([stateOf(link)])),
    number(IFLA.MTU, data.mtu),
    text(IFLA.QDISC, "noqueue"),
    ...hardware(link),
    attribute(IFLA.STATS64, packed(LinkStats64, statistics(link))),
    attribute(IFLA.STATS, packed(LinkStats, statistics(link))),
  ]);
}
