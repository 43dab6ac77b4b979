/** The process of a disk's driver: opens it as it is told, and serves it until whoever asked is gone. */
import type { Host } from "../host/host.ts";
import { parseOptions } from "../kern/driver_options.ts";
import { type Hypercalls, Kernel } from "../kern/kernel.ts";
import type { BlockDevice, DiskDriver, Plugin, Sys } from "../plugin.ts";
import { factsOf, serveDisk } from "./blocks.ts";
import type { DiskOrder } from "./disk.ts";

/** Serve the disk; `load` gives a component's plugin. The exit status. */
export async function serveDiskApart(
  host: Host,
  machine: Hypercalls,
  load: (component: string) => Promise<Plugin>,
): Promise<number> {
  const channel = host.isolatedEnd();
  channel.closed(() => host.exit(0));
  const said: string[] = [];
  const sys: Sys = { ...new Kernel(machine).sys, log: (text) => void (said.length < LINES && said.push(String(text))) };
  host.onStray((e) => sys.log(`bug: ${e instanceof Error ? e.stack ?? e.message : e}`));
  let device: BlockDevice | undefined;
  serveDisk(channel, {
    device: () => device,
    async open(data) {
      device = await opened(sys, load, JSON.parse(new TextDecoder().decode(data)));
      return new TextEncoder().encode(JSON.stringify(factsOf(device)));
    },
    words: () => said.splice(0),
    pending: (change) => host.loop.pending(change),
  }, () => host.exit(1));
  await host.loop.run();
  return 0;
}
/** Lines kept until an answer takes them along. */
const LINES = 20;

async function opened(
  sys: Sys,
  load: (component: string) => Promise<Plugin>,
  { component, source, readOnly, options }: DiskOrder,
): Promise<BlockDevice> {
  const driver = await load(component) as DiskDriver;
  const parsed = parseOptions(driver.options, options, (why) => sys.log(`${driver.name}: ${why}`));
  return await driver.open(sys, parsed, { source, readOnly });
}
