/** rump plugin check: load a plugin's file, look at its shape, and run the conformance suite of its kind. */
import type { Capability, FsDriver, Plugin, Sys, Volume } from "../../plugin.ts";
import { diskCases } from "../../conformance/disk.ts";
import { capabilities, type Case, fsCases } from "../../conformance/fs.ts";
import { netCases } from "../../conformance/net.ts";
import { transportCases } from "../../conformance/transport.ts";
import type { Host } from "../../host/host.ts";
import { optionRows, parseOptions, readOptions } from "../../kern/driver_options.ts";
import { pluginOf } from "../../kern/plugins.ts";
import type { Options } from "../../lib/getopt.ts";
import { overlayDisk } from "../../lib/overlay_disk.ts";
import { boot } from "../../rump.ts";
import { absentOperations, lackedBy } from "../../conformance/absent.ts";
import { Failure, type Grammar, reasonOf } from "../cli.ts";
import { optionTexts, wordsOf } from "../mount/driver_words.ts";
import { ISOLATE_HELP, limitsOf } from "../mount/isolate_options.ts";
import { isolatedImport, type Limits } from "../../isolate/driver.ts";
import { inLoop } from "../../lib/in_loop.ts";
import { openImage } from "../disk/image.ts";

export const checkGrammar: Grammar = {
  usage: "[-q] [-o options] [--lacks capability,...] [--timeout seconds] file [source]",
  about:
    "Load a plugin and run the conformance suite of its kind on it: a line for every claim. `source` is what a file\n" +
    "system is mounted from (an image, which is left alone: empty, or filled where the driver cannot write; or a URL, a\n" +
    "directory, whatever it takes), and where a transport may listen. Exit status 1: a claim does not hold.",
  letters: "qo:",
  help: {
    q: "only what fails, and the sum",
    o: "options of the driver, separated by commas",
    "lacks=": "what it does not have, beside what it says itself: those claims are skipped",
    ...ISOLATE_HELP,
    "timeout=": "seconds a claim, and with --isolate an answer, may take; default 10",
  },
  examples: ["./mod.ts", "./tarfs.ts some.tar", "-o depth=3 ./jsonfs/mod.ts some.json"],
};
const SECOND = 1000;
const DEFAULT_TIMEOUT = 10;

/** What is checked, and how. */
interface Check {
  readonly host: Host;
  readonly program: string;
  readonly source: string | undefined;
  readonly options: unknown;
  readonly lacks: readonly Capability[];
}

export function check(host: Host, program: string, o: Options): Promise<number> {
  const limits = limitsOf(program, o);
  const work = checkAll(host, program, o, limits);
  return limits ? inLoop(host.loop, work) : work;
}
async function checkAll(host: Host, program: string, { options, rest }: Options, limits?: Limits): Promise<number> {
  const [file, source] = rest;
  const last = (name: string) => options.findLast(([o]) => o === name)?.[1];
  const timeout = Number(last("timeout") ?? DEFAULT_TIMEOUT);
  if (!(timeout > 0)) throw new Failure(`${program}: --timeout ${last("timeout")}: not a number above 0`);
  const plugin = await load(host, program, file!, limits);
  host.out(`${file}: ${plugin.kind} ${plugin.name}\n`);
  const lists = options.filter(([o]) => o === "o").map(([, v]) => v);
  const lacks = (last("lacks") ?? "").split(",").filter((c) => c !== "") as Capability[];
  const unknown = lacks.find((c) => !capabilities.has(c));
  if (unknown) throw new Failure(`${program}: --lacks ${unknown}: only ${[...capabilities].join(", ")}`);
  const how: Check = { host, program, source, options: optionsOf(host, program, plugin, lists), lacks };
  const cases = await casesOf(how, plugin);
  return await runAll(host, cases, timeout, options.some(([o]) => o === "q"));
}
async function load(host: Host, program: string, file: string, limits?: Limits): Promise<Plugin> {
  try {
    return pluginOf(file, await (limits ? isolatedImport(host, file, limits) : host.import(file)));
  } catch (e) {
    throw new Failure(`${program}: ${reasonOf(e)}`);
  }
}
/** The options given, as the driver is to have them; what it has is told. */
function optionsOf(host: Host, program: string, plugin: Plugin, lists: readonly string[]): unknown {
  if (plugin.kind === "transport" || plugin.kind === "component") return undefined;
  for (const line of optionTexts(optionRows(plugin.options))) host.out(`option ${line}\n`);
  if (plugin.kind === "fs") {
    const parsed = { options: lists.map((l) => ["o", l] as const), rest: [] };
    return wordsOf(plugin).mount(host, program, parsed).driver;
  }
  const given = lists.flatMap((l) => l.split(",")).map((o) => o.split("=")).map(([name, ...v]) => [name, v.join("=")]);
  return parseOptions(plugin.options, readOptions(plugin.options, Object.fromEntries(given)), (why) => {
    throw new Failure(`${program}: ${why}`);
  });
}

async function casesOf(how: Check, plugin: Plugin): Promise<readonly Case[]> {
  switch (plugin.kind) {
    case "fs":
      return await ofFileSystem(how, plugin);
    case "disk":
      return diskCases(await services(), plugin, how.options);
    case "net":
      return netCases(await services(), plugin, how.options);
    case "transport":
      return transportCases(await services(), plugin, how.source);
    case "component":
      return [];
  }
}
async function services(): Promise<Sys> {
  return (await boot({ components: ["rumpvfs", "rumpnet"] })).kernel.sys;
}
/** What it leaves out is told, and the claims on it are skipped. */
async function ofFileSystem({ host, program, source, options, lacks }: Check, driver: FsDriver): Promise<Case[]> {
  if (driver.wantsDevice && source === undefined) {
    throw new Failure(`${program}: ${driver.name}: an image is wanted, too`);
  }
  // Opened once; every claim has it as it is, and may unmount and mount it again.
  const image = driver.wantsDevice ? await openImage(host, (await boot({})).kernel, program, source!, true) : undefined;
  const disk = image ? { device: () => overlayDisk(image) } : {};
  const kernel = () => boot({ components: ["rumpvfs"] });
  const volume: { made?: Volume } = {};
  const seen: FsDriver = {
    ...driver,
    async mount(sys, device, request) {
      return (volume.made = await driver.mount.call(driver, sys, device, request));
    },
  };
  const subject = { driver: seen, options, ...(source === undefined ? {} : { source: whole(host, source) }), ...disk };
  const first = fsCases(kernel, subject)[0]!;
  await first.run().catch(() => {}); // it is among the cases, and told of there
  const absent = volume.made ? absentOperations(volume.made) : [];
  if (absent.length > 0) host.out(`leaves out ${absent.join(", ")}\n`);
  return fsCases(kernel, { ...subject, driver }, [...lacks, ...lackedBy(absent)]);
}
/** The whole path of what is the host's. */
function whole(host: Host, source: string): string {
  try {
    return host.realpath(source);
  } catch {
    return source;
  }
}

async function runAll(host: Host, cases: readonly Case[], timeout: number, quiet: boolean): Promise<number> {
  const counts = { passed: 0, failed: 0, skipped: 0 };
  for (const c of cases) {
    const why = c.skip === false ? await failure(c, timeout) : undefined;
    const [word, count] = c.skip
      ? ["skip", "skipped"] as const
      : why === undefined
      ? ["ok", "passed"] as const
      : ["FAIL", "failed"] as const;
    counts[count]++;
    if (quiet && word !== "FAIL") continue;
    host.out(
      `${word.padEnd(4)} ${c.group}: ${c.name}${c.skip ? ` (${c.skip})` : why === undefined ? "" : `: ${why}`}\n`,
    );
  }
  host.out(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped\n`);
  return counts.failed > 0 ? 1 : 0;
}
/** Why a claim does not hold, in one line; undefined: it does. */
async function failure(c: Case, seconds: number): Promise<string | undefined> {
  let cancel = () => {};
  const late = new Promise<string>((resolve) => {
    const timer = setTimeout(() => resolve(`no answer within ${seconds} s`), seconds * SECOND);
    cancel = () => clearTimeout(timer);
  });
  const held = c.run().then(() => undefined, (e) => reasonOf(e).replace(/\s+/g, " ") || String(e));
  const why = await Promise.race([held, late]);
  cancel();
  return why;
}
