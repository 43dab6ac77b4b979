/** rump.arp: show and change the link addresses of a rump kernel's IPv4 neighbours (arp(8)). */
import { errno } from "../abi/errno.ts";
import { AF_INET } from "../abi/flags.ts";
import { formatIpv4, formatMac } from "../lib/inet.ts";
import { Failure, type Grammar } from "./cli.ts";
import { addressOf, nameOf } from "./host_names.ts";
import { interfaceNamer, listInterfaces } from "./if_request.ts";
import { eachLine, entryOf, type Neighbour, neighboursOf, NeighbourTable, ownAddresses } from "./neighbours.ts";
import { program, type Tool } from "./tool.ts";

const grammar: Grammar = {
  usage: [
    "[-n] [-i interface] hostname",
    "[-n] [-i interface] -a",
    "-d [-i interface] hostname | -d [-i interface] -a",
    "-s hostname ether_addr [temp] [pub [proxy]]",
    "-f filename",
  ],
  about: "Show and change the Ethernet addresses of IPv4 neighbours that the rump kernel RUMP_SERVER names knows.\n\n" +
    "temp: forget it after 20 minutes. pub: answer for it. proxy is the same as pub alone: it always is for others, too.",
  letters: "adfi:ns",
  help: {
    a: "all",
    d: "delete",
    f: "enter what the lines of a file say, as -s does",
    i: "only neighbours on this interface",
    n: "numbers, no names",
    s: "enter one",
  },
  examples: ["-an", "10.0.0.2", "-s 10.0.0.2 02:00:00:00:00:02", "-d 10.0.0.2", "-da"],
};

function addressNamed(t: Tool, name: string): number {
  const address = addressOf(t.host, name, AF_INET);
  if (typeof address !== "number") throw new Failure("unknown host");
  return address;
}
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
  const wanted = name === undefined ? undefined : addressNamed(t, name);
  const lines = [...chosen(t)].filter((n) => wanted === undefined || n.address === wanted);
  if (wanted !== undefined && lines.length === 0) throw new Failure("no entry");
  const interfaceName = interfaceNamer(t);
  t.out(lines.map((n) => lineOf(t, interfaceName, n)).join(""));
}
function remove(t: Tool, name: string): void {
  try {
    new NeighbourTable(t).remove(addressNamed(t, name), onlyOn(t));
  } catch (e) {
    throw e === errno.ENOENT ? new Failure("no entry") : e;
  }
}
/** All but our own addresses. */
function removeAll(t: Tool): void {
  const table = new NeighbourTable(t);
  const own = ownAddresses(t, AF_INET);
  for (const { address, index } of [...chosen(t)].filter((n) => !own(n.address))) {
    t.attempt(formatIpv4(address as number), () => table.remove(address, index));
  }
}
function enter(t: Tool, [name = "", ...words]: readonly string[]): void {
  const entry = entryOf(addressNamed(t, name), words);
  if (!entry) throw new Failure(`${words.join(" ")}: not a link address and temp or pub`);
  new NeighbourTable(t).set(entry);
}

export const { run, over } = program(grammar, (t) => {
  const [name, ...more] = t.rest;
  const modes = ["d", "f", "s"].filter((m) => t.has(m));
  const all = t.has("a") && !t.has("s", "f");
  if (modes.length > 1 || (name === undefined) !== all || (more.length > 0 && !t.has("s"))) t.usage();
  if (all) return t.has("d") ? removeAll(t) : show(t);
  if (t.has("f")) return eachLine(t, name!, (words) => enter(t, words));
  if (t.has("s") && more.length === 0) t.usage();
  const work = t.has("s") ? () => enter(t, t.rest) : t.has("d") ? () => remove(t, name!) : () => show(t, name);
  t.attempt(name!, work);
});
