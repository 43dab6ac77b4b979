/** Lending host files to a kernel: rump_server -d. */
import type { Host } from "../host/host.ts";
import type { Kernel } from "../kern/kernel.ts";
import type { BlockDevice } from "../plugin.ts";
import { readDisklabel } from "../wire/disklabel.ts";
import { hostfs } from "../vfs/hostfs.ts";
import { vfsOf } from "../vfs/vfs.ts";
import { Failure, reasonOf } from "./cli.ts";
import type { DriveSpec } from "./drivespec.ts";

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
    const { type } = host.stat(drive.hostpath);
    if ((type === "dir") !== (drive.type === "dir")) {
      throw new Error(type === "dir" ? "is a directory" : "not a directory");
    }
    return await vfs.etfsVolume(drive.key, hostfs(host, drive.hostpath), drive.hostpath, drive.type);
  }
  await vfs.etfsDisk(drive.key, openDisk(host, drive));
}
/** Read-write where the file allows it, else read-only. A missing file of a given size is made, as rump_server does. */
function openDisk(host: Host, drive: DriveSpec): BlockDevice {
  if (drive.size !== "host") grow(host, drive.hostpath, drive.offset + drive.size);
  const write = isWritable(host, drive.hostpath);
  if (drive.disklabel !== undefined) return partition(host, drive, write);
  const length = drive.size === "host" ? {} : { length: drive.size };
  return host.disk(drive.hostpath, { write, offset: drive.offset, ...length });
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
function isWritable(host: Host, path: string): boolean {
  try {
    host.open(path, { write: true }).close();
    return true;
  } catch (e) {
    if (["EACCES", "EROFS", "EPERM"].includes((e as { code?: string }).code ?? "")) return false;
    throw e;
  }
}
function partition(host: Host, drive: DriveSpec, write: boolean): BlockDevice {
  const start = new Uint8Array(64 << 10);
  const file = host.open(drive.hostpath, {});
  const n = file.pread(start, 0);
  file.close();
  const found = readDisklabel(start.subarray(0, n));
  if (!found) throw new Error("no disklabel");
  const p = found.find((x) => x.letter === drive.disklabel);
  if (!p || p.offset >= file.size) throw new Error(`no partition ${drive.disklabel}`);
  const length = Math.min(p.length || Infinity, file.size - p.offset);
  return host.disk(drive.hostpath, { write, offset: p.offset, length });
}
