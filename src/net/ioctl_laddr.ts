/** SIOCGLIFADDR, SIOCALIFADDR, SIOCDLIFADDR: addresses of either Internet by prefix or as a whole (NetBSD: in_lifaddr_ioctl, in6_lifaddr_ioctl). */
import { errno } from "../abi/errno.ts";
import { IFF } from "../abi/flags.ts";
import { IfLaddrreq, IFLR } from "../abi/net_structs.ts";
import { SIOC } from "../abi/sockio.ts";
import type { Async } from "../plugin.ts";
import type { Interface } from "./interface.ts";
import { anybody, type ControlRows, type Request, superuser } from "./ioctl_rows.ts";

/** An address of an interface, as a sockaddr, and its IN6_IFF_*. */
interface Found {
  readonly addr: Uint8Array;
  readonly length: number;
  readonly other: Uint8Array;
  readonly flags: number;
}
/** What a request says. */
export interface Asked {
  readonly addr: Uint8Array;
  readonly other: Uint8Array;
  readonly length: number;
  readonly flags: number;
}
/** What a family's addresses look like, and how one comes and goes. */
export interface LinearFamily {
  readonly family: number;
  /** Bytes of its sockaddr; where in it the address begins, and ends. */
  readonly size: number;
  readonly at: number;
  readonly end: number;
  of(iface: Interface): readonly Found[];
  add(iface: Interface, r: Request, asked: Asked): Async<void>;
  remove(iface: Interface, r: Request, addr: Uint8Array): void;
  /** What a prefix is completed by. EINVAL: by nothing; EADDRNOTAVAIL. */
  fill(iface: Interface, asked: Asked): Asked;
}
const NONE = new Uint8Array(0);

/** EINVAL: of another family, or of another size. */
function checked(f: LinearFamily, { view }: Request): Asked {
  const { addr, dstaddr, prefixlen: length, flags } = IfLaddrreq.dump(view, 0);
  if (addr[0] !== f.size || addr[1] !== f.family) throw errno.EINVAL;
  const none = dstaddr[0] === 0 && dstaddr[1] === 0;
  if (!none && (dstaddr[0] !== f.size || dstaddr[1] !== f.family)) throw errno.EINVAL;
  if (length > 8 * (f.end - f.at)) throw errno.EINVAL;
  return { addr: addr.slice(0, f.size), other: none ? NONE : dstaddr.slice(0, f.size), length, flags };
}
/** An address's first bits, the others 0. */
function masked(f: LinearFamily, addr: Uint8Array, length: number): Uint8Array {
  return addr.slice(f.at, f.end).map((byte, i) => byte & ~(0xff >>> Math.min(8, Math.max(0, length - 8 * i))));
}
const same = (a: Uint8Array, b: Uint8Array) => a.every((byte, i) => byte === b[i]);
/** The first address with a prefix, or the one that is named. EINVAL: the prefix has bits behind it; EADDRNOTAVAIL. */
function find(f: LinearFamily, iface: Interface, { addr, length, flags }: Asked): Found {
  const bits = flags & IFLR.PREFIX ? length : 8 * (f.end - f.at);
  const wanted = masked(f, addr, bits);
  if (!same(wanted, addr.subarray(f.at, f.end))) throw errno.EINVAL;
  return first(f.of(iface).filter((a) => same(masked(f, a.addr, bits), wanted)));
}
function first([found]: readonly Found[]): Found {
  if (!found) throw errno.EADDRNOTAVAIL;
  return found;
}
function give(f: LinearFamily, iface: Interface, r: Request): void {
  const byPrefix = (IfLaddrreq.get.flags(r.view, 0) & IFLR.PREFIX) !== 0;
  const { addr, length, other, flags } = byPrefix ? find(f, iface, checked(f, r)) : first(f.of(iface));
  const dstaddr = iface.flags & IFF.POINTOPOINT ? other : NONE;
  const whole = (a: Uint8Array) => {
    const bytes = new Uint8Array(128);
    bytes.set(a);
    return bytes;
  };
  IfLaddrreq.write(r.view, 0, { flags, prefixlen: length, addr: whole(addr), dstaddr: whole(dstaddr) });
}
function add(f: LinearFamily, iface: Interface, r: Request): Async<void> {
  const asked = checked(f, r);
  return f.add(iface, r, asked.flags & IFLR.PREFIX ? f.fill(iface, asked) : asked);
}

/** Of sockets of the family. */
export const linearRows = (f: LinearFamily): ControlRows =>
  new Map([
    anybody(SIOC.SIOCGLIFADDR, (i, r) => give(f, i, r)),
    superuser(SIOC.SIOCALIFADDR, (i, r) => add(f, i, r)),
    superuser(SIOC.SIOCDLIFADDR, (i, r) => f.remove(i, r, find(f, i, checked(f, r)).addr)),
  ]);
