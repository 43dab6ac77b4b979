/** rump.netstat: sockets, routes, interfaces and counters of a rump kernel (netstat(1)). */
import { AF_INET, AF_INET6, AF_LOCAL, AF_UNSPEC } from "../../abi/flags.ts";
import { Failure } from "../cli.ts";
import { patientNamer, sockaddrNamer } from "./host_names.ts";
import { interfaceNamer, listInterfaces, NO_NETWORK } from "./if_request.ts";
import { countersOf, type Wording, wordsOf } from "./netstat_counters.ts";
import { bpfPeers, bpfStats } from "./netstat_bpf.ts";
import { interfaceTable, Traffic, trafficHead } from "./netstat_interfaces.ts";
import { jsonText, routeValue } from "./netstat_json.ts";
import { inet6Sockets, inetSockets, localSockets, type SocketOptions, socketValues } from "./netstat_sockets.ts";
import * as words from "./netstat_words.ts";
import * as words6 from "./netstat_words6.ts";
import type { Naming } from "./pcbs.ts";
import { routes, routeTable } from "./route_table.ts";
import { entryOf, Tree } from "../server/sysctl_tree.ts";
import { program, type Tool } from "../tool.ts";

const AF_ARP = 28;
const FAMILIES: Readonly<Record<string, number>> = {
  inet: AF_INET,
  inet6: AF_INET6,
  arp: AF_ARP,
  local: AF_LOCAL,
  unix: AF_LOCAL,
};
/** Whose counters there are, in the order of -s. */
export const PROTOCOLS: readonly (readonly [name: string, family: number, Wording])[] = [
  ["tcp", AF_INET, words.TCP_WORDS],
  ["udp", AF_INET, words.UDP_WORDS],
  ["ip", AF_INET, words.IP_WORDS],
  ["icmp", AF_INET, words.ICMP_WORDS],
  ["igmp", AF_INET, words.IGMP_WORDS],
  ["carp", AF_INET, words.CARP_WORDS],
  ["ip6", AF_INET6, words6.IP6_WORDS],
  ["icmp6", AF_INET6, words6.ICMP6_WORDS],
  ["tcp6", AF_INET6, words.TCP_WORDS],
  ["udp6", AF_INET6, words6.UDP6_WORDS],
  ["pim6", AF_INET6, words6.PIM6_WORDS],
  ["rip6", AF_INET6, words6.RIP6_WORDS],
  ["arp", AF_ARP, words.ARP_WORDS],
];
/** Lines after which the head of traffic comes again. */
const SCREEN = 21;

function print(t: Tool, lines: readonly string[]): void {
  if (lines.length > 0) t.out(`${lines.join("\n")}\n`);
}
const json = (t: Tool, value: unknown) => print(t, [jsonText(value)]);
/** The families that were asked for; none: all. */
function familiesOf(t: Tool): ReadonlySet<number> {
  const names = t.all("f").flatMap((list) => list.split(","));
  return new Set(names.map((name) => {
    const family = FAMILIES[name];
    if (family === undefined) throw new Failure(`${t.name}: ${name}: unknown address family`);
    return family;
  }));
}
const isWanted = (families: ReadonlySet<number>, one: number) => families.size === 0 || families.has(one);
function namingOf(t: Tool): Naming {
  const names = t.has("n", "S") ? {} : { nameOf: patientNamer(t.host) };
  return { host: t.host, ...names, numericPorts: t.has("n"), zone: interfaceNamer(t) };
}

function sockets(t: Tool, families: ReadonlySet<number>): void {
  const tree = new Tree(t.sys);
  const o: SocketOptions = { all: t.has("a"), blocks: t.has("A"), naming: namingOf(t) };
  if (t.has("j")) {
    const wanted = families.size === 0 ? [AF_UNSPEC] : [...families];
    return json(t, wanted.flatMap((family) => socketValues(tree, family, o)));
  }
  print(t, [
    ...(isWanted(families, AF_INET) ? inetSockets(tree, o) : []),
    ...(isWanted(families, AF_INET6) ? inet6Sockets(tree, o) : []),
    ...(isWanted(families, AF_LOCAL) ? localSockets(tree) : []),
  ]);
}
/** Counters of a protocol, or of all of a family. */
function counters(t: Tool, families: ReadonlySet<number>): void {
  const tree = new Tree(t.sys);
  const only = t.value("p");
  const found = PROTOCOLS.filter(([name, of]) => only === undefined ? isWanted(families, of) : name === only);
  if (found.length === 0 && only !== undefined) {
    throw new Failure(`${t.name}: ${only}: unknown or uninstrumented protocol`);
  }
  if (t.has("j")) {
    return json(t, Object.fromEntries(found.map(([name, , wording]) => [name, countersOf(tree, wording)])));
  }
  print(t, found.flatMap(([name, , wording]) => told(t, tree, name, wording)));
}
function told(t: Tool, tree: Tree, name: string, wording: Wording): string[] {
  const values = countersOf(tree, wording);
  return values ? wordsOf(name, wording, values, t.all("s").length < 2) : [];
}
function routeTables(t: Tool, families: ReadonlySet<number>): void {
  if (t.has("s")) return print(t, told(t, new Tree(t.sys), "routing", words.ROUTE_WORDS));
  const interfaceName = interfaceNamer(t);
  const [only = AF_UNSPEC] = families;
  const o = {
    family: families.size === 1 ? only : AF_UNSPEC,
    families,
    verbose: t.has("v"),
    noLinks: t.has("L"),
    interfaceName,
  };
  if (t.has("j")) return json(t, [...routes(t.sys, o)].map((r) => routeValue(r, interfaceName)));
  const names = t.has("n", "S") ? {} : { hostName: sockaddrNamer(t.host) };
  print(t, routeTable(t.sys, { ...o, ...names }));
}
/** The interfaces there are, or the one that was asked for. */
function interfacesOf(t: Tool) {
  const [all, only] = [listInterfaces(t), t.value("I")];
  if (only === undefined) return all;
  const found = all.filter((i) => i.name === only);
  if (found.length === 0) throw new Failure(`${t.name}: ${only}: unknown interface`);
  return found;
}
function interfaces(t: Tool): void {
  if (t.has("j")) t.usage();
  if (t.has("a")) throw new Failure(`${t.name}: -a with -i: the kernel does not tell which groups an interface is in`);
  const o = { bytes: t.has("b"), drops: t.has("d"), human: t.has("h"), naming: namingOf(t) };
  print(t, interfaceTable(interfacesOf(t), o));
}
function peers(t: Tool): void {
  t.attempt("bpf", () => print(t, t.has("s") ? bpfStats(t.sys) : bpfPeers(t.sys, t.value("I"))));
}
const UNROUTED = ["IPv4", "IPv6"].map((ip) => `No ${ip} multicast routing compiled into this system.`);
/** Local sockets may be there without. */
function needNetwork(t: Tool): void {
  if (!entryOf(new Tree(t.sys), "net.inet")) throw new Failure(`${t.name}: ${NO_NETWORK}`);
}
/** Until interrupted, or the interface is gone. */
function traffic(t: Tool, seconds: number): void {
  const first = interfacesOf(t)[0];
  if (!first) throw new Failure(`${t.name}: no interfaces`);
  const columns = { bytes: t.has("b"), drops: t.has("d") };
  const seen = new Traffic(first.name, columns);
  for (let shown = 0;; shown++) {
    const line = seen.line(listInterfaces(t));
    if (line === undefined) throw new Failure(`${t.name}: ${first.name}: unknown interface`);
    print(t, [...(shown % SCREEN === 0 ? trafficHead(first.name, columns) : []), line]);
    t.host.sleep(seconds * 1000);
  }
}
/** Seconds between lines of traffic: -w, or (of old) an argument; undefined: neither. */
function interval(t: Tool): number | undefined {
  const [argument] = t.rest;
  if (argument !== undefined && !/^\d+$/.test(argument)) return t.usage();
  const text = t.value("w") ?? argument;
  if (text === undefined) return undefined;
  if (!/^\d{1,6}$/.test(text) || Number(text) === 0) throw new Failure(`${t.name}: ${text}: not a number of seconds`);
  return Number(text);
}

const NO_MEMORY = "a rump kernel's memory cannot be read";
const REFUSED = {
  "M:": NO_MEMORY,
  "N:": NO_MEMORY,
  "P:": NO_MEMORY,
  m: "packets are not made of mbufs, and their memory is not counted",
  q: "there are no software interrupts, and no queues of theirs",
  T: "there is no MPLS, so routes have no tags",
  t: "interfaces have no watchdog timers",
};
export const { run, over } = program({
  usage: [
    "[-AajnSv] [-f address_family[,family ...]]",
    "-r [-jLnSsv] [-f address_family[,family ...]]",
    "-i [-bdhnSv] [-I interface]",
    "-s [-js] [-f address_family[,family ...]] [-p protocol]",
    "-B [-s] [-I interface] | -g [-ls]",
    "[-bd] [-I interface] -w wait",
  ],
  about: "Show sockets, routes, interfaces or counters of the rump kernel RUMP_SERVER names.",
  letters: "AaBbdghijLlnrsSvXf:I:p:w:",
  refused: REFUSED,
  help: {
    A: "sockets with the numbers of their control blocks",
    a: "also sockets that only wait",
    B: "who listens by bpf(4), on one interface with -I; with -s what was counted of that",
    b: "bytes instead of packets",
    d: "also packets that were dropped",
    f: "of a family: inet, inet6, arp, local or unix",
    g: "routes of multicasts, of which there are none",
    h: "with -b: sizes for people",
    I: "this interface",
    i: "interfaces",
    j: "as JSON; of interfaces see rump.ifconfig -j",
    L: "no routes that are link addresses of neighbours",
    l: "with -g: wide",
    n: "numbers instead of names",
    p: "counters of a protocol: tcp, udp, ip, icmp, igmp, ip6, icmp6, tcp6, udp6, arp, ...",
    r: "routes; with -s what is counted of them",
    S: "numbers for addresses, names for ports",
    s: "counters; twice: only those that are not 0",
    v: "with -r: also what is measured of each route; addresses are never cut",
    X: "by sysctl(3), as always",
    w: "traffic every so many seconds, until interrupted",
  },
  examples: ["-an", "-rn", "-i -b", "-ss -p tcp", "-I shmif0 -w 1"],
}, (t) => {
  if (t.rest.length > 1) t.usage();
  const [families, seconds] = [familiesOf(t), interval(t)];
  if (!(families.size === 1 && families.has(AF_LOCAL))) needNetwork(t);
  if (t.has("B")) return peers(t);
  if (t.has("g")) return print(t, UNROUTED);
  if (t.has("I") && t.has("s", "p")) {
    throw new Failure(`${t.name}: -I with -s or -p: protocols do not count for each interface`);
  }
  if (seconds !== undefined) return traffic(t, seconds);
  if (t.has("r")) return routeTables(t, families);
  if (t.has("p") || t.has("s")) return counters(t, families);
  if (t.has("i", "I")) return interfaces(t);
  sockets(t, families);
});
