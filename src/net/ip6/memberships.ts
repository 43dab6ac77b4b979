/** Of which multicast groups one socket is a member (RFC 3493, 5.2; NetBSD: ip6_moptions). */
import { errno } from "../../abi/errno.ts";
import { IFF } from "../../abi/flags.ts";
import { Ipv6Mreq } from "../../abi/inet6_options.ts";
import { In6Addr } from "../../lib/in6.ts";
import { viewOf } from "../../lib/struct.ts";
import { isMulticast } from "../address.ts";
import type { Interface } from "../interface.ts";
import type { In6Interface } from "./interface.ts";
import type { Ip6 } from "./ip6.ts";

/** Groups one socket may be a member of. */
const MAX = 64;

/** A group of IPv4 has its IPv6 form here. */
interface Member {
  readonly if6: In6Interface;
  readonly group: In6Addr;
}
const isGroup = (a: In6Addr) => a.multicast || (a.mapped && isMulticast(a.d >>> 0));

export class Memberships6 {
  readonly #ip6: Ip6;
  readonly #all: Member[] = [];

  constructor(ip6: Ip6) {
    this.#ip6 = ip6;
  }
  /** A struct ipv6_mreq. EINVAL: no group; EADDRINUSE: already; ENXIO, EADDRNOTAVAIL: no such interface; ETOOMANYREFS. */
  add(value: Uint8Array): void {
    const m = this.#asked(value);
    if (this.#find(m) >= 0) throw errno.EADDRINUSE;
    if (this.#all.length >= MAX) throw errno.ETOOMANYREFS;
    if (m.group.mapped) this.#ip6.stack.groups.join(m.if6.iface, m.group.d >>> 0);
    else this.#ip6.mld.join(m.if6, m.group);
    this.#all.push(m);
  }
  /** EADDRNOTAVAIL: it is no member. */
  drop(value: Uint8Array): void {
    const at = this.#find(this.#asked(value));
    if (at < 0) throw errno.EADDRNOTAVAIL;
    this.#leave(this.#all.splice(at, 1)[0]!);
  }
  #leave({ if6, group }: Member): void {
    if (group.mapped) this.#ip6.stack.groups.leave(if6.iface, group.d >>> 0);
    else this.#ip6.mld.leave(if6, group);
  }
  #asked(value: Uint8Array): Member {
    if (value.length !== Ipv6Mreq.size) throw errno.EINVAL;
    const d = viewOf(value);
    const group = In6Addr.read(d, 0);
    const index = Ipv6Mreq.get.index(d, 0);
    if (!isGroup(group)) throw errno.EINVAL;
    const iface = index ? this.#ip6.stack.byIndex(index) : this.#towards(group);
    if (!iface) throw index ? errno.ENXIO : errno.EADDRNOTAVAIL;
    if ((iface.flags & IFF.MULTICAST) === 0) throw errno.EADDRNOTAVAIL;
    return { if6: this.#ip6.of(iface), group: group.scoped ? group.in(iface.index) : group };
  }
  #towards(group: In6Addr): Interface | undefined {
    const { stack } = this.#ip6;
    return (group.mapped ? stack.routeTo(group.d >>> 0) : this.#ip6.routeTo(group))?.iface;
  }
  #find({ if6, group }: Member): number {
    return this.#all.findIndex((m) => m.if6 === if6 && m.group.equals(group));
  }
  /** The socket is closed. */
  clear(): void {
    for (const m of this.#all.splice(0)) this.#leave(m);
  }
}
