/** The process apart: serves a hijacked program, and all it starts, for as long as any of them is there. */
import type { Host } from "../host/host.ts";
import { inLoop } from "../lib/in_loop.ts";
import type { Async } from "../plugin.ts";
import { type Ready, roots } from "./apart_roots.ts";
import type { Connection } from "./connection.ts";
import { type Answer, LAUNCHER, type Order, parsed } from "./order.ts";
import { isDirectory, type RemoteCalls } from "./remote_calls.ts";

/** Attach to the server for an order. Throws AttachError. */
export type Attach = (order: Order) => Async<Clients>;
export interface Clients {
  /** In `host.loop`. */
  readonly connection: Connection;
  /** Whether the server is asked to answer the host's kernel about files itself. */
  readonly near: boolean;
  /** For files where it does not: calls that block; left out: they go by the connection. */
  readonly blocking?: (() => RemoteCalls) | undefined;
}

/** Serve until nobody is left to be served. The exit status. */
export async function serveApart(host: Host, attach: Attach): Promise<number> {
  const l = await host.launch();
  const order = parsed<Order>(l.hear(LAUNCHER));
  const say = (answer: Answer) => l.say(LAUNCHER, JSON.stringify(answer));
  // It says nothing until it is answered: where there is something to hear it is gone, and nobody is to be served.
  host.loop.add(LAUNCHER, { read: true, write: false }, () => host.exit(1));
  let clients: Clients;
  let ready: readonly Ready[];
  try {
    clients = await attach(order);
    host.chdir("/");
    // Sockets alone ask nothing of files; a client that answers later does so in the loop.
    ready = order.mounts.length > 0 ? await inLoop(host.loop, roots(clients, order)) : [];
  } catch (e) {
    say({ error: e instanceof Error ? e.message : String(e) });
    return 1;
  }
  host.loop.remove(LAUNCHER);
  say({ types: ready.map(({ stat }) => isDirectory(stat) ? "dir" : "file") });
  // What follows is loaded while the program gets ready as well.
  const { serveThem } = await import("./apart_serve.ts");
  return await serveThem(host, l, clients, { order, ready });
}
