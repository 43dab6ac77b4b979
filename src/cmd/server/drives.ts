/** Lending host files, images and disks elsewhere to a kernel: rump_server -d. */
import type { Host } from "../../host/host.ts";
import type { Kernel } from "../../kern/kernel.ts";
import type { BlockDevice } from "../../plugin.ts";
import { hostfs } from "../../vfs/hostfs.ts";
import { errno } from "../../abi/errno.ts";
import { anyByte } from "../../lib/aligned.ts";
import { isUrl, shownUrl } from "../../lib/urls.ts";
import { deviceFile } from "../../vfs/device_file.ts";
import { type Locator, locatorText, splitLocator } from "../../wire/slices.ts";
import { vfsOf } from "../../vfs/vfs.ts";
import { Failure, reasonOf } from "../cli.ts";
import type { DriveSpec } from "./drivespec.ts";
import { formatOf, windowOn } from "../disk/disk_formats.ts";
import { openedSource } from "../disk/image.ts";
import { lockImage } from "../disk/image_lock.ts";
import { examine, isWritable, placeOf } from "../disk/parts.ts";

const PROGRAM = "etfs register";

/** Register every drive; a disk needs file systems in the kernel. Throws Failure naming the drive. */
export async function lendDrives(host: Host, kernel: Kernel, drives: readonly DriveSpec[]): Promise<void> {
  for (const drive of drives) {
    try {
      await lend(host, kernel, drive);
    } catch (e) {
      if (e instanceof Failure && e.message.startsWith(PROGRAM)) throw e;
      const what = kernel.faction.has("vfs") ? `${shownUrl(drive.hostpath)}: ${reasonOf(e)}` : reasonOf(e);
      throw new Failure(`${PROGRAM}: ${what}`);
    }
  }
}
async function lend(host: Host, kernel: Kernel, drive: DriveSpec): Promise<void> {
  const vfs = vfsOf(kernel);
  const { key, hostpath, type } = drive;
  if (type === "dir" || (type === "reg" && isWholeFile(host, drive))) {
    const { type: found } = host.stat(hostpath);
    if (drive.direct) throw new Error("type=dir: only disks are lent past the page cache");
    if (type === "dir" && drive.offset > 0) throw new Error("type=dir lends all of it: no offset");
    if ((found === "dir") !== (type === "dir")) {
      throw new Error(found === "dir" ? "is a directory" : "not a directory");
    }
    return await vfs.etfsVolume(key, hostfs(host, hostpath, { readOnly: drive.readOnly }), hostpath, type);
  }
  const device = await openDisk(host, kernel, drive);
  if (type !== "reg") return await vfs.etfsDisk(key, device);
  await vfs.etfsVolume(key, deviceFile(device, () => host.wall()), shownUrl(hostpath), "reg");
}
/** A host's file that is lent as it is, and may grow; made, or lengthened, where a size says so. */
function isWholeFile(host: Host, { hostpath, size, offset, disklabel, format, readOnly, direct }: DriveSpec): boolean {
  const part = offset > 0 || disklabel !== undefined || splitLocator(hostpath)[1] !== undefined;
  if (part || direct || isUrl(hostpath) || (format ?? formatAt(host, hostpath)) !== "raw") return false;
  if (size !== "host" && !readOnly) grow(host, hostpath, size);
  return size === "host" || size === host.stat(hostpath).size;
}
/** The format of a host's file; of none, and of what is no file, raw. */
function formatAt(host: Host, path: string): string {
  if (isMissing(host, path) || !["file", "blk"].includes(host.stat(path).type)) return "raw";
  return examine(host, path, formatOf);
}
async function openDisk(host: Host, kernel: Kernel, drive: DriveSpec): Promise<BlockDevice> {
  const [path, locator] = located(drive);
  if (!isUrl(path) && (drive.format ?? formatAt(host, path)) === "raw") return openRaw(host, drive, path, locator);
  const { readOnly, direct } = drive;
  const use = { readOnly, direct, whole: true, ...drive.format !== undefined && { format: drive.format } };
  const source = locator ? `${path}${locatorText(locator)}` : path;
  const device = await (await openedSource(host, kernel, PROGRAM, source, use)).settle(kernel);
  if (locator || (drive.size === "host" && drive.offset === 0)) return device;
  const length = drive.size === "host" ? device.size - drive.offset : drive.size;
  if (!(length >= 0) || drive.offset + length > device.size) {
    await device.close?.();
    throw new Error(`has ${device.size} bytes, and cannot grow`);
  }
  return windowOn(anyByte(device, errno.EIO), drive.offset, length);
}
/** Read-write where the file allows it, else read-only. A missing file of a given size is made, as rump_server does. */
function openRaw(host: Host, drive: DriveSpec, path: string, locator: Locator | undefined): BlockDevice {
  // Nor is a file made for who will not write it.
  if (!drive.readOnly && drive.size !== "host") grow(host, path, drive.offset + drive.size);
  const write = !drive.readOnly && isWritable(host, path);
  const { direct } = drive;
  if (locator) {
    const { offset, length } = placeOf(host, path, locator, write);
    return locked(host, path, { write, direct, offset, length });
  }
  const length = drive.size === "host" ? {} : { length: drive.size };
  return locked(host, path, { write, direct, offset: drive.offset, ...length });
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
