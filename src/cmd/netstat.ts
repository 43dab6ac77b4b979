/** rump.netstat: sockets, routes, interfaces and counters of a rump kernel (netstat(1)). */
import { AF_INET, AF_INET6, AF_LOCAL, AF_UNSPEC } from "../abi/flags.ts";
import { Failure } from "./cli.ts";
import { patientNamer, sockaddrNamer } from "./host_names.ts";
import { interfaceNamer, listInterfaces, NO_NETWORK } from "./if_request.ts";
import { countersOf, type Wording, wordsOf } from "./netstat_counters.ts";
import { interfaceTable, Traffic, trafficHead } from "./netstat_interfaces.ts";
import { jsonText, routeValue } from "./netstat_json.ts";
import { inet6Sockets, inetSockets, localSockets, type SocketOptions, socketValues } from "./netstat_sockets.ts";
import * as words from "./netstat_words.ts";
import * as words6 from "./netstat_words6.ts";
import type { Naming } from "./pcbs.ts";
import { routes, routeTable } from "./route_table.ts";
import { entryOf, Tree } from "./sysctl_tree.ts";
import { program, type Tool } from "./tool.ts";

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
function familyOf(t: Tool): number {
  const name = t.value("f");
  if (name === undefined) return AF_UNSPEC;
  const family = FAMILIES[name];
  if (family === undefined) throw new Failure(`${t.name}: ${name}: unknown address family`);
  return family;
}
function namingOf(t: Tool): Naming {
  const names = t.has("n", "S") ? {} : { nameOf: patientNamer(t.host) };
  return { host: t.host, ...names, numericPorts: t.has("n"), zone: interfaceNamer(t) };
}

function sockets(t: Tool, family: number): void {
  const tree = new Tree(t.sys);
  const o: SocketOptions = { all: t.has("a"), blocks: t.has("A"), naming: namingOf(t) };
  if (t.has("j")) return json(t, socketValues(tree, family, o));
  const wanted = (one: number) => family === AF_UNSPEC || family === one;
  print(t, [
    ...(wanted(AF_INET) ? inetSockets(tree, o) : []),
    ...(wanted(AF_INET6) ? inet6Sockets(tree, o) : []),
    ...(wanted(AF_LOCAL) ? localSockets(tree) : []),
  ]);
}
/** Counters of a protocol, or of all of a family. */
function counters(t: Tool, family: number): void {
  const tree = new Tree(t.sys);
  const only = t.value("p");
  const found = PROTOCOLS.filter(([name, of]) =>
    only === undefined ? family === AF_UNSPEC || family === of : name === only
  );
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
function routeTables(t: Tool, family: number): void {
  if (t.has("s")) return print(t, told(t, new Tree(t.sys), "routing", words.ROUTE_WORDS));
  const interfaceName = interfaceNamer(t);
  const o = { family, verbose: t.has("v"), noLinks: t.has("L"), interfaceName };
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
  const o = { bytes: t.has("b"), drops: t.has("d"), human: t.has("h"), naming: namingOf(t) };
  print(t, interfaceTable(interfacesOf(t), o));
}
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
/** Seconds between lines of traffic: -w, or an argument; undefined: neither. */
function interval(t: Tool): number | undefined {
  const text = t.value("w") ?? t.rest[0];
  if (text === undefined) return undefined;
  if (!/^\d{1,6}$/.test(text) || Number(text) === 0) throw new Failure(`${t.name}: ${text}: not a number of seconds`);
  return Number(text);
}

export const { run, over } = program({
  usage: [
    "[-AajnS] [-f address_family]",
    "-r [-jLnSsv] [-f address_family]",
    "-i [-bdhnS] [-I interface]",
    "-s [-js] [-f address_family] [-p protocol]",
    "[-bd] [-I interface] -w wait",
  ],
  about:
    "Show sockets, routes, interfaces or counters of the rump kernel RUMP_SERVER names. What NetBSD's shows by -B, -g, " +
    "-m, -P, -q, -T and -t is not here.",
  letters: "AabdhijLnrsSvf:I:p:w:",
  help: {
    A: "sockets with the numbers of their control blocks",
    a: "also sockets that only wait",
    b: "bytes instead of packets",
    d: "also packets that were dropped",
    f: "of a family: inet, inet6, arp, local or unix",
    h: "with -b: sizes for people",
    I: "this interface",
    i: "interfaces",
    j: "as JSON; of interfaces see rump.ifconfig -j",
    L: "no routes that are link addresses of neighbours",
    n: "numbers instead of names",
    p: "counters of a protocol: tcp, udp, ip, icmp, igmp, ip6, icmp6, tcp6, udp6, arp, ...",
    r: "routes; with -s what is counted of them",
    S: "numbers for addresses, names for ports",
    s: "counters; twice: only those that are not 0",
    v: "with -r: also what is measured of each route",
    w: "traffic every so many seconds, until interrupted",
  },
  examples: ["-an", "-rn", "-i -b", "-ss -p tcp", "-I shmif0 -w 1"],
}, (t) => {
  if (t.rest.length > 1) t.usage();
  const [family, seconds] = [familyOf(t), interval(t)];
  if (family !== AF_LOCAL) needNetwork(t);
  if (seconds !== undefined) return traffic(t, seconds);
  if (t.has("r")) return routeTables(t, family);
  if (t.has("p") || t.has("s")) return counters(t, family);
  if (t.has("i", "I")) return interfaces(t);
  sockets(t, family);
});
