/** `rump` itself: finds the applet by its name, lists and installs the names, and turns failures into one line and a status. */
import { SysError } from "../abi/errno.ts";
import type { Host } from "../host/host.ts";
import { AttachError } from "../proxy/attach_error.ts";
import { version } from "../version.ts";
import { APART } from "../hijack/order.ts";
import { Answered, Failure, isExpected, reasonOf, UsageError } from "./cli.ts";
import { applets, findApplet, type Run } from "./mod.ts";

const USAGE = `usage: rump APPLET [argument ...]
       rump --list
       rump --install DIR [--prefix]
       rump --install --mount-helpers [DIR]
       rump --help | --version
`;
const EXIT_USAGE = 2;

const basename = (path: string) => path.slice(path.lastIndexOf("/") + 1);

/** Run what argv[0] names; the exit status. */
export async function run(host: Host, argv: readonly string[]): Promise<number> {
  const called = basename(argv[0] ?? "rump");
  const direct = called === "rump" ? undefined : findApplet(called);
  if (direct) return await guarded(host, direct[0], [direct[0], ...argv.slice(1)], direct[1].load);
  const [first, ...rest] = argv.slice(1);
  if (called !== "rump" && first === undefined) return unknown(host, called);
  if (first === undefined) return usage(host);
  if (first.startsWith("-")) return await own(host, [first, ...rest]);
  const found = findApplet(first);
  if (!found) return unknown(host, first);
  return await guarded(host, found[0], [found[0], ...rest], found[1].load);
}
function usage(host: Host): number {
  host.err(USAGE);
  return EXIT_USAGE;
}
function unknown(host: Host, name: string): number {
  host.err(`rump: ${name}: no such applet; rump --list shows them\n`);
  return EXIT_USAGE;
}

/** Options of `rump` itself. */
async function own(host: Host, args: readonly string[]): Promise<number> {
  switch (args[0]) {
    case "--help":
      host.out(USAGE);
      return 0;
    case "--version":
      host.out(`rump ${version}\n`);
      return 0;
    case "--list":
      for (const [name, { summary }] of Object.entries(applets)) host.out(`${name.padEnd(19)} ${summary}\n`);
      return 0;
    case "--isolated":
      return await (await import("./apart.ts")).isolated(host, args.slice(1));
    case "--disk-apart":
      return await (await import("./apart.ts")).diskApart(host);
    case "--tls-relay":
      return await host.tlsRelay();
    case APART:
      return await guarded(host, "rumphijack", args, () => import("./hijack/hijack_apart.ts"));
    case "--install":
      return await guarded(host, "rump", args, () => Promise.resolve({ run: install }));
    default:
      host.err(`rump: unknown option ${args[0]}\n`);
      return usage(host);
  }
}

/**
 * `--install DIR`: a link for every name in DIR. With `--prefix` DIR is a prefix: links go into DIR/bin, with a copy of the
 * executable. `--mount-helpers`: the links mount(8) looks for, in /sbin.
 */
const install: Run = (host, args) => {
  const [, dir, option] = args;
  if (dir === "--mount-helpers" && args.length <= 3) return installHelpers(host, option ?? "/sbin");
  if (dir === undefined || (option !== undefined && option !== "--prefix")) return usage(host);
  if (host.self.args.length > 0) throw new Failure("rump: --install needs the compiled executable");
  const bin = option === "--prefix" ? `${dir}/bin` : dir;
  makeDirs(host, bin);
  const target = option === "--prefix" ? copySelf(host, bin) : host.realpath(host.self.path);
  for (const name of Object.keys(applets)) link(host, target, `${bin}/${name}`);
  host.out(`${Object.keys(applets).length} names in ${bin}\n`);
  return 0;
};
function installHelpers(host: Host, dir: string): number {
  if (host.self.args.length > 0) throw new Failure("rump: --install needs the compiled executable");
  const helpers = Object.keys(applets).filter((name) => name.startsWith("mount."));
  for (const name of helpers) link(host, host.realpath(host.self.path), `${dir}/${name}`);
  host.out(`${helpers.join(" ")} in ${dir}\n`);
  return 0;
}
function makeDirs(host: Host, path: string): void {
  let at = path.startsWith("/") ? "/" : "";
  for (const part of path.split("/").filter((p) => p !== "")) {
    at += `${part}/`;
    try {
      host.mkdir(at, 0o755);
    } catch (e) {
      if ((e as { code?: string }).code !== "EEXIST") throw new Failure(`rump: ${at}: ${reasonOf(e)}`);
    }
  }
}
/** The copy takes its place by rename: a running one is not disturbed. */
function copySelf(host: Host, bin: string): string {
  const temporary = `${bin}/.rump.${host.pid}`;
  host.writeFile(temporary, host.readFile(host.self.path));
  host.chmod(temporary, 0o755);
  host.rename(temporary, `${bin}/rump`);
  return "rump";
}
function link(host: Host, target: string, path: string): void {
  try {
    if (host.stat(path, false).type !== "link") throw new Failure(`rump: ${path}: exists and is no link`);
    host.unlink(path);
  } catch (e) {
    if ((e as { code?: string }).code !== "ENOENT") throw e;
  }
  try {
    host.symlink(target, path);
  } catch (e) {
    throw new Failure(`rump: ${path}: ${reasonOf(e)}`);
  }
}

/** Run an applet; whatever it throws becomes one line and a status. */
async function guarded(
  host: Host,
  name: string,
  argv: readonly string[],
  load: () => Promise<{ readonly run: Run }>,
): Promise<number> {
  try {
    const { run: main } = await load();
    return await main(host, argv);
  } catch (e) {
    return verdict(host, name, e);
  }
}
function verdict(host: Host, name: string, e: unknown): number {
  if (e instanceof Answered) return 0;
  if (e instanceof UsageError) return EXIT_USAGE;
  if (e instanceof AttachError || e instanceof Failure) host.err(`${e.message}\n`);
  else if (e instanceof SysError || isExpected(e)) host.err(`${name}: ${e.message}\n`);
  else host.err(`${name}: bug: ${e instanceof Error ? e.stack ?? e.message : e}\n`);
  return 1;
}
