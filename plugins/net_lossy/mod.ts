/**
 * The interface `lossy`: any other Ethernet driver's, over a bad link. Its linkstr names the driver, what that one is attached
 * to, and what the link does to frames that are sent: `shmif:BUS?loss=1%&delay=10ms&seed=1`.
 */
import type { Input, NetDevice, NetDriver, Sys } from "../../src/plugin.ts";
import { BadLink } from "./faults.ts";
import { parseLink } from "./options.ts";

const MTU = 1500;

class LossyDevice implements NetDevice {
  readonly medium = "ethernet";
  readonly mtu = MTU;
  mac: Uint8Array = new Uint8Array([0xb2, 0xa0, 0, 0, 0, 0]);
  linkstr: string | undefined;
  readonly #sys: Sys;
  readonly #unit: number;
  #inner: NetDevice | undefined;
  #link: BadLink | undefined;
  #up = false;

  constructor(sys: Sys, unit: number) {
    this.#sys = sys;
    this.#unit = unit;
    sys.random(this.mac.subarray(2));
  }
  /** EINVAL: not understood, and the log says why. Other errors are those of the driver underneath. */
  async setLinkstr(to: string | undefined): Promise<void> {
    if (this.#up || (to !== undefined && this.#inner)) throw this.#sys.errno.EBUSY;
    if (to === undefined) return await this.#detach();
    const link = parseLink(to);
    if (typeof link === "string") {
      this.#sys.log(`lossy${this.#unit}: ${link}`);
      throw this.#sys.errno.EINVAL;
    }
    const inner = await this.#sys.netDevice(link.driver, this.#unit);
    try {
      if (inner.medium !== "ethernet") throw this.#sys.errno.EINVAL;
      await inner.setLinkstr?.(link.linkstr);
    } catch (e) {
      await inner.destroy?.();
      throw e;
    }
    this.#inner = inner;
    // Frames for this address are not for the one of the device underneath.
    inner.promiscuous?.(true);
    this.linkstr = to;
    this.#link = new BadLink(this.#sys, link.faults, (frame) => this.#deliver(frame));
  }
  setMac(mac: Uint8Array): void {
    this.mac = mac.slice();
  }
  /** ENXIO: it is not attached. */
  async up(input: Input): Promise<void> {
    if (!this.#inner) throw this.#sys.errno.ENXIO;
    await this.#inner.up(input);
    this.#up = true;
  }
  output(frame: Uint8Array): void {
    this.#link?.send(frame);
  }
  #deliver(frame: Uint8Array): void {
    if (!this.#up) return;
    try {
      const done = this.#inner!.output(frame);
      if (done instanceof Promise) done.catch(() => {});
    } catch {
      // lost, as so much here
    }
  }
  async down(): Promise<void> {
    this.#up = false;
    this.#link?.clear();
    await this.#inner?.down();
  }
  async destroy(): Promise<void> {
    await this.down();
    await this.#detach();
  }
  async #detach(): Promise<void> {
    const inner = this.#inner;
    this.#inner = this.#link = this.linkstr = undefined;
    await inner?.destroy?.();
  }
}

const driver: NetDriver = { kind: "net", name: "lossy", create: (sys, unit) => new LossyDevice(sys, unit) };
export default driver;
