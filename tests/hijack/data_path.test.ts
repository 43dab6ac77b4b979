/** A socket's data, whoever moves it: the same for the program. */
import { test } from "node:test";
import { host } from "../../src/host/mod.ts";
import { errno } from "../../src/abi/errno.ts";
import { straight } from "../../src/hijack/splice.ts";
import type { Attach, Sockets, Stand } from "../../src/hijack/stand.ts";
import { moveStream } from "../../src/hijack/streams_remote.ts";
import type { AsyncClient } from "../../src/proxy/client.ts";
import { assertEquals } from "../assert.ts";
import { DataLab } from "../cases/data_lab.ts";
import { dataPath, drain, type Mover } from "../conformance/data_path.ts";

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

test("sends made at once stand one behind the other in the stream, however long the first waits for room", async () => {
  const lab = new DataLab();
  try {
    const [us, other] = [await lab.client(), await lab.client("peer")];
    const { s, peer } = await lab.connection(us, other);
    const pieces = [1, 2, 3, 4].map((n) => new Uint8Array(300_000).fill(n));
    const sent = Promise.all(pieces.map((buf) => us.sys.sendto({ s, buf, flags: 0 })));
    const came = await drain(other, peer, 1_200_000);
    assertEquals(await sent, pieces.map((p) => p.length));
    assertEquals(pieces.map((p, i) => came.subarray(i * p.length, (i + 1) * p.length).every((b) => b === i + 1)), [
      true,
      true,
      true,
      true,
    ]);
  } finally {
    await lab.close();
  }
});
