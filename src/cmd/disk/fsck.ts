/** fsck_msdos(8), fsck_exfat, and fsck for any file system whose driver can check: images of the host, or devices of a rump kernel. */
import { errno } from "../../abi/errno.ts";
import type { Host } from "../../host/host.ts";
import { parseOptions } from "../../kern/driver_options.ts";
import type { Kernel } from "../../kern/kernel.ts";
import type { BlockDevice, FsDriver } from "../../plugin.ts";
import { Failure, type Grammar, isExpected, parse, reasonOf, usage } from "../cli.ts";
import { server } from "../client.ts";
import { plainKernel } from "./disk_open.ts";
import { type Mode, Report } from "./fsck_report.ts";
import { openImage } from "./image.ts";
import type { Run } from "../mod.ts";
import { rumpDisk } from "./rump_disk.ts";

const grammar: Grammar = {
  usage: "[-fGnpy] [-l plugin] [-t type] [--codepage number] [--json] image ...",
  about:
    "Check file systems, and mend them: images and devices of the host, not mounted; with a server in RUMP_SERVER\n" +
    "(and a name that begins with rump.) its devices, unless they are written host:path. Status: 0 nothing is wrong\n" +
    "any more, 8 something is, or it could not be checked, 12 interrupted.",
  letters: "fGl:npt:x:y",
  help: {
    n: "only look: answer every question with no",
    y: "answer every question with yes",
    p: "preen: mend unasked what loses nothing, leave the rest",
    f: "nothing (volumes marked clean are always checked)",
    G: "msdos: GEMDOS (Atari) or Human68k",
    t: "type of the file system; default: the program's, or msdos",
    l: "load a plugin that has the file system",
    "codepage=": "msdos: code page of short names; default: 437",
    "json": "one JSON document on standard output; nothing is asked",
  },
  examples: [
    "-n disk.img",
    "-p 'disk.img%GPT:1%'",
    "-y disk.img",
    "--json -p disk.img",
    "-t hellofs -l ./hellofs.ts disk.img",
  ],
};
const EXIT_LEFT = 8;
const EXIT_INTERRUPTED = 12;

interface Options {
  readonly program: string;
  readonly type: string;
  readonly mode: Mode;
  readonly json: boolean;
  readonly driver: Readonly<Record<string, unknown>>;
}

export const run: Run = async (host, argv) => {
  const program = argv[0]!;
  const { options, rest } = parse(host, argv, grammar);
  const has = (...names: string[]) => options.some(([o]) => names.includes(o));
  if (rest.length === 0) usage(host, program, grammar);
  if (has("x")) throw new Failure(`${program}: -x: there are no snapshots here; check an image that is not mounted`);
  const json = has("json");
  const last = options.findLast(([o]) => "npy".includes(o))?.[0];
  const mode: Mode = last === "y" ? "yes" : last === "p" ? "preen" : last === "n" || json ? "no" : "ask";
  const type = options.findLast(([o]) => o === "t")?.[1] ?? /fsck_(\w+)$/.exec(program)?.[1] ?? "msdos";
  const plugins = options.filter(([o]) => o === "l").map(([, file]) => file);
  const kernel = await boot(host, program, type, plugins);
  const checker = kernel.registry.fs(type);
  if (!checker?.check) {
    throw new Failure(`${program}: ${type}: ${checker ? "cannot be checked" : "no such file system"}`);
  }
  const page = options.findLast(([o]) => o === "codepage")?.[1];
  if (page !== undefined && !/^\d{3,4}$/.test(page)) {
    throw new Failure(`${program}: --codepage ${page}: not a code page`);
  }
  const driver = { ...(has("G") ? { gemdos: true } : {}), ...(page === undefined ? {} : { codepage: Number(page) }) };
  const o: Options = { program, type, mode, json, driver };
  let status = 0;
  for (const image of rest) status = Math.max(status, await one(host, kernel, checker, image, o));
  return status;
};
async function boot(host: Host, program: string, type: string, plugins: readonly string[]): Promise<Kernel> {
  const kernel = await plainKernel(host, program, plugins);
  const name = `rumpfs_${type}`;
  if (plugins.length === 0 && kernel.isBuiltin(name)) await kernel.load(name);
  return kernel;
}

/** Check one; its status. */
async function one(host: Host, kernel: Kernel, driver: FsDriver, image: string, o: Options): Promise<number> {
  let device: BlockDevice;
  try {
    device = await openDevice(host, kernel, image, o);
  } catch (e) {
    if (!isExpected(e)) throw e;
    host.err(`${e instanceof Failure ? e.message : `${o.program}: ${image}: ${reasonOf(e)}`}\n`);
    return EXIT_LEFT;
  }
  const report = new Report(host, image, o);
  try {
    return await check(host, kernel, driver, device, report, o);
  } catch (e) {
    if (!isExpected(e)) throw e;
    if (e === errno.EINTR) return report.end(undefined, "interrupted"), EXIT_INTERRUPTED;
    const why = e === errno.EINVAL ? said(kernel, o.type, device) ?? reasonOf(e) : reasonOf(e);
    report.end(undefined, why);
    host.err(`${o.program}: ${image}: ${why}\n`);
    return EXIT_LEFT;
  } finally {
    await device.close?.();
  }
}
async function openDevice(host: Host, kernel: Kernel, image: string, o: Options): Promise<BlockDevice> {
  const readOnly = o.mode === "no";
  const onHost = image.startsWith("host:");
  if (!onHost && o.program.startsWith("rump.") && host.env("RUMP_SERVER") !== undefined) {
    return rumpDisk(server(host, o.program), image, !readOnly);
  }
  return await openImage(host, kernel, o.program, onHost ? image.slice(5) : image, readOnly);
}
/** The driver has said why in the log, better than an errno can. */
function said(kernel: Kernel, type: string, device: BlockDevice): string | undefined {
  const line = kernel.log.lines.at(-1);
  return line?.startsWith(`${type}: `) ? line.slice(type.length + 2).replace(`${device.name}: `, "") : undefined;
}
async function check(
  host: Host,
  kernel: Kernel,
  driver: FsDriver,
  device: BlockDevice,
  report: Report,
  o: Options,
): Promise<number> {
  let stopped = false;
  for (const signal of ["SIGINT", "SIGTERM"]) host.onSignal(signal, () => (stopped = true));
  const writable = device.write !== undefined && o.mode !== "no";
  const options = parseOptions(driver.options as never, o.driver);
  const result = await driver.check!(kernel.sys, device, {
    options,
    found: (finding) => report.found(finding, writable),
    phase: (name) => report.phase(name),
    progress: async (part) => {
      report.progress(part);
      await new Promise<void>((turn) => void setTimeout(turn, 0)); // a signal may have come
      return !stopped;
    },
  });
  report.end(result);
  return report.left > 0 ? EXIT_LEFT : 0;
}
