/** Disks mounted in a kernel of this process. */
import { errno } from "../../abi/errno.ts";
import { MNT_RDONLY } from "../../abi/flags.ts";
import type { Kernel } from "../../kern/kernel.ts";
import type { Async, BlockDevice } from "../../plugin.ts";
import type { Mount } from "../../vfs/mount.ts";
import { type MountHow, vfsOf } from "../../vfs/vfs.ts";
import { probe } from "../../wire/probe.ts";
import { Failure, reasonOf } from "../cli.ts";
import { lookAt } from "../disk/disk_formats.ts";

/** Mount a disk in a kernel; it is closed when that fails. Throws Failure: the driver's own words, where it has any. */
export function mountDisk(
  kernel: Kernel,
  program: string,
  type: string,
  device: BlockDevice | undefined,
  how: MountHow,
): Promise<Mount> {
  const flags = how.flags | (device && !device.write ? MNT_RDONLY : 0);
  const mount = () => vfsOf(kernel).mountVolume(type, device, { ...how, flags });
  return inWords(kernel, `${program}: ${how.from}`, type, device, mount);
}
/** Have a driver load what mounting with its options needs beside the disk. Throws Failure. */
export const prepareMount = (kernel: Kernel, program: string, type: string, from: string, options: unknown) =>
  inWords(kernel, `${program}: ${from}`, type, undefined, () => vfsOf(kernel).prepare(type, options));

/** What a disk seems to hold instead, for people. */
async function seeming(device: BlockDevice): Promise<string> {
  try {
    const found = await lookAt(device, (disk) => probe(disk, 0, disk.size));
    return found ? ` (it looks like ${found.name})` : "";
  } catch {
    return ""; // why it is not mounted is said all the same
  }
}
async function inWords<T>(
  kernel: Kernel,
  who: string,
  type: string,
  device: BlockDevice | undefined,
  work: () => Async<T>,
): Promise<T> {
  try {
    return await work();
  } catch (e) {
    // The driver has said why in the log, better than an errno can.
    const said = e === errno.EINVAL ? kernel.log.lines.at(-1) : undefined;
    const why = said?.startsWith(`${type}: `)
      ? said.slice(type.length + 2).replace(`${device?.name}: `, "")
      : reasonOf(e).toLowerCase();
    const seems = device && /^not an? /.test(why) && !why.includes("(") ? await seeming(device) : "";
    void device?.close?.();
    throw new Failure(`${who}: ${why}${seems}`);
  }
}
