/** Raw sockets: IP packets as they are, for ping and its kin (NetBSD: raw_ip.c). */
import { errno } from "../abi/errno.ts";
import { SO_BROADCAST, SO_DONTROUTE, SOCK_RAW } from "../abi/flags.ts";
import { sockaddrIn } from "../abi/inet.ts";
import type { Lwp } from "../kern/proc.ts";
import { viewOf } from "../lib/struct.ts";
import { Ipv4 } from "../wire/ipv4.ts";
import { checkBind, inetAddress, type InetProtocol } from "./inet.ts";
import { Inet4Options } from "./inet_options.ts";
import type { Ipv4Header } from "./ip.ts";
import type { Outgoing } from "./ip_output.ts";
import type { Sender } from "./outgoing.ts";
import type { Packet } from "./packet.ts";
import type { Protocol } from "./protocol.ts";
import type { Message, Socket } from "./socket.ts";
import type { Stack } from "./stack.ts";

/** netinet/in.h */
const IPPROTO_RAW = 255;
const MIN_HEADER = 20;
const SEND = 65_535;

class RawSocket implements Protocol {
  readonly connections = false;
  readonly so: Socket;
  readonly protocol: number;
  local = 0;
  remote = 0;
  readonly #stack: Stack;
  readonly #all: Set<RawSocket>;
  readonly #options: Inet4Options;

  constructor(stack: Stack, so: Socket, protocol: number, all: Set<RawSocket>) {
    this.#stack = stack;
    this.so = so;
    this.#options = new Inet4Options(stack);
    this.protocol = protocol;
    this.#all = all.add(this);
    so.sendLimit = SEND;
  }
  bind(lwp: Lwp, name: Uint8Array): void {
    const { address } = inetAddress(name);
    checkBind(this.#stack, lwp, { address, port: 0 });
    this.local = address;
  }
  listen(): void {
    throw errno.EOPNOTSUPP;
  }
  connect(_lwp: Lwp, name: Uint8Array): void {
    this.remote = inetAddress(name).address;
    this.so.connected = true;
  }
  disconnect(): void {
    this.remote = 0;
  }
  send(_lwp: Lwp, { data, to, rights, control }: Message): number {
    if (rights.length > 0) throw errno.EINVAL;
    if (to && this.so.connected) throw errno.EISCONN;
    if (!to && !this.so.connected) throw errno.ENOTCONN;
    const destination = to ? inetAddress(to).address : this.remote;
    if (data.length > SEND) throw errno.EMSGSIZE;
    const sender = control.length > 0 ? this.#options.sender(control) : {};
    const error = this.#options.headerIncluded
      ? this.#sendWhole(data, sender)
      : this.#sendData(data, destination, sender);
    if (error === errno.EMSGSIZE) this.#options.errorMtu = this.#stack.mtuTo(destination);
    if (error) throw error;
    return data.length;
  }
  #sendData(data: Uint8Array, destination: number, sender: Sender) {
    const source = (sender.source as number | undefined) ?? this.#options.source ??
      (this.local || this.#stack.sourceFor(destination));
    if (source === undefined) return errno.EHOSTUNREACH;
    const ip = { ...this.#outgoing(destination, sender), source };
    return this.#stack.ip.output(ip, data.length, (p, at) => p.bytes.set(data, at));
  }
  #outgoing(destination: number, sender: Sender): Omit<Outgoing, "source"> {
    const { options } = this.so;
    const [broadcast, dontRoute] = [(options & SO_BROADCAST) !== 0, (options & SO_DONTROUTE) !== 0];
    const { protocol } = this;
    return { destination, protocol, ttl: MAX_TTL, broadcast, dontRoute, ...this.#options.outgoing, ...sender };
  }
  /** The program made the header; its length and offset are in the host's order, as they have always been here. */
  #sendWhole(data: Uint8Array, sender: Sender) {
    const header = (data[0]! & 15) * 4;
    const d = viewOf(data);
    if (data.length < MIN_HEADER || header < MIN_HEADER || header > data.length) return errno.EINVAL;
    if (d.getUint16(Ipv4.at.length, true) !== data.length) return errno.EINVAL;
    const p = this.#stack.packets.get(data.length);
    p.end = p.start + data.length;
    p.bytes.set(data, p.start);
    Ipv4.set.fragment(p.view, p.start, d.getUint16(Ipv4.at.fragment, true));
    const destination = Ipv4.get.destination(p.view, p.start);
    if (Ipv4.get.source(p.view, p.start) === 0) {
      Ipv4.set.source(p.view, p.start, this.#stack.sourceFor(destination) ?? 0);
    }
    return this.#stack.ip.outputWhole(p, { ...this.#outgoing(destination, sender), source: 0 });
  }
  wants({ source, destination, protocol }: Ipv4Header): boolean {
    return (this.protocol === 0 || this.protocol === protocol) && (this.local === 0 || this.local === destination) &&
      (this.remote === 0 || this.remote === source);
  }
  receive(p: Packet, header: Ipv4Header): void {
    if (this.so.cantReceive || this.so.inbox.room < p.length || header.ttl < this.#options.minTtl) return;
    const beside = this.#options.beside(p, header, this.so.options);
    this.so.inbox.put(asPrograms(p, header), sockaddrIn(header.source, 0), [], beside);
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
    if (!peer) return sockaddrIn(this.local, 0);
    return this.so.connected ? sockaddrIn(this.remote, 0) : undefined;
  }
  getOption(level: number, name: number): Uint8Array {
    return this.#options.get(level, name);
  }
  setOption(level: number, name: number, value: Uint8Array): void {
    this.#options.set(level, name, value);
  }
}
const MAX_TTL = 255;

/** Raw sockets for a stack. Only the super-user makes them: the caller of `attach` sees to that. */
export function rawProtocol(stack: Stack): InetProtocol {
  const all = new Set<RawSocket>();
  stack.ip.raw = (p, header) => {
    let wanted = false;
    for (const raw of all) {
      if (!raw.wants(header)) continue;
      wanted = raw.protocol !== 0;
      raw.receive(p, header);
    }
    return wanted;
  };
  return {
    type: SOCK_RAW,
    protocol: 0,
    make: (_stack, so, protocol) => new RawSocket(stack, so, protocol === 0 ? IPPROTO_RAW : protocol, all),
  };
}
/** A packet as programs expect it: its length without the header, and its offset, in the host's order. */
function asPrograms({ bytes, start, end }: Packet, { headerLength }: Ipv4Header): Uint8Array {
  const copy = bytes.slice(start, end);
  const d = viewOf(copy);
  d.setUint16(Ipv4.at.length, end - start - headerLength, true);
  d.setUint16(Ipv4.at.fragment, d.getUint16(Ipv4.at.fragment), true);
  return copy;
}
