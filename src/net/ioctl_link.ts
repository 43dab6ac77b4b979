/** What an interface is attached to, and its link addresses: linkstr, and ioctls of AF_LINK sockets (NetBSD: link_proto.c). */
import { errno } from "../abi/errno.ts";
import { AF_INET, AF_UNSPEC } from "../abi/flags.ts";
import { Ifdrv, IfLaddrreq, IFLINKSTR, IFLR, Ifreq } from "../abi/net_structs.ts";
import { parseSockaddrDl } from "../abi/route_structs.ts";
import { SIOC } from "../abi/sockio.ts";
import { then } from "../lib/async.ts";
import { viewOf } from "../lib/struct.ts";
import type { Async } from "../plugin.ts";
import { isMulticast } from "./address.ts";
import type { Interface } from "./interface.ts";
import { anybody, type ControlRows, type Request, superuser } from "./ioctl_rows.ts";

/** Longest linkstr, with its end mark. */
const MAXPATHLEN = 1024;
const MAC = 6;

/** ENOTTY: nobody has to say; ENOENT: nothing was said. */
function getLinkstr({ device }: Interface, { data, view }: Request): void {
  if (!device.setLinkstr) throw errno.ENOTTY;
  if (device.linkstr === undefined) throw errno.ENOENT;
  const bytes = new TextEncoder().encode(`${device.linkstr}\0`);
  if (Ifdrv.get.command(view, 0) === IFLINKSTR.QUERYLEN) return Ifdrv.set.length(view, 0, bytes.length);
  if (Ifdrv.get.command(view, 0) !== 0) throw errno.ENOTTY;
  if (bytes.length > data.length - Ifdrv.size) throw errno.ENAMETOOLONG;
  data.set(bytes, Ifdrv.size);
}
/** EBUSY: it is attached; EINVAL, E2BIG: no string. */
function setLinkstr({ device }: Interface, { data, view }: Request): Async<void> {
  if (!device.setLinkstr) throw errno.ENOTTY;
  const command = Ifdrv.get.command(view, 0);
  if (command === IFLINKSTR.UNSET) return device.setLinkstr(undefined);
  if (command !== 0) throw errno.ENOTTY;
  if (device.linkstr !== undefined) throw errno.EBUSY;
  const text = data.subarray(Ifdrv.size);
  if (text.length > MAXPATHLEN) throw errno.E2BIG;
  const end = text.indexOf(0);
  if (text.length < 1 || end === 0) throw errno.EINVAL;
  return device.setLinkstr(new TextDecoder().decode(end < 0 ? text : text.subarray(0, end)));
}
/** A group is joined or left: one of IPv4, or a link address, of which all are received here. EINVAL: none. */
function changeGroup(join: boolean) {
  return (iface: Interface, { stack: { groups }, view }: Request): void => {
    const addr = Ifreq.get.addr(view, 0);
    if (addr[1] === AF_UNSPEC && (addr[2]! & 1) === 1) return;
    const group = addr[1] === AF_INET ? viewOf(addr).getUint32(4) : 0;
    if (!isMulticast(group)) throw addr[1] === AF_INET || addr[1] === AF_UNSPEC ? errno.EINVAL : errno.EAFNOSUPPORT;
    if (join) return groups.join(iface, group);
    if (!groups.of(iface).has(group)) throw errno.EADDRNOTAVAIL;
    groups.leave(iface, group);
  };
}
/** In all families. */
export const linkRows: ControlRows = new Map([
  anybody(SIOC.SIOCGLINKSTR, getLinkstr),
  superuser(SIOC.SIOCSLINKSTR, setLinkstr),
  superuser(SIOC.SIOCADDMULTI, changeGroup(true)),
  superuser(SIOC.SIOCDELMULTI, changeGroup(false)),
]);

/** The one link address there is. EADDRNOTAVAIL: another is asked for. */
function getAddress(iface: Interface, { view }: Request): void {
  const asked = parseSockaddrDl(IfLaddrreq.get.addr(view, 0));
  const { mac } = iface.device;
  if (asked && asked.mac.length > 0 && asked.mac.some((b, i) => b !== mac?.[i])) throw errno.EADDRNOTAVAIL;
  const prefixlen = (mac?.length ?? 0) * 8;
  IfLaddrreq.write(view, 0, { flags: IFLR.ACTIVE, prefixlen, addr: iface.linkAddress });
}
/** Give it another one: EADDRNOTAVAIL where it cannot have that. */
function setAddress(iface: Interface, { view }: Request): Async<void> {
  const { device } = iface;
  const given = parseSockaddrDl(IfLaddrreq.get.addr(view, 0));
  if (!given || given.mac.length !== MAC || (given.mac[0]! & 1) === 1) throw errno.EINVAL;
  if ((IfLaddrreq.get.flags(view, 0) & IFLR.ACTIVE) === 0 || !device.setMac) throw errno.EADDRNOTAVAIL;
  return then(device.setMac(given.mac), () => iface.renamed());
}
/** Of sockets of AF_LINK. */
export const linkAddressRows: ControlRows = new Map([
  anybody(SIOC.SIOCGLIFADDR, getAddress),
  superuser(SIOC.SIOCALIFADDR, setAddress),
]);
