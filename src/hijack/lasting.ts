/** Files whose server may go: what is asked meanwhile is asked once more when there is another, or fails with ENOTCONN. */
import { errno } from "../abi/errno.ts";
import type { Opens } from "../fuse/server.ts";
import { then } from "../lib/async.ts";
import type { Async, Volume } from "../plugin.ts";
import { type Connection, waiter } from "./connection.ts";
import type { RemoteNode } from "./remote_nodes.ts";
import { RemoteVolume } from "./remote_volume.ts";

/** Do it; when the server is gone, `again` waits for another, and it is done anew. */
export function persevering(work: () => Async<unknown>, again: () => Async<unknown>): Async<unknown> {
  const failed = (e: unknown): Async<unknown> => {
    if (e !== errno.ECONNRESET) throw e;
    return then(again(), () => persevering(work, again));
  };
  try {
    const value = work();
    return value instanceof Promise ? value.catch(failed) : value;
  } catch (e) {
    return failed(e);
  }
}
type Method = (...args: unknown[]) => Async<unknown>;

/**
 * A volume's operations made so. Descriptors of a server that is gone mean nothing to another: files are opened anew by
 * their names, and those that are others now are ESTALE.
 */
export function lasting(volume: RemoteVolume, connection: Connection | undefined): Volume<RemoteNode> & Opens {
  const again = waiter(connection);
  connection?.lost.push(() => volume.forget());
  const methods = volume as unknown as Readonly<Record<string, Method>>;
  const names = Object.getOwnPropertyNames(RemoteVolume.prototype).filter((name) => name !== "constructor");
  const made = names.map((name): [string, Method] => {
    const method = methods[name]!.bind(volume);
    return [name, (...args) => persevering(() => method(...args), again)];
  });
  return { root: volume.root, ...Object.fromEntries(made) } as unknown as Volume<RemoteNode> & Opens;
}
