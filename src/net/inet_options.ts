/** Options of Internet sockets at level IPPROTO_IP, and what they make of a datagram that comes (ip(4); NetBSD: ip_ctloutput, ip_savecontrol). */
import { errno } from "../abi/errno.ts";
import { AF_LINK, MSG_BCAST, MSG_MCAST, SO_TIMESTAMP } from "../abi/flags.ts";
import * as IP from "../abi/inet_options.ts";
import { viewOf } from "../lib/struct.ts";
import { isMulticast } from "./address.ts";
import { Memberships } from "./groups.ts";
import { timestamp } from "./control.ts";
import type { Beside, Cmsg } from "./inbox.ts";
import type { IpHeader } from "./ip.ts";
import { parseUserOptions, replyOptions } from "./ip_options.ts";
import type { InetOptions, OutgoingOptions, Sender, Way } from "./outgoing.ts";
import type { Packet } from "./packet.ts";
import { ALGORITHMS } from "./ports.ts";
import type { Stack } from "./stack.ts";

const MAX_TTL = 255;
/** Options that are switches: what a datagram's reader is told. */
const TOLD = [IP.IP_RECVOPTS, IP.IP_RECVRETOPTS, IP.IP_RECVDSTADDR, IP.IP_RECVIF, IP.IP_RECVTTL, IP.IP_RECVPKTINFO];
/** As bits: all their numbers are below 31. */
const bit = (name: number) => 1 << name;

export class Inet4Options implements InetOptions {
  readonly mapped = false;
  bound = false;
  readonly outgoing: OutgoingOptions = {};
  /** The program makes the IP header itself (raw sockets). */
  headerIncluded = false;
  /** Packets that have come farther are dropped (RFC 5082). */
  minTtl = 0;
  /** Ports are given from the reserved range (IP_PORTRANGE). */
  lowPort = false;
  portAlgorithm: string | undefined;
  source: number | undefined;
  /** What would have fitted where something did not. */
  errorMtu = 0;
  /** Made when there is one: few sockets are in groups, and there may be many. */
  #memberships: Memberships | undefined;
  readonly #stack: Stack;
  #told = 0;

  /** `like`: a listener, for a connection that came to it. */
  constructor(stack: Stack, like?: Inet4Options) {
    this.#stack = stack;
    if (!like) return;
    Object.assign(this.outgoing, like.outgoing);
    this.minTtl = like.minTtl;
    this.#told = like.#told;
  }
  /** ENOPROTOOPT: there is no such option. */
  get(level: number, name: number): Uint8Array {
    if (level !== IP.IPPROTO_IP) throw errno.ENOPROTOOPT;
    const { outgoing } = this;
    if (name === IP.IP_OPTIONS || name === IP.IP_RETOPTS) return outgoing.options?.told ?? new Uint8Array(0);
    if (name === IP.IP_MULTICAST_IF) return this.#groupAddress();
    if (name === IP.IP_MULTICAST_TTL) return new Uint8Array([outgoing.groupTtl ?? 1]);
    if (name === IP.IP_MULTICAST_LOOP) return new Uint8Array([outgoing.loop === false ? 0 : 1]);
    const bytes = new Uint8Array(4);
    viewOf(bytes).setInt32(0, this.#number(name), true);
    return bytes;
  }
  #number(name: number): number {
    const { outgoing } = this;
    if (TOLD.includes(name)) return this.#told & bit(name) ? 1 : 0;
    switch (name) {
      case IP.IP_TOS:
        return outgoing.tos ?? 0;
      case IP.IP_TTL:
        return outgoing.ttl ?? this.#stack.ip.ttl;
      case IP.IP_MINTTL:
        return this.minTtl;
      case IP.IP_HDRINCL:
        return this.headerIncluded ? 1 : 0;
      case IP.IP_PORTRANGE:
        return this.lowPort ? IP.IP_PORTRANGE_LOW : IP.IP_PORTRANGE_DEFAULT;
      case IP.IP_PORTALGO:
        return ALGORITHMS.indexOf(this.portAlgorithm ?? this.#stack.ports.selected);
      case IP.IP_ERRORMTU:
        return this.errorMtu;
      case IP.IP_PKTINFO:
        return this.#number(IP.IP_RECVPKTINFO);
      default:
        throw errno.ENOPROTOOPT;
    }
  }
  #groupAddress(): Uint8Array {
    const bytes = new Uint8Array(4);
    viewOf(bytes).setUint32(0, this.outgoing.groupInterface?.addresses[0]?.address ?? 0);
    return bytes;
  }
  /** EINVAL: not a value it can have; ENOPROTOOPT; EADDRNOTAVAIL: no such interface or group. */
  set(level: number, name: number, value: Uint8Array): void {
    if (level !== IP.IPPROTO_IP) throw errno.ENOPROTOOPT;
    switch (name) {
      case IP.IP_OPTIONS:
      case IP.IP_RETOPTS: {
        delete this.outgoing.options;
        const options = parseUserOptions(value);
        if (options) this.outgoing.options = options;
        return;
      }
      case IP.IP_PKTINFO:
        return this.#packetInfo(value);
      case IP.IP_MULTICAST_IF:
        return this.#setGroupInterface(value);
      case IP.IP_MULTICAST_TTL:
        this.outgoing.groupTtl = small(value, MAX_TTL);
        return;
      case IP.IP_MULTICAST_LOOP:
        this.outgoing.loop = small(value, 1) === 1;
        return;
      case IP.IP_ADD_MEMBERSHIP:
        return (this.#memberships ??= new Memberships(this.#stack)).add(value);
      case IP.IP_DROP_MEMBERSHIP:
        return (this.#memberships ??= new Memberships(this.#stack)).drop(value);
      default:
        return this.#setNumber(name, value);
    }
  }
  #setNumber(name: number, value: Uint8Array): void {
    this.#number(name); // whether there is such an option
    if (value.length !== 4 || name === IP.IP_ERRORMTU) throw errno.EINVAL;
    const n = viewOf(value).getInt32(0, true);
    if (TOLD.includes(name)) this.#told = n ? this.#told | bit(name) : this.#told & ~bit(name);
    else if (name === IP.IP_HDRINCL) this.headerIncluded = n !== 0;
    else if (name === IP.IP_TTL) this.outgoing.ttl = within(n, 1, MAX_TTL);
    else if (name === IP.IP_TOS) this.outgoing.tos = within(n, 0, 255);
    else if (name === IP.IP_MINTTL) this.minTtl = within(n, 1, MAX_TTL);
    else if (name === IP.IP_PORTALGO) this.portAlgorithm = ALGORITHMS[within(n, 0, ALGORITHMS.length - 1)];
    else this.lowPort = within(n, IP.IP_PORTRANGE_DEFAULT, IP.IP_PORTRANGE_LOW) === IP.IP_PORTRANGE_LOW;
  }
  /** A struct in_pktinfo says where to send from; an int, as Linux's, asks to be told. */
  #packetInfo(value: Uint8Array): void {
    if (value.length === 4) return this.#setNumber(IP.IP_RECVPKTINFO, value);
    if (value.length !== IP.InPktinfo.size) throw errno.EINVAL;
    this.source = this.#pktinfo(value).source as number | undefined;
  }
  #pktinfo(data: Uint8Array): Sender {
    const d = viewOf(data);
    const [address, index] = [d.getUint32(IP.InPktinfo.at.address), IP.InPktinfo.get.index(d, 0)];
    if (address !== 0 && !this.#stack.isLocal(address)) throw errno.EADDRNOTAVAIL;
    if (index === 0) return address === 0 ? {} : { source: address };
    const iface = this.#stack.byIndex(index);
    const source = address || iface?.addresses[0]?.address;
    if (!iface || source === undefined) throw errno.EADDRNOTAVAIL;
    return { source, iface };
  }
  #setGroupInterface(value: Uint8Array): void {
    if (value.length !== 4) throw errno.EINVAL;
    const address = viewOf(value).getUint32(0);
    delete this.outgoing.groupInterface;
    if (address !== 0) this.outgoing.groupInterface = this.#stack.groups.interfaceOf(address);
  }

  way({ iface }: Sender): Way {
    return { iface };
  }
  close(): void {
    this.#memberships?.clear();
  }

  // One datagram

  /** What control messages beside a datagram say of its sender. EINVAL, ENOPROTOOPT, EADDRNOTAVAIL. */
  sender(control: readonly Cmsg[]): Sender {
    let found: Sender = {};
    for (const { level, type, data } of control) {
      if (level !== IP.IPPROTO_IP) continue;
      if (type !== IP.IP_PKTINFO && type !== IP.IP_SENDSRCADDR) throw errno.ENOPROTOOPT;
      if (data.length !== (type === IP.IP_PKTINFO ? IP.InPktinfo.size : 4)) throw errno.EINVAL;
      const whole = new Uint8Array(IP.InPktinfo.size);
      whole.set(data);
      found = this.#pktinfo(whole);
    }
    return found;
  }
  /** What is told beside a datagram: nothing, where nobody asked. `options`: the socket's SO_*. */
  beside(p: Packet, header: IpHeader, options: number): Beside | undefined {
    const flags = isMulticast(header.destination) ? MSG_MCAST : p.broadcast ? MSG_BCAST : 0;
    if (flags === 0 && this.#told === 0 && (options & SO_TIMESTAMP) === 0) return undefined;
    const control: Cmsg[] = [];
    if (options & SO_TIMESTAMP) control.push(timestamp(this.#stack.kernel.host.wall()));
    if (this.#told !== 0) this.#tell(control, p, header);
    return { control, flags };
  }
  #tell(control: Cmsg[], p: Packet, header: IpHeader): void {
    const { bytes, start, iface } = p;
    const tell = (name: number, data: Uint8Array, type = name) => {
      if (this.#told & bit(name)) control.push({ level: IP.IPPROTO_IP, type, data });
    };
    tell(IP.IP_RECVDSTADDR, bytes.slice(start + 16, start + 20));
    const info = new Uint8Array(IP.InPktinfo.size);
    IP.InPktinfo.set.index(viewOf(info), 0, iface?.index ?? 0);
    info.set(bytes.subarray(start + 16, start + 20));
    tell(IP.IP_RECVPKTINFO, info, IP.IP_PKTINFO);
    tell(IP.IP_RECVOPTS, bytes.slice(start + 20, start + header.headerLength));
    if (this.#told & bit(IP.IP_RECVRETOPTS)) {
      // As IP_OPTIONS takes them for an answer.
      const back = replyOptions(p, header.headerLength);
      tell(IP.IP_RECVRETOPTS, back?.told ?? new Uint8Array(0));
    }
    // struct sockaddr_dl without a name: its length, family and index
    const index = iface?.index ?? 0;
    tell(IP.IP_RECVIF, new Uint8Array([8, AF_LINK, index & 255, index >>> 8, 0, 0, 0, 0]));
    tell(IP.IP_RECVTTL, new Uint8Array([header.ttl]));
  }
}
function within(n: number, least: number, most: number): number {
  if (n < least || n > most) throw errno.EINVAL;
  return n;
}
/** A u_char, or an int that fits one. */
function small(value: Uint8Array, most: number): number {
  if (value.length !== 1 && value.length !== 4) throw errno.EINVAL;
  return within(value.length === 1 ? value[0]! : viewOf(value).getUint32(0, true), 0, most);
}
