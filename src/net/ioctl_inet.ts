/** ioctl(2) on AF_INET sockets: an interface's IPv4 addresses (NetBSD: in.c in_control). */
import { errno } from "../abi/errno.ts";
import { AF_INET, AF_UNSPEC, IFF } from "../abi/flags.ts";
import { inetMask, parseInetMask, sockaddrIn } from "../abi/inet.ts";
import { IfAddrprefreq, Ifaliasreq, Ifreq, IfreqValue } from "../abi/net_structs.ts";
import { SIOC } from "../abi/sockio.ts";
import { maskOf, prefixOf } from "../lib/inet.ts";
import { viewOf } from "../lib/struct.ts";
import type { Async } from "../plugin.ts";
import type { Interface, InterfaceAddress } from "./interface.ts";
import { type LinearFamily, linearRows } from "./ioctl_laddr.ts";
import { anybody, type ControlRows, type Request, superuser } from "./ioctl_rows.ts";
import type { FamilyAddress } from "./change.ts";
import type { Stack } from "./stack.ts";

const ALL = 0xffff_ffff;
const NONE = new Uint8Array(0);
/** netinet/in_var.h: the link is not there. */
const IN_IFF_DETACHED = 4;

/** struct sockaddr's IPv4 address; undefined: the family says that none was given. */
function given(addr: Uint8Array): number | undefined {
  return addr[1] === AF_INET ? viewOf(addr).getUint32(4) : undefined;
}
/** The mask of an address's class, where nobody says another (RFC 791). */
function classMask(address: number): number {
  return address >>> 31 === 0 ? 0xff00_0000 : address >>> 30 === 2 ? 0xffff_0000 : 0xffff_ff00;
}
/** The address asked for: the one named, or the first. EADDRNOTAVAIL. */
function asked(iface: Interface, addr: Uint8Array): InterfaceAddress {
  const address = given(addr);
  const found = address ? iface.addresses.find((a) => a.address === address) : iface.addresses[0];
  if (!found) throw errno.EADDRNOTAVAIL;
  return found;
}
const isPair = (iface: Interface) => (iface.flags & IFF.POINTOPOINT) !== 0;
const needs = (iface: Interface, flag: number): void => {
  if ((iface.flags & flag) === 0) throw errno.EINVAL;
};

/** Broadcast address or other end of an address, unless they are said: on a loopback interface it is its own other end. */
function completed(iface: Interface, address: number, mask: number, other: number | undefined): InterfaceAddress {
  if (isPair(iface)) {
    if (!other) throw errno.EINVAL;
    return { address, mask: ALL, broadcast: 0, destination: other };
  }
  const broadcast = (iface.flags & IFF.BROADCAST) === 0 ? 0 : other || ((address & mask) | ~mask) >>> 0;
  return { address, mask, broadcast };
}
/** SIOCAIFADDR: add one, or change what it has beside it. */
function addAlias(iface: Interface, { stack, view }: Request): Async<void> {
  const { get } = Ifaliasreq;
  const address = given(get.addr(view, 0));
  if (address === undefined) throw errno.EAFNOSUPPORT;
  const had = iface.addresses.find((a) => a.address === address);
  const mask = parseInetMask(get.mask(view, 0)) ?? had?.mask ?? classMask(address);
  const other = given(get.dstaddr(view, 0)) || had?.destination;
  return stack.addAddress(iface, completed(iface, address, mask, other));
}
/** SIOCSIFADDR: the only one, in the place of the first. */
function setAddress(iface: Interface, { stack, view }: Request): Async<void> {
  const address = given(Ifreq.get.addr(view, 0));
  if (address === undefined) throw errno.EAFNOSUPPORT;
  const [first] = iface.addresses;
  const made = completed(iface, address, classMask(address), first?.destination);
  if (first) stack.removeAddress(iface, first.address);
  return stack.addAddress(iface, made);
}
/** The first address, with something else changed. */
function change(iface: Interface, stack: Stack, by: Partial<InterfaceAddress>): Async<void> {
  const [first] = iface.addresses;
  if (!first) throw errno.EADDRNOTAVAIL;
  return stack.addAddress(iface, { ...first, ...by });
}
function removeAddress(iface: Interface, { stack, view }: Request): void {
  const addr = Ifreq.get.addr(view, 0);
  if (addr[1] !== AF_INET && addr[1] !== AF_UNSPEC) throw errno.EADDRNOTAVAIL;
  stack.removeAddress(iface, asked(iface, addr).address);
}
const required = (addr: Uint8Array): number => {
  const address = given(addr);
  if (address === undefined) throw errno.EAFNOSUPPORT;
  return address;
};
const tell = ({ view }: Request, addr: Uint8Array): void => Ifreq.set.addr(view, 0, addr);
const { get: req } = Ifreq;

const linear: LinearFamily = {
  family: AF_INET,
  size: 16,
  at: 4,
  end: 8,
  of: (iface) =>
    iface.addresses.map(({ address, mask, destination }) => ({
      addr: sockaddrIn(address, 0),
      length: prefixOf(mask) ?? 0,
      other: destination === undefined ? NONE : sockaddrIn(destination, 0),
      flags: 0,
    })),
  add: (iface, { stack }, { addr, other, length }) =>
    stack.addAddress(iface, completed(iface, required(addr), maskOf(length), given(other))),
  remove: (iface, { stack }, addr) => stack.removeAddress(iface, required(addr)),
  fill() {
    throw errno.EINVAL;
  },
};

/** Of sockets of AF_INET. */
export const inetRows: ControlRows = new Map([
  ...linearRows(linear),
  anybody(SIOC.SIOCGIFADDR, (i, r) => tell(r, sockaddrIn(asked(i, req.addr(r.view, 0)).address, 0))),
  anybody(SIOC.SIOCGIFNETMASK, (i, r) => tell(r, padded(inetMask(asked(i, req.addr(r.view, 0)).mask)))),
  anybody(SIOC.SIOCGIFBRDADDR, (i, r) => {
    const { broadcast } = asked(i, req.addr(r.view, 0));
    needs(i, IFF.BROADCAST);
    tell(r, sockaddrIn(broadcast, 0));
  }),
  anybody(SIOC.SIOCGIFDSTADDR, (i, r) => {
    const { destination } = asked(i, req.addr(r.view, 0));
    needs(i, IFF.POINTOPOINT);
    tell(r, sockaddrIn(destination ?? 0, 0));
  }),
  anybody(SIOC.SIOCGIFALIAS, (i, { view }) => {
    const found = asked(i, Ifaliasreq.get.addr(view, 0));
    const other = found.destination ?? found.broadcast;
    Ifaliasreq.write(view, 0, {
      addr: sockaddrIn(found.address, 0),
      dstaddr: other === 0 ? padded(NONE) : sockaddrIn(other, 0),
      mask: padded(inetMask(found.mask)),
    });
  }),
  anybody(SIOC.SIOCGIFAFLAG_IN, (i, { view }) => {
    const { flags = 0 } = asked(i, req.addr(view, 0));
    IfreqValue.set.value(view, 0, flags | (i.up ? 0 : IN_IFF_DETACHED));
  }),
  superuser(SIOC.SIOCSIFADDRPREF, (i, { view }) => {
    const found = asked(i, IfAddrprefreq.get.addr(view, 0));
    i.prefer(found, IfAddrprefreq.get.preference(view, 0));
  }),
  superuser(SIOC.SIOCAIFADDR, addAlias),
  superuser(SIOC.SIOCDIFADDR, removeAddress),
  superuser(SIOC.SIOCSIFADDR, setAddress),
  superuser(SIOC.SIOCSIFNETMASK, (i, r) => {
    const mask = parseInetMask(req.addr(r.view, 0));
    if (mask === undefined) throw errno.EINVAL;
    return change(i, r.stack, { mask });
  }),
  superuser(SIOC.SIOCSIFBRDADDR, (i, r) => {
    needs(i, IFF.BROADCAST);
    return change(i, r.stack, { broadcast: required(req.addr(r.view, 0)) });
  }),
  superuser(SIOC.SIOCSIFDSTADDR, (i, r) => {
    needs(i, IFF.POINTOPOINT);
    return change(i, r.stack, { destination: required(req.addr(r.view, 0)) });
  }),
]);
/** In a whole struct sockaddr, so that nothing of what was there is left. */
function padded(addr: Uint8Array): Uint8Array {
  const out = new Uint8Array(16);
  out.set(addr);
  return out;
}
/** As programs see it. */
export function inetFamilyAddress(iface: Interface, a: InterfaceAddress): FamilyAddress {
  const other = a.destination ?? (iface.loopback ? a.address : a.broadcast);
  return {
    address: sockaddrIn(a.address, 0),
    mask: inetMask(a.mask),
    other: other === 0 ? NONE : sockaddrIn(other, 0),
    flags: iface.loopback ? 0 : 1,
  };
}
/** All IPv4 addresses of an interface. */
export const inetAddresses = (iface: Interface): FamilyAddress[] =>
  iface.addresses.map((a) => inetFamilyAddress(iface, a));
