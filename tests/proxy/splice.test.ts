/** Data that goes straight between a server and a program. */
import type { AsyncClient } from "../../src/proxy/client.ts";
import { dataPath } from "../conformance/data_path.ts";

/** Endings by client and number. */
const endings = new Map<AsyncClient, Map<number, (why: number) => void>>();
async function listen(client: AsyncClient, waiting: Map<number, (why: number) => void>): Promise<void> {
  for (;;) for (const { id, errno } of await client.spliced()) waiting.get(id)?.(errno);
}
export async function splice(client: AsyncClient, s: number, fd: number) {
  let waiting = endings.get(client);
  if (!waiting) {
    endings.set(client, waiting = new Map());
    listen(client, waiting).catch(() => {}); // it is closed
  }
  const id = await client.splice(s, fd);
  return { ended: new Promise<number>((resolve) => waiting.set(id, resolve)) };
}

dataPath("a socket spliced in the server", splice);
