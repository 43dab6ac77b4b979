/** TCP with the host's own over a TAP device, beside two of the host's over a veth pair, and slirp4netns where it is installed. */
import { spawnSync } from "node:child_process";
import { Netns, noNetns, OURS } from "../net/netns.ts";
import { line, root, sh, work } from "./bench.ts";

type Figures = Readonly<Record<string, number>>;
const SERVED = "10.9.1.2";
const VETH = "10.9.1.1";
/** Ports of services in the benchmark's own network begin here: others' are below. */
const BASE = 23_000;
/** What slirp4netns leads to our loopback interface. */
const GATEWAY = "10.0.2.2";

async function measure(ns: Netns, address: string, base: number, mib: number, pid?: number): Promise<Figures> {
  const args = [address, String(base), String(mib), ...(pid ? [String(pid)] : [])];
  const text = await ns.exec(`${work}/net_peer`, "measure", ...args);
  const rows = text.trim().split("\n").map((l) => l.split(" "));
  return Object.fromEntries(rows.map(([name, n]) => [name!, Number(n)]));
}
/** What a host of ours does. */
async function ours(mib: number, ...options: string[]): Promise<Figures> {
  using ns = new Netns();
  const { pid } = await ns.host(...options);
  return await measure(ns, OURS, 0, mib, pid);
}
/** Two of the host's, each in a network of its own. */
async function veth(mib: number, ...features: string[]): Promise<Figures> {
  using a = new Netns();
  using b = new Netns();
  a.must("ip", "-n", a.name, "link", "add", "veth0", "type", "veth", "peer", "name", "veth0", "netns", b.name);
  for (const [ns, address] of [[a, VETH], [b, SERVED]] as const) {
    ns.must("ip", "-n", ns.name, "addr", "add", `${address}/24`, "dev", "veth0");
    ns.must("ip", "-n", ns.name, "link", "set", "dev", "veth0", ...features, "up");
  }
  b.start(`${work}/net_peer`, "serve", SERVED, String(BASE));
  await b.exec("sleep", "0.3");
  return await measure(a, SERVED, BASE, mib);
}
/** A network of its own that slirp4netns connects to our loopback interface; undefined: it is not there. */
async function slirp(mib: number, mtu: number): Promise<Figures | undefined> {
  if (spawnSync("slirp4netns", ["--version"]).status !== 0) return undefined;
  using ns = new Netns();
  const net = `/var/run/netns/${ns.name}`;
  const args = ["--configure", `--mtu=${mtu}`, "--netns-type=path", net, "tap0"];
  const there = [
    ns.outside("slirp4netns", ...args),
    ns.outside(`${work}/net_peer`, "serve", "127.0.0.1", String(BASE)),
  ];
  await ns.exec("sleep", "0.7");
  return await measure(ns, GATEWAY, BASE, mib, there[0]!.pid);
}
interface Goals {
  readonly [figure: string]: number;
}
function lines(name: string, mine: Figures, peer: string, theirs: Figures | undefined, goals: Goals): void {
  const rows = [["in", "Gbit/s"], ["out", "Gbit/s"], ["inCpu", "Gbit/cpu-s"], ["outCpu", "Gbit/cpu-s"], ["trip", "us"]];
  for (const [figure, unit] of rows) {
    const of = theirs && theirs[figure!]! > 0 ? theirs[figure!] : undefined;
    const label = figure === "trip" ? "64 bytes there and back" : figure!.replace("Cpu", ", per CPU");
    const more = figure === "trip" ? "less" : "more";
    line(`${name}: tcp ${label}`, mine[figure!]!, unit!, of === undefined ? undefined : peer, of, more, goals[figure!]);
  }
}
export async function tap(): Promise<void> {
  const why = noNetns();
  if (why) return void line(`tap: left out, ${why}`, 0, "");
  sh(`cc -O2 -o net_peer ${root}/tests/bench/net_peer.c`);
  const offload = { in: 6, out: 12, inCpu: 9, outCpu: 20, trip: 18 };
  const plain = { in: 1.3, out: 1.3, inCpu: 1.7, outCpu: 1.7, trip: 18 };
  lines("tap, offload", await ours(4096, "offload"), "Linux veth", await veth(4096), offload);
  lines("tap, 1500 B", await ours(384, "plain"), "Linux veth, no offload", await vethPlain(384), plain);
  const other = await slirp(384, 1500);
  if (other) lines("tap, 1500 B", await ours(384, "plain"), "slirp4netns", other, {});
}
/** Without offloads: no frame is longer than 1514 bytes. */
const vethPlain = (mib: number) => veth(mib, "gso_max_size", "1500", "gso_max_segs", "1");
