/** The process apart: serves a hijacked program, and all it starts, for as long as any of them is there. */
import { FuseServer, type Opens } from "../fuse/server.ts";
import type { Host, Loop } from "../host/host.ts";
import type { Async, Volume } from "../plugin.ts";
import { Mount } from "../vfs/mount.ts";
import { viewVolumes } from "./proc/views.ts";
import type { Connection } from "./connection.ts";
import { currentCalls, waiter } from "./lasting.ts";
import { type Answer, type Order, parsed } from "./order.ts";
import { isDirectory, type RemoteCalls } from "./remote_calls.ts";
import { handOver, type Ready, roots, volumesOf } from "./apart_files.ts";
import { supervise } from "./supervisor.ts";

/** The descriptor to the launcher. */
const LAUNCHER = 3;
/** How long the kernel may believe what it was told: others work on the files, too. */
const VALID_SECONDS = 1;

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
  say({ types: ready.map(({ stat }) => isDirectory(stat) ? "dir" : "file") });
  const parcel = l.receiveParcel(LAUNCHER);
  const { connection } = clients;
  const views = viewVolumes(host, { remote: currentCalls(connection), again: waiter(connection) }, order);
  const n = ready.length;
  if (!parcel || parcel.fds.length < n + views.length) return 1; // it did not come to that
  l.close(LAUNCHER);
  const mounts = ready.map((root, i) => ({ ...root, fd: parcel.fds[i]! }));
  const left = n > 0 ? await inLoop(host.loop, handOver(host, l, clients, { order, mounts })) : [];
  const ours = left.length > 0 ? await inLoop(host.loop, volumesOf(host, clients, order, left)) : [];
  const files = serveFiles(host, [...ours, ...views.map((volume, i) => ({ volume, fd: parcel.fds[n + i]! }))]);
  const listener = parcel.fds[n + views.length];
  if (listener !== undefined) {
    const sockets = { families: order.families };
    await supervise(host, { listener, sockets, connection });
    host.loop.remove(listener);
  }
  await files();
  return 0;
}

/** Run the loop until something is done. */
async function inLoop<T>(loop: Loop, work: Promise<T>): Promise<T> {
  loop.pending(1);
  const over = work.finally(() => {
    loop.pending(-1);
    loop.stop();
  });
  await Promise.allSettled([over, loop.run()]);
  return await over;
}
/** A mount of ours. */
interface Served {
  readonly fd: number;
  readonly volume: Volume & Opens;
}
/** Serve the mounts in the host's loop; the result runs it until they are gone. */
function serveFiles(host: Host, mounts: readonly Served[]): () => Promise<void> {
  const { loop } = host;
  let left = mounts.length;
  let alone = false;
  const ended = () => {
    if (--left === 0 && alone) loop.stop();
  };
  for (const { fd, volume } of mounts) {
    const info = { type: "rump", from: "rump", on: "/", flags: 0, owner: host.uid };
    const options = {
      opens: volume,
      validSeconds: VALID_SECONDS,
      ready: () => {},
      ended,
      log: (text: string) => host.err(`${text}\n`),
      memory: () => ({ cached: 0, dirty: 0 }),
    };
    new FuseServer(host, new Mount(volume, undefined, info), fd, options).start();
  }
  return async () => {
    alone = true;
    if (left > 0) await loop.run();
  };
}
