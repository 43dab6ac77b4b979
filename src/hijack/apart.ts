/** The process apart: serves a hijacked program, and all it starts, for as long as any of them is there. */
import { errno } from "../abi/errno.ts";
import { Stat } from "../abi/structs.ts";
import { FuseServer, type Opens } from "../fuse/server.ts";
import type { Host, Loop } from "../host/host.ts";
import { then } from "../lib/async.ts";
import type { Async, Volume } from "../plugin.ts";
import { Mount } from "../vfs/mount.ts";
import type { Source } from "./proc/questions.ts";
import { viewVolumes } from "./proc/views.ts";
import type { Connection } from "./connection.ts";
import { currentCalls, lasting, waiter } from "./lasting.ts";
import { type Answer, type Order, type OrderedMount, parsed } from "./order.ts";
import { isDirectory, missing, type RemoteCalls } from "./remote_calls.ts";
import type { Owners } from "./remote_nodes.ts";
import { RemoteVolume } from "./remote_volume.ts";
import { supervise } from "./supervisor.ts";

/** The descriptor to the launcher. */
const LAUNCHER = 3;
/** How long the kernel may believe what it was told: others work on the files, too. */
const VALID_SECONDS = 1;
const NO_FILES = "the server has no file systems (start it with -l rumpvfs)";

/** A mount whose root has been looked at. */
interface Ready {
  readonly type: "dir" | "file";
  readonly volume: Volume & Opens;
}
/** Attach to the server for an order. Throws AttachError. */
export type Attach = (order: Order) => Async<Clients>;
export interface Clients {
  /** For files, where calls block; left out: they go by the connection. */
  readonly blocking?: RemoteCalls | undefined;
  /** In `host.loop`; left out: there are no sockets, and files have the other. */
  readonly connection?: Connection | undefined;
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
    ready = order.mounts.length > 0 ? await inLoop(host.loop, roots(host, clients, order)) : [];
  } catch (e) {
    say({ error: e instanceof Error ? e.message : String(e) });
    return 1;
  }
  say({ types: ready.map(({ type }) => type) });
  const parcel = l.receiveParcel(LAUNCHER);
  const volumes = [...ready.map(({ volume }) => volume), ...viewVolumes(host, source(clients), order.views)];
  if (!parcel || parcel.fds.length < volumes.length) return 1; // it did not come to that
  l.close(LAUNCHER);
  const files = serveFiles(host, volumes, parcel.fds);
  const listener = parcel.fds[volumes.length];
  const { connection } = clients;
  if (connection && listener !== undefined) {
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
/** Whose calls files are made of. */
const source = ({ blocking, connection }: Clients): Source =>
  blocking
    ? { remote: blocking, again: waiter(undefined) }
    : { remote: currentCalls(connection!), again: waiter(connection) };
async function roots(host: Host, clients: Clients, order: Order): Promise<readonly Ready[]> {
  const { remote } = source(clients);
  await remote.sys.umask({ newmask: 0 }); // it has been taken from what we are asked already
  const owners: Owners = {
    here: { uid: host.uid, gid: host.gid },
    there: { uid: await remote.sys.geteuid(), gid: await remote.sys.getegid() },
  };
  const ready: Ready[] = [];
  if (order.usual && !(await hasFiles(remote))) return ready;
  for (const mount of order.mounts) {
    const { type, volume } = await root(host, remote, order, mount, owners);
    ready.push({ type, volume: lasting(volume, clients.blocking ? undefined : clients.connection) });
  }
  return ready;
}
function root(
  host: Host,
  remote: RemoteCalls,
  { prefix }: Order,
  { at, root: path }: OrderedMount,
  owners: Owners,
): Async<{ readonly type: "dir" | "file"; readonly volume: RemoteVolume }> {
  const ub = new Uint8Array(Stat.size);
  const asked = () => then(remote.sys.stat({ path, ub }), () => undefined);
  return then(explained(asked, at, path), () => ({
    type: isDirectory(ub) ? "dir" : "file",
    volume: new RemoteVolume(remote, ub, { root: path, prefix, owners, now: () => host.now() }),
  }));
}
/** Whether the server has file systems. */
async function hasFiles(remote: RemoteCalls): Promise<boolean> {
  const stat = async () => await remote.sys.stat({ path: "/", ub: new Uint8Array(Stat.size) });
  return await missing(stat, () => true, errno.ENOSYS) ?? false;
}
/** A failure that says what of the server was asked for. */
async function explained(ask: () => Async<void>, at: string, path: string): Promise<void> {
  try {
    await ask();
  } catch (e) {
    if (e === errno.ENOSYS) throw new Error(`rumphijack: ${at}: ${NO_FILES}`);
    throw new Error(`rumphijack: ${at}: the server's ${path}: ${e instanceof Error ? e.message : e}`);
  }
}

/** Serve the mounts in the host's loop; the result runs it until they are gone. */
function serveFiles(host: Host, volumes: readonly (Volume & Opens)[], fds: readonly number[]): () => Promise<void> {
  const { loop } = host;
  let left = volumes.length;
  let alone = false;
  const ended = () => {
    if (--left === 0 && alone) loop.stop();
  };
  for (const [i, volume] of volumes.entries()) {
    const info = { type: "rump", from: "rump", on: "/", flags: 0, owner: host.uid };
    const options = {
      opens: volume,
      validSeconds: VALID_SECONDS,
      ready: () => {},
      ended,
      log: (text: string) => host.err(`${text}\n`),
      memory: () => ({ cached: 0, dirty: 0 }),
    };
    new FuseServer(host, new Mount(volume, undefined, info), fds[i]!, options).start();
  }
  return async () => {
    alone = true;
    if (left > 0) await loop.run();
  };
}
