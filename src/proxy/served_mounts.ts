/**
 * Mounts of the host's whose files are this server's (fuse(4)): a client hands one over, and the server itself answers the
 * host's kernel, as a process with the client's rights and root directory. A mount goes on when the client ends, until the host
 * takes it away. Only over unix sockets.
 */
import { errno } from "../abi/errno.ts";
import type { Proc } from "../kern/proc.ts";
import { otherwise, then } from "../lib/async.ts";
import type { FuseDevice } from "../lib/socket_end.ts";
import type { Async } from "../plugin.ts";
import type { Connection } from "./connection.ts";
import type { HandedEnds } from "./handed_ends.ts";

/** How files are to be seen. */
export interface Seen {
  /** The file that is the root there. */
  readonly root: string;
  /** Where the root directory is seen, for links with absolute targets; undefined: nowhere. */
  readonly prefix: string | undefined;
  /** Who the client is on the host. */
  readonly uid: number;
  readonly gid: number;
}
/** Serves a mount's files as a process sees them until it is closed or gone; who has file systems gives it. */
export type ServeMount = (proc: Proc, device: FuseDevice, seen: Seen, ended: () => void) => Async<{ close(): void }>;

const MAX_PATH = 4096;

/** Serve the mount that came along with this request: [root, prefix or null, uid, gid]. EOPNOTSUPP: there are no files. */
export function serveMount(c: Connection, ends: HandedEnds, arg: unknown): Async<void> {
  const { server } = c;
  const device = ends.take();
  return otherwise(() => {
    const seen = seenOf(arg);
    if (!device || !("fuse" in device)) throw errno.ENODEV;
    const serve = server.options.mounts;
    if (!serve) throw errno.EOPNOTSUPP;
    if (server.mounts.size >= server.limits.maxMounts) throw errno.ENFILE;
    return started(c, serve, device, seen);
  }, () => device?.close());
}
function seenOf(arg: unknown): Seen {
  if (!Array.isArray(arg)) throw errno.EINVAL;
  const [root, prefix, uid, gid] = arg as readonly unknown[];
  const isPath = (x: unknown): x is string => typeof x === "string" && x.startsWith("/") && x.length < MAX_PATH;
  const isId = (x: unknown): x is number => Number.isInteger(x) && (x as number) >= 0 && (x as number) < 2 ** 32;
  if (!isPath(root) || (prefix !== null && !isPath(prefix)) || !isId(uid) || !isId(gid)) throw errno.EINVAL;
  return { root, prefix: prefix ?? undefined, uid, gid };
}
/** It is a process of its own: the client may end. */
function started(
  { server, kernel, proc: client }: Connection,
  serve: ServeMount,
  device: FuseDevice,
  seen: Seen,
): Async<void> {
  const proc = kernel.fork(client!.comm, client!.cred, client);
  void proc.files.closeAll(); // the client's are its own
  proc.umask = 0; // it has been taken from what the host asks already
  let made: { close(): void } | undefined;
  const mount = { close: () => made?.close() };
  const end = () => {
    server.mounts.delete(mount);
    server.exit(proc);
  };
  return otherwise(() =>
    then(serve(proc, device, seen, end), (served) => {
      made = served;
      server.mounts.add(mount);
    }), end);
}
