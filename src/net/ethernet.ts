/** IPv4 on Ethernet: framing, and whose link address is whose (RFC 894, 826, 5227; NetBSD: if_ethersubr.c, if_arp.c). */
import {
  Arp,
  ARP_ETHERNET,
  ARP_LENGTHS,
  ARP_REPLY,
  ARP_REQUEST,
  Ethernet,
  ETHERTYPE_ARP,
  ETHERTYPE_IP,
  ETHERTYPE_IPV6,
} from "../wire/ethernet.ts";
import type { SysError } from "../abi/errno.ts";
import { Neighbours } from "./arp.ts";
import { DuplicateDetection } from "./dad.ts";
import { IN_IFF_TENTATIVE, type Interface, type InterfaceAddress, type Link } from "./interface.ts";
import type { Offload } from "../lib/offload.ts";
import { adopt } from "./offload.ts";
import type { Packet } from "./packet.ts";
import type { Stack } from "./stack.ts";

const BROADCAST = new Uint8Array(6).fill(0xff);
const MIN_FRAME = 60;

/** 01:00:5e and the low 23 bits of a multicast address (RFC 1112). */
function multicastMac(address: number): Uint8Array {
  return new Uint8Array([1, 0, 0x5e, (address >>> 16) & 0x7f, (address >>> 8) & 255, address & 255]);
}
const isGroup = (frame: Uint8Array) => (frame[0]! & 1) !== 0;
function sameMac(frame: Uint8Array, at: number, mac: Uint8Array): boolean {
  for (let i = 0; i < 6; i++) if (frame[at + i] !== mac[i]) return false;
  return true;
}

/** The link of all Ethernet interfaces of a stack. */
export class EthernetLink implements Link {
  readonly neighbours: Neighbours;
  readonly detection: DuplicateDetection;
  readonly #stack: Stack;

  constructor(stack: Stack) {
    this.#stack = stack;
    this.neighbours = new Neighbours(stack, this);
    this.detection = new DuplicateDetection(stack, this);
  }
  /** Put the Ethernet header before what is in the packet, and send it. */
  frame(p: Packet, iface: Interface, to: Uint8Array, type: number): void {
    p.start -= Ethernet.size;
    p.bytes.set(to, p.start);
    p.bytes.set(iface.device.mac!, p.start + 6);
    Ethernet.set.type(p.view, p.start, type);
    if (p.length < MIN_FRAME) {
      p.bytes.fill(0, p.end, p.start + MIN_FRAME);
      p.end = p.start + MIN_FRAME;
    }
    // As if_data has it: broadcasts are none.
    if (to[0]! & 1 && to !== BROADCAST) iface.counters.outMulticasts++;
    iface.transmit(p);
    this.#stack.packets.put(p);
  }
  output(p: Packet, iface: Interface, nextHop: number): SysError | undefined {
    const found = nextHop === ALL || iface.isBroadcast(nextHop)
      ? BROADCAST
      : nextHop >>> 28 === 14
      ? multicastMac(nextHop)
      : this.neighbours.find(iface, nextHop, p);
    if (!(found instanceof Uint8Array)) return found;
    this.outputTo(p, iface, found);
    return undefined;
  }
  /** Send an IP packet to a link address. */
  outputTo(p: Packet, iface: Interface, mac: Uint8Array): void {
    this.frame(p, iface, mac, ETHERTYPE_IP);
  }
  /** Ask everybody whose an address is, or tell somebody that it is ours, or `mac`'s. */
  sendArp(
    iface: Interface,
    { to, sender, target, mac }: {
      readonly to?: Uint8Array;
      readonly sender: number;
      readonly target: number;
      readonly mac?: Uint8Array;
    },
  ): void {
    const p = this.#stack.packets.get(MIN_FRAME);
    p.end = p.start + Arp.size;
    Arp.write(p.view, p.start, {
      hardware: ARP_ETHERNET,
      protocol: ETHERTYPE_IP,
      lengths: ARP_LENGTHS,
      operation: to ? ARP_REPLY : ARP_REQUEST,
      senderIp: sender,
      targetIp: target,
    });
    p.bytes.set(mac ?? iface.device.mac!, p.start + Arp.at.senderMac);
    p.bytes.set(to ?? NOBODY, p.start + Arp.at.targetMac);
    this.frame(p, iface, to ?? BROADCAST, ETHERTYPE_ARP);
  }
  changed(iface: Interface): void {
    this.neighbours.changed(iface);
    this.#stack.ip6?.changed(iface);
    if (!iface.up) return;
    this.#stack.igmp.up(iface);
    this.#announce(iface);
  }
  renamed(iface: Interface): void {
    this.#announce(iface);
    this.#stack.ip6?.renamed(iface);
  }
  #announce(iface: Interface): void {
    for (const a of iface.addresses) if (!a.flags) this.neighbours.announce(iface, a.address);
  }
  added(iface: Interface, address: InterfaceAddress): boolean {
    if (this.detection.start(iface, address)) return true;
    if (iface.up) this.neighbours.announce(iface, address.address);
    return false;
  }
  removed(_iface: Interface, address: InterfaceAddress): void {
    this.detection.stop(address);
  }

  input(bytes: Uint8Array, iface: Interface, offload?: Offload): void {
    if (bytes.length < Ethernet.size) return void iface.counters.inErrors++;
    const { mac } = iface.device;
    const group = isGroup(bytes);
    // A device may show more than is meant for us, and our own broadcasts come back.
    if ((!group && !sameMac(bytes, 0, mac!)) || sameMac(bytes, 6, mac!)) return;
    if (group) iface.counters.multicasts++;
    const p = this.#stack.packets.copy(bytes, Ethernet.size);
    if (!p || (offload && !adopt(p, offload))) {
      if (p) this.#stack.packets.put(p);
      return void iface.counters.inErrors++;
    }
    p.iface = iface;
    p.broadcast = group;
    const type = Ethernet.get.type(p.view, p.start);
    p.start += Ethernet.size;
    if (type === ETHERTYPE_IP) return this.#stack.ip.input(p);
    if (type === ETHERTYPE_IPV6 && this.#stack.ip6) return this.#stack.ip6.input(p);
    if (type === ETHERTYPE_ARP) this.#arp(p, iface);
    else iface.counters.noProtocol++;
    this.#stack.packets.put(p);
  }
  #arp({ view, bytes, start, length }: Packet, iface: Interface): void {
    const { get } = Arp;
    const plain = length >= Arp.size && get.hardware(view, start) === ARP_ETHERNET &&
      get.protocol(view, start) === ETHERTYPE_IP && get.lengths(view, start) === ARP_LENGTHS;
    if (!plain) return;
    const mac = bytes.slice(start + Arp.at.senderMac, start + Arp.at.senderMac + 6);
    const [sender, target] = [get.senderIp(view, start), get.targetIp(view, start)];
    if (isGroup(mac)) return;
    const request = get.operation(view, start) === ARP_REQUEST;
    this.neighbours.counters[request ? "requestsIn" : "repliesIn"]++;
    if (this.#ours(iface, { sender, target, mac })) return;
    const forUs = iface.has(target);
    if (sender !== 0) this.neighbours.heard(iface, sender, mac, forUs);
    const answer = forUs ? iface.device.mac! : this.neighbours.publishedFor(target);
    if (!request || !answer) return;
    this.neighbours.counters.repliesOut++;
    this.sendArp(iface, { to: mac, sender: target, target: sender, mac: answer });
  }
  /** Somebody speaks of an address of ours as if it were theirs, or of one we are about to use. True: no answer. */
  #ours(
    iface: Interface,
    { sender, target, mac }: { readonly sender: number; readonly target: number; readonly mac: Uint8Array },
  ): boolean {
    for (const a of iface.addresses) {
      if (a.address !== sender && a.address !== target) continue;
      if (a.flags) {
        if (a.flags === IN_IFF_TENTATIVE && (a.address === sender || sender === 0)) this.detection.taken(a);
        return true;
      }
      if (a.address !== sender) continue;
      this.neighbours.conflict(iface, sender, mac);
      return true;
    }
    return false;
  }
}
const ALL = 0xffff_ffff;
const NOBODY = new Uint8Array(6);
