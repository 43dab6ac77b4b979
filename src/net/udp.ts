/** UDP (RFC 768, 1122 4.1; NetBSD: udp_usrreq.c). */
import { errno, type SysError } from "../abi/errno.ts";
import { SO_BROADCAST, SO_DONTROUTE, SOCK_DGRAM } from "../abi/flags.ts";
import type { Lwp } from "../kern/proc.ts";
import { IPPROTO_UDP, Udp as Header } from "../wire/ipv4.ts";
import { type Address, type Family, isAny, isMulticast, sameAddress } from "./address.ts";
import { pseudoChecksum, transportChecksum } from "./checksums.ts";
import { checkBind, type InetProtocol, takePort } from "./inet.ts";
import type { IpHeader, IpProtocol, Returned } from "./ip.ts";
import type { InetOptions, Sender } from "./outgoing.ts";
import type { Packet } from "./packet.ts";
import { covers, type Endpoint, Endpoints } from "./pcb.ts";
import type { Protocol } from "./protocol.ts";
import type { Message, Socket } from "./socket.ts";
import type { Stack } from "./stack.ts";

/** netstat -s */
export class UdpCounters {
  in = 0;
  out = 0;
  badChecksum = 0;
  short = 0;
  noPort = 0;
  noPortBroadcast = 0;
  full = 0;
}

/** All UDP sockets of a stack. */
export class Udp implements IpProtocol {
  readonly stack: Stack;
  readonly endpoints: Endpoints<UdpSocket>;
  /** Bytes of one datagram, and of all that wait (net.inet.udp.sendspace, recvspace). */
  sendspace = 9216;
  recvspace = 41_600;
  /** Over IPv4 and over IPv6. */
  readonly counters = new UdpCounters();
  readonly counters6 = new UdpCounters();

  constructor(stack: Stack) {
    this.stack = stack;
    this.endpoints = new Endpoints(stack.random, stack.ports);
    stack.ip.register(IPPROTO_UDP, this);
  }
  countersOf(address: Address): UdpCounters {
    return typeof address === "object" ? this.counters6 : this.counters;
  }
  input(p: Packet, at: number, header: IpHeader): void {
    const counters = this.countersOf(header.destination);
    const length = p.end - at < Header.size ? 0 : Header.get.length(p.view, at);
    if (length < Header.size || length > p.end - at) return void counters.short++;
    // RFC 8200, 8.1: over IPv6 there is always one.
    const checked = Header.get.checksum(p.view, at) !== 0 || typeof header.destination === "object";
    if (checked && !p.sound && transportChecksum(p, at, length, header) !== 0) return void counters.badChecksum++;
    counters.in++;
    const [from, to] = [Header.get.source(p.view, at), Header.get.destination(p.view, at)];
    const size = p.segment || length;
    for (let data = at + Header.size; data < at + length || data === at + Header.size; data += size) {
      const one = p.bytes.subarray(data, Math.min(data + size, at + length));
      if (!this.#deliver(p, header, { from, to, data: one })) return;
    }
  }
  /** False: nobody has the port. */
  #deliver(
    p: Packet,
    header: IpHeader,
    { from, to, data }: { readonly from: number; readonly to: number; readonly data: Uint8Array },
  ): boolean {
    if (p.broadcast || isMulticast(header.destination)) this.#everybody(p, header, from, to, data);
    else {
      const found = this.endpoints.find(header.destination, to, header.source, from);
      if (!found) {
        this.countersOf(header.destination).noPort++;
        this.stack.noPort(p);
        return false;
      }
      found.receive(p, header, data, from);
    }
    return true;
  }
  #everybody(p: Packet, header: IpHeader, from: number, to: number, data: Uint8Array): void {
    const { source, destination } = header;
    let found = false;
    for (const e of this.endpoints.all(to)) {
      if (covers(e, destination) < 0) continue;
      if (e.remotePort === 0 || (e.remotePort === from && sameAddress(e.remote, source))) {
        e.receive(p, header, data, from);
        found = true;
      }
    }
    if (!found) this.countersOf(destination).noPortBroadcast++;
  }
  error(code: SysError, { source, destination, view, at }: Returned): void {
    const [port, remotePort] = [Header.get.source(view, at), Header.get.destination(view, at)];
    const e = this.endpoints.find(source, port, destination, remotePort);
    // Only who is connected is told: others could not know of whom it speaks.
    if (!e || e.remotePort !== remotePort) return;
    // IPv6 knows the path now, and cuts what is sent next: that is no error.
    if (code === errno.EMSGSIZE && typeof destination === "object") e.tooLarge(destination, remotePort);
    else e.failed(code);
  }
}

const NOBODY: Sender = {};
const NOTHING = new Uint8Array(0);

class UdpSocket implements Protocol, Endpoint {
  readonly connections = false;
  readonly so: Socket;
  local: Address;
  port = 0;
  remote: Address = 0;
  remotePort = 0;
  readonly #udp: Udp;
  readonly #family: Family;
  readonly options: InetOptions;

  constructor(udp: Udp, so: Socket) {
    this.#udp = udp;
    this.so = so;
    this.#family = udp.stack.family(so.domain);
    this.local = this.#family.any;
    this.options = this.#family.options(false);
    so.sendLimit = udp.sendspace;
    so.inbox.limit = udp.recvspace;
  }
  get mapped(): boolean {
    return this.options.mapped;
  }
  bind(lwp: Lwp, name: Uint8Array): void {
    const { address, port } = this.#family.parse(name, this.mapped);
    if (this.port !== 0) throw errno.EINVAL;
    checkBind(this.#udp.stack, lwp, { address, port });
    takePort(this.#udp.endpoints, lwp, this, { address, port });
  }
  listen(): void {
    throw errno.EOPNOTSUPP;
  }
  connect(lwp: Lwp, name: Uint8Array): void {
    const { address, port } = this.#family.parse(name, this.mapped);
    if (port === 0) throw errno.EADDRNOTAVAIL;
    const source = this.#source(address);
    if (this.port === 0) {
      takePort(this.#udp.endpoints, lwp, this, { address: source, port: 0, to: { address, port } });
    }
    this.local = source;
    this.remote = isAny(address) ? source : address;
    this.remotePort = port;
    this.so.connected = true;
  }
  disconnect(): void {
    this.local = this.#family.any;
    this.remote = this.remotePort = 0;
  }
  /** EADDRNOTAVAIL, EHOSTUNREACH: we have no address; EINVAL: it is bound to an address of the other family. */
  #source(destination: Address, sender: Sender = NOBODY): Address {
    const { options: { source: wished, outgoing: { groupInterface } } } = this;
    const { stack } = this.#udp;
    // Where multicasts go out tells their source, too.
    const near = () =>
      groupInterface && typeof destination === "number" && isMulticast(destination)
        ? stack.addressOn(groupInterface, destination)
        : stack.sourceFor(destination, this.options.way(sender, isMulticast(destination)));
    const source = sender.source ?? wished ?? (isAny(this.local) ? near() : this.local);
    // Of IPv6 there is an address wherever there is a way.
    if (source === undefined) throw typeof destination === "object" ? errno.EHOSTUNREACH : errno.EADDRNOTAVAIL;
    if (typeof source !== typeof destination) throw errno.EINVAL;
    return source;
  }
  send(lwp: Lwp, { data, to, rights, control }: Message): number {
    if (rights.length > 0) throw errno.EINVAL;
    const { stack, endpoints } = this.#udp;
    if (to && this.so.connected) throw errno.EISCONN;
    if (!to && !this.so.connected) throw errno.EDESTADDRREQ;
    if (data.length > this.so.sendLimit) throw errno.EMSGSIZE;
    const peer = to ? this.#family.parse(to, this.mapped) : { address: this.remote, port: this.remotePort };
    if (peer.port === 0) throw errno.EADDRNOTAVAIL;
    const sender = control.length > 0 ? this.options.sender(control, lwp) : NOBODY;
    const source = this.#source(peer.address, sender);
    if (this.port === 0) takePort(endpoints, lwp, this, { address: this.local, port: 0, to: peer });
    const ip = {
      destination: isAny(peer.address) ? source : peer.address,
      protocol: IPPROTO_UDP,
      broadcast: (this.so.options & SO_BROADCAST) !== 0,
      dontRoute: (this.so.options & SO_DONTROUTE) !== 0,
      ...this.options.outgoing,
      ...sender,
      source,
    };
    const length = Header.size + data.length;
    const error = stack.output(ip, length, (p, at) => {
      Header.write(p.view, at, { source: this.port, destination: peer.port, length, checksum: 0 });
      p.bytes.set(data, at + Header.size);
      p.view.setUint16(at + Header.at.checksum, pseudoChecksum(length, ip), true);
      p.sumAt = at;
      p.sumOffset = Header.at.checksum;
    });
    if (error) throw error;
    this.#udp.countersOf(peer.address).out++;
    return data.length;
  }
  receive(p: Packet, header: IpHeader, data: Uint8Array, port: number): void {
    const { inbox, changes, cantReceive, options } = this.so;
    if (cantReceive || header.ttl < this.options.minTtl) return;
    if (inbox.room < data.length) {
      this.so.overflowed++;
      return void this.#udp.countersOf(header.source).full++;
    }
    inbox.put(data, this.#family.name(header.source, port), [], this.options.beside(p, header, options));
    changes.wake();
  }
  /** A message without data tells how much reaches the peer, if that is asked for (RFC 3542, 11.3). */
  tooLarge(peer: Address, port: number): void {
    const told = this.options.pathMtu?.(peer);
    if (!told || this.so.cantReceive || this.so.inbox.room === 0) return;
    this.so.inbox.put(NOTHING, this.#family.name(peer, port), [], { control: [told], flags: 0 });
    this.so.changes.wake();
  }
  failed(code: SysError): void {
    this.so.error = code;
    this.so.changes.wake();
  }
  room(): number {
    return this.so.sendLimit;
  }
  taken(): void {}
  finish(): void {}
  detach(): void {
    this.options.close();
    this.#udp.endpoints.remove(this);
  }
  listed() {
    return { state: 0, sending: 0, protocol: IPPROTO_UDP };
  }
  name(peer: boolean): Uint8Array | undefined {
    if (!peer) return this.#family.name(this.local, this.port);
    return this.so.connected ? this.#family.name(this.remote, this.remotePort) : undefined;
  }
  getOption(level: number, name: number): Uint8Array {
    return this.options.get(level, name, this.so.connected ? this.remote : undefined);
  }
  setOption(level: number, name: number, value: Uint8Array, lwp: Lwp): void {
    this.options.set(level, name, value, lwp);
  }
}

/** UDP's sockets. */
export function udpSockets(udp: Udp): InetProtocol {
  return { type: SOCK_DGRAM, protocol: IPPROTO_UDP, input: udp, make: (_stack, so) => new UdpSocket(udp, so) };
}
