/** What all mounts by a process of their own have in common on the command line: where it runs and logs, and its sandbox. */
import type { Host } from "../host/host.ts";
import type { Options } from "../lib/getopt.ts";
import { Failure } from "./cli.ts";

export const SERVE_LETTERS = "f";
export const SERVE_HELP: Readonly<Record<string, string>> = {
  f: "stay in the foreground, log to standard error",
  foreground: "the same",
  "log=": "log to this file; left out: the system's log (/dev/log), or standard error in the foreground",
  sandbox:
    "fail where the sandbox (nobody's user, seccomp filter) cannot be had; left out: go on without, and log that",
  "no-sandbox": "keep user and rights",
  "sandbox-log": "the kernel's audit log tells which calls the sandbox refuses",
};

export interface ServeOptions {
  readonly foreground: boolean;
  readonly logFile: string | undefined;
  /** `must`: fail without it. */
  readonly sandbox: "off" | "try" | "must";
  readonly sandboxLog: boolean;
}
/** Read them off a parsed command line. Throws Failure for those that contradict each other. */
export function serveOptions(program: string, { options }: Options): ServeOptions {
  const has = (...names: string[]) => options.some(([o]) => names.includes(o));
  if (has("sandbox", "sandbox-log") && has("no-sandbox")) {
    throw new Failure(`${program}: --sandbox and --no-sandbox: choose one`);
  }
  return {
    foreground: has("f", "foreground"),
    logFile: options.findLast(([o]) => o === "log")?.[1],
    sandbox: has("no-sandbox") ? "off" : has("sandbox") ? "must" : "try",
    sandboxLog: has("sandbox-log"),
  };
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
