/** Ethernet interfaces of the host whose other end is a program (TAP): what plugins see of them. */
import type { Offload, Offloads } from "./offload.ts";

/** A TAP device's program end. */
export interface Tap {
  /** The host's name of it. */
  readonly name: string;
  /** What the host does for frames of ours. Undefined: nothing, nor does it leave anything to us. */
  readonly offload: Offloads | undefined;
  /** Frames come from now on, lent for the call; undefined: none any more. */
  receive(on: ((frame: Uint8Array, offload?: Offload) => void) | undefined): void;
  /** Send a frame, lent. Throws errno: EIO while the host has its end down. */
  send(frame: Uint8Array, offload?: Offload): void;
  close(): void;
}
/**
 * Attach to the host's interface of a name: one that is there and nobody has, or a new one that goes when it is closed.
 * Throws errno: EPERM, EACCES: we may not; EBUSY: somebody has it; EINVAL: it is no TAP; ENOENT, EOPNOTSUPP: the host has none.
 */
export type OpenTap = (
  name: string,
  how?: {
    /** Frames as they go over the wire, even if the host could do more. */
    readonly plain?: boolean;
  },
) => Tap;
