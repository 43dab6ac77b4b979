/** Ethernet interfaces of a kernel as plugins see them that have to do with others than their own: bridges, VLANs, wrappers. */
import type { Offload, Offloads } from "./offload.ts";

/** Who has to do with somebody else's interface. Frames are lent for the call. */
export interface PortUser {
  /** A frame came in. True: it is this user's, nobody else sees it. */
  input(frame: Uint8Array, offload?: Offload): boolean;
  /** The interface is about to send a frame. True: it does not; left out: it does. */
  output?(frame: Uint8Array, offload?: Offload): boolean;
  /** The interface went away, and the port with it. */
  gone(): void;
}
export interface Port {
  readonly name: string;
  readonly mac: Uint8Array;
  readonly mtu: number;
  readonly up: boolean;
  /** What its device finishes itself; whatever it is, `send` takes frames that are not finished. */
  readonly offload: Offloads | undefined;
  /** Send a frame out of it, past all its users. While it is down, the frame is lost. */
  send(frame: Uint8Array, offload?: Offload): void;
  /** A frame is for the interface itself, as if it had come in there; past all its users. */
  receive(frame: Uint8Array, offload?: Offload): void;
  /** See what is for others, too. */
  promiscuous(on: boolean): void;
  close(): void;
}
/** ENXIO: there is no such interface; EINVAL: it is no Ethernet. */
export type OpenPort = (name: string, user: PortUser) => Port;
