/** Files of the process apart: a server on this machine is to serve them itself; the others are served here, by calls. */
import { errno, SysError } from "../abi/errno.ts";
import { Stat } from "../abi/structs.ts";
import type { Owners } from "../fuse/owners.ts";
import type { Opens } from "../fuse/server.ts";
import type { Host, Launch } from "../host/host.ts";
import { missing, then } from "../lib/async.ts";
import type { Async, Volume } from "../plugin.ts";
import type { Clients } from "./apart.ts";
import { currentCalls, lasting } from "./lasting.ts";
import type { Order, OrderedMount } from "./order.ts";
import type { RemoteCalls } from "./remote_calls.ts";
import { RemoteVolume } from "./remote_volume.ts";

const NO_FILES = "the server has no file systems (start it with -l rumpvfs)";

/** A mount whose root has been looked at: its struct stat. */
export interface Ready {
  readonly path: string;
  readonly stat: Uint8Array;
}
/** With its descriptor. */
export type Made = Ready & { readonly fd: number };

/** Look at the roots of what is ordered; none where files were not asked for and there are none. */
export async function roots({ connection }: Clients, order: Order): Promise<readonly Ready[]> {
  const remote = currentCalls(connection);
  const ready: Ready[] = [];
  if (order.usual && !(await hasFiles(remote))) return ready;
  for (const mount of order.mounts) ready.push(await root(remote, mount));
  return ready;
}
async function root(remote: RemoteCalls, { at, root: path }: OrderedMount): Promise<Ready> {
  const stat = new Uint8Array(Stat.size);
  await explained(() => then(remote.sys.stat({ path, ub: stat }), () => undefined), at, path);
  return { path, stat };
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

/** Have the server answer the host's kernel itself: what is left are the mounts it does not take. */
export async function handOver(
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
export async function volumesOf(
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
