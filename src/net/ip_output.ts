/** IPv4: sending, in fragments where it must be (RFC 791, 1122, 1112; NetBSD: ip_output.c). */
import { errno, type SysError } from "../abi/errno.ts";
import { sockaddrIn } from "../abi/inet.ts";
import { RTF } from "../abi/route_structs.ts";
import { viewOf } from "../lib/struct.ts";
import { IP_DF, IP_MF, IP_OFFSET, Ipv4 } from "../wire/ipv4.ts";
import { type Address, isMulticast } from "./address.ts";
import { sealHeader } from "./checksums.ts";
import type { Interface } from "./interface.ts";
import type { Ip } from "./ip.ts";
import { copiedHeader } from "./ip_options.ts";
import { complete, largestPiece } from "./offload.ts";
import type { OutgoingOptions } from "./outgoing.ts";
import type { Packet } from "./packet.ts";
import type { Route } from "./route.ts";
import type { Stack } from "./stack.ts";

const MIN_HEADER = 20;
const MAX_PACKET = 65535;
const BROADCAST = 0xffff_ffff;

/** What is to be sent. */
export interface Outgoing<A extends Address = number> extends Readonly<OutgoingOptions> {
  readonly source: A;
  readonly destination: A;
  readonly protocol: number;
  readonly dontFragment?: boolean | undefined;
  /** It is cut into pieces on its way out (offload.ts), of this length at most, without IP's header; 0 or left out: it is not. */
  readonly largest?: number;
  /** May go to a broadcast address (SO_BROADCAST). */
  readonly broadcast?: boolean;
  /** Only to neighbours (SO_DONTROUTE). */
  readonly dontRoute?: boolean;
}

export class IpOutput {
  readonly #stack: Stack;
  readonly #ip: Ip;
  #id: number;

  constructor(stack: Stack, ip: Ip) {
    this.#stack = stack;
    this.#ip = ip;
    const seed = new Uint8Array(2);
    stack.sys.random(seed);
    this.#id = viewOf(seed).getUint16(0);
  }
  /** As `Ip.output`. */
  send(o: Outgoing, length: number, fill: (p: Packet, at: number) => void): SysError | undefined {
    const header = o.options ? MIN_HEADER + o.options.list.length : MIN_HEADER;
    if (length > MAX_PACKET - header) return errno.EMSGSIZE;
    const route = this.#route(o);
    if (!("iface" in route)) return route;
    if (!this.#stack.isReady(o.source)) return errno.EADDRNOTAVAIL;
    const mtu = route.mtu || route.iface.mtu;
    if (o.dontFragment && (o.largest || length) + header > mtu) {
      this.#ip.counters.cantFragment++;
      return errno.EMSGSIZE;
    }
    const p = this.#stack.packets.get(length + header);
    p.end = p.start + header + length;
    this.#head(p, o, header);
    fill(p, p.start + header);
    this.#ip.counters.sent++;
    return this.#transmit(p, route, o, mtu);
  }
  /** As `Ip.outputWhole`: `o` is not put into the header. */
  whole(p: Packet, o: Outgoing): SysError | undefined {
    const route = this.#route(o);
    const mtu = "iface" in route ? route.mtu || route.iface.mtu : 0;
    const tooLong = p.length > mtu && (Ipv4.get.fragment(p.view, p.start) & IP_DF) !== 0;
    if (!("iface" in route) || tooLong) {
      this.#stack.packets.put(p);
      return "iface" in route ? errno.EMSGSIZE : route;
    }
    Ipv4.set.length(p.view, p.start, p.length);
    if (Ipv4.get.id(p.view, p.start) === 0) Ipv4.set.id(p.view, p.start, this.#nextId());
    this.#ip.counters.raw++;
    return this.#transmit(p, route, o, mtu);
  }
  #nextId(): number {
    const { randomId } = this.#ip;
    return (this.#id = (this.#id + 1 + (randomId ? Math.floor(this.#stack.random() * 0xffff) : 0)) & 0xffff);
  }
  #route(o: Outgoing): Route | SysError {
    const destination = o.options?.firstHop || o.destination;
    const route = o.dontRoute || o.iface || o.groupInterface
      ? this.#near(o, destination)
      : this.#stack.routeTo(destination);
    if (!route) {
      this.#ip.counters.noRoute++;
      this.#stack.tell({ kind: "miss", destination: sockaddrIn(destination, 0) });
      return o.dontRoute ? errno.ENETUNREACH : errno.EHOSTUNREACH;
    }
    if (route.flags & RTF.REJECT) return route.flags & RTF.HOST ? errno.EHOSTUNREACH : errno.ENETUNREACH;
    if (destination === BROADCAST || route.iface.isBroadcast(destination)) {
      if (!o.broadcast) return errno.EACCES;
    }
    return route.iface.up ? route : errno.ENETDOWN;
  }
  /** Out of the interface that is named, or to neighbours alone. */
  #near(o: Outgoing, destination: number): Route | undefined {
    const many = destination === BROADCAST || isMulticast(destination);
    const named = o.iface ?? (isMulticast(destination) ? o.groupInterface : undefined);
    if (!named && (!o.dontRoute || many || this.#stack.isLocal(destination))) return this.#stack.routeTo(destination);
    const iface = named ?? [...this.#stack.interfaces].find((i) => i.up && i.onLink(destination));
    return iface && { destination, mask: BROADCAST, gateway: undefined, iface, flags: RTF.UP, mtu: 0, used: 0 };
  }
  #head({ bytes, view, start, length }: Packet, o: Outgoing, header: number): void {
    const { set } = Ipv4;
    const group = isMulticast(o.destination);
    set.versionIhl(view, start, 0x40 | (header >> 2));
    set.tos(view, start, o.tos ?? 0);
    set.length(view, start, length);
    set.id(view, start, o.dontFragment ? 0 : this.#nextId());
    set.fragment(view, start, o.dontFragment ? IP_DF : 0);
    set.ttl(view, start, group ? o.groupTtl ?? 1 : o.dontRoute ? 1 : o.ttl ?? this.#ip.ttl);
    set.protocol(view, start, o.protocol);
    set.source(view, start, o.source);
    set.destination(view, start, o.options?.firstHop || o.destination);
    if (o.options) bytes.set(o.options.list, start + MIN_HEADER);
  }
  #transmit(p: Packet, route: Route, o: Outgoing, mtu: number): SysError | undefined {
    const destination = o.options?.firstHop || o.destination;
    const { iface } = route;
    route.used++;
    if (route.flags & RTF.BLACKHOLE) return void this.#stack.packets.put(p);
    const header = (Ipv4.get.versionIhl(p.view, p.start) & 15) * 4;
    if (isMulticast(destination)) {
      if (o.loop !== false && this.#stack.groups.has(iface, destination)) this.#echo(p, iface, header);
      // Hops that are 0 are for this host alone.
      if (iface.loopback || Ipv4.get.ttl(p.view, p.start) === 0) return void this.#stack.packets.put(p);
    } else if (destination === BROADCAST || iface.isBroadcast(destination)) this.#echo(p, iface, header);
    if (largestPiece(p) > mtu) return this.#fragment(p, iface, route.gateway ?? destination, mtu);
    sealHeader(p, p.start, header);
    return iface.output(p, route.gateway ?? destination);
  }
  /** Send what came on; its header is sealed. */
  forward(p: Packet, route: Route, destination: number, mtu: number): void {
    route.used++;
    if (largestPiece(p) > mtu) this.#fragment(p, route.iface, route.gateway ?? destination, mtu);
    else route.iface.output(p, route.gateway ?? destination);
  }
  /** What goes to many is for us, too. */
  #echo(p: Packet, iface: Interface, header: number): void {
    const copy = this.#stack.packets.copy(p.bytes.subarray(p.start, p.end), 0);
    if (!copy) return;
    sealHeader(copy, copy.start, header);
    copy.iface = iface;
    copy.broadcast = true;
    copy.verified = p.sound;
    this.#stack.later(() => this.#ip.input(copy));
  }
  /** In pieces of a multiple of 8 bytes; those behind the first repeat only the options that say so. */
  #fragment(p: Packet, iface: Interface, nextHop: number, mtu: number): SysError | undefined {
    let header = (Ipv4.get.versionIhl(p.view, p.start) & 15) * 4;
    const whole = header;
    const before = Ipv4.get.fragment(p.view, p.start);
    let error: SysError | undefined;
    complete(p);
    this.#ip.counters.fragmented++;
    for (let at = p.start + whole; at < p.end;) {
      const part = this.#stack.packets.get(Math.min(mtu, p.length));
      part.iface = p.iface;
      if (at === p.start + whole) part.bytes.set(p.bytes.subarray(p.start, p.start + whole), part.start);
      else header = copiedHeader(p.bytes, p.start, whole, part);
      const n = Math.min((mtu - header) & ~7, p.end - at);
      this.#ip.counters.fragmentsOut++;
      part.end = part.start + header + n;
      part.bytes.set(p.bytes.subarray(at, at + n), part.start + header);
      const offset = (before & IP_OFFSET) + ((at - p.start - whole) >>> 3);
      const more = at + n < p.end || before & IP_MF ? IP_MF : 0;
      Ipv4.set.length(part.view, part.start, part.length);
      Ipv4.set.fragment(part.view, part.start, offset | more);
      sealHeader(part, part.start, header);
      error = iface.output(part, nextHop) ?? error;
      at += n;
    }
    this.#stack.packets.put(p);
    return error;
  }
}
