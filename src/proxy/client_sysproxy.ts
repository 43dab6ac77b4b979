/** The client's side of NetBSD's sysproxy, after the banner: our programs on a real NetBSD rump kernel (rumpclient.c). */
import { errno, errnoOf } from "../abi/errno.ts";
import { MAX_TRANSFER } from "../abi/types.ts";
import { encodeName } from "../lib/text.ts";
import type { BlockingChannel, Channel } from "../plugin.ts";
import { singly } from "./batch.ts";
import { type Blocking, type ClientOptions, Refused, type Session } from "./client.ts";
import { answer, nativeStubs, Regions } from "./native_client.ts";
import { Class, COOKIE, Handshake, SpError, type SpFrame, spFrame, SpFrames, Type } from "./sysproxy.ts";

const LONGEST = MAX_TRANSFER + 4096;

function named(reqno: number, kind: number, comm: string): Uint8Array[] {
  const name = encodeName(comm);
  const body = new Uint8Array(name.length + 1);
  body.set(name);
  return spFrame(Class.REQ, Type.HANDSHAKE, reqno, kind, body);
}
/** A guest, or the child of a `prefork`. */
function greeting(reqno: number, comm: string, { fork }: ClientOptions): Uint8Array[] {
  if (!fork) return named(reqno, Handshake.GUEST, comm);
  const body = new Uint8Array(COOKIE + 4); // and a word: 0, it comes
  body.set(fork.subarray(0, COOKIE));
  return spFrame(Class.REQ, Type.HANDSHAKE, reqno, Handshake.FORK, body);
}
/** The body of a RESP; ERROR's reason is thrown. */
function answered(frame: SpFrame): Uint8Array {
  if (frame.class === Class.ERROR) throw failure(frame.u);
  return frame.body;
}
function cookieOf(body: Uint8Array): Uint8Array {
  if (body.length !== COOKIE) throw errno.EPROTO;
  return body;
}
/** Host errors of ERROR frames (sp_common.c errmap). */
const reasons: Readonly<Record<number, number>> = {
  [SpError.TRYAGAIN]: errno.EAGAIN.errno,
  [SpError.AUTH]: errno.EPERM.errno,
  [SpError.INVALID_PREFORK]: errno.ESRCH.errno,
  [SpError.RFORK_FAILED]: errno.EIO.errno,
  [SpError.INEXEC]: errno.EBUSY.errno,
  [SpError.NOMEM]: errno.ENOMEM.errno,
  [SpError.MALFORMED_REQUEST]: errno.EINVAL.errno,
};
const failure = (u: number) => errnoOf(reasons[u] ?? errno.EPROTO.errno);
function checkGuest(frame: SpFrame): void {
  if (frame.class === Class.ERROR) throw new Refused(failure(frame.u).message);
}

/** Calls that block until their reply is there; the kernel's questions are answered meanwhile. */
export function sysproxyBlocking(
  channel: BlockingChannel,
  comm: string,
  into: Uint8Array,
  options: ClientOptions,
): Blocking {
  const regions = new Regions();
  const replies = new Map<number, SpFrame>();
  const frames = new SpFrames(() => LONGEST, (frame) => {
    if (frame.class !== Class.REQ) replies.set(frame.reqno, { ...frame, body: frame.body.slice() });
    else channel.send(...(answer(regions, frame) ?? []));
    return true;
  });
  const receive = (reqno: number): SpFrame => {
    replies.clear();
    for (let reply = replies.get(reqno);; reply = replies.get(reqno)) {
      if (reply) return reply;
      const n = channel.receive(into);
      if (n === 0) throw errno.ECONNRESET;
      frames.push(into.subarray(0, n));
      if (frames.broken) throw errno.EPROTO;
    }
  };
  let reqno = 1;
  channel.send(...greeting(reqno, comm, options));
  checkGuest(receive(reqno));
  const ask = (frame: (n: number) => Uint8Array[]): Uint8Array => {
    channel.send(...frame(++reqno));
    return answered(receive(reqno));
  };
  const sys = nativeStubs(regions, (nr, body) => ask((n) => spFrame(Class.REQ, Type.SYSCALL, n, nr, body)));
  return {
    sys,
    batch: singly(sys),
    prefork: () => cookieOf(ask(prefork)),
    exec: (name) => void ask((n) => named(n, Handshake.EXEC, name)),
  };
}
const prefork = (n: number) => spFrame(Class.REQ, Type.PREFORK, n, 0);

interface Waiter {
  readonly resolve: (frame: SpFrame) => void;
  readonly reject: (e: unknown) => void;
}
/** This wire has no word for it. */
const unheardOf = () => Promise.reject(errno.EOPNOTSUPP);
/** Calls that answer later. */
export function sysproxyPipelined(channel: Channel, comm: string, options: ClientOptions): Session {
  const regions = new Regions();
  const waiters = new Map<number, Waiter>();
  let reqno = 0;
  const fail = (e: unknown) => {
    reqno = -1;
    for (const w of waiters.values()) w.reject(e);
    waiters.clear();
    channel.close();
  };
  const frames = new SpFrames(() => LONGEST, (frame) => {
    if (frame.class === Class.REQ) channel.send(...(answer(regions, frame) ?? []));
    else {
      waiters.get(frame.reqno)?.resolve({ ...frame, body: frame.body.slice() });
      waiters.delete(frame.reqno);
    }
    return true;
  });
  const ask = (frame: (n: number) => Uint8Array[]): Promise<SpFrame> => {
    if (reqno < 0) return Promise.reject(errno.ECONNRESET);
    const n = ++reqno;
    return new Promise((resolve, reject) => {
      waiters.set(n, { resolve, reject });
      channel.send(...frame(n));
    });
  };
  const sys = nativeStubs(
    regions,
    async (nr, body) => answered(await ask((n) => spFrame(Class.REQ, Type.SYSCALL, n, nr, body))),
  );
  return {
    greet: () => ask((n) => greeting(n, comm, options)).then(checkGuest),
    sys,
    batch: singly(sys),
    until() {
      throw errno.EOPNOTSUPP; // this wire knows no way to take a call back
    },
    prefork: async () => cookieOf(answered(await ask(prefork))),
    exec: async (name) => void answered(await ask((n) => named(n, Handshake.EXEC, name))),
    splice: unheardOf,
    spliced: unheardOf,
    serve: unheardOf,
    receive(bytes) {
      frames.push(bytes);
      if (frames.broken) fail(errno.EPROTO);
    },
    fail,
  };
}
