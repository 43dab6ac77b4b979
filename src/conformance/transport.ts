/** What every transport must do: locators are read or refused, and a stream carries bytes both ways until either end hangs up. */
import type { Channel, Listener, Sys, Transport } from "../plugin.ts";
import { assert, assertEquals } from "./assert.ts";
import { pattern } from "./claim.ts";
import type { Case } from "./fs.ts";

/** Bytes sent each way. */
const MANY = 1 << 20;

/** Everything a stream brings, until so many bytes are there. */
function collect(from: Channel, length: number): Promise<Uint8Array> {
  const all = new Uint8Array(length);
  let at = 0;
  return new Promise((resolve, reject) => {
    from.closed(() => at < length && reject(new Error(`closed after ${at} of ${length} bytes`)));
    from.receive((bytes) => {
      if (at + bytes.length > length) return reject(new Error(`more than the ${length} bytes that were sent`));
      all.set(bytes, at);
      at += bytes.length;
      if (at === length) resolve(all);
    });
  });
}
async function pair(
  sys: Sys,
  t: Transport,
  rest: string,
): Promise<{ near: Channel; far: Channel; listener: Listener }> {
  let accepted: (c: Channel) => void = () => {};
  const far = new Promise<Channel>((resolve) => (accepted = resolve));
  const server = t.parse(rest, "server");
  const listener = await (t.listen?.(sys, server, accepted, {}) ?? sys.sockets.listen(server, accepted));
  const client = t.parse(rest, "client");
  const near = await (t.connect?.(sys, client, {}) ?? sys.sockets.connect(client));
  return { near, far: await far, listener };
}

async function refuses(t: Transport): Promise<void> {
  for (const side of ["server", "client"] as const) {
    const why = await attempt(() => t.parse("", side));
    assert(
      why instanceof Error && why.message !== "" && !why.message.includes("\n"),
      `${side}: ${why ?? "it was taken"}`,
    );
  }
}
async function attempt(work: () => unknown): Promise<unknown> {
  try {
    await work();
    return undefined;
  } catch (e) {
    return e;
  }
}

/** All claims on a transport; `address` is what follows `scheme://` of a place that is free. */
export function transportCases(sys: Sys, t: Transport, address: string | undefined): Case[] {
  const skip = address === undefined && "no address given";
  const claim = (name: string, run: () => Promise<void>): Case => ({ group: "transport", name, skip, run });
  const within = async (work: (near: Channel, far: Channel) => Promise<void>) => {
    const { near, far, listener } = await pair(sys, t, address!);
    try {
      await work(near, far);
    } finally {
      near.close();
      far.close();
      await listener.close();
    }
  };
  return [
    { ...claim("an empty locator is refused by an Error that says why", () => refuses(t)), skip: false },
    claim("bytes arrive whole and in order, both ways at once", () =>
      within(async (near, far) => {
        const both = [collect(near, MANY), collect(far, MANY)];
        near.send(pattern(MANY, 1));
        far.send(pattern(MANY, 2));
        const [atNear, atFar] = await Promise.all(both);
        assertEquals(atNear, pattern(MANY, 2));
        assertEquals(atFar, pattern(MANY, 1));
      })),
    claim(
      "buffers are lent: what the sender does to them afterwards changes nothing",
      () =>
        within(async (near, far) => {
          const bytes = pattern(MANY, 7);
          const came = collect(far, MANY);
          near.send(bytes);
          bytes.fill(0);
          assertEquals(await came, pattern(MANY, 7));
        }),
    ),
    claim("either end hears that the other has hung up", () =>
      within(async (near, far) => {
        const heard = new Promise<void>((resolve) => far.closed(resolve));
        far.receive(() => {});
        near.close();
        await heard;
      })),
    claim("it listens again at the same place afterwards", async () => {
      await within(async () => {});
      await within(async () => {});
    }),
  ];
}
