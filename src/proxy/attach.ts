/** How a command finds its server: RUMP_SERVER, a blocking connection, and NetBSD's words when that fails. */
import type { Host } from "../host/host.ts";
import type { Sys, Transport } from "../plugin.ts";
import { blockingClient, type Identity, type SyncClient } from "./client.ts";
import { parseLocator } from "./locator.ts";
import { KeyError, parsePrivateKey } from "./ssh_keys.ts";

/** A command cannot go on: its lines have been said by `message`, its exit status is 1. */
export class AttachError extends Error {
  override readonly name = "AttachError";
}
const failed = (reason: string) => new AttachError(`${reason}\nrumpclient init failed`);

/** The part of Sys a transport's blocking connection needs. */
const onlySockets = (host: Host) => ({ sockets: host.loopSockets }) as Sys;

/** The key in a file of ssh-keygen. Throws KeyError, which names the file. */
export function identityIn(host: Host, path: string): Identity {
  try {
    const key = parsePrivateKey(new TextDecoder().decode(host.readFile(path)));
    return { publicKey: key.publicKey, sign: (message) => host.sign(key, message) };
  } catch (e) {
    throw new KeyError(`${path}: ${e instanceof Error ? e.message : e}`);
  }
}

/** Attach to the server RUMP_SERVER names. Throws AttachError. */
export function attach(host: Host, comm: string, transports: readonly Transport[]): SyncClient {
  const locator = host.env("RUMP_SERVER");
  if (locator === undefined) throw failed("error: RUMP_SERVER not set");
  const key = host.env("RUMP_KEY");
  try {
    const { transport, address } = parseLocator(locator, "client", (name) => transports.find((t) => t.name === name));
    const sys = onlySockets(host);
    const channel = transport.connectBlocking?.(sys, address) ?? sys.sockets.connectBlocking(address);
    return blockingClient(channel, comm, key ? identityIn(host, key) : undefined);
  } catch (e) {
    const reason = e instanceof Error ? e.message : String(e);
    throw failed(reason.startsWith("rump_sp") ? reason : `rump_sp: ${locator}: ${reason}`);
  }
}
