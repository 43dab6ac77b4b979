/** The process apart of rumphijack(1): attaches to the server, with the built-in transports, and serves. */
import type { Host } from "../host/host.ts";
import { type Clients, serveApart } from "../hijack/apart.ts";
import { Connection } from "../hijack/connection.ts";
import type { Order } from "../hijack/order.ts";
import { attachInLoop, retryOf } from "../proxy/attach.ts";
import { attacher, caller } from "./client.ts";
import type { Run } from "./mod.ts";

/** Calls on the same machine block: through shared memory they take less than going to the loop and back. */
async function attach(host: Host, { comm, pid, families, mounts }: Order): Promise<Clients> {
  const retry = retryOf(host);
  const isNear = host.env("RUMP_SERVER")?.startsWith("unix:") ?? true;
  // Who waits for another server does not block everybody else.
  const blocks = isNear && retry === undefined && (mounts.length > 0 || families.length === 0);
  const blocking = blocks ? caller(host, comm) : undefined;
  if (blocking && families.length === 0) return { blocking };
  const again = attacher(host, comm);
  const first = await attachInLoop(host, again);
  const { say, end } = (await host.launch()).served(pid);
  return { blocking, connection: new Connection(host.loop, first, { retry, far: !isNear, attach: again, say, end }) };
}
export const run: Run = (host) => serveApart(host, (order) => attach(host, order));
