/** The process apart of rumphijack(1): attaches to the server, with the built-in transports, and serves. */
import type { Host } from "../../host/host.ts";
import { type Clients, serveApart } from "../../hijack/apart.ts";
import { Connection } from "../../hijack/connection.ts";
import type { Order } from "../../hijack/order.ts";
import { attachInLoop, retryOf } from "../../proxy/attach.ts";
import { attacher, caller } from "../client.ts";
import type { Run } from "../mod.ts";

/** Where the server does not serve files itself, calls on the same machine block: through shared memory they take less than the loop. */
async function attach(host: Host, { comm, pid }: Order): Promise<Clients> {
  const retry = retryOf(host);
  const far = !(host.env("RUMP_SERVER")?.startsWith("unix:") ?? true);
  // Who waits for another server, that knows of no mounts, serves them, and does not block everybody else.
  const near = retry === undefined && !far;
  const again = attacher(host, comm);
  const first = await attachInLoop(host, again);
  const { say, end } = (await host.launch()).served(pid);
  const connection = new Connection(host.loop, first, { retry, far, attach: again, say, end });
  return { connection, near, blocking: near ? () => caller(host, comm) : undefined };
}
export const run: Run = (host) => serveApart(host, (order) => attach(host, order));
