/** The client's side of our own wire, after the banner: one that blocks, one that is pipelined. */
import { errno, errnoOf, SysError } from "../abi/errno.ts";
import type { BlockingChannel, Channel } from "../plugin.ts";
import { batches } from "./batch.ts";
import { proofText } from "./proof.ts";
import { type Blocking, type ClientOptions, type Identity, Refused, type Session } from "./client.ts";
import { controlled, splicing } from "./client_splice.ts";
import { encodeFrame } from "./encode.ts";
import { decodeFrame } from "./decode.ts";
import { Frames, MAGIC, VERSION } from "./frame.ts";
import { RING, RING_BYTES } from "./ring.ts";
import { ClientRing } from "./ring_client.ts";
import { stubs } from "./stubs.ts";

const hello = (comm: string, { identity, parent, fork }: ClientOptions, magic = MAGIC): Uint8Array[] => [
  magic,
  ...encodeFrame([VERSION, comm, identity?.publicKey ?? null, parent ?? null, ...(fork ? [fork] : [])]),
];
function cookieOf(value: unknown): Uint8Array {
  if (!(value instanceof Uint8Array)) throw errno.EPROTO;
  return value;
}
/** The answer to a challenge; undefined: this is none, or there is no key. */
function proof(
  [reqno, e, , nonce, name]: readonly unknown[],
  identity: Identity | undefined,
  bound: Uint8Array | undefined,
): Uint8Array[] | undefined {
  if (!identity || reqno !== 0 || e !== errno.ENEEDAUTH.errno) return undefined;
  if (!(nonce instanceof Uint8Array) || !(name instanceof Uint8Array)) return undefined;
  return encodeFrame([0, identity.sign(proofText({ bound, name }, nonce))]);
}
/** Frames that answer no request: the hello's, and a farewell with its reason. */
function checkHello([reqno, e, word]: readonly unknown[]): void {
  if (reqno !== 0) throw errno.EPROTO;
  if (e !== 0) throw new Refused(typeof word === "string" ? word : errnoOf(e as number).message);
}
function farewell(items: readonly unknown[]): unknown {
  try {
    checkHello(items);
    return errno.EPROTO;
  } catch (e) {
    return e instanceof SysError || e instanceof Refused ? e : errno.EPROTO;
  }
}
/** A frame is lent: what a reply carries must outlive the next one. */
const own = (items: readonly unknown[]): unknown[] =>
  items.map((x) => (x instanceof Uint8Array ? x.slice() : Array.isArray(x) ? own(x) : x));

/** An empty frame: the ring is to be looked at. */
const WOKEN: unknown[] = [];

/** Frames as they come, one at a time; the last one may be lent until more is received. `into` is for receiving. */
function frameReader(channel: BlockingChannel, into: Uint8Array) {
  const replies: unknown[][] = [];
  const frames = new Frames((body) => {
    const items = body.length === 0 ? WOKEN : decodeFrame(body);
    if (!items) throw errno.EPROTO;
    replies.push(items);
    return true;
  });
  const take = (n: number) => {
    if (n === 0) throw errno.ECONNRESET;
    if (!frames.push(into.subarray(0, n))) throw errno.EPROTO;
    for (let i = 1; i < replies.length; i++) replies[i] = own(replies[i]!);
  };
  return {
    next(): unknown[] {
      while (replies.length === 0) take(channel.receive(into));
      return replies.shift()!;
    },
    /** The reply to a request for a ring, and the ring if there is one. */
    ring(): ClientRing | undefined {
      const { n, memory } = channel.adopt!(into, RING_BYTES);
      take(n);
      const [, e, size] = this.next();
      return memory && e === 0 && size === RING_BYTES ? new ClientRing(memory, channel) : undefined;
    },
  };
}

/** Calls that block until their reply is there; `into` is for receiving. `spoken`: MAGIC has been said. */
export function cborBlocking(
  channel: BlockingChannel,
  comm: string,
  into: Uint8Array,
  options: ClientOptions,
  spoken: boolean,
): Blocking {
  const reader = frameReader(channel, into);
  channel.send(...hello(comm, options, spoken ? new Uint8Array(0) : MAGIC));
  const greeting = own(reader.next());
  const answer = proof(greeting, options.identity, channel.binding);
  if (answer) channel.send(...answer);
  checkHello(answer ? reader.next() : greeting);
  let reqno = 0;
  let ring: ClientRing | undefined;
  /** The reply, from the ring if the request went through it; empty frames in the stream only say that it is to be looked at. */
  const reply = (through: ClientRing | undefined): unknown[] => {
    for (;;) {
      const body = through?.receive();
      const items = body ? decodeFrame(body) : reader.next();
      if (!items) throw errno.EPROTO;
      if (!body) through?.woken();
      if (items.length > 0) return items;
    }
  };
  const ask = (items: readonly unknown[]): readonly unknown[] => {
    if (reqno === options.ringAfter && channel.adopt) {
      channel.send(...encodeFrame([++reqno, RING]));
      ring = reader.ring();
    }
    const parts = encodeFrame([++reqno, ...items]);
    const through = ring?.send(parts) ? ring : undefined;
    if (!through) channel.send(...parts);
    const got = reply(through);
    if (got[0] !== reqno) checkHello(got);
    return got.slice(1);
  };
  return {
    sys: stubs(ask),
    batch: batches(ask),
    prefork: () => cookieOf(controlled(own(ask(["prefork"])))),
    exec: (name) => void controlled(ask(["exec", name])),
    end: () => ring?.close(),
  };
}

/** Frames that are sent together at most. */
const MANY = 64;

interface Waiter {
  readonly resolve: (reply: readonly unknown[]) => void;
  readonly reject: (e: unknown) => void;
}
async function greet(
  channel: Channel,
  wait: (n: number) => Promise<readonly unknown[]>,
  first: Uint8Array[],
  identity: Identity | undefined,
): Promise<void> {
  const greeted = wait(0);
  channel.send(...first);
  const reply = [0, ...await greeted];
  const answer = proof(reply, identity, channel.binding);
  if (!answer) return checkHello(reply);
  const proven = wait(0);
  channel.send(...answer);
  checkHello([0, ...await proven]);
}
/** Frames on their way: calls made in one go are sent in one. */
function gathered(channel: Channel) {
  let unsent: Uint8Array[] = [];
  const flush = () => {
    if (unsent.length > 0) channel.send(...unsent);
    unsent = [];
  };
  const put = (frame: readonly Uint8Array[]) => {
    if (unsent.length === 0) void Promise.resolve().then(flush);
    unsent.push(...frame);
    // What is lent is not to be sent later.
    if (frame.length > 1 || unsent.length >= MANY) flush();
  };
  return { put, flush };
}
type Send = (frame: readonly Uint8Array[]) => void;
/** Ask; `told` the request's number. */
type Ask = (items: readonly unknown[], send?: Send, told?: (n: number) => void) => Promise<readonly unknown[]>;
/** Ask, and cancel it when `signal` is aborted. */
function cancellable(
  items: readonly unknown[],
  signal: AbortSignal,
  { ask, put }: { readonly ask: Ask; readonly put: Send },
): Promise<readonly unknown[]> {
  if (signal.aborted) return Promise.reject(errno.EINTR);
  let cancel = () => {};
  const reply = ask(items, put, (n) => (cancel = () => void ask(["cancel", n]).catch(() => {}))); // the call itself tells
  signal.addEventListener("abort", cancel, { once: true });
  return reply.finally(() => signal.removeEventListener("abort", cancel));
}
/** Calls that answer later. */
export function cborPipelined(channel: Channel, comm: string, options: ClientOptions): Session {
  const waiters = new Map<number, Waiter>();
  let reqno = 0;
  const fail = (e: unknown) => {
    reqno = -1;
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
      waiter.resolve(own(items.slice(1)));
    }
    return waiter !== undefined;
  });
  const wait = (n: number) =>
    new Promise<readonly unknown[]>((resolve, reject) => {
      if (reqno < 0) reject(errno.ECONNRESET);
      else waiters.set(n, { resolve, reject });
    });
  const { put, flush } = gathered(channel);
  const ask: Ask = (items, send = put, told?) => {
    const n = reqno < 0 ? reqno : ++reqno;
    const reply = wait(n);
    if (n < 0) return reply;
    send(encodeFrame([n, ...items]));
    told?.(n);
    return reply;
  };
  return {
    greet: () => greet(channel, wait, hello(comm, options), options.identity),
    sys: stubs((items) => ask(items)),
    batch: batches((items) => ask(items)),
    until: (signal) => stubs((items) => cancellable(items, signal, { ask, put })),
    prefork: async () => cookieOf(controlled(await ask(["prefork"]))),
    exec: async (name) => void controlled(await ask(["exec", name])),
    ...splicing(channel, (items, send) => {
      flush();
      return ask(items, send);
    }),
    receive(bytes) {
      if (!frames.push(bytes) && frames.tooLong > 0) fail(errno.EPROTO);
    },
    flush,
    fail,
  };
}
