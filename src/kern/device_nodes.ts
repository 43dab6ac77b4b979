/** Devices of other layers in /dev: the file systems provide the nodes, a device says what opening one gives. */
import type { Async } from "../plugin.ts";
import type { Fileops } from "./file.ts";
import type { Kernel } from "./kernel.ts";

/** A character device of which every open is one of its own (fd_clone(9)). */
export interface CloningDevice {
  readonly name: string;
  /** NetBSD's number of the driver. */
  readonly major: number;
  /** Permission bits of its node. */
  readonly mode: number;
  clone(): Fileops;
}
export interface DeviceNodes {
  /** Make /dev/NAME. EEXIST: there is one. */
  add(device: CloningDevice): Async<void>;
}
const KEY = "device nodes";

export function provideDeviceNodes(kernel: Kernel, nodes: DeviceNodes): void {
  kernel.faction.set(KEY, nodes);
}
/** Undefined: the kernel has no file systems. */
export const deviceNodesOf = (kernel: Kernel): DeviceNodes | undefined =>
  kernel.faction.get(KEY) as DeviceNodes | undefined;
