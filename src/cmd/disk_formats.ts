/** Formats of disk images: found by their first or last bytes (a row of plugins/mod.ts says which), read by a disk driver. */
import { builtins } from "../../plugins/mod.ts";
import { errno } from "../abi/errno.ts";
import type { Kernel } from "../kern/kernel.ts";
import type { BlockDevice, DiskRequest } from "../plugin.ts";
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
/** Read an image of a format. Throws Failure with the driver's words; what it is on is closed then. */
export async function openFormat(kernel: Kernel, format: string, request: DiskRequest): Promise<BlockDevice> {
  try {
    if (!formats.includes(format)) throw new Failure(`${format}: no such format (raw, ${formats.join(", ")})`);
    await kernel.load(PREFIX + format);
    const driver = kernel.registry.ofKind("disk").find((d) => d.name === format)!;
    return await driver.open(kernel.sys, {}, request);
  } catch (e) {
    await request.backing?.close?.();
    const said = e === errno.EINVAL ? kernel.log.lines.at(-1) : undefined;
    const why = said?.startsWith(`${format}: `) ? said.replace(`${request.source}: `, "") : reasonOf(e);
    throw e instanceof Failure ? e : new Failure(why);
  }
}

/** A device as partition tables are read from it: one that answers at once. */
export const tablesOf = (device: BlockDevice): Disk => ({
  size: device.size,
  read(offset, length) {
    const n = Math.min(length, device.size - offset);
    if (!(n > 0) || offset < 0) return new Uint8Array(0);
    const into = new Uint8Array(n);
    finished(device.read(into, offset), errno);
    return into;
  },
});
/** The part a locator names, or all of it. Throws plain Errors. */
export function partOfDevice(device: BlockDevice, path: string, locator: Locator | undefined): BlockDevice {
  const { offset = 0, length } = partIn(tablesOf(device), path, locator, device.write !== undefined);
  return length === undefined ? device : windowOn(device, offset, length);
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
