/** rumphijack and rump.sh: programs as they are, with the files and sockets of a rump kernel (NetBSD: rumphijack(3)). */
import type { Host } from "../../host/host.ts";
import {
  ConfigError,
  configOf,
  DEFAULT,
  type HijackConfig,
  parseBlanket,
  parsePath,
  parseSockets,
} from "../../hijack/config.ts";
import { launch } from "../../hijack/launcher.ts";
import { type Grammar, parse, usage, UsageError } from "../cli.ts";
import type { Run } from "../mod.ts";

const help: Grammar["help"] = {
  "path=": "where the rump kernel's files appear; none: nowhere",
  "blanket=": "paths, with colons between, that are the rump kernel's of the same name",
  sysctl: "variables of Linux' network (/proc/sys/net) are the rump kernel's, all of whose are in /proc/sys/rump",
  "socket=": "families of sockets: all, inet, inet6, local, route, …, or no with one of them; none",
};
const about = `What is hijacked is what the options say, else RUMPHIJACK as in NetBSD's rumphijack(3), else ${DEFAULT}.
The server is the one RUMP_SERVER names.`;
const grammars: Readonly<Record<string, Grammar>> = {
  rumphijack: {
    usage: "[--path dir] [--blanket paths] [--sysctl] [--socket families] program [argument ...]",
    about: `Run a program, as it is, on a rump kernel. ${about}`,
    letters: "",
    help,
    examples: [
      "ls -l /rump",
      "--sysctl sysctl net.ipv4.ip_forward",
      "--socket inet:inet6 --path none curl http://10.0.0.2/",
    ],
  },
  "rump.sh": {
    usage: "[--path dir] [--blanket paths] [--sysctl] [--socket families] [argument ...]",
    about: `A shell (SHELL, else sh) in which all programs run on a rump kernel. ${about}`,
    letters: "",
    help,
    examples: ["-c 'cd /rump && tar cf - .'"],
  },
};
type Parts = { -readonly [K in keyof HijackConfig]: HijackConfig[K] };
/** What the options change. */
const changes: Readonly<Record<string, (into: Parts, value: string) => void>> = {
  path: (c, value) => void (c.path = value === "none" ? undefined : parsePath(value)),
  blanket: (c, value) => void (c.blanket = parseBlanket(value)),
  sysctl: (c) => void (c.sysctl = true),
  socket: (c, value) => void (c.sockets = value === "none" ? new Set() : parseSockets(value)),
};

export const run: Run = async (host, argv) => {
  const name = argv[0]!;
  const grammar = grammars[name]!;
  const { options, rest } = parse(host, name === "rump.sh" ? shellsOwn(argv) : argv, grammar);
  const config = configured(host, name, options);
  const wantsFiles = options.some(([o]) => o === "path" || o === "blanket") || host.env("RUMPHIJACK") !== undefined;
  if (name === "rump.sh") {
    const words = [host.env("SHELL") || "sh", ...rest];
    return await launch(host, config, { argv, words, given: rest.length, wantsFiles });
  }
  if (rest.length === 0) return usage(host, name, grammar);
  return await launch(host, config, { argv, words: rest, given: rest.length, wantsFiles });
};
/** Options of rump.sh are long ones, most with a value; from the first that is none on they are the shell's. */
function shellsOwn(argv: readonly string[]): readonly string[] {
  let at = 1;
  while (argv[at]?.startsWith("--") && argv[at] !== "--") at += /=|^--(help|version|sysctl)$/.test(argv[at]!) ? 1 : 2;
  return argv[at] === "--" ? argv : [...argv.slice(0, at), "--", ...argv.slice(at)];
}
/** The environment's configuration with what the options change. */
function configured(host: Host, name: string, options: readonly (readonly [string, string])[]): HijackConfig {
  try {
    const config: Parts = { ...configOf((variable) => host.env(variable)) };
    for (const [option, value] of options) changes[option]!(config, value);
    return config;
  } catch (e) {
    if (!(e instanceof ConfigError)) throw e;
    host.err(`${name}: ${e.message}\n`);
    throw new UsageError();
  }
}
