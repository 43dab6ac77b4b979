/**
 * rump_NAME of every built-in file system (p2k(3)), and `rump mount ./mine.ts` of a plugin's file: mount it on the host by a
 * process of its own. A row of plugins/mod.ts is all a driver needs; its options, their letters and what --help tells of
 * them are its schema's.
 */
import { MNT_RDONLY } from "../../abi/flags.ts";
import type { Host } from "../../host/host.ts";
import { pluginOf } from "../../kern/plugins.ts";
import { inLoop } from "../../lib/in_loop.ts";
import { shownUrl } from "../../lib/urls.ts";
import type { Options } from "../../lib/getopt.ts";
import type { FsDriver } from "../../plugin.ts";
import { type IsolatedModule } from "../../isolate/driver.ts";
import { builtinApart, ISOLATE_BUILTIN_HELP, ISOLATE_HELP, limitsOf } from "./isolate_options.ts";
import { locatorText } from "../../wire/slices.ts";
import { Failure, type Grammar, reasonOf, usage } from "../cli.ts";
import { wordsOf } from "./driver_words.ts";
import { builtinType, componentOf } from "./fs_names.ts";
import { builtinDriver } from "./fs_words.ts";
import { hostMount } from "./host_mount.ts";
import { openedSource } from "../disk/image.ts";
import { type Layer, SOURCE } from "./layers.ts";
import type { Run } from "../mod.ts";
import { otherThanMount } from "./mount_stats.ts";
import { splitImage } from "../disk/parts.ts";
import { IMAGE_HELP, imageUse } from "../disk/image_use.ts";
import { SERVE_HELP, SERVE_LETTERS, serveOptions } from "./serve_options.ts";
import { anywhere } from "../subcommands.ts";

/** A driver to mount. */
interface Program {
  /** For messages. */
  readonly name: string;
  /** What was typed up to the options. */
  readonly called: string;
  readonly driver: FsDriver;
  /** What a kernel loads it from: a component, or a plugin's file. */
  readonly component: string;
  /** It is a plugin's file: trusted as far as who wrote it, so there is no sandbox unless asked for. */
  readonly own: boolean;
  /** It runs in a process of its own already. */
  readonly isolated?: IsolatedModule | undefined;
}
/** What a driver is mounted from, for the usage. */
function sourceOf({ driver, own }: Program): string {
  if (driver.layers) return layerNames(driver).map((name) => (name === SOURCE ? "directory" : name)).join(" ");
  return driver.wantsDevice ? "image" : own ? "[source]" : driver.name;
}
const layerNames = ({ layers = {} }: FsDriver) => Object.keys(layers);

function grammarOf(p: Program): Grammar {
  const { driver } = p;
  const words = wordsOf(driver);
  const u = hasOwner(driver) ? {} : { u: "alone: unmount what is served at the directory" };
  const parts = driver.layers
    ? `\n${LAYERS}`
    : driver.wantsDevice
    ? " A partition of an image is image%GPT:1%, image%MBR:5%, …"
    : "";
  return {
    usage: [
      `[-f] ${words.usage} ${sourceOf(p)} mountpoint`,
      "-u mountpoint | --unmount [--lazy] mountpoint",
      "--stats [--count n] mountpoint",
    ],
    about: `${driver.about ?? `Mount a file system of type ${driver.name}.`} A process of its own serves it,\n` +
      `without root or a kernel driver, and ends when it is unmounted.${parts}`,
    letters: `${words.letters}${SERVE_LETTERS}${"u" in u ? "u:" : ""}`,
    help: {
      ...words.help,
      ...(driver.wantsDevice ? IMAGE_HELP : {}),
      ...SERVE_HELP,
      ...u,
      ...(p.own ? { ...ISOLATE_HELP, sandbox: BOXED } : ISOLATE_BUILTIN_HELP),
    },
    examples: [`${driver.layers ? exampleOf(driver) : driver.wantsDevice ? "disk.img" : driver.name} mnt`],
  };
}
const LAYERS =
  `Each is a directory, or an image, type:image, image%GPT:1%, or tmpfs: memory that is gone with the mount.`;
/** What is only read may well be an image. */
const exampleOf = ({ layers = {} }: FsDriver) =>
  Object.values(layers).map((use, i) => (use === "read" ? "disk.img" : i === 0 ? "dir" : "tmpfs")).join(" ");
const BOXED =
  "give up user and rights (of the isolated process) before the volume is mounted: a plugin's file keeps them otherwise";
/** Whether -u is an owner; else it is only an unmount's. */
const hasOwner = (driver: FsDriver) => wordsOf(driver).letters.includes("u:");

/** Mount by a driver what a command line says; the exit status. */
async function mountBy(host: Host, args: readonly string[], p: Program): Promise<number> {
  const { name, called, driver, component, own } = p;
  const grammar = grammarOf(p);
  const parsed = anywhere(host, called, args, grammar);
  const done = otherThanMount(host, name, parsed);
  if (done !== undefined) return await done;
  const sourceless = !driver.layers && own && !driver.wantsDevice && parsed.rest.length === 1;
  const strayOwner = parsed.options.some(([o]) => o === "u") && !hasOwner(driver);
  const { driver: words, mount } = wordsOf(driver).mount(host, name, parsed);
  const limits = limitsOf(name, parsed, !own);
  if (limits && driver.layers) throw new Failure(`${name}: --isolate: what it stands on is in this process`);
  if (limits) p.isolated?.limit(limits);
  const flags = mount.flags | (driver.readOnly ? MNT_RDONLY : 0);
  const layered = driver.layers && layersOf(driver, words, parsed.rest, (flags & MNT_RDONLY) !== 0);
  const operands = layered ? layered.operands : sourceless ? [driver.name, ...parsed.rest] : parsed.rest;
  if (operands.length !== 2 || strayOwner) usage(host, called, grammar);
  const [source, dir] = operands as [string, string];
  const given = layered?.options ?? words;
  return await hostMount(host, {
    program: name,
    type: driver.name,
    component,
    isolated: limits && (async () => p.isolated?.default ?? await builtinApart(host, component, driver, limits)),
    device: driver.wantsDevice
      ? (kernel) =>
        openedSource(host, kernel, name, source, { readOnly: (flags & MNT_RDONLY) !== 0, ...imageUse(parsed) })
      : undefined,
    layers: layered?.layers,
    source: sourceless ? source : sourceName(host, name, driver, source),
    dir,
    driver: given,
    options: { ...mount, flags },
    serve: serveOptions(name, own ? unboxed(parsed, limits !== undefined) : parsed),
  });
}
/** What a driver stands on, of a command line: what options do not name is an operand, and what no operand does the mount point. */
function layersOf(
  { layers = {} }: FsDriver,
  { below, ...options }: Readonly<Record<string, unknown>>,
  operands: readonly string[],
  readOnly: boolean,
): {
  readonly layers: readonly Layer[];
  readonly options: Readonly<Record<string, unknown>>;
  /** What is shown as the source, and the mount point; none when there are too few of them, or too many. */
  readonly operands: readonly string[];
} {
  const rest = [...operands];
  const dir = rest.pop();
  const unnamed = Object.keys(layers).filter((name) => options[name] === undefined);
  if (below) unnamed.reverse();
  const texts = Object.fromEntries(unnamed.map((name) => [name, rest.shift() ?? dir]));
  const all = Object.entries(layers).map(([name, use]) => ({
    name,
    text: String(options[name] ?? texts[name]),
    readOnly: readOnly || use === "read",
  }));
  const surplus = rest.length > 0 || unnamed.length > operands.length;
  const own = Object.entries(options).filter(([name]) => !Object.hasOwn(layers, name));
  return {
    layers: all,
    options: Object.fromEntries(own),
    operands: surplus || dir === undefined ? [] : [all[0]!.text, dir],
  };
}
/** No sandbox, unless one is asked for; of an isolated driver it is that process's. */
function unboxed(o: Options, isolated: boolean): Options {
  const asked = o.options.filter(([name]) => name.includes("sandbox"));
  if (asked.length > 0 && !isolated) return o;
  return { ...o, options: [...o.options.filter((x) => !asked.includes(x)), ["no-sandbox", ""]] };
}
/** What df shows: the whole path, when there is one. */
function sourceName(host: Host, program: string, driver: FsDriver, source: string): string {
  const [path, locator] = driver.wantsDevice || driver.layers ? splitImage(program, source) : [source, undefined];
  try {
    return host.realpath(path) + (locator ? locatorText(locator) : "");
  } catch {
    return shownUrl(path) + (locator ? locatorText(locator) : "");
  }
}
export const run: Run = async (host, [name, ...args]) => {
  // mount.iso9660 and mount.rump_cd9660 are called by mount(8), and lead here.
  const type = builtinType(name!.replace(/^(mount\.)?(rump_)?/, ""))!;
  const driver = await builtinDriver(type);
  return await mountBy(host, args, { name: name!, called: name!, driver, component: componentOf(type), own: false });
};

/** Where in a command line a plugin's file stands: `rump mount ./mine.ts [source] mountpoint`. -1: nowhere. */
export const pluginAt = (argv: readonly string[]): number =>
  argv.findIndex((a, i) => i > 0 && !a.startsWith("-") && /\.[cm]?[jt]s$/.test(a));

/** Mount by the plugin's file that stands there. */
export async function mountPlugin(host: Host, argv: readonly string[], at: number): Promise<number> {
  const [name, file] = [argv[0]!, argv[at]!];
  const isolated = argv.includes("--isolate") ? await apart(host, name, file) : undefined;
  const driver = isolated?.default ?? await pluginDriver(host, name, file);
  const args = [...argv.slice(1, at), ...argv.slice(at + 1)];
  return await mountBy(host, args, { name, called: `${name} ${file}`, driver, component: file, own: true, isolated });
}
/** The file system a plugin's file has. Throws Failure where it has none. */
async function pluginDriver(host: Host, program: string, file: string): Promise<FsDriver> {
  try {
    const plugin = pluginOf(file, await host.import(file));
    if (plugin.kind === "fs") return plugin;
    throw new Error(`${file}: a ${plugin.kind} plugin, and no file system`);
  } catch (e) {
    throw new Failure(`${program}: ${reasonOf(e)}`);
  }
}
/** The same in a process of its own. */
async function apart(host: Host, program: string, file: string): Promise<IsolatedModule> {
  const limits = limitsOf(file, { options: [["isolate", ""]], rest: [] })!;
  const { isolatedImport } = await import("../../isolate/driver.ts");
  try {
    return await inLoop(host.loop, isolatedImport(host, file, limits));
  } catch (e) {
    throw new Failure(`${program}: ${reasonOf(e)}`);
  }
}
