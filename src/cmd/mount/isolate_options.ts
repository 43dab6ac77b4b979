/** --isolate: plugins' files run in processes of their own, which may take so much time and memory. */
import type { Host } from "../../host/host.ts";
import { type Options, parseSize } from "../../lib/getopt.ts";
import type { Limits } from "../../isolate/driver.ts";
import type { FsDriver } from "../../plugin.ts";
import { Failure } from "../cli.ts";

export const ISOLATE_HELP: Readonly<Record<string, string>> = {
  isolate:
    "run plugins' files in processes of their own: one that hangs, crashes or takes too much is ended, its files are EIO",
  "timeout=": "with --isolate: seconds an answer may take; default 10",
  "memory=": "with --isolate: memory of such a process, with suffix k, m or g; default 1g",
};
/** The same, of drivers that are ours. */
export const ISOLATE_BUILTIN_HELP: Readonly<Record<string, string>> = {
  ...ISOLATE_HELP,
  isolate:
    "run the driver in a process of its own: when it hangs, crashes or takes too much it is ended, and files are EIO",
};
const SECONDS = 10;
const MEMORY = 1 << 30;
/** A runtime alone takes some. */
const LEAST = 64 << 20;

/** A built-in driver in a process of its own, which is started now. */
export async function builtinApart(host: Host, component: string, driver: FsDriver, limits: Limits): Promise<FsDriver> {
  return (await import("../../isolate/driver.ts")).isolatedBuiltin(host, component, driver, limits);
}
/** What is asked for; undefined: nothing is isolated. `boxed`: in the sandbox, if nothing else is said. */
export function limitsOf(program: string, { options }: Options, boxed = false): Limits | undefined {
  const last = (name: string) => options.findLast(([o]) => o === name)?.[1];
  if (last("isolate") === undefined) return undefined;
  const seconds = Number(last("timeout") ?? SECONDS);
  if (!(seconds > 0 && seconds <= 86_400)) {
    throw new Failure(`${program}: --timeout ${last("timeout")}: not a number above 0`);
  }
  const memory = last("memory") === undefined ? MEMORY : parseSize(last("memory")!);
  if (memory === undefined || memory < LEAST) {
    throw new Failure(`${program}: --memory ${last("memory")}: not a size of at least 64m`);
  }
  return { seconds, memory, sandbox: boxed ? last("no-sandbox") === undefined : last("sandbox") !== undefined };
}
