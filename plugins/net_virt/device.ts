/** An interface whose wire is a TAP device of the host: frames in and out (NetBSD: if_virt.c, virtif_user.c). */
import type { Input, NetDevice, Offload, Offloads, Sys, Tap } from "../../src/plugin.ts";

/** IP's header counts no more. */
const MAX_MTU = 65_535;

export class VirtDevice implements NetDevice {
  readonly medium = "ethernet";
  readonly mtu = 1500;
  readonly maxMtu = MAX_MTU;
  mac: Uint8Array;
  linkstr: string | undefined;
  readonly #sys: Sys;
  readonly #name: string;
  /** What it is attached to if nobody says anything else: `tun3` of `virt3`. */
  readonly #usual: string;
  #tap: Tap | undefined;
  #input: Input | undefined;

  constructor(sys: Sys, unit: number) {
    this.#sys = sys;
    this.#name = `virt${unit}`;
    this.#usual = `tun${unit}`;
    const random = new Uint8Array(3);
    sys.random(random);
    this.mac = new Uint8Array([0xb2, 0x0a, ...random, unit & 0xff]);
    // As NetBSD's: the host's end can be set up at once. Who may not make it names one that is there.
    try {
      this.#tap = sys.tap(this.#usual);
    } catch { /* `up` tells */ }
  }
  get offload(): Offloads | undefined {
    return this.#tap?.offload;
  }
  /** EBUSY: it is up, or attached already; errors of `Sys.tap`. */
  setLinkstr(to: string | undefined): void {
    if (this.#input || (to !== undefined && this.linkstr !== undefined)) throw this.#sys.errno.EBUSY;
    this.#detach();
    if (to === undefined) return;
    this.#tap = this.#open(to);
    this.linkstr = to;
  }
  #open(name: string): Tap {
    try {
      return this.#sys.tap(name);
    } catch (e) {
      this.#sys.log(`${this.#name}: ${name}: ${(e as Error).message.toLowerCase()}`);
      throw e;
    }
  }
  #detach(): void {
    this.#tap?.close();
    this.#tap = this.linkstr = undefined;
  }
  setMac(mac: Uint8Array): void {
    this.mac = mac.slice();
  }
  /** Errors of `Sys.tap`. */
  up(input: Input): void {
    this.#tap ??= this.#open(this.#usual);
    this.#input = input;
    this.#tap.receive(input);
  }
  down(): void {
    this.#input = undefined;
    this.#tap?.receive(undefined);
  }
  output(frame: Uint8Array, offload?: Offload): void {
    if (!this.#tap) throw this.#sys.errno.ENETDOWN;
    this.#tap.send(frame, offload);
  }
  destroy(): void {
    this.down();
    this.#detach();
  }
}
