/** rump.ndp: show and change what a rump kernel knows of its IPv6 neighbours, routers and prefixes (ndp(8)). */
import { AF_INET6 } from "../../abi/flags.ts";
import { In6Ifreq } from "../../abi/net_structs.ts";
import type { SiocName } from "../../abi/sockio.ts";
import { Failure, type Grammar } from "../cli.ts";
import { Control, interfaceNamer, listInterfaces, request } from "./if_request.ts";
import { enterNamed, neighbourNamed, removeAll, removeNamed } from "./neighbour_change.ts";
import { eachLine, isSame, neighboursOf, ownAddresses } from "./neighbours.ts";
import type { Run } from "../mod.ts";
import { linkLines, setLink } from "./ndp_link.ts";
import { type Names, prefixLines, routerLines, stateOf, tableLines } from "./ndp_text.ts";
import { program, type Tool } from "../tool.ts";

const grammar: Grammar = {
  usage: [
    "[-nt] hostname | [-nt] -a | -c",
    "[-nt] -A wait",
    "-d hostname",
    "-s hostname ether_addr [temp] [pub [proxy]] | -f filename",
    "-i interface [flag | -flag | basereachable=ms | retrans=ms | curhlim=n] ...",
    "[-n] -p | -r | -H | -P | -R",
  ],
  about: "Show and change what the rump kernel RUMP_SERVER names knows of IPv6 neighbours, routers and prefixes.\n\n" +
    "Flags of an interface: nud, accept_rtadv, disabled, auto_linklocal, override_rtadv.",
  letters: "A:acdfHi:nprstPR",
  refused: { I: "an address of a link says its interface (fe80::1%shmif0), the kernel has none for those that do not" },
  help: {
    A: "all neighbours, again every so many seconds, until interrupted",
    a: "all neighbours",
    c: "forget all neighbours",
    d: "delete a neighbour",
    f: "enter what the lines of a file say, as -s does",
    H: "make the first of the default routers the default route again",
    i: "how neighbours are found on an interface, and change it",
    n: "numbers, no names",
    p: "prefixes that routers told of",
    r: "default routers",
    s: "enter a neighbour",
    t: "the time before each line",
    P: "forget all prefixes",
    R: "forget all default routers",
  },
  examples: ["-an", "-d fe80::2%shmif0", "-s 2001:db8::2 02:00:00:00:00:02", "-i shmif0 -accept_rtadv", "-r"],
};

/** The time of day, where it is wanted. */
function stamp(t: Tool): string {
  if (!t.has("t")) return "";
  const now = new Date(t.host.wall());
  const [h, m, s] = [now.getHours(), now.getMinutes(), now.getSeconds()].map((n) => String(n).padStart(2, "0"));
  return `${h}:${m}:${s}.${String(now.getMilliseconds() * 1000).padStart(6, "0")} `;
}
/** All, again and again. */
function repeat(t: Tool): never {
  const text = t.value("A")!;
  if (!/^[1-9]\d{0,5}$/.test(text)) throw new Failure(`${t.name}: -A ${text}: not a number of seconds`);
  for (;;) {
    show(t, namesOf(t));
    t.out("\n");
    t.host.sleep(Number(text) * 1000);
  }
}
/** All, or one. */
function show(t: Tool, names: Names, name?: string): void {
  const wanted = name === undefined ? undefined : neighbourNamed(t, name, AF_INET6);
  const found = [...neighboursOf(t, AF_INET6)].filter((n) => wanted === undefined || isSame(n.address, wanted));
  if (wanted !== undefined && found.length === 0) throw new Failure("no entry");
  const own = ownAddresses(t, AF_INET6);
  const control = new Control(t);
  const lines = tableLines(found.map((n) => stateOf(control, n, own(n.address), names)), names);
  t.out(lines.map((line) => stamp(t) + line).join(""));
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

const namesOf = (t: Tool): Names => ({
  interfaceName: interfaceNamer(t),
  host: t.has("n") ? undefined : t.host,
  now: t.host.wall() / 1000,
});
/** What is done without words. */
const alone: Readonly<Record<string, (t: Tool) => void>> = {
  A: repeat,
  a: (t) => show(t, namesOf(t)),
  c: (t) => removeAll(t, AF_INET6, () => true),
  H: (t) => flush(t, "SIOCSNDFLUSH_IN6"),
  p: (t) => t.out(prefixLines(t.sys, namesOf(t)).join("")),
  r: (t) => t.out(routerLines(t.sys, namesOf(t)).join("")),
  P: (t) => flush(t, "SIOCSPFXFLUSH_IN6"),
  R: (t) => flush(t, "SIOCSRTRFLUSH_IN6"),
};

const ndp = program(grammar, (t) => {
  const modes = [..."AacdfHiprsPR"].filter((m) => t.has(m));
  const [mode = ""] = modes;
  const [name, ...more] = t.rest;
  if (modes.length > 1) t.usage();
  if (mode === "i") return void t.attempt(t.value("i")!, () => link(t, t.value("i")!));
  if ((name === undefined) !== Object.hasOwn(alone, mode) || (more.length > 0) !== (mode === "s")) t.usage();
  if (name === undefined) return alone[mode]!(t);
  const enter = (words: readonly string[]) => void enterNamed(t, AF_INET6, words);
  if (mode === "f") return eachLine(t, name, enter);
  t.attempt(name, () => {
    if (mode === "s") enter(t.rest);
    else if (mode === "d") removeNamed(t, neighbourNamed(t, name, AF_INET6));
    else show(t, namesOf(t), name);
  });
});

/** Words behind `-i interface` are no options, though they may begin with a dash. */
function fenced(argv: readonly string[]): readonly string[] {
  const at = argv.indexOf("-i") + 2;
  return at >= 2 && /^-[^-]/.test(argv[at] ?? "") ? [...argv.slice(0, at), "--", ...argv.slice(at)] : argv;
}
export const run: Run = (host, argv) => ndp.run(host, fenced(argv));
