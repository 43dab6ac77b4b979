/** The client's side of rump_sp (rumpclient(3)): one blocking, for commands; one pipelined, for libraries. */
import { errno, errnoOf, SysError } from "../abi/errno.ts";
import type { BlockingChannel, Channel } from "../plugin.ts";
import { decodeFrame, encodeFrame, Frames, MAGIC, MAX_BANNER, VERSION } from "./frame.ts";
import { type AsyncCalls, stubs, type SyncCalls } from "./stubs.ts";

/** Why a server turned us away, in its words. */
export class Refused extends Error {
  override readonly name = "Refused";
}
const BANNER = /^RUMPSP-0\.4-[^\n]*\n$/;

const hello = (comm: string): Uint8Array[] => [MAGIC, ...encodeFrame([VERSION, comm])];
/** Frames that answer no request: the hello's, and a farewell with its reason. */
function checkHello([reqno, e, word]: readonly unknown[]): void {
  if (reqno !== 0) throw errno.EPROTO;
  if (e !== 0) throw new Refused(typeof word === "string" ? word : errnoOf(e as number).message);
}

export interface SyncClient {
  readonly sys: SyncCalls;
  close(): void;
}

const READ = 256 << 10;

/** Calls that block until their reply is there. Throws Refused, or EPROTO for a server that is none. */
export function blockingClient(channel: BlockingChannel, comm: string): SyncClient {
  const into = new Uint8Array(READ);
  const replies: unknown[][] = [];
  const frames = new Frames((body) => {
    const items = decodeFrame(body);
    if (!items) throw errno.EPROTO;
    // The body is lent by `into`; what a reply carries must outlive the next read.
    replies.push(items.map((x) => (x instanceof Uint8Array ? x.slice() : x)));
    return true;
  });
  const receive = (): unknown[] => {
    while (replies.length === 0) {
      const n = channel.receive(into);
      if (n === 0) throw errno.ECONNRESET;
      if (!frames.push(into.subarray(0, n))) throw errno.EPROTO;
    }
    return replies.shift()!;
  };
  readBanner(channel, into);
  channel.send(...hello(comm));
  checkHello(receive());
  let reqno = 0;
  const transact = (items: readonly unknown[]): readonly unknown[] => {
    channel.send(...encodeFrame([++reqno, ...items]));
    const reply = receive();
    if (reply[0] !== reqno) checkHello(reply);
    return reply.slice(1);
  };
  return { sys: stubs(transact) as unknown as SyncCalls, close: () => channel.close() };
}
function readBanner(channel: BlockingChannel, into: Uint8Array): void {
  let banner = "";
  while (!banner.endsWith("\n")) {
    const n = channel.receive(into.subarray(0, MAX_BANNER));
    banner += new TextDecoder().decode(into.subarray(0, n));
    if (n === 0 || banner.length > MAX_BANNER) throw errno.EPROTO;
  }
  if (!BANNER.test(banner)) throw errno.EPROTO;
}

export interface AsyncClient {
  readonly sys: AsyncCalls;
  /** Ends the connection; calls under way fail with ECONNRESET. */
  close(): void;
  /** When the connection has ended, from either side. */
  readonly closed: Promise<void>;
}
interface Waiter {
  readonly resolve: (reply: readonly unknown[]) => void;
  readonly reject: (e: unknown) => void;
}

/** Calls that answer later; as many as one likes are under way at once. */
export function pipelinedClient(channel: Channel, comm: string): Promise<AsyncClient> {
  const waiters = new Map<number, Waiter>();
  let reqno = 0;
  let banner = "";
  let end = () => {};
  const closed = new Promise<void>((resolve) => (end = resolve));
  const fail = (e: unknown) => {
    for (const w of waiters.values()) w.reject(e);
    waiters.clear();
    channel.close();
  };
  const frames = new Frames((body) => {
    const items = decodeFrame(body);
    const waiter = items && waiters.get(items[0] as number);
    if (!waiter) fail(items ? farewell(items) : errno.EPROTO);
    else {
      waiters.delete(items[0] as number);
      waiter.resolve(items.slice(1).map((x) => (x instanceof Uint8Array ? x.slice() : x)));
    }
    return waiter !== undefined;
  });
  const wait = (n: number) => new Promise<readonly unknown[]>((resolve, reject) => waiters.set(n, { resolve, reject }));
  const transact = (items: readonly unknown[]): Promise<readonly unknown[]> => {
    if (reqno < 0) return Promise.reject(errno.ECONNRESET);
    const n = ++reqno;
    const reply = wait(n);
    channel.send(...encodeFrame([n, ...items]));
    return reply;
  };
  const greeted = wait(0); // before anything is received: the answer may come at once
  channel.receive((bytes) => {
    if (banner.endsWith("\n")) {
      if (!frames.push(bytes) && frames.tooLong > 0) fail(errno.EPROTO);
      return;
    }
    const at = bytes.indexOf(10);
    banner += new TextDecoder().decode(at < 0 ? bytes : bytes.subarray(0, at + 1));
    if (banner.length > MAX_BANNER || (at >= 0 && !BANNER.test(banner))) return fail(errno.EPROTO);
    if (at >= 0) channel.send(...hello(comm));
  });
  channel.closed(() => {
    fail(errno.ECONNRESET);
    reqno = -1;
    end();
  });
  const sys = stubs(transact) as unknown as AsyncCalls;
  return greeted.then((reply) => {
    checkHello([0, ...reply]);
    return { sys, close: () => channel.close(), closed };
  });
}
function farewell(items: readonly unknown[]): unknown {
  try {
    checkHello(items);
    return errno.EPROTO;
  } catch (e) {
    return e instanceof SysError || e instanceof Refused ? e : errno.EPROTO;
  }
}
