/**
 * A host of ours behind a TAP device, as a process of its own: `tap_child.ts LOCATOR ADDRESS/LENGTH [plain] [COMPONENT ...] [ecn] [ADDRESS6/LENGTH]`.
 * It serves remote clients at the locator, and over TCP echo (7, 17, 27, 37), discard (9) and chargen (19), over UDP echo (7).
 */
import process from "node:process";
import { builtins } from "../../plugins/mod.ts";
import spUnix from "../../plugins/sp_unix/mod.ts";
import { AF_INET, AF_INET6, SOCK_DGRAM, SOCK_STREAM } from "../../src/abi/flags.ts";
import { sockaddrIn, sockaddrIn6 } from "../../src/abi/inet.ts";
import { IPV6_V6ONLY } from "../../src/abi/inet6_options.ts";
import { host } from "../../src/host/mod.ts";
import type { Calls } from "../../src/kern/dispatch.ts";
import { bootKernel, type Kernel } from "../../src/kern/kernel.ts";
import { parseIpv6 } from "../../src/lib/in6.ts";
import { maskOf, parseIpv4 } from "../../src/lib/inet.ts";
import { stackOf } from "../../src/net/interfaces.ts";
import type { Ip6 } from "../../src/net/ip6/ip6.ts";
import type { TcpProtocol } from "../../src/net/tcp/protocol.ts";
import type { OpenTap } from "../../src/plugin.ts";
import { parseLocator } from "../../src/proxy/locator.ts";
import { SpServer } from "../../src/proxy/server.ts";
import { hypercalls } from "../../src/rump.ts";
import { IPPROTO_TCP } from "../../src/wire/ipv4.ts";

const [locator, cidr, ...more] = process.argv.slice(2);
/** A test that is killed tells nobody. */
const parent = process.ppid;
setInterval(() => process.ppid === parent || process.exit(), 1000).unref();
/** With an address of IPv6, sockets serve both families. */
const cidr6 = more.find((o) => o.includes(":"));
const machine = hypercalls(host, (ms, fn) => host.loop.timer(ms, fn), host.loopSockets);
/** Frames as they go over the wire. */
const plainTap: OpenTap = (name) => machine.tap(name, { plain: true });

async function boot(): Promise<Kernel> {
  const tap = more.includes("plain") ? plainTap : machine.tap;
  const kernel = await bootKernel({ ...machine, tap }, {
    builtins,
    components: [
      "rumpvfs",
      "rumpnet_virtif",
      ...(cidr6 ? ["rumpnet_netinet6"] : []),
      ...more.filter((m) => m.startsWith("rump")),
    ],
  });
  kernel.log.console = (line) => host.err(`${line}\n`);
  const stack = stackOf(kernel);
  if (more.includes("ecn")) (stack.ip.protocol(IPPROTO_TCP) as TcpProtocol).engine.settings.ecn = true;
  const iface = await stack.create("virt0");
  const [address, length] = cidr!.split("/");
  const [a, mask] = [parseIpv4(address!)!, maskOf(Number(length))];
  await stack.addAddress(iface, { address: a, mask, broadcast: (a | ~mask) >>> 0 });
  if (!cidr6) return kernel;
  const [six, prefix] = cidr6.split("/");
  await (stack.ip6 as Ip6).addresses.add(iface, { address: parseIpv6(six!)!, length: Number(prefix) });
  return kernel;
}
/** A socket bound to any address, of all families there are. */
async function bound(sys: Calls, type: number, port: number): Promise<number> {
  const s = sys.socket({ domain: cidr6 ? AF_INET6 : AF_INET, type, protocol: 0 }) as number;
  if (cidr6) sys.setsockopt({ s, level: 41, name: IPV6_V6ONLY, val: new Uint8Array(4) });
  await sys.bind({ s, name: cidr6 ? sockaddrIn6(parseIpv6("::")!, port) : sockaddrIn(0, port) });
  return s;
}
type Service = (sys: Calls, fd: number) => Promise<void>;
const SIZE = 256 << 10;
const echo: Service = async (sys, fd) => {
  const buf = new Uint8Array(SIZE);
  for (;;) {
    const n = await sys.read({ fd, buf }) as number;
    if (n === 0) return;
    await sys.write({ fd, buf: buf.subarray(0, n) });
  }
};
const discard: Service = async (sys, fd) => {
  const buf = new Uint8Array(SIZE);
  while (await sys.read({ fd, buf }) as number > 0);
};
const chargen: Service = async (sys, fd) => {
  const buf = new Uint8Array(SIZE).map((_, i) => 33 + i % 94);
  for (;;) await sys.write({ fd, buf });
};
/** Serve everybody who comes to a port. */
async function serve(kernel: Kernel, port: number, service: Service): Promise<void> {
  const sys = kernel.calls(kernel.fork(`port${port}`));
  const s = await bound(sys, SOCK_STREAM, port);
  sys.listen({ s, backlog: 1024 });
  const one = async (fd: number) => {
    await service(sys, fd).catch(() => {}); // whoever went away
    sys.close({ fd });
  };
  const all = async () => {
    for (;;) void one(await sys.accept({ s }) as number);
  };
  void kernel.outstanding(all());
}
async function echoDatagrams(kernel: Kernel): Promise<void> {
  const sys = kernel.calls(kernel.fork("udp"));
  const s = await bound(sys, SOCK_DGRAM, 7);
  const [buf, from] = [new Uint8Array(SIZE), new Uint8Array(32)];
  for (;;) {
    const n = await sys.recvfrom({ s, buf, flags: 0, from, fromlenaddr: new Uint8Array([32, 0, 0, 0]) }) as number;
    await sys.sendto({ s, buf: buf.subarray(0, n), flags: 0, to: from.slice(0, from[0]) });
  }
}

const kernel = await boot();
// A process has only so many descriptors.
for (const [port, service] of [[7, echo], [17, echo], [27, echo], [37, echo], [9, discard], [19, chargen]] as const) {
  await serve(kernel, port, service);
}
void kernel.outstanding(echoDatagrams(kernel));
const server = new SpServer(kernel, { version: "rump-test", policy: { uid: host.uid } });
await server.listen(parseLocator(locator!, "server", (name) => (name === "unix" ? spUnix : undefined)), undefined);
host.out("ready\n");
await host.loop.run();
