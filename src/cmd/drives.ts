/** Lending host files to a kernel: rump_server -d. */
import type { Host } from "../host/host.ts";
import type { Kernel } from "../kern/kernel.ts";
import type { BlockDevice } from "../plugin.ts";
import { hostfs } from "../vfs/hostfs.ts";
import { type Locator, splitLocator } from "../wire/slices.ts";
import { vfsOf } from "../vfs/vfs.ts";
import { Failure, reasonOf } from "./cli.ts";
import type { DriveSpec } from "./drivespec.ts";
import { lockImage } from "./image.ts";
import { isWritable, placeOf } from "./parts.ts";

/** Register every drive; a disk needs file systems in the kernel. Throws Failure naming the drive. */
export async function lendDrives(host: Host, kernel: Kernel, drives: readonly DriveSpec[]): Promise<void> {
  for (const drive of drives) {
    try {
      await lend(host, kernel, drive);
    } catch (e) {
      const what = kernel.faction.has("vfs") ? `${drive.hostpath}: ${reasonOf(e)}` : reasonOf(e);
      throw new Failure(`etfs register: ${what}`);
    }
  }
}
async function lend(host: Host, kernel: Kernel, drive: DriveSpec): Promise<void> {
  const vfs = vfsOf(kernel);
  if (drive.type === "dir" || drive.type === "reg") {
    if (drive.type === "reg" && drive.size !== "host") grow(host, drive.hostpath, drive.size);
    const { type, size } = host.stat(drive.hostpath);
    if (drive.offset > 0 || (drive.type === "reg" && drive.size !== "host" && drive.size !== size)) {
      throw new Error(`type=${drive.type} lends all of it: size=host, and no offset`);
    }
    if ((type === "dir") !== (drive.type === "dir")) {
      throw new Error(type === "dir" ? "is a directory" : "not a directory");
    }
    return await vfs.etfsVolume(drive.key, hostfs(host, drive.hostpath), drive.hostpath, drive.type);
  }
  await vfs.etfsDisk(drive.key, openDisk(host, drive));
}
/** Read-write where the file allows it, else read-only. A missing file of a given size is made, as rump_server does. */
function openDisk(host: Host, drive: DriveSpec): BlockDevice {
  const [path, locator] = located(drive);
  if (drive.size !== "host") grow(host, path, drive.offset + drive.size);
  const write = isWritable(host, path);
  if (locator) {
    const { offset, length } = placeOf(host, path, locator, write);
    return locked(host, path, { write, offset, length });
  }
  const length = drive.size === "host" ? {} : { length: drive.size };
  return locked(host, path, { write, offset: drive.offset, ...length });
}
function locked(host: Host, path: string, how: Parameters<Host["disk"]>[1]): BlockDevice {
  const disk = host.disk(path, how);
  lockImage(host, path, disk.file, how);
  return disk;
}
/** A partition is asked for by disklabel=e, or behind the path: `hostpath=disk.img%GPT:1%,size=host`. */
function located(drive: DriveSpec): readonly [path: string, locator: Locator | undefined] {
  if (drive.disklabel !== undefined) return [drive.hostpath, { scheme: "DISKLABEL", name: drive.disklabel }];
  const [path, locator] = splitLocator(drive.hostpath);
  if (locator && (drive.size !== "host" || drive.offset > 0)) {
    throw new Error("a partition has its own offset and size");
  }
  return [path, locator];
}
function grow(host: Host, path: string, size: number): void {
  if (!isMissing(host, path)) {
    if (host.stat(path).type !== "file" || host.stat(path).size >= size) return;
  }
  const file = host.open(path, { write: true, create: true });
  file.truncate(size);
  file.close();
}
function isMissing(host: Host, path: string): boolean {
  try {
    host.stat(path);
    return false;
  } catch (e) {
    if ((e as { code?: string }).code === "ENOENT") return true;
    throw e;
  }
}
