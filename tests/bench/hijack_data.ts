/**
 * Data of hijacked programs: one connection of TCP between two programs, whose ends of pairs a server splices with its sockets on
 * its loopback interface; beside the host's own TCP over its loopback, a plain pair, and slirp4netns where it is installed.
 */
import { spawn, spawnSync } from "node:child_process";
import { raw } from "../../src/host/ffi.ts";
import { DataLab, pair } from "../cases/data_lab.ts";
import { Netns, noNetns } from "../net/netns.ts";
import { line, root, sh, work } from "./bench.ts";

interface Figures {
  readonly out: number;
  readonly in: number;
  readonly trip: number;
}
const MIB = 1024;
const TRIPS = 20_000;
/** What slirp4netns leads to our loopback interface. */
const GATEWAY = "10.0.2.2";
const PORT = 23_777;
const none = { out: 0, in: 0, trip: 0 };

/** Start one of the two programs; what it prints. */
function start(which: "a" | "b", where: string | number, mib: number, before: readonly string[] = []): Promise<string> {
  const inherited = typeof where === "number" ? [where] : [];
  const [command, ...args] = [
    ...before,
    `${work}/data_peer`,
    which,
    String(inherited.length > 0 ? 3 : where),
    String(mib),
    String(TRIPS),
  ];
  return new Promise((resolve, reject) => {
    const child = spawn(command!, args, { stdio: ["ignore", "pipe", "inherit", ...inherited] });
    let text = "";
    child.stdout!.on("data", (d) => (text += d));
    child.on("error", reject);
    child.on("close", (status) => (status === 0 ? resolve(text) : reject(new Error(`${which}: ${status}`))));
  });
}
async function measure(
  a: string | number,
  b: string | number,
  { mib = MIB, before = [] }: { readonly mib?: number; readonly before?: readonly string[] } = {},
): Promise<Figures> {
  const [text] = await Promise.all([start("a", a, mib, before), start("b", b, mib)]);
  const [out, inwards, trip] = text.trim().split(" ").map(Number);
  return { out: out!, in: inwards!, trip: trip! };
}
/** A descriptor for a program to inherit: it waits as programs' do. */
function lent(fd: number): number {
  raw.fcntl(fd, 4, 0); // F_SETFL
  return fd;
}
async function spliced(): Promise<Figures> {
  const lab = new DataLab();
  try {
    const [one, other] = [await lab.client(), await lab.client()];
    const { s, peer } = await lab.connection(one, other);
    const [[a, ours], [b, theirs]] = [pair(), pair()];
    await one.splice(s, ours);
    await other.splice(peer, theirs);
    const figures = await measure(lent(a), lent(b));
    for (const fd of [a, b, ours, theirs]) raw.close(fd);
    return figures;
  } finally {
    await lab.close();
  }
}
async function plainPair(): Promise<Figures> {
  const [a, b] = pair();
  try {
    return await measure(lent(a), lent(b));
  } finally {
    raw.close(a);
    raw.close(b);
  }
}
async function slirp(): Promise<Figures> {
  if (spawnSync("slirp4netns", ["--version"]).status !== 0 || noNetns()) return none;
  using ns = new Netns();
  const net = `/var/run/netns/${ns.name}`;
  ns.outside("slirp4netns", "--configure", "--mtu=65520", "--netns-type=path", net, "tap0");
  await ns.exec("sleep", "0.7");
  return await measure(`connect:${GATEWAY}:${PORT}`, `listen:${PORT}`, {
    mib: MIB / 4,
    before: ["ip", "netns", "exec", ns.name],
  });
}

export async function hijackData(): Promise<void> {
  sh(`cc -O2 -o data_peer ${root}/tests/bench/data_peer.c`);
  const ours = await spliced();
  const peers = [
    ["host", await measure(`connect:127.0.0.1:${PORT}`, `listen:${PORT}`)],
    ["pair", await plainPair()],
    ["slirp4netns", await slirp()],
  ] as const;
  for (const [name, figures] of peers) {
    if (figures.trip === 0) continue;
    line("hijack: bulk out", ours.out, "Gbit/s", name, figures.out, "more", 8);
    line("hijack: bulk in", ours.in, "Gbit/s", name, figures.in, "more", 8);
    line("hijack: 64 bytes there and back", ours.trip, "us", name, figures.trip);
  }
}
