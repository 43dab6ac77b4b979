/** The process apart of rumphijack(1): attaches to the server, with the built-in transports, and serves. */
import type { Host } from "../host/host.ts";
import { type Clients, serveApart } from "../hijack/apart.ts";
import type { Order } from "../hijack/order.ts";
import { attachedInLoop, caller } from "./client.ts";
import type { Run } from "./mod.ts";

/** Calls on the same machine block: through shared memory they take less than going to the loop and back. */
async function attach(host: Host, { comm, families, mounts }: Order): Promise<Clients> {
  const isNear = host.env("RUMP_SERVER")?.startsWith("unix:") ?? true;
  const blocking = isNear && (mounts.length > 0 || families.length === 0) ? caller(host, comm) : undefined;
  const later = families.length > 0 || !blocking ? await attachedInLoop(host, comm) : undefined;
  return { files: blocking ?? later!, sockets: later };
}
export const run: Run = (host) => serveApart(host, (order) => attach(host, order));
