/**
 * Ethernet interfaces that stand on a device of another driver, which their linkstr names with what it is attached to, and
 * options of their own: `DRIVER:LINKSTR?OPTIONS`.
 */
import type { Sys } from "../plugin.ts";
import type { Input, NetDevice } from "./net_device.ts";
import type { Offload } from "./offload.ts";

const MTU = 1500;

/** What a linkstr says of the device underneath. */
export interface Wrapped {
  readonly driver: string;
  readonly linkstr: string;
}
/** What is between the interface and the device underneath. Frames are lent. */
export interface Between {
  /** A frame is sent: `deliver` sends it on, now or later. */
  send(frame: Uint8Array, deliver: (frame: Uint8Array) => void): void;
  /** A frame came in; it goes on by itself. */
  came?(frame: Uint8Array): void;
  /** The interface goes down. */
  down?(): void;
  /** It is taken off. */
  close?(): void;
}
/** One kind of such interfaces. */
export interface WrapperKind<L extends Wrapped> {
  readonly name: string;
  /** A text says what is wrong with a linkstr. */
  parse(linkstr: string): L | string;
  /** Throws errno, when it has said why in the log. */
  begin(sys: Sys, name: string, link: L): Between;
}

export class WrapperDevice<L extends Wrapped> implements NetDevice {
  readonly medium = "ethernet";
  readonly mtu = MTU;
  mac: Uint8Array = new Uint8Array([0xb2, 0xa0, 0, 0, 0, 0]);
  linkstr: string | undefined;
  readonly #kind: WrapperKind<L>;
  readonly #sys: Sys;
  readonly #unit: number;
  readonly #deliver = (frame: Uint8Array): void => this.#pass(frame);
  #inner: NetDevice | undefined;
  #between: Between | undefined;
  #up = false;

  constructor(kind: WrapperKind<L>, sys: Sys, unit: number) {
    this.#kind = kind;
    this.#sys = sys;
    this.#unit = unit;
    sys.random(this.mac.subarray(2));
  }
  get #name(): string {
    return `${this.#kind.name}${this.#unit}`;
  }
  /** EINVAL: not understood, and the log says why. Other errors are those of the driver underneath, and of the kind. */
  async setLinkstr(to: string | undefined): Promise<void> {
    if (this.#up || (to !== undefined && this.#inner)) throw this.#sys.errno.EBUSY;
    if (to === undefined) return await this.#detach();
    const link = this.#kind.parse(to);
    if (typeof link === "string") {
      this.#sys.log(`${this.#name}: ${link}`);
      throw this.#sys.errno.EINVAL;
    }
    const inner = await this.#sys.netDevice(link.driver, this.#unit);
    try {
      await this.#attach(inner, link);
    } catch (e) {
      await inner.destroy?.();
      throw e;
    }
    this.linkstr = to;
  }
  async #attach(inner: NetDevice, link: L): Promise<void> {
    if (inner.medium !== "ethernet") throw this.#sys.errno.EINVAL;
    if (link.linkstr !== "") await inner.setLinkstr?.(link.linkstr);
    this.#between = this.#kind.begin(this.#sys, this.#name, link);
    // Frames for this address are not for the one of the device underneath.
    inner.promiscuous?.(true);
    this.#inner = inner;
  }
  setMac(mac: Uint8Array): void {
    this.mac = mac.slice();
  }
  /** ENXIO: it is not attached. */
  async up(input: Input): Promise<void> {
    const between = this.#between;
    if (!this.#inner || !between) throw this.#sys.errno.ENXIO;
    await this.#inner.up(
      between.came
        ? (frame: Uint8Array, offload?: Offload) => {
          between.came!(frame);
          input(frame, offload);
        }
        : input,
    );
    this.#up = true;
  }
  output(frame: Uint8Array): void {
    this.#between?.send(frame, this.#deliver);
  }
  #pass(frame: Uint8Array): void {
    if (!this.#up) return;
    try {
      const done = this.#inner!.output(frame);
      if (done instanceof Promise) done.catch(() => {});
    } catch {
      // lost, as on a wire
    }
  }
  async down(): Promise<void> {
    this.#up = false;
    this.#between?.down?.();
    await this.#inner?.down();
  }
  async destroy(): Promise<void> {
    await this.down();
    await this.#detach();
  }
  async #detach(): Promise<void> {
    const inner = this.#inner;
    this.#between?.close?.();
    this.#inner = this.#between = this.linkstr = undefined;
    await inner?.destroy?.();
  }
}
