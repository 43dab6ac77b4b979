/** Devices under network interfaces: what drivers make (plugin.ts NetDriver). */
import type { Async } from "./async.ts";
import type { Offload, Offloads } from "./offload.ts";

/**
 * A frame is lent for the duration of the call: copy it to keep it. `offload`: its checksum need not be checked, or it was
 * put together from several; left out by devices that leave nothing to us.
 */
export type Input = (frame: Uint8Array, offload?: Offload) => void;
export interface NetDevice {
  /** `ethernet`: frames with Ethernet headers; `ip`: IP packets as they are; `loopback`: nothing leaves the kernel. */
  readonly medium: "ethernet" | "ip" | "loopback";
  /** IP MTU, without the link header. */
  readonly mtu: number;
  /** The largest it may be given; left out: `mtu`. */
  readonly maxMtu?: number;
  /** What it does with frames that are not finished. Left out: it gets none. */
  readonly offload?: Offloads | undefined;
  /** Whether it does so with this frame, which begins at `at`; left out: with any. */
  unfinished?(frame: Uint8Array, at: number): boolean;
  /** Its link address, 6 bytes; of Ethernet only, always given there. */
  readonly mac?: Uint8Array;
  /** What it is attached to, where somebody has to say: a bus file, an interface of the host (SIOCSLINKSTR). */
  readonly linkstr?: string | undefined;
  /** Attach it, or (nothing) take it off. */
  setLinkstr?(to: string | undefined): Async<void>;
  /** Another link address (ifconfig link ... active). */
  setMac?(mac: Uint8Array): Async<void>;
  /**
   * A command only it understands (SIOCGDRVSPEC, SIOCSIFPHYADDR, SIOCGIFMEDIA, ...). `data` is the command's structure,
   * then the memory it points at; what is changed in it goes back. Throws ENOTTY for others, EPERM where `superuser` is needed.
   */
  ioctl?(command: number, data: Uint8Array, superuser: boolean): Async<void>;
  /** Frames go in and out from now on. */
  up(input: Input): Async<void>;
  /** Send a frame; lent for the call. `offload`: what is left to do with it, of what the device offers. */
  output(frame: Uint8Array, offload?: Offload): Async<void>;
  down(): Async<void>;
  /** Show all frames there are, or only those for its address and for groups (IFF_PROMISC). */
  promiscuous?(on: boolean): void;
  /** It is of no use any more. */
  destroy?(): Async<void>;
}
