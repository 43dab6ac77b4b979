/** Formats of disk images: found by their first or last bytes (a row of plugins/mod.ts says which), read by a disk driver. */
import { builtins } from "../../../plugins/mod.ts";
import { errno, SysError } from "../../abi/errno.ts";
import type { Host } from "../../host/host.ts";
import { openApart } from "../../isolate/disk.ts";
import { optionRows, parseOptions } from "../../kern/driver_options.ts";
import type { Kernel } from "../../kern/kernel.ts";
import type { Async, BlockDevice, DiskDriver, DiskRequest } from "../../plugin.ts";
import { then } from "../../lib/async.ts";
import { anyByte } from "../../lib/aligned.ts";
import { secretsOf, shownUrl, splitOptions } from "../../lib/urls.ts";
import type { Disk } from "../../wire/slice.ts";
import type { Locator } from "../../wire/slices.ts";
import { Failure, reasonOf } from "../cli.ts";
import { componentOf, fsTypes } from "../mount/fs_names.ts";
import { partIn } from "./parts.ts";

const PREFIX = "rumpdev_";
const digits = (bytes: Uint8Array) => [...bytes].map((b) => b.toString(16).padStart(2, "0")).join("");

/** Built-in formats by name; raw is none of them. */
export const formats: readonly string[] = Object.keys(builtins)
  .filter((name) => name.startsWith(PREFIX) && builtins[name]!.magic)
  .map((name) => name.slice(PREFIX.length));

/** Whether a disk has one of a component's marks; `from`: at this offset or behind it. */
const marked = (disk: Disk, component: string, from = -Infinity): boolean =>
  builtins[component]!.magic?.filter(([offset]) => offset >= from).some(([offset, bytes]) =>
    digits(disk.read(offset < 0 ? disk.size + offset : offset, bytes.length / 2)) === bytes
  ) ?? false;
/** The format of an image; raw when it is none that is known. */
export const formatOf = (disk: Disk): string => formats.find((name) => marked(disk, PREFIX + name)) ?? "raw";
/** The format of what was packed, which is looked at where it begins only: to look at its end may unpack it all. */
const formatWithin = (disk: Disk): string | undefined =>
  formats.find((name) => !builtins[PREFIX + name]!.packs && marked(disk, PREFIX + name, 0));
/** Whether a format is only ever read, whoever may write the file. */
export const isPacked = (format: string): boolean => builtins[PREFIX + format]?.packs === true;
/** The types of file systems that are known by their marks. */
export const fsOfImages: readonly string[] = fsTypes.filter((type) => builtins[componentOf(type)]!.magic);
/** The type of the file system on a disk; undefined: it is none of those. */
export const fsOf = (disk: Disk): string | undefined => fsOfImages.find((type) => marked(disk, componentOf(type)));
/** What opens URLs of a scheme, by the component's name; undefined: it is no URL. Throws Failure for a scheme nobody has. */
function opener(source: string): string | undefined {
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//.exec(source)?.[1];
  if (scheme === undefined) return undefined;
  const name = Object.keys(builtins).find((n) => builtins[n]!.schemes?.includes(scheme));
  if (name === undefined) throw new Failure(`${scheme}: no disks of this scheme`);
  return name;
}
/** Open a disk elsewhere, by its URL, behind whose `#` its driver's options are; in a process of its own where it wants one. Throws Failure. */
export async function openUrl(host: Host, kernel: Kernel, url: string, readOnly: boolean): Promise<BlockDevice> {
  const component = opener(url)!;
  const [source, options] = splitOptions(url);
  for (const secret of secretsOf(source)) host.conceal(secret);
  const request = { source, readOnly };
  return await inWords(kernel, shownUrl(source), async () => {
    const driver = await driverOf(kernel, component);
    known(driver, options);
    const parsed = parseOptions(driver.options, options, (why) => kernel.sys.log(`${driver.name}: ${why}`));
    if (driver.apart?.(parsed)) return openApart(host, { component, ...request, options }, kernel.sys.log);
    return await driver.open(kernel.sys, parsed, request);
  });
}

/** What has a format: built in, or a plugin that is loaded. Throws Failure. */
export async function formatDriver(kernel: Kernel, format: string): Promise<DiskDriver> {
  if (formats.includes(format)) return await driverOf(kernel, PREFIX + format);
  const driver = kernel.registry.ofKind("disk").find((d) => d.name === format);
  if (!driver) throw new Failure(`${format}: no such format (raw, ${formats.join(", ")})`);
  return driver;
}
/** Read an image of a format. Throws Failure with the driver's words; what it is on is closed then. */
export async function openFormat(kernel: Kernel, format: string, request: DiskRequest): Promise<BlockDevice> {
  try {
    const driver = await formatDriver(kernel, format);
    const device = await inWords(kernel, request.source, () => driver.open(kernel.sys, {}, request));
    const inner = builtins[PREFIX + format]?.packs ? await lookAt(device, formatWithin) : undefined;
    if (inner === undefined) return device;
    return await openFormat(kernel, inner, { ...request, readOnly: true, base: device });
  } catch (e) {
    await request.backing?.close?.();
    throw e;
  }
}
/** Have the formats' drivers at hand: a script's are files, which a sandbox opens no more; the executable has them in itself. */
export async function loadFormats(host: Host): Promise<void> {
  if (host.self.args.length > 0) await Promise.all(formats.map((name) => builtins[PREFIX + name]!.load()));
}
/** The driver a component has. */
async function driverOf(kernel: Kernel, component: string): Promise<DiskDriver> {
  await kernel.load(component);
  const { default: plugin } = await builtins[component]!.load();
  return plugin as DiskDriver;
}
/** Throws Failure for options a driver has not. */
function known(driver: DiskDriver, options: Readonly<Record<string, unknown>>): void {
  const names = (optionRows(driver.options) ?? []).flatMap((r) => [r.name, ...r.also]);
  const stray = Object.keys(options).find((name) => !names.includes(name));
  if (stray === undefined) return;
  throw new Failure(`${driver.name}: ${stray}: no such option${names.length > 0 ? ` (${names.join(", ")})` : ""}`);
}
/** Whatever a driver throws becomes a Failure: with its words, where it has any, which need not name what is named already. */
export async function inWords<T>(kernel: Kernel, name: string, work: () => Async<T>): Promise<T> {
  try {
    return await work();
  } catch (e) {
    const said = e === errno.EINVAL ? kernel.log.lines.at(-1) : undefined;
    if (said !== undefined && /^\w+: /.test(said)) throw new Failure(said.replace(`${name}: `, ""));
    throw new Failure(e instanceof SysError ? e.message.toLowerCase() : reasonOf(e));
  }
}

/** Places of a disk that are looked at in one look. */
const MOST_PLACES = 10_000;
/** Thrown at who looks: what is wanted comes later. */
const LATER = new Error("not yet");
/**
 * Look at a disk with a function that reads tables, and changes nothing. Of a disk that takes its time the function is called
 * again whenever something it wants has come. Throws what it throws, and what the disk does.
 */
export async function lookAt<T>(device: BlockDevice, look: (disk: Disk) => T): Promise<T> {
  const disk = anyByte(device, errno.EIO);
  const known = new Map<string, Uint8Array>();
  let coming: Promise<unknown> | undefined;
  const read = (offset: number, length: number): Uint8Array => {
    const n = Math.min(length, device.size - offset);
    if (!(n > 0) || offset < 0) return new Uint8Array(0);
    const key = `${offset} ${n}`;
    const had = known.get(key);
    if (had) return had.slice();
    const into = new Uint8Array(n);
    const done = disk.read(into, offset);
    if (!(done instanceof Promise)) return into;
    coming = done.then(() => known.set(key, into));
    throw LATER;
  };
  while (known.size < MOST_PLACES) {
    try {
      return look({ size: device.size, read });
    } catch (e) {
      if (e !== LATER) throw e;
      await coming;
    }
  }
  throw errno.EIO;
}
/** The part a locator names, or all of it. Throws plain Errors. */
export async function partOfDevice(
  device: BlockDevice,
  path: string,
  locator: Locator | undefined,
): Promise<BlockDevice> {
  // A partition need not begin where a transfer may.
  const disk = anyByte(device, errno.EIO);
  const writes = device.write !== undefined;
  const { offset = 0, length } = await lookAt(device, (tables) => partIn(tables, path, locator, writes));
  return length === undefined ? device : windowOn(disk, offset, length);
}
/** [offset, offset + length) of a device as one of its own, which closes it. */
export function windowOn(device: BlockDevice, offset: number, length: number): BlockDevice {
  const inside = (at: number, n: number) => {
    if (!(at >= 0) || at + n > length) throw errno.EIO;
  };
  const { write, discard, nextData } = device;
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
    ...nextData && {
      nextData: (at: number) => then(nextData.call(device, offset + at), (found) => Math.min(found - offset, length)),
    },
    flush: () => device.flush?.(),
    close: () => device.close?.(),
  };
}
