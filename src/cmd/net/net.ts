/** rump net: a network of rump kernels from one file, up in one command, down without a trace. */
import type { Host } from "../../host/host.ts";
import { Failure, type Grammar, parse, reasonOf, usage } from "../cli.ts";
import type { Run } from "../mod.ts";
import { clear, occupy, socketOf, takeDown } from "./net_dir.ts";
import { parseTopology, type Topology } from "./net_file.ts";

const grammar: Grammar = {
  usage: ["[-b] file", "file down", "file exec host command [argument ...]", "--graph file"],
  about:
    "Bring up the network a file describes: a rump kernel for every host, joined by links, each with a socket of its\n" +
    'own, until ^C or `down`. The file is JSON: { "hosts": { "a": { "links": { "lan": "10.0.0.1/24" },\n' +
    '"routes": { "default": "10.0.0.9" } } }, "links": { "lan": { "loss": "1%", "delay": "10ms" } } }.',
  letters: "b",
  help: {
    b: "go to the background once all hosts are up",
    "dir=": "directory of sockets and bus files; left out: the file's name and .run",
    graph: "draw it: SVG on standard output",
  },
  examples: ["-b lab.json", "lab.json exec a rump.ping -c 3 10.2.0.2", "lab.json down", "--graph lab.json >lab.svg"],
};
/** Bytes of a file; the largest that can be understood is far shorter. */
const LONGEST = 1 << 24;
interface Net {
  readonly host: Host;
  readonly program: string;
  readonly file: string;
  readonly dir: string;
}
/** Do something; what goes wrong is said of the file. */
async function about<T>({ program, file }: Net, work: () => T | Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (e) {
    if (e instanceof TypeError) throw e;
    throw new Failure(`${program}: ${file}: ${reasonOf(e)}`);
  }
}
const topologyOf = (net: Net): Promise<Topology> =>
  about(net, () => {
    const { type, size } = net.host.stat(net.file);
    if (type === "chr" || type === "blk") throw new Failure("a device, not a file"); // /dev/zero has no end
    if (size > LONGEST) throw new Failure(`longer than ${LONGEST} bytes`);
    return parseTopology(new TextDecoder().decode(net.host.readFile(net.file)));
  });

const locatorOf = ({ dir }: Net, host: string) => `unix://${socketOf(dir, host)}`;
const locators = (net: Net, { hosts }: Topology): string =>
  hosts.map(({ name }) => `${name} RUMP_SERVER=${locatorOf(net, name)}`).join("\n");
/** Counts hosts on a terminal; tells where they are once all are up. */
function progress(net: Net, topology: Topology) {
  const { host, program } = net;
  const shown = host.isTerminal(2);
  return {
    up: (_: string, count: number) =>
      shown && host.err(`\r${program}: ${count} of ${topology.hosts.length} hosts are up`),
    ready() {
      if (shown) host.err("\n");
      if (!host.daemon) return host.out(`${locators(net, topology)}\n`);
      host.chdir("/");
      host.daemon(undefined, locators(net, topology));
    },
  };
}
async function up(net: Net, background: boolean): Promise<number> {
  const topology = await topologyOf(net);
  if (background && !net.host.daemon) return net.host.daemonize();
  const { network } = await import("./net_up.ts");
  return await about(net, async () => {
    const lock = occupy(net.host, net.dir);
    try {
      await network(net.host, net.dir, topology, progress(net, topology));
    } finally {
      clear(net.host, net.dir);
      lock.close();
    }
    return 0;
  });
}
async function exec(net: Net, [name, command, ...args]: readonly string[]): Promise<number> {
  const { hosts } = await topologyOf(net);
  if (!hosts.some((h) => h.name === name)) throw new Failure(`${net.program}: ${net.file}: ${name}: no such host`);
  return await net.host.runChild(command!, args, { RUMP_SERVER: locatorOf(net, name!) });
}

export const run: Run = async (host, argv) => {
  const program = argv[0]!;
  const { options, rest: [file, verb, ...args] } = parse(host, argv, grammar);
  const has = (option: string) => options.some(([o]) => o === option);
  if (file === undefined) return usage(host, program, grammar);
  const absolute = (path: string) => (path.startsWith("/") ? path : `${host.cwd()}/${path}`);
  const dir = absolute(options.findLast(([o]) => o === "dir")?.[1] ?? `${file.replace(/\.json$/, "")}.run`);
  const net = { host, program, file, dir };
  if (verb === undefined && has("graph")) {
    const { svg } = await import("./net_graph.ts");
    host.out(svg(await topologyOf(net)));
    return 0;
  }
  if (verb === undefined) return await daemonAware(net, has("b"));
  if (verb === "exec" && args.length >= 2) return await exec(net, args);
  if (verb !== "down" || args.length > 0) return usage(host, program, grammar);
  if (await about(net, () => takeDown(host, dir))) return 0;
  throw new Failure(`${program}: ${file}: not up`);
};
/** In the background failures are the waiting parent's to say. */
async function daemonAware(net: Net, background: boolean): Promise<number> {
  const word = net.host.daemon;
  try {
    return await up(net, background);
  } catch (e) {
    if (!word) throw e;
    word(reasonOf(e));
    return 1;
  }
}
