/** The process apart of rumphijack(1): attaches to the server, with the built-in transports, and serves. */
import type { Host } from "../host/host.ts";
import { serveApart } from "../hijack/apart.ts";
import type { Order } from "../hijack/order.ts";
import type { RemoteCalls } from "../hijack/remote_calls.ts";
import { attached, caller } from "./client.ts";
import type { Run } from "./mod.ts";

/** Calls on the same machine block: through shared memory they take less than going to the loop and back. */
function attach(host: Host, { comm, retry }: Order): RemoteCalls | Promise<RemoteCalls> {
  const isNear = host.env("RUMP_SERVER")?.startsWith("unix:") && retry === undefined;
  return isNear ? caller(host, comm) : attached(host, comm);
}
export const run: Run = (host) => serveApart(host, (order) => attach(host, order));
