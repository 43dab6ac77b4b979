/** The client's side of rump_sp (rumpclient(3)): one blocking, for commands; one pipelined, for libraries. The banner chooses the wire. */
import { errno } from "../abi/errno.ts";
import type { BlockingChannel, Channel } from "../plugin.ts";
import type { AsyncBatch, Batch, SyncBatch } from "./batch.ts";
import { cborBlocking, cborPipelined } from "./client_cbor.ts";
import { sysproxyBlocking, sysproxyPipelined } from "./client_sysproxy.ts";
import { MAGIC, MAX_BANNER } from "./frame.ts";
import type { Seen } from "./served_mounts.ts";
import type { AsyncCalls, SyncCalls } from "./stubs.ts";

/** Who a client is, by an Ed25519 key. */
export interface Identity {
  readonly publicKey: Uint8Array;
  sign(message: Uint8Array): Uint8Array;
}
/** What a client says of itself beside its name. */
export interface ClientOptions {
  readonly identity?: Identity;
  /** The process it descends from: it is traced with it, and shown as its child. */
  readonly parent?: number;
  /** The cookie of a `prefork`: it begins as a copy of that process, with its descriptors and directories. */
  readonly fork?: Uint8Array;
  /** Calls through shared memory (ring.ts) after so many over the stream; left out: never. */
  readonly ringAfter?: number;
  /** A server that says nothing for a second is spoken to: one that speaks TLS hangs up then, or waits for us else. */
  readonly speaksUp?: boolean;
}
const SILENCE_MS = 1000;
/** A process handed on (rumpclient_prefork, rumpclient_exec). Each is `R` now, or a promise of it. */
export interface Handover<R extends "now" | "later"> {
  /** A cookie, good once and for some seconds: who connects with it is a child of ours. */
  prefork(): R extends "now" ? Uint8Array : Promise<Uint8Array>;
  /** We go on as another program: calls that wait end with EINTR, close-on-exec descriptors go. */
  exec(comm: string): R extends "now" ? void : Promise<void>;
}
/** Why a server turned us away, in its words. */
export class Refused extends Error {
  override readonly name = "Refused";
}
/** Of a server; ours says `rump-` and its version. */
const BANNER = /^RUMPSP-0\.4-(rump-)?[^\n]*\n$/;
/** Whether a banner is one of ours; undefined: of no server at all. */
function isOurs(banner: string): boolean | undefined {
  const m = BANNER.exec(banner);
  return m ? m[1] !== undefined : undefined;
}

export interface SyncClient extends Handover<"now"> {
  readonly sys: SyncCalls;
  /** Calls that may use each other's results, in one round trip. */
  readonly batch: SyncBatch;
  close(): void;
}
const READ = 256 << 10;

/** Calls that block until their reply is there. Throws Refused, or EPROTO for a server that is none. */
export function blockingClient(channel: BlockingChannel, comm: string, options: ClientOptions = {}): SyncClient {
  const into = new Uint8Array(READ);
  const spoken = options.speaksUp === true && channel.within?.(SILENCE_MS) === false;
  if (spoken) channel.send(MAGIC);
  const ours = isOurs(readBanner(channel, into));
  // NetBSD's waits for no such words.
  if (ours === undefined || (spoken && !ours)) throw errno.EPROTO;
  const { sys, batch, end, ...handover } = ours
    ? cborBlocking(channel, comm, into, options, spoken)
    : sysproxyBlocking(channel, comm, into, options);
  const close = () => {
    end?.();
    channel.close();
  };
  return { sys: sys as unknown as SyncCalls, batch: batch as SyncBatch, ...handover, close };
}
function readBanner(channel: BlockingChannel, into: Uint8Array): string {
  let banner = "";
  while (!banner.endsWith("\n")) {
    const n = channel.receive(into.subarray(0, MAX_BANNER));
    banner += new TextDecoder().decode(into.subarray(0, n));
    if (n === 0 || banner.length > MAX_BANNER) throw errno.EPROTO;
  }
  return banner;
}

/** Sockets whose data goes straight between a local server and a program (splices.ts). */
export interface Splicing {
  /**
   * Have the server move data between a socket of ours and an end of a pair of the host's, by its descriptor here, which stays
   * open; the splice's number. EOPNOTSUPP: not over this connection, or not with such a socket; ENOTCONN, ENOTSOCK, EBUSY.
   */
  splice(fd: number, descriptor: number): Promise<number>;
  /** Wait for some to end: their numbers, and why: 0 when the program had closed its end, else an errno. One at a time. */
  spliced(): Promise<readonly { readonly id: number; readonly errno: number }[]>;
  /**
   * Have the server answer the host's kernel about the files of a mount, by the descriptor of its /dev/fuse here, which stays
   * open: close it, or the mount outlives the server. ENOSYS, EOPNOTSUPP, ENODEV: it cannot.
   */
  serve(seen: Seen, descriptor: number): Promise<void>;
}
export interface AsyncClient extends Handover<"later">, Splicing {
  readonly sys: AsyncCalls;
  /** Calls that may use each other's results, in one round trip: `batch((b) => { const fd = b.open(...); b.close({ fd }); })`. */
  readonly batch: AsyncBatch;
  /** The same calls, cancelled when `signal` is aborted: those that wait then end with EINTR. NetBSD's servers cannot. */
  until(signal: AbortSignal): AsyncCalls;
  /** Ends the connection; calls under way fail with ECONNRESET. */
  close(): void;
  /** When the connection has ended, from either side. */
  readonly closed: Promise<void>;
}
/** A blocking connection on which one wire is spoken, with its calls. */
export interface Blocking extends Handover<"now"> {
  readonly sys: Record<string, unknown>;
  readonly batch: Batch;
  /** What it has beside the channel is given up. */
  end?(): void;
}
/** One whose calls answer later. */
export interface Session extends Handover<"later">, Splicing {
  readonly sys: Record<string, unknown>;
  readonly batch: Batch;
  until(signal: AbortSignal): Record<string, unknown>;
  /** Say who we are; fails with Refused. The answer may come at once. */
  greet(): Promise<void>;
  /** What arrived; lent. */
  receive(bytes: Uint8Array): void;
  /** What was asked goes out now. */
  flush?(): void;
  /** The connection is of no use any more: all calls under way fail with `e`. */
  fail(e: unknown): void;
}

/** Calls that answer later; as many as one likes are under way at once. */
export function pipelinedClient(channel: Channel, comm: string, options: ClientOptions = {}): Promise<AsyncClient> {
  let end = () => {};
  const closed = new Promise<void>((resolve) => (end = resolve));
  let banner = "";
  let session: Session | undefined;
  return new Promise((resolve, reject) => {
    const fail = (e: unknown) => {
      channel.close();
      // A greeting under way fails by itself: with the server's reason, where it gave one before it hung up.
      if (session) session.fail(e);
      else reject(e);
    };
    channel.receive((bytes) => {
      if (session) return session.receive(bytes);
      const at = bytes.indexOf(10);
      banner += new TextDecoder().decode(at < 0 ? bytes : bytes.subarray(0, at + 1));
      const ours = at < 0 ? undefined : isOurs(banner);
      if (banner.length > MAX_BANNER || (at >= 0 && ours === undefined)) return fail(errno.EPROTO);
      if (ours === undefined) return;
      session = (ours ? cborPipelined : sysproxyPipelined)(channel, comm, options);
      const { flush } = session;
      const client = clientOf(session, () => (flush?.(), channel.close()), closed);
      session.greet().then(() => resolve(client), reject);
    });
    channel.closed(() => {
      fail(errno.ECONNRESET);
      end();
    });
  });
}
const clientOf = (
  { sys, batch, until, prefork, exec, splice, spliced, serve }: Session,
  close: () => void,
  closed: Promise<void>,
): AsyncClient => ({
  splice,
  spliced,
  serve,
  sys: sys as unknown as AsyncCalls,
  batch: batch as AsyncBatch,
  until: (signal) => until(signal) as unknown as AsyncCalls,
  prefork,
  exec,
  close,
  closed,
});
