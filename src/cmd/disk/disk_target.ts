/** A new disk image of any format: it has no name until it is whole, and whatever ends us leaves nothing behind. */
import type { Host, HostFile, HostStat } from "../../host/host.ts";
import { isUrl } from "../../lib/urls.ts";
import { optionRows, parseOptions, readOptions } from "../../kern/driver_options.ts";
import type { Kernel } from "../../kern/kernel.ts";
import type { Options } from "../../lib/getopt.ts";
import type { BlockDevice, DiskCreation, DiskDriver } from "../../plugin.ts";
import { Answered, Failure, reasonOf } from "../cli.ts";
import { formatDriver, formatOf, inWords, lookAt } from "./disk_formats.ts";
import { directoryOf, unfinished } from "./disk_new.ts";
import { openWhole } from "./disk_open.ts";
import { splitImage } from "./parts.ts";
import { optionTexts } from "../mount/driver_words.ts";
import { mustBeDisk, openTarget } from "./newfs_target.ts";

/** What names of images end with, and their formats. */
const endings: Readonly<Record<string, string>> = {
  qcow2: "qcow2",
  qcow: "qcow2",
  vhd: "vhd",
  vpc: "vhd",
  vmdk: "vmdk",
};
const makeable = [...new Set(Object.values(endings))];
/** And of those that are none we make: a raw image by such a name would be taken for what it is not. */
const foreign: Readonly<Record<string, string>> = {
  gz: "gzip",
  xz: "xz",
  zst: "zstd",
  bz2: "bzip2",
  vdi: "vdi",
  vhdx: "vhdx",
  qed: "qed",
  dmg: "dmg",
};
/** Words of all that make an image. */
export const TARGET_LETTERS = "cfO:o:";
export const TARGET_HELP: Readonly<Record<string, string>> = {
  O: `format of the new image: raw, ${makeable.join(", ")}; left out: what its name ends with, or else raw`,
  o: "options of the format, separated by commas: cluster_size=4k,compress=zstd; -o help lists them",
  c: "compressed: -o compress=zlib",
  "target-backing=": "the new image is a change of this one: it has what differs, and names it (qcow2)",
  f: "replace an image that is there",
  force: "the same",
};
/** What is to be made. */
export interface Target {
  readonly path: string;
  readonly force: boolean;
  /** Undefined: raw. */
  readonly driver: DiskDriver | undefined;
  readonly format: string;
  readonly options: unknown;
  /** Path of the image it is to be a change of. */
  readonly backing: string | undefined;
}

/** The target of a command line. Throws Failure. */
export async function targetOf(
  host: Host,
  kernel: Kernel,
  program: string,
  path: string,
  { options }: Options,
): Promise<Target> {
  const last = (...names: string[]) => options.findLast(([o]) => names.includes(o))?.[1];
  const ending = /\.([a-z0-9]+)$/i.exec(path)?.[1]?.toLowerCase() ?? "";
  const format = last("O") ?? endings[ending] ?? foreign[ending] ?? "raw";
  const driver = format === "raw" ? undefined : await makerOf(kernel, `${program}: ${path}`, format);
  const lists = options.flatMap(([o, v]) => (o === "o" ? v.split(",") : o === "c" ? ["compress=zlib"] : []));
  const backing = last("target-backing");
  if (lists.includes("help")) {
    host.out(optionTexts(optionRows(driver?.creation)).map((line) => `${line}\n`).join(""));
    throw new Answered();
  }
  const given = Object.fromEntries(
    lists.map((o) => [o.split("=", 1)[0]!, o.includes("=") ? o.slice(o.indexOf("=") + 1) : ""]),
  );
  const fail = (why: string): never => {
    throw new Failure(`${program}: ${format}: ${why}`);
  };
  if (!driver && (lists.length > 0 || backing !== undefined)) fail("has no options, and no image it is a change of");
  return {
    path,
    force: last("f", "force") !== undefined,
    driver,
    format,
    options: parseOptions(driver?.creation, readOptions(driver?.creation, given), fail),
    backing,
  };
}
/** What makes images of a format. Throws Failure. */
async function makerOf(kernel: Kernel, who: string, format: string): Promise<DiskDriver> {
  const driver = await formatDriver(kernel, format).catch((e) => {
    throw new Failure(`${who}: ${reasonOf(e)}`);
  });
  if (driver.create) return driver;
  throw new Failure(`${who}: ${format}: images of it cannot be made (raw, ${makeable.join(", ")})`);
}
/** The image may be made: nothing is there, or it may be replaced and nobody uses it. Throws Failure. */
export function mayMake(host: Host, program: string, { path, force }: Pick<Target, "path" | "force">): void {
  try {
    host.stat(path, false);
  } catch (e) {
    if ((e as { code?: string }).code === "ENOENT") return;
    throw new Failure(`${program}: ${path}: ${reasonOf(e)}`);
  }
  if (!force) throw new Failure(`${program}: ${path}: exists (--force replaces it)`);
  mustBeDisk(host, program, path);
  if (host.stat(path).type === "blk") {
    throw new Failure(`${program}: ${path}: a device: make an image and write it there with dd`);
  }
  openTarget(host, program, path, {}).close();
}

/** Whether both are one file of the host, whatever its names. */
export function sameFile(host: Host, ...names: readonly [string, string]): boolean {
  try {
    const [a, b] = names.map((name) => host.stat(name)) as [HostStat, HostStat];
    return a.type === "file" && a.ino === b.ino && a.dev === b.dev;
  } catch {
    return false; // it is to be made, or a URL, or a part
  }
}
/** Make an image of `size` bytes, or as long as the one it is a change of; `work` writes to it, and it is on the disk with its name when this ends. Throws Failure, and what `work` does. */
export async function makeImage(
  host: Host,
  kernel: Kernel,
  program: string,
  target: Target,
  asked: number | undefined,
  work: (disk: BlockDevice, backing: BlockDevice | undefined) => Promise<void>,
): Promise<void> {
  const { driver, path, backing } = target;
  if (backing !== undefined && sameFile(host, splitImage(program, backing)[0], path)) {
    throw new Failure(`${program}: ${path}: the image it is to be a change of`);
  }
  mayMake(host, program, target);
  const below = backing === undefined ? undefined : await openBacking(host, kernel, program, path, backing);
  const made = unfinished(host, path);
  const size = asked ?? below?.device.size ?? 0;
  try {
    const base = fresh(host, made.file, path);
    if (driver) {
      const request: DiskCreation = {
        source: path,
        size,
        options: target.options,
        base,
        ...below && { backing: below },
      };
      const disk = await inWords(kernel, path, () => driver.create!(kernel.sys, request));
      await work(disk, below?.device);
      await disk.close?.();
    } else {
      await base.resize!(size);
      await work(base, undefined);
    }
    made.file.fdatasync();
    made.publish(target.force);
  } catch (e) {
    made.drop();
    throw e;
  }
}
/** The image a new one is to be a change of, with the name by which it is found from there. Throws Failure. */
async function openBacking(
  host: Host,
  kernel: Kernel,
  program: string,
  path: string,
  backing: string,
): Promise<NonNullable<DiskCreation["backing"]>> {
  const bare = await openWhole(host, kernel, program, backing, { readOnly: true, format: "raw" });
  const format = await lookAt(bare, formatOf);
  await bare.close?.();
  const device = await openWhole(host, kernel, program, backing, { readOnly: true, format });
  // A name counts from the directory of the image that says it.
  const known = isUrl(backing) || directoryOf(path) === ".";
  return { name: known ? backing : host.realpath(backing), format, device };
}
/** The new file as a disk that stays open, and need not be on the medium before it has a name. */
const fresh = (host: Host, file: HostFile, path: string): BlockDevice => {
  const disk = host.diskOn(file, path, {});
  return {
    name: path,
    blockSize: 1,
    get size() {
      return disk.size;
    },
    read: disk.read,
    write: disk.write!,
    resize: disk.resize!,
    discard: (offset, length) => disk.discard?.(offset, length),
    nextData: disk.nextData!,
  };
};
