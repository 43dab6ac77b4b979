/** rump_server(1) and rump_allserver: a rump kernel that serves system calls at a locator. */
import { builtins } from "../../../plugins/mod.ts";
import type { Host } from "../../host/host.ts";
import { parseSize } from "../../lib/getopt.ts";
import { isUrl } from "../../lib/urls.ts";
import { isLocal, type Located, parseLocator } from "../../proxy/locator.ts";
import { accessHelp, accessOf } from "./access.ts";
import { ISOLATE_HELP, limitsOf } from "../mount/isolate_options.ts";
import { Failure, type Grammar, parse, reasonOf, usage } from "../cli.ts";
import { type DriveSpec, DriveSpecError, parseDriveSpec } from "./drivespec.ts";
import type { Run } from "../mod.ts";
import type { Config } from "./serve.ts";

const grammar: Grammar = {
  usage: "[-sv] [-c ncpu] [-d drivespec] [-l libs] [-m modules] [-r ram] bindurl",
  about:
    "Run a rump kernel and serve its system calls at bindurl (unix://path, tcp://address:port/, tls://address:port/).\n" +
    "It goes to the background once it can be reached; for port 0 it prints the locator with the one it got.\n" +
    "rump_server has no components but those named, rump_allserver has all that are built in.",
  letters: "sc:d:l:m:r:v",
  help: {
    s: "stay in the foreground, log to standard error",
    v: "log the boot (to standard error with -s, to the file of --log)",
    c: "number of virtual CPUs shown (hw.ncpu); the kernel is one thread",
    d: "lend a host file: key=/dev/dk,hostpath=dk.img[%GPT:1%],size=1g|host[,offset=n][,type=blk|chr|reg|dir][,disklabel=x][,format=raw|qcow2|...][,ro][,direct]; hostpath may be an image of another format, or a URL",
    l: "load a component: its name (rumpvfs, rumpfs_msdos, rumpnet_netinet6) or a plugin's file (./mine.ts)",
    m: "the same, after the drives were lent",
    r: "memory for cached disk blocks, with suffix k, m or g",
    "log=": "file the background server logs to",
    ...ISOLATE_HELP,
    ...accessHelp,
  },
  examples: [
    "unix://sock",
    "-lrumpvfs -lrumpfs_msdos -d key=/dev/fat,hostpath=disk.img,size=host unix://sock",
    "-s -l ./hellofs.ts tcp://127.0.0.1:7000/",
  ],
};
const MIN_RAM = 1 << 20;

const transports = ["sp_unix", "sp_tcp", "sp_tls"];

/** The command line; relative paths are made absolute: the daemon leaves this directory. */
async function configure(host: Host, argv: readonly string[]): Promise<Config> {
  const name = argv[0]!;
  const { options, rest } = parse(host, argv, grammar);
  if (rest.length !== 1) usage(host, name, grammar);
  const all = (letter: string) => options.filter(([o]) => o === letter).map(([, value]) => value);
  const one = (letter: string) => all(letter).at(-1);
  const url = rest[0]!;
  const access = await accessOf(host, name, { options });
  const cpus = number(name, "-c", one("c"), 1);
  const ram = number(name, "-r", one("r"), MIN_RAM);
  const libs = all("l").flatMap((l) => l.split(","));
  const everything = name === "rump_allserver" ? Object.keys(builtins).filter((b) => !transports.includes(b)) : [];
  return {
    name,
    foreground: one("s") !== undefined,
    verbose: one("v") !== undefined,
    drives: drives(host, name, all("d")).map((d) => ({ ...d, hostpath: absolute(host, d.hostpath) })),
    modules: all("m").flatMap((m) => m.split(",")).map((m) => pluginPath(host, m)),
    logFile: one("log") === undefined ? undefined : absolute(host, one("log")!),
    url,
    located: locate(
      host,
      url,
      await loadTransports(),
      one("allow-remote") !== undefined || access.policy.keys !== undefined,
    ),
    access,
    isolate: limitsOf(name, { options, rest }),
    boot: {
      builtins,
      components: [...transports, ...everything, ...libs.map((l) => pluginPath(host, l))],
      ...(cpus === undefined ? {} : { ncpu: cpus }),
      ...(ram === undefined ? {} : { bufferMemory: ram }),
    },
  };
}
function number(name: string, what: string, text: string | undefined, least: number): number | undefined {
  if (text === undefined) return undefined;
  const n = parseSize(text);
  if (n === undefined || n < least) throw new Failure(`${name}: ${what} ${text}: not a number of at least ${least}`);
  return n;
}
function drives(host: Host, name: string, specs: readonly string[]): DriveSpec[] {
  try {
    return specs.map(parseDriveSpec);
  } catch (e) {
    if (!(e instanceof DriveSpecError)) throw e;
    host.err(`${e.message}\n`);
    return usage(host, name, grammar);
  }
}
const absolute = (host: Host, path: string) => (path.startsWith("/") || isUrl(path) ? path : `${host.cwd()}/${path}`);
/** A component's name as it is; a file's path absolute. */
const pluginPath = (host: Host, l: string) => (l.includes("/") || /\.[cm]?[jt]s$/.test(l) ? absolute(host, l) : l);

async function loadTransports() {
  const loaded = await Promise.all(transports.map(async (t) => (await builtins[t]!.load()).default));
  return loaded.filter((p) => p.kind === "transport");
}
function locate(host: Host, url: string, known: readonly { kind: string; name: string }[], remote: boolean): Located {
  try {
    const found = parseLocator(url, "server", (n) => known.find((t) => t.name === n) as never);
    const { address } = found;
    if (!isLocal(address) && !remote) {
      throw new Error(
        `rump_sp: ${url}: other machines could connect; --keys says who may, --allow-remote lets anybody`,
      );
    }
    if (!("path" in address) || address.path.startsWith("\0")) return found;
    return { ...found, address: { path: absolute(host, address.path) } };
  } catch (e) {
    throw new Failure(`${reasonOf(e)}\nrump server init failed: Invalid argument`);
  }
}

export const run: Run = async (host, argv) => {
  const config = await configure(host, argv);
  const word = host.daemon;
  if (!config.foreground && !word) return host.daemonize();
  // The command that only starts the daemon need not load the kernel.
  const { serve } = await import("./serve.ts");
  if (!word) return await serve(host, config, (url) => url !== undefined && host.out(`${url}\n`));
  try {
    return await serve(host, config, (url) => {
      host.chdir("/");
      word(undefined, url);
    });
  } catch (e) {
    word(reasonOf(e));
    return 1;
  }
};
