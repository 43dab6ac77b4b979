/** rump.ndp: show and change what a rump kernel knows of its IPv6 neighbours, routers and prefixes (ndp(8)). */
import { errno } from "../abi/errno.ts";
import { AF_INET6 } from "../abi/flags.ts";
import { In6Ifreq } from "../abi/net_structs.ts";
import type { SiocName } from "../abi/sockio.ts";
import { In6Addr } from "../lib/in6.ts";
import { Failure, type Grammar } from "./cli.ts";
import { addressOf } from "./host_names.ts";
import { Control, type IfInfo, listInterfaces, request } from "./if_request.ts";
import { eachLine, entryOf, isSame, neighboursOf, NeighbourTable, ownAddresses } from "./neighbours.ts";
import type { Run } from "./mod.ts";
import { linkLines, setLink } from "./ndp_link.ts";
import { type Names, prefixLines, routerLines, stateOf, tableLines } from "./ndp_text.ts";
import { program, type Tool } from "./tool.ts";

const grammar: Grammar = {
  usage: [
    "[-n] hostname | [-n] -a | -c",
    "[-n] -d hostname",
    "-s hostname ether_addr [temp] [pub [proxy]] | -f filename",
    "-i interface [flag | -flag | basereachable=ms | retrans=ms | curhlim=n] ...",
    "[-n] -p | -r | -P | -R",
  ],
  about: "Show and change what the rump kernel RUMP_SERVER names knows of IPv6 neighbours, routers and prefixes.\n\n" +
    "Flags of an interface: nud, accept_rtadv, disabled, auto_linklocal, override_rtadv.\n" +
    "Not there: -A (again and again), and, as the kernel has nothing of it, -H (harmonize) and -I (default interface).",
  letters: "acdfi:nprsPR",
  help: {
    a: "all neighbours",
    c: "forget all neighbours",
    d: "delete a neighbour",
    f: "enter what the lines of a file say, as -s does",
    i: "how neighbours are found on an interface, and change it",
    n: "numbers, no names",
    p: "prefixes that routers told of",
    r: "default routers",
    s: "enter a neighbour",
    P: "forget all prefixes",
    R: "forget all default routers",
  },
  examples: ["-an", "-d fe80::2%shmif0", "-s 2001:db8::2 02:00:00:00:00:02", "-i shmif0 -accept_rtadv", "-r"],
};

function addressNamed(t: Tool, name: string): In6Addr {
  const index = (zone: string) => listInterfaces(t).find((i) => i.name === zone)?.index;
  const address = addressOf(t.host, name, AF_INET6, index);
  if (!(address instanceof In6Addr)) throw new Failure("unknown host");
  return address;
}
/** All, or one. */
function show(t: Tool, names: Names, name?: string): void {
  const wanted = name === undefined ? undefined : addressNamed(t, name);
  const found = [...neighboursOf(t, AF_INET6)].filter((n) => wanted === undefined || isSame(n.address, wanted));
  if (wanted !== undefined && found.length === 0) throw new Failure("no entry");
  const own = ownAddresses(t, AF_INET6);
  const control = new Control(t);
  t.out(tableLines(found.map((n) => stateOf(control, n, own(n.address), names)), names).join(""));
}
function remove(t: Tool, name: string): void {
  try {
    new NeighbourTable(t).remove(addressNamed(t, name));
  } catch (e) {
    throw e === errno.ENOENT ? new Failure("no entry") : e;
  }
}
/** All but our own addresses. */
function removeAll(t: Tool): void {
  const table = new NeighbourTable(t);
  const own = ownAddresses(t, AF_INET6);
  for (const { address, index } of [...neighboursOf(t, AF_INET6)].filter((n) => !own(n.address))) {
    t.attempt(String(address), () => table.remove(address, index));
  }
}
function enter(t: Tool, [name = "", ...words]: readonly string[]): void {
  const entry = entryOf(addressNamed(t, name), words);
  if (!entry) throw new Failure(`${words.join(" ")}: not a link address and temp or pub`);
  new NeighbourTable(t).set(entry);
}
/** A command that forgets, to every interface. */
function flush(t: Tool, com: SiocName): void {
  const control = new Control(t);
  for (const { name } of listInterfaces(t)) {
    t.attempt(name, () => void control.one(com, request(In6Ifreq, { name }), AF_INET6));
  }
}
function link(t: Tool, name: string): void {
  const control = new Control(t);
  if (t.rest.length > 0) setLink(control, name, t.rest);
  else t.out(linkLines(control, name).join(""));
}

const namesOf = (t: Tool): Names => {
  let all: readonly IfInfo[] | undefined;
  const interfaceName = (index: number) =>
    (all ??= listInterfaces(t)).find((i) => i.index === index)?.name ?? String(index);
  return { interfaceName, host: t.has("n") ? undefined : t.host, now: t.host.wall() / 1000 };
};
/** What is done without words. */
const alone: Readonly<Record<string, (t: Tool) => void>> = {
  a: (t) => show(t, namesOf(t)),
  c: removeAll,
  p: (t) => t.out(prefixLines(t.sys, namesOf(t)).join("")),
  r: (t) => t.out(routerLines(t.sys, namesOf(t)).join("")),
  P: (t) => flush(t, "SIOCSPFXFLUSH_IN6"),
  R: (t) => flush(t, "SIOCSRTRFLUSH_IN6"),
};

const ndp = program(grammar, (t) => {
  const modes = [..."acdfiprsPR"].filter((m) => t.has(m));
  const [mode = ""] = modes;
  const [name, ...more] = t.rest;
  if (modes.length > 1) t.usage();
  if (mode === "i") return void t.attempt(t.value("i")!, () => link(t, t.value("i")!));
  if ((name === undefined) !== Object.hasOwn(alone, mode) || (more.length > 0) !== (mode === "s")) t.usage();
  if (name === undefined) return alone[mode]!(t);
  if (mode === "f") return eachLine(t, name, (words) => enter(t, words));
  const work = mode === "s" ? () => enter(t, t.rest) : mode === "d" ? () => remove(t, name) : undefined;
  t.attempt(name, work ?? (() => show(t, namesOf(t), name)));
});

/** Words behind `-i interface` are no options, though they may begin with a dash. */
function fenced(argv: readonly string[]): readonly string[] {
  const at = argv.indexOf("-i") + 2;
  return at >= 2 && /^-[^-]/.test(argv[at] ?? "") ? [...argv.slice(0, at), "--", ...argv.slice(at)] : argv;
}
export const run: Run = (host, argv) => ndp.run(host, fenced(argv));
