/** Options of IPv6 sockets, and what they make of a datagram that comes (ip6(4), RFC 3493, 3542; NetBSD: ip6_ctloutput, ip6_savecontrol). */
import { errno } from "../../abi/errno.ts";
import { MSG_BCAST, MSG_MCAST, SO_TIMESTAMP } from "../../abi/flags.ts";
import { sockaddrIn6 } from "../../abi/inet.ts";
import * as IPV6 from "../../abi/inet6_options.ts";
import type { Lwp } from "../../kern/proc.ts";
import type { In6Addr } from "../../lib/in6.ts";
import { viewOf } from "../../lib/struct.ts";
import {
  IPPROTO_DSTOPTS,
  IPPROTO_FRAGMENT,
  IPPROTO_HOPOPTS,
  IPPROTO_IPV6,
  IPPROTO_ROUTING,
  Ipv6,
} from "../../wire/ipv6.ts";
import { type Address, isMulticast } from "../address.ts";
import { timestamp } from "../control.ts";
import type { Beside, Cmsg } from "../inbox.ts";
import type { IpHeader } from "../ip.ts";
import type { InetOptions, OutgoingOptions, Way } from "../outgoing.ts";
import type { Packet } from "../packet.ts";
import { ALGORITHMS } from "../ports.ts";
import { type Extras6, firstHop } from "./extras.ts";
import type { Ip6 } from "./ip6.ts";
import { Memberships6 } from "./memberships.ts";
import { getPacketOption, type PacketOptions6, setPacketOption } from "./packet_options.ts";

const MAX_HOPS = 255;
const MAX_FLOW = 0xf_ffff;
/** The system's own value. */
const DEFAULT = -1;
const NOTHING: Partial<Extras6> = {};
/** Options that are switches: what a datagram's reader is told. */
const TOLD = [
  IPV6.IPV6_RECVPKTINFO,
  IPV6.IPV6_RECVHOPLIMIT,
  IPV6.IPV6_RECVTCLASS,
  IPV6.IPV6_RECVRTHDR,
  IPV6.IPV6_RECVHOPOPTS,
  IPV6.IPV6_RECVDSTOPTS,
  IPV6.IPV6_RECVRTHDRDSTOPTS,
  IPV6.IPV6_RECVPATHMTU,
];

/** Extension headers by number: which option asks for them, and what tells of them. */
const HEADERS: Readonly<Record<number, readonly [asked: number, type: number]>> = {
  [IPPROTO_HOPOPTS]: [IPV6.IPV6_RECVHOPOPTS, IPV6.IPV6_HOPOPTS],
  [IPPROTO_DSTOPTS]: [IPV6.IPV6_RECVDSTOPTS, IPV6.IPV6_DSTOPTS],
  [IPPROTO_ROUTING]: [IPV6.IPV6_RECVRTHDR, IPV6.IPV6_RTHDR],
};

/** Options for each node a routing header names; who does not ask for these is told of them as of the others. */
const EARLY = [IPV6.IPV6_RECVRTHDRDSTOPTS, IPV6.IPV6_RTHDRDSTOPTS] as const;

/** What goes into packets of an IPv6 socket. */
type Outgoing6Options = OutgoingOptions & PacketOptions6;
const isRoot = ({ proc: { cred } }: Lwp) => cred.euid === 0;

export class Inet6Options implements InetOptions {
  readonly outgoing: Outgoing6Options = {};
  mapped: boolean;
  lowPort = false;
  portAlgorithm: string | undefined;
  bound = false;
  readonly minTtl = 0;
  readonly #ip6: Ip6;
  readonly #stream: boolean;
  readonly #memberships: Memberships6;
  readonly #told = new Set<number>();

  /** `stream`: of TCP; `like`: a listener's, for a connection that came to it. */
  constructor(ip6: Ip6, stream: boolean, like?: Inet6Options) {
    this.#ip6 = ip6;
    this.#stream = stream;
    this.#memberships = new Memberships6(ip6);
    this.mapped = like?.mapped ?? !ip6.settings.v6only;
    if (like) {
      Object.assign(this.outgoing, like.outgoing);
      for (const name of like.#told) this.#told.add(name);
    }
    // RFC 6437: what belongs together is told apart from the rest by routers on the way.
    if (ip6.settings.autoFlowLabel) this.outgoing.flow = 1 + Math.floor(ip6.stack.random() * MAX_FLOW);
  }
  get source(): In6Addr | undefined {
    return this.outgoing.source;
  }
  /** ENOPROTOOPT: there is no such option. */
  get(level: number, name: number, peer?: Address): Uint8Array {
    if (level !== IPPROTO_IPV6) throw errno.ENOPROTOOPT;
    if (name === IPV6.IPV6_PATHMTU) return this.#pathMtu(peer);
    const sticky = getPacketOption(this.outgoing, name);
    if (sticky) return sticky;
    const bytes = new Uint8Array(4);
    viewOf(bytes).setInt32(0, this.#number(name), true);
    return bytes;
  }
  #number(name: number): number {
    const { outgoing } = this;
    if (TOLD.includes(name)) return this.#told.has(name) ? 1 : 0;
    switch (name) {
      case IPV6.IPV6_UNICAST_HOPS:
        return outgoing.ttl ?? this.#ip6.settings.hopLimit;
      case IPV6.IPV6_MULTICAST_HOPS:
        return outgoing.groupTtl ?? this.#ip6.settings.multicastHopLimit;
      case IPV6.IPV6_MULTICAST_LOOP:
        return outgoing.loop === false ? 0 : 1;
      case IPV6.IPV6_MULTICAST_IF:
        return outgoing.groupInterface?.index ?? 0;
      case IPV6.IPV6_V6ONLY:
        return this.mapped ? 0 : 1;
      case IPV6.IPV6_PORTRANGE:
        return this.lowPort ? IPV6.IPV6_PORTRANGE_LOW : 0;
      case IPV6.IPV6_PORTALGO:
        return ALGORITHMS.indexOf(this.portAlgorithm ?? this.#ip6.stack.ports.selected);
      default:
        throw errno.ENOPROTOOPT;
    }
  }
  /** EINVAL: not a value it can have; ENOPROTOOPT; EPERM; ENXIO, EADDRNOTAVAIL: no such interface or group. */
  set(level: number, name: number, value: Uint8Array, lwp: Lwp): void {
    if (level !== IPPROTO_IPV6) throw errno.ENOPROTOOPT;
    if (name === IPV6.IPV6_JOIN_GROUP) return this.#memberships.add(value);
    if (name === IPV6.IPV6_LEAVE_GROUP) return this.#memberships.drop(value);
    if (getPacketOption(this.outgoing, name) || name === IPV6.IPV6_HOPLIMIT) {
      const who = { root: isRoot(lwp), sticky: true, stream: this.#stream };
      return setPacketOption(this.#ip6, this.outgoing, name, value, who);
    }
    this.#number(name); // whether there is such an option
    // A u_char where that was once the type.
    const narrow = value.length === 1 && name === IPV6.IPV6_MULTICAST_LOOP;
    if (value.length !== 4 && !narrow) throw errno.EINVAL;
    this.#set(name, narrow ? value[0]! : viewOf(value).getInt32(0, true));
  }
  #set(name: number, n: number): void {
    const { outgoing } = this;
    if (TOLD.includes(name)) return void (n ? this.#told.add(name) : this.#told.delete(name));
    switch (name) {
      case IPV6.IPV6_UNICAST_HOPS:
        return this.#setHops("ttl", n);
      case IPV6.IPV6_MULTICAST_HOPS:
        return this.#setHops("groupTtl", n);
      case IPV6.IPV6_MULTICAST_LOOP:
        outgoing.loop = within(n, 0, 1) === 1;
        return;
      case IPV6.IPV6_MULTICAST_IF:
        return this.#setGroupInterface(n);
      case IPV6.IPV6_V6ONLY:
        if (this.bound) throw errno.EINVAL;
        this.mapped = n === 0;
        return;
      case IPV6.IPV6_PORTALGO:
        this.portAlgorithm = ALGORITHMS[within(n, 0, ALGORITHMS.length - 1)];
        return;
      case IPV6.IPV6_PORTRANGE:
        this.lowPort = within(n, 0, IPV6.IPV6_PORTRANGE_LOW) === IPV6.IPV6_PORTRANGE_LOW;
    }
  }
  #setHops(which: "ttl" | "groupTtl", n: number): void {
    if (within(n, DEFAULT, MAX_HOPS) === DEFAULT) delete this.outgoing[which];
    else this.outgoing[which] = n;
  }
  #setGroupInterface(index: number): void {
    delete this.outgoing.groupInterface;
    if (index === 0) return;
    const iface = this.#ip6.stack.byIndex(index);
    if (!iface) throw errno.ENXIO;
    this.outgoing.groupInterface = iface;
  }
  way(sender: PacketOptions6, multicast: boolean): Way {
    const { outgoing: { iface, groupInterface, preferTemporary: temporary } } = this;
    const { nextHop, routing } = sender.extras ?? this.outgoing.extras ?? NOTHING;
    return {
      iface: sender.iface ?? iface ?? (multicast ? groupInterface : undefined),
      via: nextHop ?? (routing && firstHop(routing)),
      temporary: sender.preferTemporary ?? temporary,
    };
  }
  close(): void {
    this.#memberships.clear();
  }

  // One datagram

  /** What control messages beside a datagram say of it. EINVAL, EPERM, ENOPROTOOPT, ENXIO, EADDRNOTAVAIL, EAFNOSUPPORT. */
  sender(control: readonly Cmsg[], lwp: Lwp): PacketOptions6 {
    const found: PacketOptions6 = { extras: this.outgoing.extras };
    const who = { root: isRoot(lwp), sticky: false, stream: this.#stream };
    for (const { level, type, data } of control) {
      if (level === IPPROTO_IPV6) setPacketOption(this.#ip6, found, type, data, who);
    }
    return found;
  }
  /** What is told beside a datagram: nothing, where nobody asked. `options`: the socket's SO_*. */
  beside(p: Packet, header: IpHeader, options: number): Beside | undefined {
    const flags = isMulticast(header.destination) ? MSG_MCAST : p.broadcast ? MSG_BCAST : 0;
    if (flags === 0 && this.#told.size === 0 && (options & SO_TIMESTAMP) === 0) return undefined;
    const control: Cmsg[] = [];
    if (options & SO_TIMESTAMP) control.push(timestamp(this.#ip6.stack.kernel.host.wall()));
    if (typeof header.destination === "object") this.#tell(control, p, header, header.destination);
    return { control, flags };
  }
  #tell(control: Cmsg[], p: Packet, { ttl, tos, headerLength }: IpHeader, destination: In6Addr): void {
    const tell = (asked: number, type: number, data: Uint8Array) => {
      if (this.#told.has(asked)) control.push({ level: IPPROTO_IPV6, type, data });
    };
    const int = (n: number) => new Uint8Array([n, 0, 0, 0]);
    const info = new Uint8Array(IPV6.In6Pktinfo.size);
    destination.write(viewOf(info), 0);
    IPV6.In6Pktinfo.set.index(viewOf(info), 0, p.zone || (p.iface?.index ?? 0));
    tell(IPV6.IPV6_RECVPKTINFO, IPV6.IPV6_PKTINFO, info);
    tell(IPV6.IPV6_RECVHOPLIMIT, IPV6.IPV6_HOPLIMIT, int(ttl));
    tell(IPV6.IPV6_RECVTCLASS, IPV6.IPV6_TCLASS, int(tos));
    // The headers were walked through before: they are all there.
    let next = p.bytes[p.start + Ipv6.at.next]!;
    for (let from = p.start + Ipv6.size; from < p.start + headerLength;) {
      const to = from + 8 + (next === IPPROTO_FRAGMENT ? 0 : 8 * p.bytes[from + 1]!);
      const early = next === IPPROTO_DSTOPTS && p.bytes[from] === IPPROTO_ROUTING;
      const row = early && this.#told.has(IPV6.IPV6_RECVRTHDRDSTOPTS) ? EARLY : HEADERS[next];
      if (row) tell(row[0], row[1], p.bytes.slice(from, to));
      next = p.bytes[from]!;
      from = to;
    }
  }
  pathMtu(peer: Address): Cmsg | undefined {
    if (!this.#told.has(IPV6.IPV6_RECVPATHMTU)) return undefined;
    return { level: IPPROTO_IPV6, type: IPV6.IPV6_PATHMTU, data: this.#pathMtu(peer) };
  }
  /** struct ip6_mtuinfo of a connected socket's peer (IPV6_PATHMTU). ENOTCONN. */
  #pathMtu(peer: Address | undefined): Uint8Array {
    if (typeof peer !== "object") throw errno.ENOTCONN;
    const info = new Uint8Array(IPV6.Ip6Mtuinfo.size);
    info.set(sockaddrIn6(peer, 0));
    IPV6.Ip6Mtuinfo.set.mtu(viewOf(info), 0, this.#ip6.mtuTo(peer));
    return info;
  }
}
function within(n: number, least: number, most: number): number {
  if (n < least || n > most) throw errno.EINVAL;
  return n;
}
