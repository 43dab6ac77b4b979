/** rump disk convert: a disk of any kind as an image of any format. */
import type { Host } from "../../host/host.ts";
import type { Kernel } from "../../kern/kernel.ts";
import type { Options } from "../../lib/getopt.ts";
import { human } from "../../lib/human.ts";
import { isUrl, shownUrl } from "../../lib/urls.ts";
import type { BlockDevice } from "../../plugin.ts";
import { Answered, Failure, type Grammar, reasonOf } from "../cli.ts";
import { copyDisk } from "./disk_copy.ts";
import { openWhole, SOURCE_HELP, SOURCE_LETTERS, toolKernel } from "./disk_open.ts";
import { blamed } from "./disk_pieces.ts";
import { makeImage, sameFile, type Target, TARGET_HELP, TARGET_LETTERS, targetOf } from "./disk_target.ts";
import { splitImage } from "./parts.ts";
import { imageUse } from "./image_use.ts";

export const convertGrammar: Grammar = {
  usage: "[-cf] [-O format] [-o options] [--backing image] [--target-backing image] [option ...] source target",
  about:
    "Make an image of a disk: of an image of any format, a partition (disk.img%GPT:1%), a device, a URL. Zeros are\n" +
    "not written; a target that is there is left alone, and one that is not finished leaves nothing. Onto a device, a\n" +
    "partition or a URL (with --force) everything is written, as it is.",
  letters: SOURCE_LETTERS + TARGET_LETTERS,
  help: { ...TARGET_HELP, ...SOURCE_HELP },
  examples: [
    "disk.qcow2 disk.img",
    "-c -O qcow2 disk.img disk.qcow2",
    "'disk.vmdk%GPT:1%' part.img",
    "--backing base.img changes.qcow2 whole.vhd",
    "--target-backing base.img new.img changes.qcow2",
    "nbd://host/export disk.qcow2",
  ],
};

export async function convert(host: Host, program: string, parsed: Options): Promise<number> {
  const [source, target] = parsed.rest as [string, string];
  const kernel = await toolKernel(host, program, parsed);
  if (sameFile(host, source, target)) throw new Failure(`${program}: ${target}: the image that is to be read`);
  const opened = await openWhole(host, kernel, program, source, { readOnly: true, ...imageUse(parsed) });
  const from = blamed(opened, `${program}: ${shownUrl(source)}`);
  try {
    if (inPlace(host, program, target)) await overwrite(host, kernel, program, from, target, parsed);
    else await make(host, kernel, program, from, await targetOf(host, kernel, program, target, parsed));
    return 0;
  } catch (e) {
    if (e instanceof Answered) throw e;
    throw e instanceof Failure && e.message.startsWith(program)
      ? e
      : new Failure(`${program}: ${shownUrl(target)}: ${reasonOf(e)}`);
  } finally {
    await from.close?.();
  }
}
async function make(host: Host, kernel: Kernel, program: string, from: BlockDevice, target: Target): Promise<void> {
  await makeImage(
    host,
    kernel,
    program,
    target,
    from.size,
    (to, backing) => copyDisk(host, { from, to, shows: backing }),
  );
}
/** What is there already, and stays where it is: a device, a partition, a disk elsewhere. */
function inPlace(host: Host, program: string, target: string): boolean {
  const [path, locator] = splitImage(program, target);
  if (isUrl(path) || locator) return true;
  try {
    return host.stat(path).type === "blk";
  } catch {
    return false; // it is to be made
  }
}
async function overwrite(
  host: Host,
  kernel: Kernel,
  program: string,
  from: BlockDevice,
  target: string,
  { options }: Options,
): Promise<void> {
  const has = (...names: string[]) => options.some(([o]) => names.includes(o));
  if (has("o", "c", "target-backing") || options.some(([o, v]) => o === "O" && v !== "raw")) {
    throw new Failure("is written as it is: only a new image has a format");
  }
  if (!has("f", "force")) throw new Failure("all of it is to be overwritten: --force says so");
  const to = await openWhole(host, kernel, program, target, {
    readOnly: false,
    ...splitImage(program, target)[1] ? {} : { format: "raw" },
  });
  try {
    if (!to.write) throw new Failure("cannot be written");
    if (to.size < from.size) throw new Failure(`has ${human(to.size)}, the source ${human(from.size)}`);
    await copyDisk(host, { from, to, shows: "anything" });
    await to.flush?.();
  } finally {
    await to.close?.();
  }
}
