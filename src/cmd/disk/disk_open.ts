/** Disks of any kind as the disk tools open them, by themselves: files, images of every format, URLs. */
import { builtins } from "../../../plugins/mod.ts";
import type { Host } from "../../host/host.ts";
import { bootKernel, type Hypercalls, type Kernel } from "../../kern/kernel.ts";
import type { Options } from "../../lib/getopt.ts";
import type { BlockDevice } from "../../plugin.ts";
import { hypercalls } from "../../rump.ts";
import { Failure, reasonOf } from "../cli.ts";
import { type ImageUse, openedSource } from "./image.ts";
import { IMAGE_HELP } from "./image_use.ts";

/** A kernel in this program's own event loop that has what `plugins` names, too; `machine`: with another clock, or other random bytes. Throws Failure. */
export async function plainKernel(
  host: Host,
  program: string,
  plugins: readonly string[] = [],
  machine: Partial<Pick<Hypercalls, "wall" | "random">> = {},
): Promise<Kernel> {
  const timer = (ms: number, fn: () => void) => {
    const t = setTimeout(fn, ms);
    return () => clearTimeout(t);
  };
  const kernel = await bootKernel({ ...hypercalls(host, timer, host.eventSockets), ...machine }, { builtins });
  try {
    for (const name of plugins) await kernel.load(pluginPath(host, name));
  } catch (e) {
    throw new Failure(`${program}: ${reasonOf(e)}`);
  }
  return kernel;
}
const pluginPath = (host: Host, file: string) =>
  file.startsWith("/") || !/[/.]/.test(file) ? file : `${host.cwd()}/${file}`;

/** Words of all that look at a disk. */
export const SOURCE_LETTERS = "l:";
export const SOURCE_HELP: Readonly<Record<string, string>> = {
  "format=": IMAGE_HELP["format="]!,
  "backing=": IMAGE_HELP["backing="]!,
  direct: "read the image past the host's page cache (O_DIRECT)",
  l: "load a plugin that has the format",
};
/** A kernel with the plugins of a command line. Throws Failure. */
export const toolKernel = (host: Host, program: string, { options }: Options): Promise<Kernel> =>
  plainKernel(host, program, options.filter(([o]) => o === "l").map(([, file]) => file));

/** Open all of a disk, or the part of it that is named behind it. Throws Failure. */
export async function openWhole(
  host: Host,
  kernel: Kernel,
  program: string,
  source: string,
  how: ImageUse,
): Promise<BlockDevice> {
  return await (await openedSource(host, kernel, program, source, { ...how, whole: true })).settle(kernel);
}
