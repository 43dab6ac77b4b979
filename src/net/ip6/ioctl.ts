/** ioctl(2) on AF_INET6 sockets: an interface's IPv6 addresses, and what Neighbor Discovery knows (NetBSD: in6.c in6_control, nd6.c nd6_ioctl). */
import { errno } from "../../abi/errno.ts";
import { AF_INET6, IFF } from "../../abi/flags.ts";
import { in6Mask, parseIn6Mask, parseSockaddrIn6, sockaddrIn6 } from "../../abi/inet.ts";
import {
  In6Aliasreq,
  In6Ifreq,
  In6IfreqFlags,
  In6IfreqLifetime,
  In6Nbrinfo,
  In6Ndireq,
  ND6_INFINITE_LIFETIME,
} from "../../abi/net_structs.ts";
import { SIOC } from "../../abi/sockio.ts";
import { In6Addr } from "../../lib/in6.ts";
import type { Async } from "../../plugin.ts";
import type { Interface } from "../interface.ts";
import { type LinearFamily, linearRows } from "../ioctl_laddr.ts";
import { anybody, type ControlRows, type Request, superuser } from "../ioctl_rows.ts";
import type { FamilyAddress } from "../change.ts";
import {
  IN6_IFF_ANYCAST,
  IN6_IFF_AUTOCONF,
  IN6_IFF_NODAD,
  type In6IfAddress,
  ND6_IFF_ACCEPT_RTADV,
  ND6_IFF_AUTO_LINKLOCAL,
  ND6_IFF_IFDISABLED,
  ND6_IFF_OVERRIDE_RTADV,
  ND6_IFF_PERFORMNUD,
} from "./interface.ts";
import type { Ip6 } from "./ip6.ts";
import { ND_REACHABLE } from "./nd.ts";

const HOST = 128;
const HALF = 64;
const SECOND = 1000;
const NONE = new Uint8Array(0);
/** Flags a program may give an address, and an interface. */
const GIVEN = IN6_IFF_ANYCAST | IN6_IFF_NODAD | IN6_IFF_AUTOCONF;
const ND6_GIVEN = ND6_IFF_PERFORMNUD | ND6_IFF_ACCEPT_RTADV | ND6_IFF_IFDISABLED | ND6_IFF_AUTO_LINKLOCAL |
  ND6_IFF_OVERRIDE_RTADV;

/** An address of an interface as programs see it: ::1 alone has a route of its own, and itself at the other end (as recorded). */
export const familyAddress6 = ({ address, length }: In6IfAddress): FamilyAddress => ({
  address: sockaddrIn6(address, 0),
  mask: in6Mask(length),
  other: address.loopback ? sockaddrIn6(address, 0) : NONE,
  flags: address.loopback ? 1 : 0,
});

/** The address in a sockaddr, on its interface. EAFNOSUPPORT. */
function given(iface: Interface, sockaddr: Uint8Array): In6Addr {
  const found = parseSockaddrIn6(sockaddr);
  if (!found) throw errno.EAFNOSUPPORT;
  return found.address.scoped ? found.address.in(iface.index) : found.address;
}
/** The one a struct in6_ifreq names, or the first. EADDRNOTAVAIL. */
function asked(ip6: Ip6, iface: Interface, { view }: Request): In6IfAddress {
  const sockaddr = In6Ifreq.get.addr(view, 0);
  const if6 = ip6.of(iface);
  const found = sockaddr[1] === AF_INET6 ? if6.find(given(iface, sockaddr)) : if6.addresses[0];
  if (!found) throw errno.EADDRNOTAVAIL;
  return found;
}
/** SIOCAIFADDR_IN6: add one, or give it another life. */
function add(ip6: Ip6, iface: Interface, { view }: Request): Async<void> {
  const { get } = In6Aliasreq;
  const address = given(iface, get.addr(view, 0));
  const had = ip6.of(iface).find(address);
  const length = parseIn6Mask(get.prefixmask(view, 0)) ?? had?.length ?? HOST;
  const [valid, preferred] = [get.vltime(view, 0), get.pltime(view, 0)];
  if (preferred > valid || (valid === 0 && !had) || length < 0) throw errno.EINVAL;
  const until = (seconds: number) => seconds === ND6_INFINITE_LIFETIME ? Infinity : ip6.now() + seconds * SECOND;
  const flags = get.flags(view, 0) & GIVEN;
  const lives = { validUntil: until(valid), preferredUntil: until(preferred) };
  return ip6.addresses.add(iface, { address, length, flags, ...lives });
}
function giveLifetime(ip6: Ip6, { validUntil, preferredUntil }: In6IfAddress, view: DataView): void {
  In6IfreqLifetime.write(view, 0, {
    expire: ip6.endsAt(validUntil),
    preferred: ip6.endsAt(preferredUntil),
    vltime: ip6.secondsLeft(validUntil),
    pltime: ip6.secondsLeft(preferredUntil),
  });
}
function giveNeighbour(ip6: Ip6, iface: Interface, view: DataView): void {
  const address = In6Addr.read(view, In6Nbrinfo.at.addr);
  const found = ip6.nd.find(address.scoped ? address.in(iface.index) : address, iface);
  if (!found) throw errno.EINVAL;
  const state = ip6.nd.stateOf(found);
  const until = found.permanent || state !== ND_REACHABLE ? Infinity : found.until;
  const isrouter = found.router ? 1 : 0;
  In6Nbrinfo.write(view, 0, { asked: found.asked, isrouter, state, expire: ip6.endsAt(until) });
}

const linear = (ip6: Ip6): LinearFamily => ({
  family: AF_INET6,
  size: 28,
  at: 8,
  end: 24,
  of: (iface) =>
    ip6.of(iface).addresses.map(({ address, length, flags }) => ({
      addr: sockaddrIn6(address, 0),
      length,
      other: NONE,
      flags,
    })),
  add: (iface, _r, { addr, length, flags }) =>
    ip6.addresses.add(iface, { address: given(iface, addr), length, flags: flags & GIVEN }),
  remove: (iface, _r, addr) => ip6.addresses.remove(iface, given(iface, addr)),
  // Behind a prefix of up to 64 bits comes what the link-local address has there.
  fill(iface, asked) {
    const own = ip6.of(iface).linkLocal;
    if (!own) throw errno.EADDRNOTAVAIL;
    const prefix = given(iface, asked.addr);
    if (asked.length > HALF || prefix.c !== 0 || prefix.d !== 0) throw errno.EINVAL;
    const { c, d } = own.address;
    return { ...asked, addr: sockaddrIn6(new In6Addr(prefix.a, prefix.b, c, d), 0) };
  },
});

/** Of sockets of AF_INET6. */
export function inet6Rows(ip6: Ip6): ControlRows {
  const { set } = In6Ifreq;
  return new Map([
    ...linearRows(linear(ip6)),
    superuser(SIOC.SIOCAIFADDR_IN6, (i, r) => add(ip6, i, r)),
    superuser(SIOC.SIOCDIFADDR_IN6, (i, r) => ip6.addresses.remove(i, asked(ip6, i, r).address)),
    anybody(SIOC.SIOCGIFADDR_IN6, (i, r) => set.addr(r.view, 0, sockaddrIn6(asked(ip6, i, r).address, 0))),
    anybody(SIOC.SIOCGIFDSTADDR_IN6, (i, r) => {
      asked(ip6, i, r);
      if ((i.flags & IFF.POINTOPOINT) === 0) throw errno.EINVAL;
      set.addr(r.view, 0, new Uint8Array(28)); // only the link says who is at its other end
    }),
    anybody(SIOC.SIOCGIFNETMASK_IN6, (i, r) => set.addr(r.view, 0, in6Mask(asked(ip6, i, r).length))),
    anybody(SIOC.SIOCGIFAFLAG_IN6, (i, r) => In6IfreqFlags.set.flags(r.view, 0, asked(ip6, i, r).flags)),
    anybody(SIOC.SIOCGIFALIFETIME_IN6, (i, r) => giveLifetime(ip6, asked(ip6, i, r), r.view)),
    anybody(SIOC.SIOCGIFINFO_IN6, (i, { view }) => giveInfo(ip6, i, view)),
    superuser(SIOC.SIOCSIFINFO_IN6, (i, { view }) => setInfo(ip6, i, view)),
    superuser(SIOC.SIOCSIFINFO_FLAGS, (i, { view }) => setFlags(ip6, i, view)),
    anybody(SIOC.SIOCGNBRINFO_IN6, (i, { view }) => giveNeighbour(ip6, i, view)),
    // Whatever its name says: routes and the list of routers are brought to agree (ndp -H).
    superuser(SIOC.SIOCSNDFLUSH_IN6, () => ip6.routers.choose()),
    superuser(SIOC.SIOCSPFXFLUSH_IN6, (i) => ip6.routers.prefixes.flush(ip6.of(i))),
    superuser(SIOC.SIOCSRTRFLUSH_IN6, (i) => ip6.routers.flush(ip6.of(i))),
  ]);
}
function giveInfo(ip6: Ip6, iface: Interface, view: DataView): void {
  const if6 = ip6.of(iface);
  In6Ndireq.write(view, 0, {
    linkmtu: if6.mtu,
    maxmtu: iface.mtu,
    basereachable: if6.baseReachable,
    reachable: Math.round(if6.reachable / SECOND),
    retrans: if6.retransmit,
    flags: if6.flags,
    recalctm: 0,
    chlim: if6.hopLimit || ip6.settings.hopLimit,
    initialized: 1,
  });
}
/** What is 0 stays as it is. */
function setInfo(ip6: Ip6, iface: Interface, view: DataView): void {
  const if6 = ip6.of(iface);
  const { get } = In6Ndireq;
  const [mtu, reachable] = [get.linkmtu(view, 0), get.basereachable(view, 0)];
  if (mtu !== 0 && (mtu < 1280 || mtu > iface.mtu)) throw errno.EINVAL;
  if (mtu !== 0) if6.routerMtu = mtu;
  if (reachable !== 0) {
    if6.baseReachable = reachable;
    if6.reachable = if6.randomReachable();
  }
  if6.retransmit = get.retrans(view, 0) || if6.retransmit;
  if6.hopLimit = get.chlim(view, 0) || if6.hopLimit;
  setFlags(ip6, iface, view);
}
function setFlags(ip6: Ip6, iface: Interface, view: DataView): void {
  const if6 = ip6.of(iface);
  const was = if6.flags;
  if6.flags = (was & ~ND6_GIVEN) | (In6Ndireq.get.flags(view, 0) & ND6_GIVEN);
  ip6.addresses.flagsChanged(if6, was);
}
