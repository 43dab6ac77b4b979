/** What the process apart asks of the server before a program can start: whether what it is to see is there. */
import { errno } from "../abi/errno.ts";
import { Stat } from "../abi/structs.ts";
import type { Clients } from "./apart.ts";
import { currentCalls } from "./connection.ts";
import type { Order, OrderedMount } from "./order.ts";
import type { RemoteCalls } from "./remote_calls.ts";

const NO_FILES = "the server has no file systems (start it with -l rumpvfs)";

/** A mount whose root has been looked at: its struct stat. */
export interface Ready {
  readonly path: string;
  readonly stat: Uint8Array;
}
/** Look at the roots of what is ordered; none where files were not asked for and there are none. */
export async function roots({ connection }: Clients, order: Order): Promise<readonly Ready[]> {
  const remote = currentCalls(connection);
  const ready: Ready[] = [];
  for (const mount of order.mounts) {
    const there = await root(remote, mount, order.usual);
    if (!there) return [];
    ready.push(there);
  }
  return ready;
}
/** Undefined: the server has no file systems, and they need not be there. */
async function root(remote: RemoteCalls, { at, root: path }: OrderedMount, usual: boolean): Promise<Ready | undefined> {
  const stat = new Uint8Array(Stat.size);
  try {
    await remote.sys.stat({ path, ub: stat });
    return { path, stat };
  } catch (e) {
    if (e === errno.ENOSYS && usual) return undefined;
    if (e === errno.ENOSYS) throw new Error(`rumphijack: ${at}: ${NO_FILES}`);
    throw new Error(`rumphijack: ${at}: the server's ${path}: ${e instanceof Error ? e.message : e}`);
  }
}
