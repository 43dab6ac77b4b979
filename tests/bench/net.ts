/** TCP within one kernel and between two, beside the host's own over its loopback interface. */
import { spawn } from "node:child_process";
import { builtins } from "../../plugins/mod.ts";
import { AF_INET, AF_INET6, SOCK_STREAM } from "../../src/abi/flags.ts";
import { sockaddrIn, sockaddrIn6 } from "../../src/abi/inet.ts";
import type { Kernel } from "../../src/kern/kernel.ts";
import type { Calls } from "../../src/kern/dispatch.ts";
import { parseIpv6 } from "../../src/lib/in6.ts";
import { maskOf } from "../../src/lib/inet.ts";
import type { Address } from "../../src/net/address.ts";
import { stackOf } from "../../src/net/interfaces.ts";
import { boot } from "../../src/rump.ts";
import { cable } from "../net/helpers.ts";
import { line } from "./bench.ts";

const LO = 0x7f00_0001;
const LO6 = parseIpv6("::1")!;
const [A, B] = [0x0a00_0001, 0x0a00_0002];

async function kernelWith(address?: number, device?: ReturnType<typeof cable>[number]): Promise<Kernel> {
  const { kernel } = await boot({ builtins, components: ["rumpnet_netinet6"] });
  if (address === undefined || !device) return kernel;
  const stack = stackOf(kernel);
  const mask = maskOf(24);
  await stack.addAddress(stack.attach("en0", device), { address, mask, broadcast: (address | ~mask) >>> 0 });
  return kernel;
}
const socket = (sys: Calls, at: Address) =>
  sys.socket({ domain: typeof at === "number" ? AF_INET : AF_INET6, type: SOCK_STREAM, protocol: 0 }) as number;
const named = (at: Address, port: number) => typeof at === "number" ? sockaddrIn(at, port) : sockaddrIn6(at, port);
interface Ends {
  readonly a: Calls;
  readonly b: Calls;
  readonly listener: number;
  readonly address: Address;
  readonly port: number;
}
async function ends(a: Kernel, b: Kernel, address: Address): Promise<Ends> {
  const [from, to] = [a.calls(a.fork("client")), b.calls(b.fork("server"))];
  const listener = socket(to, address);
  await to.bind({ s: listener, name: named(address, 7000) });
  to.listen({ s: listener, backlog: 128 });
  return { a: from, b: to, listener, address, port: 7000 };
}
async function connect({ a, b, listener, address, port }: Ends): Promise<readonly [client: number, server: number]> {
  const s = socket(a, address);
  await a.connect({ s, name: named(address, port) });
  return [s, (await b.accept({ s: listener })) as number];
}
/** Gigabits a second, and processor seconds a gigabit. */
async function bulk(e: Ends, bytes: number): Promise<number> {
  const [c, k] = await connect(e);
  const buf = new Uint8Array(256 << 10);
  const into = new Uint8Array(256 << 10);
  const t = performance.now();
  const sending = (async () => {
    for (let left = bytes; left > 0; left -= buf.length) await e.a.write({ fd: c, buf });
    e.a.shutdown({ s: c, how: 1 });
  })();
  let got = 0;
  for (let n = 1; n > 0; got += n) n = (await e.b.read({ fd: k, buf: into })) as number;
  await sending;
  const ms = performance.now() - t;
  await e.a.close({ fd: c });
  await e.b.close({ fd: k });
  return (got * 8) / ms / 1e6;
}
/** Microseconds of 64 bytes there and back. */
async function roundTrip(e: Ends, n: number): Promise<number> {
  const [c, k] = await connect(e);
  const [out, into, echo] = [new Uint8Array(64), new Uint8Array(64), new Uint8Array(64)];
  const echoing = (async () => {
    while (((await e.b.read({ fd: k, buf: echo })) as number) > 0) await e.b.write({ fd: k, buf: echo });
  })();
  const t = performance.now();
  for (let i = 0; i < n; i++) {
    await e.a.write({ fd: c, buf: out });
    await e.a.read({ fd: c, buf: into });
  }
  const ms = performance.now() - t;
  await e.a.close({ fd: c });
  await echoing;
  await e.b.close({ fd: k });
  return (ms * 1000) / n;
}
/** Connections made, and closed, a second. */
async function connections(e: Ends, n: number): Promise<number> {
  const t = performance.now();
  for (let i = 0; i < n; i++) {
    const [c, k] = await connect(e);
    await e.a.close({ fd: c });
    await e.b.close({ fd: k });
  }
  return (n * 1000) / (performance.now() - t);
}
/** Bytes of memory of one connection that does nothing, both its ends. */
async function idle(one: Kernel, n: number): Promise<number> {
  const { heapStats } = await import("bun:jsc");
  const measure = () => {
    (globalThis as unknown as { Bun: { gc(now: boolean): void } }).Bun.gc(true);
    const { heapSize, extraMemorySize } = heapStats();
    return heapSize + extraMemorySize;
  };
  const before = measure();
  // A process has only so many descriptors.
  for (let i = 0; i < n; i += 50) {
    const [a, b] = [one.calls(one.fork("client")), one.calls(one.fork("server"))];
    const listener = socket(b, LO);
    const port = 8000 + i / 50;
    await b.bind({ s: listener, name: sockaddrIn(LO, port) });
    b.listen({ s: listener, backlog: 128 });
    for (let k = 0; k < 50; k++) await connect({ a, b, listener, address: LO, port });
  }
  return (measure() - before) / n;
}

/** A program of the host that does the same over its loopback interface, both ends in one process; its figures by name. */
const peer = `
import socket, time, threading, sys
s = socket.socket(); s.bind(("127.0.0.1", 0)); s.listen(128); at = s.getsockname()
def pair():
    c = socket.create_connection(at); c.setsockopt(6, 1, 1); k, _ = s.accept(); k.setsockopt(6, 1, 1); return c, k
n = 2 << 30; c, k = pair(); buf = bytes(256 << 10)
def send():
    for _ in range(n // len(buf)): c.sendall(buf)
    c.shutdown(1)
t = time.time(); th = threading.Thread(target=send); th.start(); into = bytearray(256 << 10); got = 0
while True:
    m = k.recv_into(into)
    if not m: break
    got += m
th.join(); print("bulk", got * 8 / (time.time() - t) / 1e9)
c, k = pair(); b = bytes(64); n = 20000; t = time.time()
for _ in range(n): c.send(b); k.recv(64); k.send(b); c.recv(64)
print("trip", (time.time() - t) * 1e6 / n)
n = 5000; t = time.time()
for _ in range(n): c, k = pair(); c.close(); k.close()
print("connections", n / (time.time() - t))
`;
function peerFigures(): Promise<Readonly<Record<string, number>>> {
  return new Promise((resolve, reject) => {
    const child = spawn("python3", ["-c", peer], { stdio: ["ignore", "pipe", "inherit"] });
    let text = "";
    child.stdout.on("data", (d) => (text += d));
    child.on("error", reject);
    child.on("close", () => {
      const rows = text.trim().split("\n").map((l) => l.split(" "));
      resolve(Object.fromEntries(rows.map(([name, n]) => [name!, Number(n)])));
    });
  });
}

export async function net(): Promise<void> {
  const linux = await peerFigures();
  const one = await kernelWith();
  const lo = await ends(one, one, LO);
  const lo6 = await ends(one, one, LO6);
  const [p, q] = cable();
  const pipe = await ends(await kernelWith(A, p), await kernelWith(B, q), B);
  for (
    const [name, e, bytes] of [["lo", lo, 2 ** 31], ["lo IPv6", lo6, 2 ** 31], ["two kernels", pipe, 2 ** 28]] as const
  ) {
    await bulk(e, bytes / 16);
    line(`tcp bulk, ${name}`, await bulk(e, bytes), "Gbit/s", "Linux lo", linux.bulk, "more");
    await roundTrip(e, 5000);
    line(`tcp 64 bytes there and back, ${name}`, await roundTrip(e, 20_000), "us", "Linux lo", linux.trip);
    line(`tcp connections, ${name}`, await connections(e, 5000), "/s", "Linux lo", linux.connections, "more");
  }
  if ("Bun" in globalThis) line("tcp idle connection, both ends", await idle(one, 10_000), "bytes");
}
