/** One VLAN of an Ethernet interface: frames that have its tag there have none here (IEEE 802.1Q; NetBSD: if_vlan.c). */
import type { Input, NetDevice, Offload, Offloads, Port, Sys } from "../../src/plugin.ts";
import { viewOf } from "../../src/lib/struct.ts";
import { ETHERTYPE_VLAN } from "../../src/wire/ethernet.ts";
import { SIOC, VLAN_ID, VLAN_TAG_SIZE, VlanHeader, Vlanreq, VLANREQ_AT } from "../../src/wire/if_vlan.ts";

/** Both link addresses. */
const ADDRESSES = 12;
const HEADER = 14;
/** The longest frame, with headers. */
const LONGEST = 65_535 + VlanHeader.size;
/** Where IP headers are aligned behind a header of 14 bytes, or of 18. */
const ALIGN = 2;

export class VlanDevice implements NetDevice {
  readonly medium = "ethernet";
  /** A tag more fits every parent then (NetBSD: where frames are no longer than 1514). */
  readonly mtu = 1496;
  readonly maxMtu = 65_531;
  readonly #sys: Sys;
  readonly #memory = new Uint8Array(LONGEST + ALIGN);
  readonly #view = viewOf(this.#memory);
  /** What is left to do with a frame that is longer or shorter by a tag. */
  readonly #record: Offload = {
    flags: 0,
    gsoType: 0,
    headerLength: 0,
    gsoSize: 0,
    checksumStart: 0,
    checksumOffset: 0,
  };
  #parent: Port | undefined;
  #tag = 0;
  #mac = new Uint8Array(6);
  #input: Input | undefined;

  constructor(sys: Sys) {
    this.#sys = sys;
  }
  get mac(): Uint8Array {
    return this.#parent?.mac ?? this.#mac;
  }
  get offload(): Offloads | undefined {
    return this.#parent?.offload;
  }
  up(input: Input): void {
    this.#input = input;
  }
  down(): void {
    this.#input = undefined;
  }
  destroy(): void {
    this.#leave();
  }
  promiscuous(on: boolean): void {
    this.#parent?.promiscuous(on);
  }
  ioctl(command: number, data: Uint8Array, superuser: boolean): void {
    const { errno } = this.#sys;
    if (command !== SIOC.SIOCSIFGENERIC && command !== SIOC.SIOCGIFGENERIC) throw errno.ENOTTY;
    if (data.length < VLANREQ_AT + Vlanreq.size) throw errno.EFAULT;
    const view = viewOf(data);
    if (command === SIOC.SIOCGIFGENERIC) {
      return Vlanreq.write(view, VLANREQ_AT, { parent: this.#parent?.name ?? "", tag: this.#tag });
    }
    if (!superuser) throw errno.EPERM;
    this.#attach(Vlanreq.get.parent(view, VLANREQ_AT), Vlanreq.get.tag(view, VLANREQ_AT));
  }
  /** No parent: it is taken off. EBUSY: it has one; EINVAL: no such VLAN; errors of `Sys.port`. */
  #attach(parent: string, tag: number): void {
    const { errno, port } = this.#sys;
    if (parent === "") return this.#leave();
    if (tag === 0 || tag >= VLAN_ID) throw errno.EINVAL;
    if (this.#parent) throw errno.EBUSY;
    this.#parent = port(parent, { input: (frame, offload) => this.#came(frame, offload), gone: () => this.#gone() });
    this.#tag = tag;
  }
  #leave(): void {
    this.#parent?.close();
    this.#gone();
  }
  #gone(): void {
    this.#parent = undefined;
    this.#tag = 0;
  }
  /** ENETDOWN: it is no part of anything. */
  output(frame: Uint8Array, offload?: Offload): void {
    if (!this.#parent) throw this.#sys.errno.ENETDOWN;
    const length = frame.length + VLAN_TAG_SIZE;
    if (length > LONGEST || frame.length < HEADER) throw this.#sys.errno.EMSGSIZE;
    const memory = this.#memory;
    memory.set(frame.subarray(0, ADDRESSES), ALIGN);
    memory.set(frame.subarray(ADDRESSES), ALIGN + ADDRESSES + VLAN_TAG_SIZE);
    VlanHeader.set.type(this.#view, ALIGN, ETHERTYPE_VLAN);
    VlanHeader.set.tag(this.#view, ALIGN, this.#tag);
    this.#parent.send(memory.subarray(ALIGN, ALIGN + length), offload && this.#moved(offload, VLAN_TAG_SIZE));
  }
  #came(frame: Uint8Array, offload: Offload | undefined): boolean {
    if (!this.#input || frame.length < VlanHeader.size || frame.length > LONGEST) return false;
    if (frame[ADDRESSES] !== ETHERTYPE_VLAN >> 8 || frame[ADDRESSES + 1] !== (ETHERTYPE_VLAN & 255)) return false;
    if ((((frame[ADDRESSES + 2]! << 8) | frame[ADDRESSES + 3]!) & VLAN_ID) !== this.#tag) return false;
    const memory = this.#memory;
    memory.set(frame.subarray(0, ADDRESSES), ALIGN);
    memory.set(frame.subarray(ADDRESSES + VLAN_TAG_SIZE), ALIGN + ADDRESSES);
    const bare = memory.subarray(ALIGN, ALIGN + frame.length - VLAN_TAG_SIZE);
    this.#input(bare, offload && this.#moved(offload, -VLAN_TAG_SIZE));
    return true;
  }
  #moved(o: Offload, by: number): Offload {
    const r = this.#record;
    r.flags = o.flags;
    r.gsoType = o.gsoType;
    r.gsoSize = o.gsoSize;
    r.headerLength = Math.max(0, o.headerLength + by);
    r.checksumStart = Math.max(0, o.checksumStart + by);
    r.checksumOffset = o.checksumOffset;
    return r;
  }
}
