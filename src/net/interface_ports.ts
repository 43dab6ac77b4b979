/** Interfaces that others have to do with: bridges, VLANs (lib/port.ts). */
import { errno } from "../abi/errno.ts";
import type { Offload, Offloads } from "../lib/offload.ts";
import type { Port, PortUser } from "../lib/port.ts";
import type { Interface } from "./interface.ts";

/** Times a frame may come in at an interface while another that did is not done with. */
const DEEPEST = 4;
const NO_MAC = new Uint8Array(6);

/** The users of an interface, asked in the order they came. */
export class Ports {
  /** Whether there is one: all it costs when there is none. */
  any = false;
  readonly #users = new Set<PortUser>();
  #depth = 0;

  /** True: one of them took a frame that came in. */
  input(frame: Uint8Array, offload: Offload | undefined): boolean {
    // Bridges in a circle.
    if (this.#depth >= DEEPEST) return true;
    this.#depth++;
    try {
      for (const user of this.#users) if (user.input(frame, offload)) return true;
      return false;
    } finally {
      this.#depth--;
    }
  }
  /** True: one of them took a frame that is to be sent. */
  output(frame: Uint8Array, offload: Offload | undefined): boolean {
    for (const user of this.#users) if (user.output?.(frame, offload)) return true;
    return false;
  }
  add(user: PortUser): void {
    this.#users.add(user);
    this.any = true;
  }
  delete(user: PortUser): void {
    this.#users.delete(user);
    this.any = this.#users.size > 0;
  }
  /** The interface goes. */
  gone(): void {
    for (const user of [...this.#users]) {
      this.delete(user);
      user.gone();
    }
  }
}

class InterfacePort implements Port {
  readonly #iface: Interface;
  readonly #user: PortUser;
  #promiscuous = false;

  constructor(iface: Interface, user: PortUser) {
    this.#iface = iface;
    this.#user = user;
    iface.ports.add(user);
  }
  get name(): string {
    return this.#iface.name;
  }
  get mac(): Uint8Array {
    return this.#iface.device.mac ?? NO_MAC;
  }
  get mtu(): number {
    return this.#iface.mtu;
  }
  get up(): boolean {
    return this.#iface.up;
  }
  get offload(): Offloads | undefined {
    const { offload, unfinished } = this.#iface.device;
    // What it does for some frames only cannot be counted on.
    return unfinished ? undefined : offload;
  }
  send(frame: Uint8Array, offload?: Offload): void {
    this.#iface.forward(frame, offload);
  }
  receive(frame: Uint8Array, offload?: Offload): void {
    this.#iface.deliver(frame, offload);
  }
  promiscuous(on: boolean): void {
    if (on !== this.#promiscuous) this.#iface.promiscuous(on);
    this.#promiscuous = on;
  }
  close(): void {
    this.promiscuous(false);
    this.#iface.ports.delete(this.#user);
  }
}
/** See lib/port.ts. */
export function openPort(iface: Interface, user: PortUser): Port {
  if (iface.device.medium !== "ethernet") throw errno.EINVAL;
  return new InterfacePort(iface, user);
}
