/**
 * A bridge between Ethernet interfaces (bridge(4)): frames go where their station was heard, else everywhere. There is no
 * spanning tree: members that make a circle are not found out. As in NetBSD, addresses belong to members; the bridge may
 * have some of its own besides.
 */
import type { Input, NetDevice, Offload, Port, Sys } from "../../src/plugin.ts";
import { IFBIF } from "../../src/wire/if_bridge.ts";
import { ETHERTYPE_ARP } from "../../src/wire/ethernet.ts";
import { bridgeIoctl } from "./ioctl.ts";
import { macAt, Stations } from "./table.ts";

const HEADER = 14;

/** An interface that belongs to a bridge. */
export interface Member {
  readonly port: Port;
  readonly mac: number;
  /** IFBIF_*. */
  flags: number;
}
const isGroup = (frame: Uint8Array) => (frame[0]! & 1) !== 0;
/** ARP, and groups of IPv6 (Neighbor Discovery), which only who belongs to them takes. */
const asks = (frame: Uint8Array) =>
  (frame[12] === ETHERTYPE_ARP >> 8 && frame[13] === (ETHERTYPE_ARP & 255)) || (frame[0] === 0x33 && frame[1] === 0x33);

export class BridgeDevice implements NetDevice {
  readonly medium = "ethernet";
  readonly mtu = 1500;
  readonly maxMtu = 65_535;
  readonly mac: Uint8Array;
  /** What members do not finish themselves is finished on its way to them. */
  readonly offload = { checksum: true, gso: [1, 4, 5] } as const;
  readonly members = new Map<string, Member>();
  readonly stations: Stations;
  readonly #sys: Sys;
  readonly #mac: number;
  #input: Input | undefined;

  constructor(sys: Sys) {
    this.#sys = sys;
    this.stations = new Stations(() => sys.now());
    this.mac = new Uint8Array(6);
    sys.random(this.mac);
    // One of its own, of nobody's making.
    this.mac[0] = (this.mac[0]! & 0xfc) | 2;
    this.#mac = macAt(this.mac, 0);
  }
  up(input: Input): void {
    this.#input = input;
  }
  down(): void {
    this.#input = undefined;
    this.stations.flush(undefined, false);
  }
  destroy(): void {
    for (const name of [...this.members.keys()]) this.remove(name);
  }
  ioctl(command: number, data: Uint8Array, superuser: boolean): void {
    bridgeIoctl(this, this.#sys.errno, { command, data, superuser });
  }
  /** EEXIST: it is a member; errors of `Sys.port`. */
  add(name: string): void {
    if (this.members.has(name)) throw this.#sys.errno.EEXIST;
    const port = this.#sys.port(name, {
      input: (frame, offload) => this.#came(name, frame, offload),
      output: (frame, offload) => this.#leaves(name, frame, offload),
      gone: () => this.#forget(name),
    });
    this.members.set(name, { port, mac: macAt(port.mac, 0), flags: IFBIF.LEARNING | IFBIF.DISCOVER });
    port.promiscuous(true);
  }
  /** ENOENT: it is no member. */
  remove(name: string): void {
    const member = this.members.get(name);
    if (!member) throw this.#sys.errno.ENOENT;
    this.#forget(name);
    member.port.close();
  }
  #forget(name: string): void {
    this.stations.flush(this.members.get(name), true);
    this.members.delete(name);
  }

  /** The bridge's own frames. */
  output(frame: Uint8Array, offload?: Offload): void {
    if (frame.length >= HEADER) this.#forward(undefined, frame, offload);
  }
  /** A frame came in at a member. True: the member itself has nothing to do with it. */
  #came(name: string, frame: Uint8Array, offload: Offload | undefined): boolean {
    const member = this.members.get(name);
    if (!member || !this.#input || frame.length < HEADER) return false;
    if ((frame[6]! & 1) === 0 && (member.flags & IFBIF.LEARNING) !== 0) this.stations.learn(macAt(frame, 6), member);
    if (isGroup(frame)) {
      this.#flood(member, frame, offload);
      this.#input?.(frame, offload);
      if (asks(frame)) this.#ask(member, frame, offload);
      return false;
    }
    const to = macAt(frame, 0);
    if (to === member.mac) return false;
    if (to === this.#mac) this.#input(frame, offload);
    else {
      const own = this.#own(to);
      if (own) own.port.receive(frame, offload);
      else this.#forward(member, frame, offload);
    }
    return true;
  }
  /** Any member may have the address that is asked for (NetBSD: in_arpinput does the same). */
  #ask(from: Member, frame: Uint8Array, offload: Offload | undefined): void {
    for (const m of [...this.members.values()]) if (m !== from) m.port.receive(frame, offload);
  }
  /** A member sends a frame of its own. True: it goes out elsewhere. */
  #leaves(name: string, frame: Uint8Array, offload: Offload | undefined): boolean {
    const member = this.members.get(name);
    if (!member || !this.#input || frame.length < HEADER) return false;
    if (!isGroup(frame)) {
      const to = this.stations.find(macAt(frame, 0));
      to?.port.send(frame, offload);
      if (to) return true;
    }
    this.#flood(member, frame, offload);
    return false;
  }
  /** The member of a link address. */
  #own(mac: number): Member | undefined {
    for (const m of this.members.values()) if (m.mac === mac) return m;
    return undefined;
  }
  #forward(from: Member | undefined, frame: Uint8Array, offload: Offload | undefined): void {
    const to = isGroup(frame) ? undefined : this.stations.find(macAt(frame, 0));
    if (!to) this.#flood(from, frame, offload);
    else if (to !== from) to.port.send(frame, offload);
  }
  #flood(from: Member | undefined, frame: Uint8Array, offload: Offload | undefined): void {
    for (const m of this.members.values()) {
      if (m === from || !m.port.up || ((m.flags & IFBIF.DISCOVER) === 0 && !isGroup(frame))) continue;
      m.port.send(frame, offload);
    }
  }
}
