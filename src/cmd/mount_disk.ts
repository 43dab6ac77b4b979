/** Disks mounted in a kernel of this process. */
import { errno } from "../abi/errno.ts";
import { MNT_RDONLY } from "../abi/flags.ts";
import type { Kernel } from "../kern/kernel.ts";
import type { BlockDevice } from "../plugin.ts";
import type { Mount } from "../vfs/mount.ts";
import { type MountHow, vfsOf } from "../vfs/vfs.ts";
import { Failure, reasonOf } from "./cli.ts";

/** Mount a disk in a kernel; it is closed when that fails. Throws Failure: the driver's own words, where it has any. */
export async function mountDisk(
  kernel: Kernel,
  program: string,
  type: string,
  device: BlockDevice | undefined,
  how: MountHow,
): Promise<Mount> {
  try {
    const flags = how.flags | (device && !device.write ? MNT_RDONLY : 0);
    return await vfsOf(kernel).mountVolume(type, device, { ...how, flags });
  } catch (e) {
    void device?.close?.();
    // The driver has said why in the log, better than an errno can.
    const said = e === errno.EINVAL ? kernel.log.lines.at(-1) : undefined;
    const why = said?.startsWith(`${type}: `)
      ? said.slice(type.length + 2).replace(`${device?.name}: `, "")
      : reasonOf(e).toLowerCase();
    throw new Failure(`${program}: ${how.from}: ${why}`);
  }
}
