/** Raw sockets of IPv6: what IP carries, without its header; ICMPv6 among it (RFC 3542; NetBSD: raw_ip6.c). */
import { errno } from "../../abi/errno.ts";
import { SOCK_RAW } from "../../abi/flags.ts";
import { sockaddrIn6 } from "../../abi/inet.ts";
import { ICMP6_FILTER, ICMP6_FILTER_SIZE, IPV6_CHECKSUM } from "../../abi/inet6_options.ts";
import type { Lwp } from "../../kern/proc.ts";
import { In6Addr } from "../../lib/in6.ts";
import { viewOf } from "../../lib/struct.ts";
import { Icmp6 } from "../../wire/icmp6.ts";
import { IPPROTO_ICMPV6, IPPROTO_IPV6 } from "../../wire/ipv6.ts";
import { transportChecksum } from "../checksums.ts";
import { checkBind, type InetProtocol } from "../inet.ts";
import type { Packet } from "../packet.ts";
import type { Protocol } from "../protocol.ts";
import type { Message, Socket } from "../socket.ts";
import { inet6Address } from "./family.ts";
import type { Ip6, Ipv6Header } from "./ip6.ts";
import { Inet6Options } from "./socket_options.ts";

const SEND = 65_535;
const ANY = new In6Addr(0, 0, 0, 0);
const NO_CHECKSUM = -1;

class Raw6Socket implements Protocol {
  readonly connections = false;
  readonly so: Socket;
  readonly protocol: number;
  #local = ANY;
  #remote = ANY;
  readonly #ip6: Ip6;
  readonly #all: Set<Raw6Socket>;
  readonly #options: Inet6Options;
  /** Where in what is sent and received the checksum stands; ICMPv6's has its place. */
  #checksum: number;
  /** Types of ICMPv6 messages that are wanted, a bit each. */
  readonly #passes = new Uint8Array(ICMP6_FILTER_SIZE).fill(0xff);

  constructor(ip6: Ip6, so: Socket, protocol: number, all: Set<Raw6Socket>) {
    this.#ip6 = ip6;
    this.so = so;
    this.protocol = protocol;
    this.#all = all.add(this);
    this.#options = new Inet6Options(ip6, false);
    this.#checksum = protocol === IPPROTO_ICMPV6 ? Icmp6.at.checksum : NO_CHECKSUM;
    so.sendLimit = SEND;
  }
  bind(lwp: Lwp, name: Uint8Array): void {
    const address = this.#address(name);
    checkBind(this.#ip6.stack, lwp, { address, port: 0 });
    this.#local = address;
  }
  #address(name: Uint8Array): In6Addr {
    return inet6Address(name, false).address as In6Addr;
  }
  listen(): void {
    throw errno.EOPNOTSUPP;
  }
  connect(_lwp: Lwp, name: Uint8Array): void {
    this.#remote = this.#address(name);
    this.so.connected = true;
  }
  disconnect(): void {
    this.#remote = ANY;
  }
  send(lwp: Lwp, { data, to, rights, control }: Message): number {
    if (rights.length > 0) throw errno.EINVAL;
    if (to && this.so.connected) throw errno.EISCONN;
    if (!to && !this.so.connected) throw errno.ENOTCONN;
    const destination = to ? this.#address(to) : this.#remote;
    const sender = control.length > 0 ? this.#options.sender(control, lwp) : {};
    const bound = this.#local.unspecified ? undefined : this.#local;
    const { outgoing, source: wished } = this.#options;
    const near = () => this.#ip6.sourceFor(destination, this.#options.way(sender, destination.multicast));
    const source = (sender.source ?? wished ?? bound ?? near()) as In6Addr;
    if (!source) throw errno.EADDRNOTAVAIL;
    const o = { protocol: this.protocol, destination, ...outgoing, ...sender, source };
    if (this.#checksum >= 0 && this.#checksum + 2 > data.length) throw errno.EINVAL;
    const error = this.#ip6.output(o, data.length, (p, at) => {
      p.bytes.set(data, at);
      if (this.#checksum < 0) return;
      const field = at + this.#checksum;
      p.view.setUint16(field, 0);
      p.view.setUint16(field, transportChecksum(p, at, data.length, o), true);
    });
    if (error) throw error;
    return data.length;
  }
  wants({ source, destination, protocol }: Ipv6Header): boolean {
    return (this.protocol === 0 || this.protocol === protocol) &&
      (this.#local.unspecified || this.#local.equals(destination)) &&
      (this.#remote.unspecified || this.#remote.equals(source));
  }
  receive(p: Packet, at: number, h: Ipv6Header): void {
    const length = p.end - at;
    if (this.so.cantReceive || this.so.inbox.room < length) return;
    const type = p.bytes[at]!;
    if (this.protocol === IPPROTO_ICMPV6 && (this.#passes[type >> 3]! & (1 << (type & 7))) === 0) return;
    if (this.protocol !== IPPROTO_ICMPV6 && this.#checksum >= 0 && transportChecksum(p, at, length, h) !== 0) return;
    const beside = this.#options.beside(p, h, this.so.options);
    this.so.inbox.put(p.bytes.subarray(at, p.end), sockaddrIn6(h.source, 0), [], beside);
    this.so.changes.wake();
  }
  room(): number {
    return this.so.sendLimit;
  }
  taken(): void {}
  finish(): void {}
  detach(): void {
    this.#options.close();
    this.#all.delete(this);
  }
  listed() {
    return { state: 0, sending: 0, protocol: this.protocol };
  }
  name(peer: boolean): Uint8Array | undefined {
    if (!peer) return sockaddrIn6(this.#local, 0);
    return this.so.connected ? sockaddrIn6(this.#remote, 0) : undefined;
  }
  getOption(level: number, name: number): Uint8Array {
    if (level === IPPROTO_ICMPV6 && name === ICMP6_FILTER) return this.#passes.slice();
    const peer = this.so.connected ? this.#remote : undefined;
    if (level !== IPPROTO_IPV6 || name !== IPV6_CHECKSUM) return this.#options.get(level, name, peer);
    const bytes = new Uint8Array(4);
    viewOf(bytes).setInt32(0, this.#checksum, true);
    return bytes;
  }
  setOption(level: number, name: number, value: Uint8Array, lwp: Lwp): void {
    if (level === IPPROTO_ICMPV6 && name === ICMP6_FILTER) return this.#filter(value);
    if (level !== IPPROTO_IPV6 || name !== IPV6_CHECKSUM) return this.#options.set(level, name, value, lwp);
    const at = value.length === 4 ? viewOf(value).getInt32(0, true) : 1;
    // RFC 3542, 3.1: even, and ICMPv6's is where it is.
    const fits = at === NO_CHECKSUM || (at >= 0 && at % 2 === 0);
    if (!fits || (this.protocol === IPPROTO_ICMPV6 && at !== Icmp6.at.checksum)) throw errno.EINVAL;
    this.#checksum = at;
  }
  #filter(value: Uint8Array): void {
    if (this.protocol !== IPPROTO_ICMPV6) throw errno.ENOPROTOOPT;
    if (value.length > ICMP6_FILTER_SIZE) throw errno.EMSGSIZE;
    this.#passes.set(value);
  }
}

/** Raw sockets for a stack. Only the super-user makes them: the caller of `attach` sees to that. */
export function raw6Protocol(ip6: Ip6): InetProtocol {
  const all = new Set<Raw6Socket>();
  const give = (p: Packet, at: number, h: Ipv6Header): boolean => {
    let wanted = false;
    for (const raw of all) {
      if (!raw.wants(h)) continue;
      wanted = true;
      raw.receive(p, at, h);
    }
    return wanted;
  };
  // ICMPv6 looks at its messages first.
  ip6.raw = (p, h) => h.protocol !== IPPROTO_ICMPV6 && give(p, h.at + h.headerLength, h);
  ip6.icmp.received = (p, at, h) => void give(p, at, h);
  return { type: SOCK_RAW, protocol: 0, make: (_stack, so, protocol) => new Raw6Socket(ip6, so, protocol, all) };
}
