/** What rump_server does once its command line is understood: boot, lend, listen, serve until halted. */
import type { Host } from "../../host/host.ts";
import { bootKernel, type BootOptions, type Kernel } from "../../kern/kernel.ts";
import { type Located, reachable } from "../../proxy/locator.ts";
import { SpServer } from "../../proxy/server.ts";
import { isolatedImport, type Limits } from "../../isolate/driver.ts";
import { inLoop } from "../../lib/in_loop.ts";
import { hypercalls } from "../../rump.ts";
import { version } from "../../version.ts";
import type { Access } from "./access.ts";
import { Failure, reasonOf } from "../cli.ts";
import { lendDrives } from "./drives.ts";
import type { DriveSpec } from "./drivespec.ts";

/** A command line of rump_server. */
export interface Config {
  readonly name: string;
  readonly foreground: boolean;
  readonly verbose: boolean;
  readonly drives: readonly DriveSpec[];
  readonly modules: readonly string[];
  readonly boot: BootOptions;
  readonly logFile: string | undefined;
  readonly url: string;
  readonly located: Located;
  readonly access: Access;
  /** What plugins' files may take, each in a process of its own; undefined: they run in this one. */
  readonly isolate: Limits | undefined;
}

/** Boot, lend, listen. Throws Failure with the lines to print. */
async function start(host: Host, config: Config): Promise<{ kernel: Kernel; server: SpServer; url: string }> {
  const { loop } = host;
  const machine = hypercalls(host, (ms, fn) => loop.timer(ms, fn), host.loopSockets);
  const { isolate } = config;
  const importing = isolate ? { import: (path: string) => isolatedImport(host, path, isolate) } : {};
  const heard = <T>(work: Promise<T>): Promise<T> => isolate ? inLoop(host.loop, work) : work;
  const kernel = await explained(config, () => heard(bootKernel({ ...machine, ...importing }, config.boot)));
  const server = new SpServer(kernel, {
    version: `rump-${version}`,
    lingers: true,
    collect: () => host.collect(),
    mounts: async (proc, device, seen, ended) => {
      const { serveProcess } = await import("../../fuse/serve_process.ts");
      return await serveProcess(host, kernel, { proc, device, seen, ended });
    },
    ...config.access,
  });
  await lendDrives(host, kernel, config.drives);
  await explained(config, async () => {
    for (const m of config.modules) await heard(kernel.load(m));
  });
  try {
    const port = await server.listen(config.located, config.access.security);
    return { kernel, server, url: reachable(config.url, config.located, port) };
  } catch (e) {
    if (!(e instanceof Error) || e instanceof TypeError) throw e;
    throw new Failure(`rump_sp: failed to bind to URL ${config.url}\nrump server init failed: ${reasonOf(e)}`);
  }
}
async function explained<T>(config: Config, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (e) {
    if (e instanceof Failure || e instanceof TypeError) throw e;
    throw new Failure(`${config.name}: ${reasonOf(e)}`);
  }
}

/** Where log lines go: a file, standard error in the foreground, nowhere else. */
function console(host: Host, config: Config): (line: string) => void {
  if (config.logFile !== undefined) {
    const file = host.open(config.logFile, { write: true, create: true });
    return (line) => void file.pwrite(new TextEncoder().encode(`${line}\n`), file.size);
  }
  return config.foreground ? (line) => host.err(`${line}\n`) : () => {};
}

/** Serve until halted; the exit status. `ready` is told where, if that is not what was asked for. */
export async function serve(host: Host, config: Config, ready: (url?: string) => void): Promise<number> {
  const { kernel, server, url } = await start(host, config);
  kernel.log.console = console(host, config);
  host.onStray(kernel.stray);
  if (config.verbose) {
    kernel.log.write(`rump ${version}: ${[...kernel.loaded].join(" ")}`);
    kernel.log.write(`serving ${url}`);
  }
  let status = 0;
  const halt = () => {
    kernel.halt().catch(() => (status = 1));
  };
  for (const signal of ["SIGTERM", "SIGINT"]) host.onSignal(signal, halt);
  kernel.atHalt(() => server.close());
  kernel.onHalt = () => host.loop.stop();
  ready(url === config.url ? undefined : url);
  await host.loop.run();
  return status;
}
