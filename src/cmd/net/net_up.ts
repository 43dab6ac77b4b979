/** A network of kernels, all in this process and its one loop: each with its own TCP/IP and socket, joined by bus files. */
import { builtins } from "../../../plugins/mod.ts";
import type { Host } from "../../host/host.ts";
import { bootKernel, type Kernel } from "../../kern/kernel.ts";
import { maskOf } from "../../lib/inet.ts";
import { stackOf } from "../../net/interfaces.ts";
import type { Ip6 } from "../../net/ip6/ip6.ts";
import type { Stack } from "../../net/stack.ts";
import { parseLocator } from "../../proxy/locator.ts";
import { SpServer } from "../../proxy/server.ts";
import { hypercalls } from "../../rump.ts";
import { version } from "../../version.ts";
import { Failure, reasonOf } from "../cli.ts";
import { busOf, socketOf } from "./net_dir.ts";
import type { Attachment, NetHost, Topology } from "./net_file.ts";

const COMPONENTS = ["sp_unix", "rumpnet_netinet", "rumpnet_netinet6", "rumpnet_lossy"];

async function attach(stack: Stack, dir: string, a: Attachment, unit: number): Promise<void> {
  const bad = a.faults !== "";
  const iface = await stack.create(`${bad ? "lossy" : "shmif"}${unit}`);
  const bus = busOf(dir, a.link);
  await iface.device.setLinkstr!(
    bad ? `shmif:${bus}?${a.faults}` : `${bus}${a.fast === undefined ? "" : a.fast ? "?fast" : "?v3"}`,
  );
  iface.description = a.link;
  for (const { address, length } of a.addresses) {
    const mask = maskOf(length);
    await stack.addAddress(iface, { address, mask, broadcast: length < 31 ? (address | ~mask) >>> 0 : 0 });
  }
  for (const one of a.addresses6) await (stack.ip6 as Ip6).addresses.add(iface, one);
}
async function configure(kernel: Kernel, dir: string, host: NetHost): Promise<void> {
  const stack = stackOf(kernel);
  stack.ip.forwarding = host.forward;
  for (const [unit, a] of host.attachments.entries()) await attach(stack, dir, a, unit);
  for (const { destination, mask, gateway } of host.routes) {
    stack.addRoute(stack.gatewayRoute(destination, mask, gateway));
  }
  const ip6 = stack.ip6 as Ip6;
  ip6.settings.forwarding = host.forward;
  for (const { destination, length, gateway } of host.routes6) {
    ip6.addRoute(ip6.gatewayRoute(destination, length, gateway));
  }
}
/** A kernel that serves; it lets go of its socket when it ends. */
async function serve(host: Host, kernel: Kernel, path: string): Promise<void> {
  const server = new SpServer(kernel, { version: `rump-${version}`, policy: { uid: host.uid } });
  const transport = (name: string) => kernel.registry.transport(name);
  await server.listen(parseLocator(`unix://${path}`, "server", transport));
  kernel.atHalt(() => server.close());
}
async function bringUp(host: Host, dir: string, described: NetHost): Promise<Kernel> {
  const machine = hypercalls(host, (ms, fn) => host.loop.timer(ms, fn), host.loopSockets);
  const kernel = await bootKernel(machine, { builtins, components: COMPONENTS, hostname: described.name });
  try {
    await configure(kernel, dir, described);
    await serve(host, kernel, socketOf(dir, described.name));
    return kernel;
  } catch (e) {
    await kernel.halt().catch(() => {});
    throw new Failure(`${described.name}: ${reasonOf(e)}`);
  }
}
const haltAll = (kernels: Iterable<Kernel>) => Promise.all([...kernels].map((k) => k.halt().catch(() => {})));

/** Bring all hosts up, tell of each, serve until all are halted. Throws Failure; nothing is up then. */
export async function network(
  host: Host,
  dir: string,
  topology: Topology,
  on: { readonly up: (name: string, count: number) => void; readonly ready: () => void },
): Promise<void> {
  const kernels = new Set<Kernel>();
  let ending = false;
  const end = () => {
    ending = true;
    void haltAll(kernels);
  };
  for (const signal of ["SIGTERM", "SIGINT"]) host.onSignal(signal, end);
  try {
    for (const described of topology.hosts) {
      const kernel = await bringUp(host, dir, described);
      kernels.add(kernel);
      kernel.onHalt = () => void (kernels.delete(kernel), kernels.size === 0 && host.loop.stop());
      on.up(described.name, kernels.size);
    }
  } catch (e) {
    await haltAll(kernels);
    throw e;
  }
  if (kernels.size === 0) return;
  on.ready();
  if (ending) end();
  await host.loop.run();
}
