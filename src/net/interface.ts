/** Network interfaces: a device, its addresses and counters (NetBSD: struct ifnet, if.c). */
import { errno, type SysError } from "../abi/errno.ts";
import { IFF } from "../abi/flags.ts";
import { IFT } from "../abi/net_structs.ts";
import { sockaddrDl } from "../abi/route_structs.ts";
import { otherwise, then } from "../lib/async.ts";
import type { Async, NetDevice } from "../plugin.ts";
import { HDR_F_NEEDS_CSUM, type Offload } from "../lib/offload.ts";
import { adopt, complete, cut, describe } from "./offload.ts";
import { HEADROOM, largePacket, type Packet } from "./packet.ts";
import { Ports } from "./interface_ports.ts";

/** What SIOCSIFFLAGS may change. */
const CHANGEABLE = IFF.UP | IFF.NOARP | IFF.DEBUG | IFF.LINK0 | IFF.LINK1 | IFF.LINK2;
/** net/dlt.h: what captured frames begin with. */
const DLT = { ethernet: 1, loopback: 0, ip: 12 } as const;
/** What each medium is to programs. */
const MEDIA = {
  ethernet: { type: IFT.ETHER, flags: IFF.BROADCAST | IFF.SIMPLEX },
  loopback: { type: IFT.LOOP, flags: IFF.LOOPBACK },
  ip: { type: IFT.TUNNEL, flags: IFF.POINTOPOINT },
} as const;
const NO_MAC = new Uint8Array(0);

/** netinet/in_var.h: an address that is not used yet, and one that somebody else has. */
export const IN_IFF_TENTATIVE = 1;
export const IN_IFF_DUPLICATED = 2;

/** An IPv4 address of an interface. */
export interface InterfaceAddress {
  readonly address: number;
  readonly mask: number;
  /** 0: the link has none. */
  readonly broadcast: number;
  /** IN_IFF_*; left out or 0: it is in use. */
  flags?: number;
  /** The other end, where there is just one. */
  readonly destination?: number;
  /** What is larger is rather spoken from (SIOCSIFADDRPREF). */
  preference?: number;
}
export class Counters {
  inPackets = 0;
  inBytes = 0;
  inErrors = 0;
  inDrops = 0;
  outPackets = 0;
  outBytes = 0;
  outErrors = 0;
  multicasts = 0;
  outMulticasts = 0;
  /** Of a protocol that is not there. */
  noProtocol = 0;

  clear(): void {
    Object.assign(this, new Counters());
  }
}

/** Those who see what an interface sends (`out`) and receives; frames are lent. */
type Tap = (frame: Uint8Array, out: boolean) => void;
class Taps {
  /** Whether there is somebody: all it costs when there is not. */
  any = false;
  readonly #all = new Set<Tap>();
  add(tap: Tap): void {
    this.#all.add(tap);
    this.any = true;
  }
  delete(tap: Tap): void {
    this.#all.delete(tap);
    this.any = this.#all.size > 0;
  }
  tell(frame: Uint8Array, out: boolean): void {
    for (const tap of this.#all) tap(frame, out);
  }
}

/** How packets go out on a kind of link, and where what comes in goes. */
export interface Link {
  /** Send an IP packet towards `nextHop` on the link. An error: that neighbour is known not to answer. */
  output(p: Packet, iface: Interface, nextHop: number): SysError | undefined;
  /** A frame came; lent. */
  input(frame: Uint8Array, iface: Interface, offload?: Offload): void;
  /** Send a packet to a link address, where the link has such: `type` is an EtherType. */
  frame?(p: Packet, iface: Interface, to: Uint8Array, type: number): void;
  /** The interface went up or down. */
  changed?(iface: Interface): void;
  /** Its link address is another. */
  renamed?(iface: Interface): void;
  /** It has an address more: true, when it is not to be used yet. */
  added?(iface: Interface, address: InterfaceAddress): boolean;
  removed?(iface: Interface, address: InterfaceAddress): void;
}

export class Interface {
  readonly name: string;
  /** 1 and up: stable for as long as it exists. */
  readonly index: number;
  readonly device: NetDevice;
  readonly counters = new Counters();
  readonly addresses: InterfaceAddress[] = [];
  flags: number;
  mtu: number;
  /** What it costs to go by it (ifconfig metric): told to programs, not used here. */
  metric = 0;
  /** What an administrator calls it. */
  description = "";
  /** When it last went up or down: milliseconds of the clock. */
  changedAt = 0;
  /** Told of every frame in and out (bpf). */
  readonly taps = new Taps();
  /** Others who have to do with its frames (bridges). */
  readonly ports = new Ports();
  #promiscuous = 0;
  readonly #link: Link;
  /** What the device is told of a frame; what one is cut into. */
  readonly #record: Offload = {
    flags: 0,
    gsoType: 0,
    headerLength: 0,
    gsoSize: 0,
    checksumStart: 0,
    checksumOffset: 0,
  };
  #piece: Packet | undefined;
  /** What somebody else leaves to be finished is copied into this. */
  #whole: Packet | undefined;
  #forwarding = false;

  constructor(name: string, index: number, device: NetDevice, link: Link) {
    this.name = name;
    this.index = index;
    this.device = device;
    this.mtu = device.mtu;
    this.#link = link;
    this.flags = IFF.MULTICAST | MEDIA[device.medium].flags;
  }
  /** IFT_*. */
  get type(): number {
    return MEDIA[this.device.medium].type;
  }
  /** DLT_*. */
  get dlt(): number {
    return DLT[this.device.medium];
  }
  /** struct sockaddr_dl: its name and link address. */
  get linkAddress(): Uint8Array {
    const { index, type, name, device: { mac = NO_MAC } } = this;
    return sockaddrDl({ index, type, name, mac });
  }
  get up(): boolean {
    return (this.flags & IFF.UP) !== 0;
  }
  get loopback(): boolean {
    return (this.flags & IFF.LOOPBACK) !== 0;
  }
  /** Change IFF.UP and the like. Errors are the device's. */
  setFlags(flags: number): Async<void> {
    const was = this.up;
    this.flags = (this.flags & ~CHANGEABLE) | (flags & CHANGEABLE);
    if (was === this.up) return;
    return this.up ? this.#start() : this.#stop();
  }
  #start(): Async<void> {
    this.flags |= IFF.RUNNING;
    const up = () => this.device.up((frame, offload) => this.#input(frame, offload));
    const started = otherwise(up, () => void (this.flags &= ~(IFF.UP | IFF.RUNNING)));
    return then(started, () => this.#link.changed?.(this));
  }
  #stop(): Async<void> {
    this.flags &= ~IFF.RUNNING;
    this.#link.changed?.(this);
    return this.device.down();
  }
  setMtu(mtu: number): void {
    if (mtu < MIN_MTU || mtu > (this.device.maxMtu ?? this.device.mtu)) throw errno.EINVAL;
    this.mtu = mtu;
  }
  /** Its address in whose network `address` is; undefined: none. */
  onLink(address: number): InterfaceAddress | undefined {
    return this.addresses.find((a) => ((a.address ^ address) & a.mask) === 0);
  }
  has(address: number): boolean {
    return this.addresses.some((a) => a.address === address);
  }
  isBroadcast(address: number): boolean {
    return (this.flags & IFF.BROADCAST) !== 0 && this.addresses.some((a) => a.broadcast === address);
  }
  add(a: InterfaceAddress): void {
    const had = this.addresses.findIndex((x) => x.address === a.address);
    if (had >= 0) this.addresses[had] = a;
    else this.addresses.push(a);
  }
  /** Its link address is another: neighbours are to know. */
  renamed(): void {
    if (this.up) this.#link.renamed?.(this);
  }
  /** The most preferred first: of several that would do, the first is spoken from. */
  prefer(a: InterfaceAddress, preference: number): void {
    a.preference = preference;
    this.addresses.sort((x, y) => (y.preference ?? 0) - (x.preference ?? 0));
  }
  /** The link is told of an address. True: it is not to be used yet. */
  announce(a: InterfaceAddress): boolean {
    return this.#link.added?.(this, a) ?? false;
  }
  remove(address: number): InterfaceAddress | undefined {
    const at = this.addresses.findIndex((a) => a.address === address);
    if (at < 0) return undefined;
    const [gone] = this.addresses.splice(at, 1);
    this.#link.removed?.(this, gone!);
    return gone;
  }

  /** One more, or one less, wants to see what is for others: devices that show everything need not be told. */
  promiscuous(on: boolean): void {
    this.#promiscuous += on ? 1 : -1;
    this.device.promiscuous?.(this.#promiscuous > 0);
    this.flags = this.#promiscuous > 0 ? this.flags | IFF.PROMISC : this.flags & ~IFF.PROMISC;
    this.device.promiscuous?.(this.#promiscuous > 0);
  }
  /** Send a frame that somebody else made; `back`: it also came in. A loopback interface takes the packet, others leave it. */
  inject(p: Packet, back: boolean): void {
    if (this.loopback) return void this.#link.output(p, this, 0);
    const frame = back ? p.bytes.slice(p.start, p.end) : undefined;
    this.transmit(p);
    if (frame) this.#input(frame, undefined);
  }
  #input(frame: Uint8Array, offload: Offload | undefined): void {
    if (!this.up) return;
    if (this.taps.any) this.taps.tell(frame, false);
    this.counters.inPackets++;
    this.counters.inBytes += frame.length;
    if (this.ports.any && this.ports.input(frame, offload)) return;
    this.#link.input(frame, this, offload);
  }
  /** A frame that came in elsewhere is for this interface itself. */
  deliver(frame: Uint8Array, offload?: Offload): void {
    if (this.up) this.#link.input(frame, this, offload);
  }
  /** Send a frame of somebody else's, lent. */
  forward(frame: Uint8Array, offload?: Offload): void {
    // Who comes back here in the course of it has been led in a circle.
    if (!this.up || this.#forwarding) return void this.counters.outErrors++;
    this.#forwarding = true;
    try {
      if (offload && (offload.flags & HDR_F_NEEDS_CSUM) !== 0) this.#forwardUnfinished(frame, offload);
      else this.#device(frame, undefined);
    } finally {
      this.#forwarding = false;
    }
  }
  #forwardUnfinished(frame: Uint8Array, offload: Offload): void {
    const p = (this.#whole ??= largePacket());
    if (frame.length > p.bytes.length - HEADROOM) return void this.counters.outErrors++;
    // As far from a multiple of 4 as Ethernet's header is long.
    p.start = HEADROOM + 2;
    p.end = p.start + frame.length;
    p.sumAt = p.gso = p.segment = 0;
    p.bytes.set(frame, p.start);
    if (adopt(p, offload)) this.#finish(p, this.#onward);
    else this.counters.outErrors++;
  }
  readonly #onward = (p: Packet, offload?: Offload): void => this.#device(p.bytes.subarray(p.start, p.end), offload);
  /** Send an IP packet towards a neighbour. The packet is the link's afterwards. An error tells that it is lost. */
  output(p: Packet, nextHop: number): SysError | undefined {
    return this.#link.output(p, this, nextHop);
  }
  /** Send a packet to a link address; where there is no such, to whoever is there. The packet is the link's afterwards. */
  frame(p: Packet, to: Uint8Array, type: number): void {
    if (this.#link.frame) this.#link.frame(p, this, to, type);
    else this.#link.output(p, this, 0);
  }
  /** Hand a frame to the device: what that does not finish itself is finished before. */
  transmit(p: Packet): void {
    // Who listens sees whole checksums where that is possible.
    if (this.taps.any && p.segment === 0) complete(p);
    this.#finish(p, this.#own);
  }
  /** Do what the device does not, and give what comes of it to `send`. */
  #finish(p: Packet, send: (p: Packet, offload?: Offload) => void): void {
    if (p.sumAt === 0) return send(p);
    const { offload } = this.device;
    const able = offload?.checksum && (p.segment === 0 || offload.gso.includes(p.gso));
    if (able && (this.device.unfinished?.(p.bytes, p.start) ?? true)) {
      return send(p, describe(p, this.#record));
    }
    if (p.segment > 0) {
      this.#piece ??= largePacket();
      return cut(p, this.#piece, this.device.medium === "ethernet", send);
    }
    complete(p);
    send(p);
  }
  readonly #own = (p: Packet, offload?: Offload): void => {
    const frame = p.bytes.subarray(p.start, p.end);
    if (!this.ports.any || !this.ports.output(frame, offload)) this.#device(frame, offload);
  };
  #device(frame: Uint8Array, offload: Offload | undefined): void {
    this.counters.outPackets++;
    this.counters.outBytes += frame.length;
    if (this.taps.any) this.taps.tell(frame, true);
    try {
      const done = this.device.output(frame, offload);
      if (done instanceof Promise) done.catch(() => this.counters.outErrors++);
    } catch {
      this.counters.outErrors++;
    }
  }
}
/** RFC 791: what every module must be able to receive. */
const MIN_MTU = 72;
