/**
 * Who moves a socket's data. A server on this machine does it itself, and we are out of the way (proxy/splices.ts); else, or where
 * it will not, it goes through our calls.
 */
import { errno } from "../abi/errno.ts";
import type { Host } from "../host/host.ts";
import type { AsyncClient } from "../proxy/client.ts";
import type { Attach } from "./stand.ts";

/** Not this server, or not this socket. */
const unable = new Set<unknown>([errno.EOPNOTSUPP, errno.ENOSYS, errno.EPERM, errno.ENFILE]);

type Ending = Awaited<ReturnType<Attach>>;
/** See the head of this file. `byCalls` moves what the server does not. */
export function straight(host: Host, client: Pick<AsyncClient, "splice" | "spliced">, byCalls: Attach): Attach {
  const over = endings(host, client);
  return async (stand) => {
    // Datagrams have their senders' addresses beside them, which calls tell.
    if (!stand.stream) return await byCalls(stand);
    try {
      return await over(await client.splice(stand.s, stand.fd));
    } catch (e) {
      if (!unable.has(e)) throw e;
      host.loop.settled();
      return await byCalls(stand);
    }
  };
}
/** How each splice ends. */
function endings({ loop }: Host, client: Pick<AsyncClient, "spliced">): (id: number) => Promise<Ending> {
  const waiting = new Map<number, (how: Ending) => void>();
  /** Of those nobody has asked for yet. */
  const early = new Map<number, Ending>();
  let listening = false;
  const listen = async () => {
    for (;;) {
      loop.settled();
      for (const { id, errno: why } of await client.spliced()) {
        const how = why === 0 ? "closed" : "reset";
        const tell = waiting.get(id);
        waiting.delete(id);
        if (tell) tell(how);
        else early.set(id, how);
      }
    }
  };
  // With the connection goes the server, and with it what moved.
  const broken = () => {
    for (const tell of waiting.values()) tell("reset");
    waiting.clear();
  };
  return (id) => {
    if (!listening) listen().catch(broken);
    listening = true;
    const how = early.get(id);
    early.delete(id);
    return how ? Promise.resolve(how) : new Promise((resolve) => waiting.set(id, resolve));
  };
}
