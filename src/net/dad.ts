/** Whether somebody else has an address, asked before it is used (RFC 5227, 2.1; NetBSD: arp_dad_start). */
import { formatIpv4 } from "../lib/inet.ts";
import type { ArpLink } from "./arp.ts";
import { IN_IFF_DUPLICATED, IN_IFF_TENTATIVE, type Interface, type InterfaceAddress } from "./interface.ts";
import type { Stack } from "./stack.ts";

/** RFC 5227, 1.1: milliseconds until the first probe at most, between probes, until the address is announced, between announcements. */
const PROBE_WAIT = 1000;
const PROBE_MIN = 1000;
const PROBE_MAX = 2000;
const ANNOUNCE_WAIT = 2000;
const ANNOUNCE_INTERVAL = 2000;
const ANNOUNCE_NUM = 2;

interface Detection {
  readonly iface: Interface;
  readonly address: InterfaceAddress;
  probes: number;
  announcements: number;
  cancel: () => void;
}

export class DuplicateDetection {
  /** Probes; 0: addresses are used at once (net.inet.ip.dad_count). */
  count = 3;
  readonly #stack: Stack;
  readonly #link: ArpLink;
  readonly #running = new Map<InterfaceAddress, Detection>();

  constructor(stack: Stack, link: ArpLink) {
    this.#stack = stack;
    this.#link = link;
  }
  /** Ask whose an address is. False: nobody need be asked (the interface is down, as NetBSD has it). */
  start(iface: Interface, address: InterfaceAddress): boolean {
    if (this.count <= 0 || !iface.up) return false;
    address.flags = IN_IFF_TENTATIVE;
    const d: Detection = { iface, address, probes: 0, announcements: 0, cancel: () => {} };
    this.#running.set(address, d);
    this.#in(d, this.#stack.random() * PROBE_WAIT);
    return true;
  }
  /** The address is taken away. */
  stop(address: InterfaceAddress): void {
    this.#running.get(address)?.cancel();
    this.#running.delete(address);
  }
  #in(d: Detection, ms: number): void {
    d.cancel = this.#stack.sys.callout(ms, () => this.#next(d));
  }
  #next(d: Detection): void {
    const { iface, address: { address } } = d;
    if (d.probes < this.count) {
      d.probes++;
      if (iface.up) this.#link.sendArp(iface, { sender: 0, target: address });
      const between = PROBE_MIN + this.#stack.random() * (PROBE_MAX - PROBE_MIN);
      return this.#in(d, d.probes < this.count ? between : ANNOUNCE_WAIT);
    }
    if (d.announcements === 0) this.#stack.settled(iface, d.address);
    this.#link.sendArp(iface, { sender: address, target: address });
    if (++d.announcements < ANNOUNCE_NUM) this.#in(d, ANNOUNCE_INTERVAL);
    else this.#running.delete(d.address);
  }
  /** Somebody else uses, or wants to use, an address that is being asked for: it is not for us. */
  taken(address: InterfaceAddress): void {
    const d = this.#running.get(address);
    if (!d || (address.flags ?? 0) !== IN_IFF_TENTATIVE) return;
    this.stop(address);
    address.flags = IN_IFF_DUPLICATED;
    this.#stack.sys.log(
      `${d.iface.name}: DAD detected duplicate IPv4 address ${formatIpv4(address.address)}: ARP out=${d.probes}`,
    );
    this.#stack.tell({ kind: "address", iface: d.iface, address, gone: false });
  }
}
