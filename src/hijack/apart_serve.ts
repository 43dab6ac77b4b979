/**
 * What the process apart does once the program can start: a server on this machine is to serve its files itself, the others
 * are served here, by calls; its calls on sockets are made here.
 */
import { SysError } from "../abi/errno.ts";
import type { Owners } from "../fuse/owners.ts";
import { FuseServer, type Opens } from "../fuse/server.ts";
import type { Host, Launch } from "../host/host.ts";
import { inLoop } from "../lib/in_loop.ts";
import type { Volume } from "../plugin.ts";
import { Mount } from "../vfs/mount.ts";
import type { Clients } from "./apart.ts";
import type { Ready } from "./apart_roots.ts";
import { currentCalls, waiter } from "./connection.ts";
import { lasting } from "./lasting.ts";
import { LAUNCHER, type Order } from "./order.ts";
import { viewVolumes } from "./proc/views.ts";
import { RemoteVolume } from "./remote_volume.ts";
import type { Stand } from "./stand.ts";
import { supervise } from "./supervisor.ts";

/** How long the kernel may believe what it was told: others work on the files, too. */
const VALID_SECONDS = 1;

/** A mount, with its descriptor. */
type Made = Ready & { readonly fd: number };

/** Take over what the launcher has made, and serve it until nobody is left. The exit status. */
export async function serveThem(
  host: Host,
  l: Launch,
  clients: Clients,
  { order, ready }: { readonly order: Order; readonly ready: readonly Ready[] },
): Promise<number> {
  const parcel = l.receiveParcel(LAUNCHER);
  const { connection } = clients;
  const stands = new Map<number, Stand>();
  const views = viewVolumes(host, { remote: currentCalls(connection), again: waiter(connection), stands }, order);
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
    await supervise(host, { listener, sockets, connection, stands });
    host.loop.remove(listener);
  }
  await files();
  return 0;
}

/** Have the server answer the host's kernel itself: what is left are the mounts it does not take. */
async function handOver(
  host: Host,
  l: Launch,
  { connection: { client }, near }: Clients,
  { order: { prefix }, mounts }: { readonly order: Order; readonly mounts: readonly Made[] },
): Promise<readonly Made[]> {
  if (!near) return mounts;
  const left: Made[] = [];
  for (const mount of mounts) {
    try {
      await client.serve({ root: mount.path, prefix, uid: host.uid, gid: host.gid }, mount.fd);
      l.close(mount.fd); // the mount is to end with the server
    } catch (e) {
      if (!(e instanceof SysError)) throw e;
      left.push(mount);
    }
  }
  return left;
}
/** The volumes of those that are left. */
async function volumesOf(
  host: Host,
  { blocking, connection }: Clients,
  { prefix }: Order,
  mounts: readonly Made[],
): Promise<{ readonly fd: number; readonly volume: Volume & Opens }[]> {
  const calls = blocking?.();
  const remote = calls ?? currentCalls(connection);
  await remote.sys.umask({ newmask: 0 }); // it has been taken from what we are asked already
  const owners: Owners = {
    here: { uid: host.uid, gid: host.gid },
    there: { uid: await remote.sys.geteuid(), gid: await remote.sys.getegid() },
  };
  return mounts.map(({ fd, path, stat }) => {
    const volume = new RemoteVolume(remote, stat, { root: path, prefix, owners, now: () => host.now() });
    return { fd, volume: lasting(volume, calls ? undefined : connection) };
  });
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
