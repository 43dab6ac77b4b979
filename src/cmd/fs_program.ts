/**
 * rump_NAME of every built-in file system (p2k(3)): mount it on the host by a process of its own. A row of plugins/mod.ts is
 * all a driver needs for it; its options, their letters and what --help tells of them are its schema's.
 */
import { MNT_RDONLY } from "../abi/flags.ts";
import type { Host } from "../host/host.ts";
import type { Options } from "../lib/getopt.ts";
import type { FsDriver } from "../plugin.ts";
import { type Grammar, parse, usage } from "./cli.ts";
import { wordsOf } from "./driver_words.ts";
import { componentOf } from "./fs_names.ts";
import { builtinDriver } from "./fs_words.ts";
import { hostMount } from "./host_mount.ts";
import { openedImage } from "./image.ts";
import type { Run } from "./mod.ts";
import { otherThanMount } from "./mount_stats.ts";
import { locatorText } from "../wire/slices.ts";
import { splitImage } from "./parts.ts";
import { operandsLast, SERVE_HELP, SERVE_LETTERS, serveOptions } from "./serve_options.ts";

/** What kind of thing a driver is mounted from, for the usage. */
const sourceOf = (driver: FsDriver) => (driver.wantsDevice ? "image" : driver.name);

function grammarOf(driver: FsDriver): Grammar {
  const words = wordsOf(driver);
  const unmounts = words.letters.includes("u:") ? "" : "u:";
  return {
    usage: [
      `[-f] ${words.usage} ${sourceOf(driver)} mountpoint`,
      "-u mountpoint | --unmount [--lazy] mountpoint",
      "--stats [--count n] mountpoint",
    ],
    about:
      `${
        driver.about ?? `Mount a file system of type ${driver.name}.`
      } A process of its own serves it, without root or a kernel driver,\n` +
      "and ends when it is unmounted." +
      (driver.wantsDevice ? " A partition of an image is image%GPT:1%, image%MBR:5%, …" : ""),
    letters: `${words.letters}${SERVE_LETTERS}${unmounts}`,
    help: {
      ...words.help,
      ...SERVE_HELP,
      ...(unmounts ? { u: "alone: unmount what is served at the directory" } : {}),
    },
    examples: [`${sourceOf(driver) === "image" ? "disk.img" : driver.name} mnt`],
  };
}

/** A driver to mount, and the component (or plugin's file) a kernel loads it from. */
export interface Program {
  readonly driver: FsDriver;
  readonly component: string;
}
/** Mount by a driver what a command line says; the exit status. */
export async function mountBy(host: Host, argv: readonly string[], { driver, component }: Program): Promise<number> {
  const program = argv[0]!;
  const grammar = grammarOf(driver);
  const parsed = parse(host, operandsLast(argv), grammar);
  const done = otherThanMount(host, program, parsed);
  if (done !== undefined) return await done;
  const [source, dir, ...more] = parsed.rest;
  if (source === undefined || dir === undefined || more.length > 0) usage(host, program, grammar);
  const { driver: given, mount } = wordsOf(driver).mount(host, program, parsed);
  if (asksOwner(driver, parsed)) usage(host, program, grammar);
  const options = driver.readOnly ? { ...mount, flags: mount.flags | MNT_RDONLY } : mount;
  const readOnly = (options.flags & MNT_RDONLY) !== 0;
  return await hostMount(host, {
    program,
    type: driver.name,
    component,
    device: driver.wantsDevice ? () => openedImage(host, program, source!, readOnly) : undefined,
    source: sourceName(host, program, driver, source!),
    dir: dir!,
    driver: given,
    options,
    serve: serveOptions(program, parsed),
  });
}
/** -u is an owner only to drivers that have one. */
const asksOwner = (driver: FsDriver, { options }: Options) =>
  options.some(([o]) => o === "u") && !wordsOf(driver).letters.includes("u:");
/** What df shows: the whole path, when there is one. */
function sourceName(host: Host, program: string, driver: FsDriver, source: string): string {
  const [path, locator] = driver.wantsDevice ? splitImage(program, source) : [source, undefined];
  try {
    return host.realpath(path) + (locator ? locatorText(locator) : "");
  } catch {
    return source;
  }
}
export const run: Run = async (host, argv) => {
  const type = argv[0]!.replace(/^rump_/, "");
  return await mountBy(host, argv, { driver: await builtinDriver(type), component: componentOf(type) });
};
