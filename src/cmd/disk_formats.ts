/** Formats of disk images: found by their first or last bytes (a row of plugins/mod.ts says which), read by a disk driver. */
import { builtins } from "../../plugins/mod.ts";
import { errno } from "../abi/errno.ts";
import type { Kernel } from "../kern/kernel.ts";
import type { BlockDevice, DiskRequest } from "../plugin.ts";
import { anyByte } from "../lib/aligned.ts";
import { finished } from "../lib/finished.ts";
import type { Disk } from "../wire/slice.ts";
import type { Locator } from "../wire/slices.ts";
import { Failure, reasonOf } from "./cli.ts";
import { partIn } from "./parts.ts";

const PREFIX = "rumpdev_";
const digits = (bytes: Uint8Array) => [...bytes].map((b) => b.toString(16).padStart(2, "0")).join("");

/** Built-in formats by name; raw is none of them. */
export const formats: readonly string[] = Object.keys(builtins)
  .filter((name) => name.startsWith(PREFIX) && builtins[name]!.magic)
  .map((name) => name.slice(PREFIX.length));

/** The format of an image; raw when it is none that is known. */
export function formatOf(disk: Disk): string {
  const has = ([offset, bytes]: readonly [number, string]) =>
    digits(disk.read(offset < 0 ? disk.size + offset : offset, bytes.length / 2)) === bytes;
  return formats.find((name) => builtins[PREFIX + name]!.magic!.some(has)) ?? "raw";
}
/** What opens URLs of a scheme, by the component's name; undefined: it is no URL. Throws Failure for a scheme nobody has. */
function opener(source: string): string | undefined {
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//.exec(source)?.[1];
  if (scheme === undefined) return undefined;
  const name = Object.keys(builtins).find((n) => builtins[n]!.schemes?.includes(scheme));
  if (name === undefined) throw new Failure(`${scheme}: no disks of this scheme`);
  return name;
}
/** Whether a source is a URL, and no path. */
export const isUrl = (source: string): boolean => /^[a-z][a-z0-9+.-]*:\/\//.test(source);
/** Open a disk elsewhere, by its URL. Throws Failure. */
export async function openUrl(kernel: Kernel, source: string, readOnly: boolean): Promise<BlockDevice> {
  const component = opener(source)!;
  return await openDisk(kernel, component, component.slice(PREFIX.length), { source, readOnly });
}
/** Read an image of a format. Throws Failure with the driver's words; what it is on is closed then. */
export async function openFormat(kernel: Kernel, format: string, request: DiskRequest): Promise<BlockDevice> {
  try {
    if (!formats.includes(format)) throw new Failure(`${format}: no such format (raw, ${formats.join(", ")})`);
    return await openDisk(kernel, PREFIX + format, format, request);
  } catch (e) {
    await request.backing?.close?.();
    throw e;
  }
}
/** Open by a driver. Throws Failure with its words. */
async function openDisk(kernel: Kernel, component: string, name: string, request: DiskRequest): Promise<BlockDevice> {
  try {
    await kernel.load(component);
    return await kernel.registry.ofKind("disk").find((d) => d.name === name)!.open(kernel.sys, {}, request);
  } catch (e) {
    const said = e === errno.EINVAL ? kernel.log.lines.at(-1) : undefined;
    throw new Failure(said?.startsWith(`${name}: `) ? said.replace(`${request.source}: `, "") : reasonOf(e));
  }
}

/** A device as partition tables are read from it: one that answers at once. */
export const tablesOf = (device: BlockDevice): Disk => ({
  size: device.size,
  read(offset, length) {
    const n = Math.min(length, device.size - offset);
    if (!(n > 0) || offset < 0) return new Uint8Array(0);
    const into = new Uint8Array(n);
    finished(anyByte(device, errno.EIO).read(into, offset), errno);
    return into;
  },
});
/** The part a locator names, or all of it. Throws plain Errors. */
export function partOfDevice(device: BlockDevice, path: string, locator: Locator | undefined): BlockDevice {
  // A partition need not begin where a transfer may.
  const disk = anyByte(device, errno.EIO) as BlockDevice;
  const { offset = 0, length } = partIn(tablesOf(device), path, locator, device.write !== undefined);
  return length === undefined ? device : windowOn(disk, offset, length);
}
/** [offset, offset + length) of a device as one of its own, which closes it. */
function windowOn(device: BlockDevice, offset: number, length: number): BlockDevice {
  const inside = (at: number, n: number) => {
    if (!(at >= 0) || at + n > length) throw errno.EIO;
  };
  const { write, discard } = device;
  return {
    name: device.name,
    blockSize: device.blockSize,
    size: length,
    read(into, at) {
      inside(at, into.length);
      return device.read(into, offset + at);
    },
    ...write && {
      write(from: Uint8Array, at: number) {
        inside(at, from.length);
        return write.call(device, from, offset + at);
      },
    },
    ...discard && {
      discard(at: number, n: number) {
        inside(at, n);
        return discard.call(device, offset + at, n);
      },
    },
    flush: () => device.flush?.(),
    close: () => device.close?.(),
  };
}
