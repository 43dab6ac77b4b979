/** What all mounts by a process of their own have in common on the command line: where it runs and logs, and its sandbox. */
import type { Host } from "../../host/host.ts";
import type { Options } from "../../lib/getopt.ts";
import { Failure } from "../cli.ts";

export const SERVE_LETTERS = "f";
export const SERVE_HELP: Readonly<Record<string, string>> = {
  f: "stay in the foreground, log to standard error",
  foreground: "the same",
  "log=": "log to this file; left out: the system's log (/dev/log), or standard error in the foreground",
  sandbox:
    "fail where the sandbox (nobody's user, seccomp filter) cannot be had; left out: go on without, and log that",
  "no-sandbox": "keep user and rights",
  stats: "alone with a mountpoint: what its process does, a line a second; with -f: the same of ourselves",
  "count=": "with --stats: end after so many lines",
  unmount: "unmount what is served at the directory, and wait until all is written; `-u mountpoint` does the same",
  lazy: "with --unmount: also while it is in use",
  "sandbox-log": "the kernel's audit log tells which calls the sandbox refuses",
};

export interface ServeOptions {
  readonly foreground: boolean;
  readonly logFile: string | undefined;
  /** `must`: fail without it. */
  readonly sandbox: "off" | "try" | "must";
  readonly sandboxLog: boolean;
  /** Show what is done, a line a second. */
  readonly stats: boolean;
}
/** Read them off a parsed command line. Throws Failure for those that contradict each other. */
export function serveOptions(program: string, { options }: Options): ServeOptions {
  const has = (...names: string[]) => options.some(([o]) => names.includes(o));
  if (has("sandbox", "sandbox-log") && has("no-sandbox")) {
    throw new Failure(`${program}: --sandbox and --no-sandbox: choose one`);
  }
  if (has("stats") && !has("f", "foreground")) {
    throw new Failure(`${program}: --stats: of a mount in the background: ${program} --stats mountpoint`);
  }
  return {
    foreground: has("f", "foreground"),
    logFile: options.findLast(([o]) => o === "log")?.[1],
    sandbox: has("no-sandbox") ? "off" : has("sandbox") ? "must" : "try",
    sandboxLog: has("sandbox-log"),
    stats: has("stats"),
  };
}

/** The directory to unmount, when that is what is asked for: `--unmount dir`, and as -u takes an owner, `-u dir` alone. */
export function unmountAsked({ options, rest }: Options): { readonly dir: string; readonly lazy: boolean } | undefined {
  const lazy = options.some(([o]) => o === "lazy" || o === "l");
  if (options.some(([o]) => o === "unmount") && rest.length === 1) return { dir: rest[0]!, lazy };
  const owner = options.findLast(([o]) => o === "u")?.[1];
  return owner !== undefined && rest.length === 0 ? { dir: owner, lazy } : undefined;
}

/** Where log lines go. */
export function logTo(host: Host, program: string, o: ServeOptions): (line: string) => void {
  if (o.logFile !== undefined) return logFile(host, program, o.logFile);
  if (o.foreground) return (line) => host.err(`${line}\n`);
  return host.syslog(program) ?? (() => {});
}
function logFile(host: Host, program: string, path: string): (line: string) => void {
  try {
    const file = host.open(path, { write: true, create: true });
    return (line) => void file.pwrite(new TextEncoder().encode(`${line}\n`), file.size);
  } catch (e) {
    throw new Failure(`${program}: ${path}: ${(e as Error).message}`);
  }
}

/** As mount(8) and mount.fuse(8) put them, `program image dir -o options`: the two operands behind the options. */
export function operandsLast(argv: readonly string[]): readonly string[] {
  const [program, image, dir, ...more] = argv;
  const follow = image !== undefined && dir !== undefined && !image.startsWith("-") && !dir.startsWith("-");
  return follow && more[0]?.startsWith("-") ? [program!, ...more, "--", image, dir] : argv;
}
