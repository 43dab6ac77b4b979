/** A kernel on a bus in a process of its own: `sink` serves, `source` measures and prints its figures by name. */
import process from "node:process";
import { builtins } from "../../plugins/mod.ts";
import { AF_INET, SO_RCVBUF, SO_SNDBUF, SOCK_STREAM, SOL_SOCKET } from "../../src/abi/flags.ts";
import { sockaddrIn } from "../../src/abi/inet.ts";
import { host } from "../../src/host/mod.ts";
import { bootKernel } from "../../src/kern/kernel.ts";
import { Lwp } from "../../src/kern/proc.ts";
import { maskOf } from "../../src/lib/inet.ts";
import { stackOf } from "../../src/net/interfaces.ts";
import { hypercalls } from "../../src/rump.ts";

const [role, bus, megabytes = "256", trips = "10000"] = process.argv.slice(2);
const [A, B] = [0x0a00_0001, 0x0a00_0002];
const [BULK, ECHO] = [7000, 7001];
const CHUNK = 256 << 10;
const BUFFER = 512 << 10;

const machine = hypercalls(host, (ms, fn) => host.loop.timer(ms, fn), host.loopSockets);
const kernel = await bootKernel(machine, { builtins, components: ["rumpnet_shmif"] });
const stack = stackOf(kernel);
const iface = await stack.create("shmif0");
await iface.device.setLinkstr!(bus);
const [address, mask] = [role === "sink" ? B : A, maskOf(24)];
await stack.addAddress(iface, { address, mask, broadcast: (address | ~mask) >>> 0 });
const proc = kernel.fork(role!);
/** Who calls: one for each flow, as servers have it, so that who sleeps is known. */
function caller() {
  const lwp = new Lwp(proc);
  return { lwp, sys: kernel.dispatcher.bind(lwp) };
}
type Calls = ReturnType<typeof caller>["sys"];

/** A socket with room for as much as is under way at these speeds. */
function socket(sys: Calls): number {
  const s = sys.socket({ domain: AF_INET, type: SOCK_STREAM, protocol: 0 }) as number;
  const room = new Uint8Array(new Int32Array([BUFFER]).buffer);
  for (const name of [SO_SNDBUF, SO_RCVBUF]) sys.setsockopt({ s, level: SOL_SOCKET, name, val: room });
  return s;
}
async function listen(sys: Calls, port: number, serve: (sys: Calls, fd: number) => Promise<void>): Promise<void> {
  const s = socket(sys);
  await sys.bind({ s, name: sockaddrIn(B, port) });
  sys.listen({ s, backlog: 8 });
  for (;;) {
    const fd = (await sys.accept({ s })) as number;
    // Who is reset is gone; others are served meanwhile.
    const own = caller();
    void kernel.outstanding(serve(own.sys, fd), own.lwp).catch(() => {}).finally(() => sys.close({ fd }));
  }
}
async function sink(sys: Calls, fd: number): Promise<void> {
  const buf = new Uint8Array(CHUNK);
  while ((await sys.read({ fd, buf }) as number) > 0);
  await sys.write({ fd, buf: buf.subarray(0, 1) });
}
async function echo(sys: Calls, fd: number): Promise<void> {
  const buf = new Uint8Array(64);
  while ((await sys.read({ fd, buf }) as number) > 0) await sys.write({ fd, buf });
}
async function connect(sys: Calls, port: number): Promise<number> {
  const s = socket(sys);
  await sys.connect({ s, name: sockaddrIn(B, port) });
  return s;
}
/** Gigabits a second. */
async function bulk(sys: Calls, bytes: number): Promise<number> {
  const fd = await connect(sys, BULK);
  const buf = new Uint8Array(CHUNK);
  const t = performance.now();
  for (let left = bytes; left > 0; left -= buf.length) await sys.write({ fd, buf });
  sys.shutdown({ s: fd, how: 1 });
  await sys.read({ fd, buf });
  await sys.close({ fd });
  return (bytes * 8) / (performance.now() - t) / 1e6;
}
/** Microseconds of 64 bytes there and back. */
async function trip(sys: Calls, n: number): Promise<number> {
  const fd = await connect(sys, ECHO);
  const buf = new Uint8Array(64);
  const t = performance.now();
  for (let i = 0; i < n; i++) {
    await sys.write({ fd, buf });
    await sys.read({ fd, buf });
  }
  await sys.close({ fd });
  return ((performance.now() - t) * 1000) / n;
}
async function measure(sys: Calls): Promise<void> {
  await bulk(sys, 16 << 20);
  process.stdout.write(`bulk ${await bulk(sys, Number(megabytes) * 2 ** 20)}\n`);
  await trip(sys, 2000);
  process.stdout.write(`trip ${await trip(sys, Number(trips))}\n`);
  await kernel.halt();
  process.exit(0);
}
if (role === "sink") {
  for (const [port, serve] of [[BULK, sink], [ECHO, echo]] as const) {
    const { lwp, sys } = caller();
    void kernel.outstanding(listen(sys, port, serve), lwp);
  }
  process.stdout.write("ready\n");
} else {
  const { lwp, sys } = caller();
  void kernel.outstanding(measure(sys), lwp);
}
await host.loop.run();
