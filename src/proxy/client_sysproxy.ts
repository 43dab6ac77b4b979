/** The client's side of NetBSD's sysproxy, after the banner: our programs on a real NetBSD rump kernel (rumpclient.c). */
import { errno, errnoOf } from "../abi/errno.ts";
import { MAX_TRANSFER } from "../abi/types.ts";
import { encodeName } from "../lib/text.ts";
import type { BlockingChannel, Channel } from "../plugin.ts";
import { Refused, type Session } from "./client.ts";
import { answer, nativeStubs, Regions } from "./native_client.ts";
import { Class, Handshake, SpError, type SpFrame, spFrame, SpFrames, Type } from "./sysproxy.ts";

const LONGEST = MAX_TRANSFER + 4096;

function guest(reqno: number, comm: string): Uint8Array[] {
  const name = encodeName(comm);
  const body = new Uint8Array(name.length + 1);
  body.set(name);
  return spFrame(Class.REQ, Type.HANDSHAKE, reqno, Handshake.GUEST, body);
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
export function sysproxyBlocking(channel: BlockingChannel, comm: string, into: Uint8Array): Record<string, unknown> {
  const regions = new Regions();
  const replies = new Map<number, SpFrame>();
  const frames = new SpFrames(LONGEST, (frame) => {
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
  channel.send(...guest(reqno, comm));
  checkGuest(receive(reqno));
  return nativeStubs(regions, (nr, body) => {
    channel.send(...spFrame(Class.REQ, Type.SYSCALL, ++reqno, nr, body));
    const frame = receive(reqno);
    if (frame.class === Class.ERROR) throw failure(frame.u);
    return frame.body;
  });
}

interface Waiter {
  readonly resolve: (frame: SpFrame) => void;
  readonly reject: (e: unknown) => void;
}
/** Calls that answer later. */
export function sysproxyPipelined(channel: Channel, comm: string): Session {
  const regions = new Regions();
  const waiters = new Map<number, Waiter>();
  let reqno = 0;
  const fail = (e: unknown) => {
    reqno = -1;
    for (const w of waiters.values()) w.reject(e);
    waiters.clear();
    channel.close();
  };
  const frames = new SpFrames(LONGEST, (frame) => {
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
  return {
    greet: () => ask((n) => guest(n, comm)).then(checkGuest),
    sys: nativeStubs(regions, async (nr, body) => {
      const frame = await ask((n) => spFrame(Class.REQ, Type.SYSCALL, n, nr, body));
      if (frame.class === Class.ERROR) throw failure(frame.u);
      return frame.body;
    }),
    receive(bytes) {
      frames.push(bytes);
      if (frames.broken) fail(errno.EPROTO);
    },
    fail,
  };
}
