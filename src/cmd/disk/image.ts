/** Images of the host as disks: opened and locked. */
import { errno } from "../../abi/errno.ts";
import type { Host, HostFile } from "../../host/host.ts";
import type { Kernel } from "../../kern/kernel.ts";
import { anyByte } from "../../lib/aligned.ts";
import { isUrl, shownUrl } from "../../lib/urls.ts";
import { journalDisk } from "../../lib/journal_disk.ts";
import { overlayDisk } from "../../lib/overlay_disk.ts";
import type { BlockDevice, DiskRequest } from "../../plugin.ts";
import { Failure, reasonOf } from "../cli.ts";
import { formatOf, isPacked, loadFormats, lookAt, openFormat, openUrl, partOfDevice } from "./disk_formats.ts";
import { beginLog } from "./disk_log.ts";
import { lock, usedBy } from "./image_lock.ts";
import { diskOf, isWritable, partIn, splitImage } from "./parts.ts";
import { spareRoom } from "./spare.ts";

/** An image that is open, and not looked at: who reads it may have fewer rights than who opened it. */
export interface OpenImage {
  readonly writable: boolean;
  /** Find the part that is meant and lock it. `kernel` has what reads its format. Throws Failure, and the image is closed. */
  settle(kernel: Kernel): Promise<BlockDevice>;
}
/** An image, or the part of it that is named behind its path: opened, read-only when asked or when the host says so. Throws Failure. */
export function openedImage(host: Host, program: string, image: string, how: ImageUse): OpenImage {
  const [path, locator] = splitImage(program, image);
  const failing = (e: unknown): never => {
    if (e instanceof Failure && e.message.startsWith(`${program}: `)) throw e; // of an image below this one
    throw new Failure(`${program}: ${path}: ${e instanceof Failure ? e.message : reasonOf(e)}`);
  };
  const attempt = <T>(work: () => T): T => {
    try {
      return work();
    } catch (e) {
      return failing(e);
    }
  };
  const snapshot = how.snapshot ?? false;
  const top = layers(host, program, how);
  const file = attempt(() => open(host, path, how.readOnly || snapshot, how.direct));
  const use = attempt(() => usedBy(host, path, file));
  const [first, ...rest] = how.backing ?? [];
  const backing = first === undefined ? undefined : openedImage(host, program, first, {
    readOnly: true,
    backing: rest,
    whole: true,
    ...how.direct && { direct: true },
  });
  const spare = spareRoom(host);
  const whole = async (kernel: Kernel, format: string) => {
    const writable = file.writable && !isPacked(format);
    if (!how.unlocked) lock(host, file, {}, use, writable);
    const base = host.diskOn(file, path, {});
    const below = await backing?.settle(kernel);
    const request = { source: path, readOnly: !writable, base, ...below && { backing: below } };
    return await spare.use(file.size, (more) => openFormat(kernel, format, { ...request, ...more }));
  };
  const part = (device: BlockDevice) => how.whole && !locator ? device : partOfDevice(device, path, locator);
  const settle = async (kernel: Kernel): Promise<BlockDevice> => {
    const format = how.format ?? formatOf(diskOf(file));
    if (format !== "raw") return await part(await whole(kernel, format));
    spare.close();
    const place = how.whole && !locator ? {} : partIn(diskOf(file), path, locator, file.writable);
    if (!how.unlocked) lock(host, file, place, use);
    return host.diskOn(file, path, place);
  };
  return {
    writable: file.writable || snapshot,
    async settle(kernel) {
      try {
        return top(await settle(kernel));
      } catch (e) {
        spare.close();
        file.close();
        return failing(e);
      }
    },
  };
}
/** What stands on a disk: writes stay in memory, writes are noted. Throws Failure. */
function layers(host: Host, program: string, { snapshot, journal }: ImageUse): (device: BlockDevice) => BlockDevice {
  const noted = journal === undefined ? undefined : beginLog(host, program, journal);
  return (device) => {
    const top = snapshot ? overlayDisk(anyByte(device, errno.EIO)) : device;
    return noted ? journalDisk(top, noted, errno.EIO) : top;
  };
}
/** How an image is to be used. */
export interface ImageUse {
  readonly readOnly: boolean;
  /** What is written stays in memory, and is gone with the mount. */
  readonly snapshot?: boolean;
  /** raw, or a format's driver; left out: what its first bytes say. */
  readonly format?: string;
  /** File in which what is written is noted, in the order in which it is. */
  readonly journal?: string;
  /** The image it is a change of, that one's, and so on. */
  readonly backing?: readonly string[];
  /** All of a partitioned disk is meant, when no part is named. */
  readonly whole?: boolean;
  /** It is only looked at, whoever writes it meanwhile. */
  readonly unlocked?: boolean;
  /** Past the host's page cache. */
  readonly direct?: boolean;
}
/** An image, or a disk elsewhere by its URL (nbd://host/export); what is there is found out when it is settled. Throws Failure. */
export async function openedSource(
  host: Host,
  kernel: Kernel,
  program: string,
  source: string,
  how: ImageUse,
): Promise<OpenImage> {
  await loadFormats(host);
  if (!isUrl(source)) return openedImage(host, program, source, how);
  const [url, locator] = splitImage(program, source);
  if (how.direct) {
    throw new Failure(`${program}: ${shownUrl(url)}: only files and devices are read past the page cache`);
  }
  const told = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (e) {
      throw new Failure(`${program}: ${shownUrl(url)}: ${e instanceof Failure ? e.message : reasonOf(e)}`);
    }
  };
  const top = layers(host, program, how);
  const spare = spareRoom(host);
  const disk = await told(() => openUrl(host, kernel, url, how.readOnly || how.snapshot === true));
  return {
    writable: disk.write !== undefined || how.snapshot === true,
    settle: () =>
      told(async () => {
        const format = how.format ?? await lookAt(disk, formatOf);
        const request = { source: shownUrl(url), readOnly: disk.write === undefined, base: disk };
        const open = (more: Partial<DiskRequest>) => openFormat(kernel, format, { ...request, ...more });
        const whole = await spare.use(disk.size, (more) => format === "raw" ? Promise.resolve(disk) : open(more));
        const device = how.whole && !locator ? whole : await partOfDevice(whole, shownUrl(url), locator);
        return top(device);
      }),
  };
}
/** The same, and settled, as a disk. Throws Failure. */
export async function openImage(
  host: Host,
  kernel: Kernel,
  program: string,
  image: string,
  readOnly: boolean,
): Promise<BlockDevice> {
  return await (await openedSource(host, kernel, program, image, { readOnly })).settle(kernel);
}

function open(host: Host, path: string, readOnly: boolean, direct = false): HostFile {
  const { type } = host.stat(path);
  if (type === "dir") throw new Failure("is a directory");
  if (type !== "file" && type !== "blk") throw new Failure("neither a file nor a block device");
  const write = !readOnly && isWritable(host, path);
  if (type === "blk" && !write) idle(host, path);
  return host.open(path, { write, exclusive: type === "blk" && write, direct });
}
/** Throws EBUSY for a block device somebody has for himself; readers share it. */
const idle = (host: Host, path: string) => host.open(path, { exclusive: true }).close();
