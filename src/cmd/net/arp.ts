/** rump.arp: show and change the link addresses of a rump kernel's IPv4 neighbours (arp(8)). */
import { AF_INET } from "../../abi/flags.ts";
import { formatIpv4, formatMac } from "../../lib/inet.ts";
import { Failure, type Grammar } from "../cli.ts";
import { type Address, addressText, nameOf } from "./host_names.ts";
import { interfaceNamer, listInterfaces } from "./if_request.ts";
import { enterNamed, neighbourNamed, removeAll, removeNamed } from "./neighbour_change.ts";
import { eachLine, type Neighbour, neighboursOf } from "./neighbours.ts";
import { program, type Tool } from "../tool.ts";

const grammar: Grammar = {
  usage: [
    "[-n] [-i interface] hostname",
    "[-n] [-i interface] -a",
    "[-v] -d [-i interface] hostname [proxy] | [-v] -d [-i interface] -a",
    "[-v] -s hostname ether_addr [temp] [pub [proxy]]",
    "[-v] -f filename",
  ],
  about: "Show and change the Ethernet addresses of IPv4 neighbours that the rump kernel RUMP_SERVER names knows.\n\n" +
    "temp: forget it after 20 minutes. pub: answer for it, with ether_addr or our own (auto). proxy is the same as pub\n" +
    "alone: it always is for others, too. Behind -d, proxy means only what is published.",
  letters: "adfi:nsv",
  help: {
    a: "all",
    d: "delete",
    f: "enter what the lines of a file say, as -s does",
    i: "only neighbours on this interface",
    n: "numbers, no names",
    s: "enter one",
    v: "say what was entered and deleted",
  },
  examples: ["-an", "10.0.0.2", "-s 10.0.0.2 02:00:00:00:00:02", "-d 10.0.0.2", "-da"],
};

/** The interface of -i; 0: any. */
function onlyOn(t: Tool): number {
  const name = t.value("i");
  if (name === undefined) return 0;
  const found = listInterfaces(t).find((i) => i.name === name);
  if (!found) throw new Failure(`${t.name}: ${name}: no such interface`);
  return found.index;
}
function* chosen(t: Tool): Generator<Neighbour> {
  const index = onlyOn(t);
  for (const n of neighboursOf(t, AF_INET)) if (index === 0 || n.index === index) yield n;
}
function lineOf(t: Tool, interfaceName: (index: number) => string, n: Neighbour): string {
  const name = t.has("n") ? undefined : nameOf(t.host, n.address);
  const words = [name ?? "?", `(${formatIpv4(n.address as number)})`, "at"];
  words.push(n.mac.length > 0 ? formatMac(n.mac) : "(incomplete)", "on", interfaceName(n.index));
  if (n.expire === 0) words.push("permanent");
  if (n.published) words.push("published");
  return `${words.join(" ")}\n`;
}
/** All, or one. */
function show(t: Tool, name?: string): void {
  const wanted = name === undefined ? undefined : neighbourNamed(t, name, AF_INET);
  const lines = [...chosen(t)].filter((n) => wanted === undefined || n.address === wanted);
  if (wanted !== undefined && lines.length === 0) throw new Failure("no entry");
  const interfaceName = interfaceNamer(t);
  t.out(lines.map((n) => lineOf(t, interfaceName, n)).join(""));
}
/** With -v, what was done. */
const told = (t: Tool, name: string, address: Address, what: string) => {
  if (t.has("v")) t.out(`${name} (${addressText(address)}) ${what}\n`);
};
/** One, or with the word proxy only what is published. */
function remove(t: Tool, name: string, proxy: boolean): void {
  const address = neighbourNamed(t, name, AF_INET);
  const published = [...chosen(t)].some((n) => n.published && n.address === address);
  if (proxy && !published) throw new Failure("no entry");
  removeNamed(t, address, onlyOn(t));
  told(t, name, address, "deleted");
}
function removeEach(t: Tool): void {
  const index = onlyOn(t);
  const some = (n: Neighbour) => index === 0 || n.index === index;
  removeAll(t, AF_INET, some, (a) => told(t, nameOf(t.host, a) ?? addressText(a), a, "deleted"));
}
const enter = (t: Tool, words: readonly string[]) => told(t, words[0]!, enterNamed(t, AF_INET, words), "added");

export const { run, over } = program(grammar, (t) => {
  const [name, ...more] = t.rest;
  const modes = ["d", "f", "s"].filter((m) => t.has(m));
  const all = t.has("a") && !t.has("s", "f");
  const proxy = t.has("d") && more.join(" ") === "proxy";
  if (modes.length > 1 || (name === undefined) !== all || (more.length > 0 && !t.has("s") && !proxy)) t.usage();
  if (all) return t.has("d") ? removeEach(t) : show(t);
  if (t.has("f")) return eachLine(t, name!, (words) => enter(t, words));
  if (t.has("s") && more.length === 0) t.usage();
  const work = t.has("s") ? () => enter(t, t.rest) : t.has("d") ? () => remove(t, name!, proxy) : () => show(t, name);
  t.attempt(name!, work);
});
