/** How a command finds its server: RUMP_SERVER, a blocking connection, and NetBSD's words when that fails. */
import { errno, SysError } from "../abi/errno.ts";
import type { Host } from "../host/host.ts";
import { then } from "../lib/async.ts";
import type { Channel, Sys, Transport } from "../plugin.ts";
import {
  type AsyncClient,
  blockingClient,
  type ClientOptions,
  type Identity,
  pipelinedClient,
  type SyncClient,
} from "./client.ts";
import { AttachError } from "./attach_error.ts";
import { type Located, parseLocator } from "./locator.ts";
import { callsOf, parseRetry, persistentSync, type Retry } from "./reconnect.ts";
import { trustOf } from "./security.ts";
import { KeyError, parsePrivateKey } from "./ssh_keys.ts";

const failed = (reason: string) => new AttachError(`${reason}\nrumpclient init failed`);

/** The key in a file of ssh-keygen. Throws KeyError, which names the file. */
export function identityIn(host: Host, path: string): Identity {
  try {
    const key = parsePrivateKey(new TextDecoder().decode(host.readFile(path)));
    return { publicKey: key.publicKey, sign: (message) => host.sign(key, message) };
  } catch (e) {
    throw new KeyError(`${path}: ${e instanceof Error ? e.message : e}`);
  }
}

/** Whom to believe over tls://, by the environment. */
const trustIn = (host: Host) =>
  trustOf((name) => host.env(name), (path) => new TextDecoder().decode(host.readFile(path)));

/** Asking for a ring costs as much as some ten calls through it save: most commands make fewer. */
const RING_AFTER = 64;
/** What a client does by the environment: RUMP_KEY's key; RUMP_PARENT, the process it descends from; RUMP_RING=0, no ring. */
function optionsOf(host: Host): ClientOptions {
  const key = host.env("RUMP_KEY");
  const parent = Number(host.env("RUMP_PARENT") ?? "");
  return {
    ...(key ? { identity: identityIn(host, key) } : {}),
    ...(parent > 0 ? { parent } : {}),
    ...(host.env("RUMP_RING") === "0" ? {} : { ringAfter: RING_AFTER }),
  };
}

/** Work with the server RUMP_SERVER names; what fails is said as librumpclient does. */
function located<T>(host: Host, transports: readonly Transport[], use: (at: Located) => T): T {
  const locator = host.env("RUMP_SERVER");
  if (locator === undefined) throw failed("error: RUMP_SERVER not set");
  try {
    return use(absolute(host, parseLocator(locator, "client", (name) => transports.find((t) => t.name === name))));
  } catch (e) {
    throw explained(locator, e);
  }
}
/** Who goes elsewhere, and connects again there, means the same file. */
function absolute(host: Host, at: Located): Located {
  const { address } = at;
  if (!("path" in address) || /^[/\0]/.test(address.path)) return at;
  return { ...at, address: { ...address, path: `${host.cwd()}/${address.path}` } };
}
function explained(locator: string, e: unknown): AttachError {
  const said = e instanceof Error ? e.message : String(e);
  // Blocking connections fail in the host's words, which begin small.
  const words = e instanceof SysError ? said.charAt(0).toLowerCase() + said.slice(1) : said;
  // A server of tls:// says nothing until it is spoken to, and hangs up after a while.
  const silent = e === errno.EPROTO || e === errno.ECONNRESET;
  const reason = silent && locator.startsWith("tcp:") ? `${words} (is it tls://?)` : words;
  return failed(reason.startsWith("rump_sp") ? reason : `rump_sp: ${locator}: ${reason}`);
}

/** Whether to attach again when the server goes, by the environment. Throws AttachError. */
export function retryOf(host: Host): Retry | undefined {
  const text = host.env("RUMPHIJACK_RETRYCONNECT");
  if (text === undefined) return undefined;
  try {
    return parseRetry(text);
  } catch (e) {
    throw failed((e as Error).message);
  }
}

/** Attach to the server RUMP_SERVER names. Throws AttachError. */
export function attach(host: Host, comm: string, transports: readonly Transport[]): SyncClient {
  const retry = retryOf(host);
  return located(host, transports, ({ transport, address }) => {
    const sys = { sockets: host.loopSockets } as Sys;
    const trust = trustIn(host);
    const connect = () => {
      const channel = transport.connectBlocking?.(sys, address, trust) ?? sys.sockets.connectBlocking(address);
      return blockingClient(channel, comm, { ...optionsOf(host), speaksUp: transport.name === "tcp" });
    };
    return retry === undefined ? connect() : persistent(host, connect, retry);
  });
}
function persistent(host: Host, connect: () => SyncClient, retry: Retry): SyncClient {
  let client = connect();
  const again = () => {
    client.close();
    client = connect();
    return callsOf(client);
  };
  const world = {
    now: () => host.now(),
    say: (line: string) => host.err(`${line}\n`),
    exit: (n: number) => host.exit(n),
    sleep: (ms: number) => host.sleep(ms),
  };
  const sys = persistentSync(callsOf(client), again, retry, world) as unknown as
    & SyncClient["sys"]
    & Pick<SyncClient, "batch">;
  return {
    sys,
    batch: sys.batch,
    prefork: () => client.prefork(),
    exec: (name) => client.exec(name),
    close: () => client.close(),
  };
}

/** The same with calls that answer later, in the runtime's own loop. */
export async function attachAsync(host: Host, comm: string, transports: readonly Transport[]): Promise<AsyncClient> {
  const work = located(host, transports, async ({ transport, address }) => {
    const sys = { sockets: host.eventSockets } as Sys;
    const channel = await (transport.connect?.(sys, address, trustIn(host)) ?? sys.sockets.connect(address));
    return await pipelinedClient(channel, comm, optionsOf(host));
  });
  return await work.catch((e) => {
    throw explained(host.env("RUMP_SERVER")!, e);
  });
}

/**
 * Attaches in `host.loop`, which must run for that and for calls to be answered. Those who wait for an answer go on before
 * the loop waits again; who makes a call says `loop.settled()`. The server is the one that is named now, whenever it is
 * called. Throws AttachError; what it gives rejects with what the connection met.
 */
export function attacherInLoop(host: Host, comm: string, transports: readonly Transport[]): () => Promise<AsyncClient> {
  const { loop, loopSockets: sockets } = host;
  const { transport, address } = located(host, transports, (at) => at);
  return async () => {
    loop.pending(1);
    try {
      const channel = transport.connect?.({ sockets } as Sys, address, trustIn(host)) ?? sockets.connect(address);
      // At once: what the server says first may be there.
      return await then(channel, (c) => pipelinedClient(settling(c, loop), comm, optionsOf(host)));
    } finally {
      loop.pending(-1);
    }
  };
}
/** Attach so, for which the loop runs. Throws AttachError. */
export async function attachInLoop({ loop, env }: Host, attach: () => Promise<AsyncClient>): Promise<AsyncClient> {
  const over = attach().finally(() => loop.stop());
  loop.settled(); // it may have failed at once
  const [attached] = await Promise.allSettled([over, loop.run()]);
  if (attached.status === "fulfilled") return attached.value;
  throw explained(env("RUMP_SERVER")!, attached.reason);
}
/** What is received settles promises, and so does the end. */
const settling = (channel: Channel, loop: Host["loop"]): Channel => ({
  peer: channel.peer,
  ...(channel.binding ? { binding: channel.binding } : {}),
  send: (...parts) => channel.send(...parts),
  ...(channel.sendWith ? { sendWith: (descriptor, bytes) => channel.sendWith!(descriptor, bytes) } : {}),
  drained: (on) => channel.drained(on),
  pause: (stop) => channel.pause(stop),
  close: () => channel.close(),
  closed: (on) =>
    channel.closed(() => {
      loop.settled();
      on();
    }),
  receive: (on) =>
    channel.receive((bytes) => {
      loop.settled();
      return on(bytes);
    }),
});
