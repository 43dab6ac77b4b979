/** rump_msdos(8): mount an MS-DOS image by a process of its own. */
import type { Host } from "../../host/host.ts";
import { locatorText } from "../../wire/slices.ts";
import { shownUrl } from "../../lib/urls.ts";
import { type Grammar, parse, usage } from "../cli.ts";
import { hostMount } from "./host_mount.ts";
import { otherThanMount } from "./mount_stats.ts";
import { builtinDriver } from "./fs_words.ts";
import { builtinApart, ISOLATE_BUILTIN_HELP, limitsOf } from "./isolate_options.ts";
import { openedSource } from "../disk/image.ts";
import type { Run } from "../mod.ts";
import { isWritable, splitImage } from "../disk/parts.ts";
import { MSDOS_HELP, MSDOS_LETTERS, msdosMount } from "./msdos_options.ts";
import { IMAGE_HELP, imageUse } from "../disk/image_use.ts";
import { operandsLast, SERVE_HELP, SERVE_LETTERS, serveOptions } from "./serve_options.ts";
import { MNT_RDONLY } from "../../abi/flags.ts";

const grammar: Grammar = {
  usage: [
    "[-9GlsUf] [-g gid] [-M mask] [-m mask] [-o options] [-t gmtoff] [-u uid] image mountpoint",
    "-u mountpoint | --unmount [--lazy] mountpoint",
    "--stats [--count n] mountpoint",
  ],
  about:
    "Mount an MS-DOS (FAT12, FAT16, FAT32) image or device. A process of its own serves it, without root, loop device\n" +
    "or kernel driver, and ends when it is unmounted. A partition of an image is image%GPT:1%, image%MBR:5%,\n" +
    "image%DISKLABEL:e% or image%OFFSET:1m%; `rump disk slices image` shows them.",
  letters: `${MSDOS_LETTERS}${SERVE_LETTERS}`,
  help: {
    ...MSDOS_HELP,
    ...IMAGE_HELP,
    ...SERVE_HELP,
    ...ISOLATE_BUILTIN_HELP,
  },
  examples: [
    "disk.img mnt",
    "'disk.img%GPT:EFI System%' mnt",
    "-o ro,uid=1000 disk.img mnt",
    "-u me -m 644 -M 755 disk.img mnt",
  ],
};

const COMPONENT = "rumpfs_msdos";

export const run: Run = async (host, argv) => {
  const program = argv[0]!;
  const parsed = parse(host, operandsLast(argv), grammar);
  const done = otherThanMount(host, program, parsed);
  if (done !== undefined) return await done;
  const [image, dir, ...more] = parsed.rest;
  if (image === undefined || dir === undefined || more.length > 0) usage(host, program, grammar);
  const { driver, mount } = msdosMount(host, program, parsed);
  const [path, locator] = splitImage(program, image!);
  const readOnly = (mount.flags & MNT_RDONLY) !== 0 || driver.deleted === true;
  if (!readOnly && host.daemon === undefined) warnProtected(host, program, path);
  const limits = limitsOf(program, parsed, true);
  return await hostMount(host, {
    program,
    type: "msdos",
    component: COMPONENT,
    isolated: limits && (async () => await builtinApart(host, COMPONENT, await builtinDriver("msdos"), limits)),
    device: (kernel) => openedSource(host, kernel, program, image!, { readOnly, ...imageUse(parsed) }),
    source: sourceName(host, path) + (locator ? locatorText(locator) : ""),
    dir: dir!,
    driver,
    options: mount,
    serve: serveOptions(program, parsed),
  });
};
/** As mount(8) does: who asked to write learns before the first write that it will fail. Other faults are the mount's to tell. */
function warnProtected(host: Host, program: string, path: string): void {
  try {
    if (!isWritable(host, path)) host.err(`${program}: ${path}: write-protected, mounted read-only\n`);
  } catch {
    // it is not there, or cannot be read
  }
}
/** What df shows: the whole path, when there is one. */
function sourceName(host: Host, path: string): string {
  try {
    return host.realpath(path);
  } catch {
    return shownUrl(path);
  }
}
