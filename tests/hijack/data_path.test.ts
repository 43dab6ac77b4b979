/** A socket's data, whoever moves it: the same for the program. */
import { host } from "../../src/host/mod.ts";
import { errno } from "../../src/abi/errno.ts";
import { straight } from "../../src/hijack/splice.ts";
import type { Attach, Sockets, Stand } from "../../src/hijack/stand.ts";
import { moveStream } from "../../src/hijack/streams_remote.ts";
import type { AsyncClient } from "../../src/proxy/client.ts";
import { dataPath, type Mover } from "../conformance/data_path.ts";

/** One for each client. */
function mover(make: (client: AsyncClient) => Attach): Mover {
  const made = new Map<AsyncClient, Attach>();
  return (client, s, fd) => {
    const attach = made.get(client) ?? make(client);
    made.set(client, attach);
    const ended = attach({ s, fd, stream: true } as Stand).then((
      how,
    ) => (how === "reset" ? errno.ECONNRESET.errno : 0));
    return Promise.resolve({ ended });
  };
}
const byCalls = (client: AsyncClient): Attach => (stand) =>
  moveStream({ host, client, standIns: host.standIns() } as Sockets, stand);

dataPath("a hijacked program's data, straight", mover((c) => straight(host, c, () => Promise.reject(errno.EIO))));
dataPath("a hijacked program's data, by calls", mover(byCalls));
