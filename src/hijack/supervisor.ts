/**
 * What hijacked programs ask of the rump kernel: they are stopped by the filter (filter.ts) at calls about sockets, which are
 * made here in their place. Data itself goes through the pairs that stand in for the sockets, without stops.
 */
import { SysError } from "../abi/errno.ts";
import { then } from "../lib/async.ts";
import type { Machine } from "../lib/seccomp.ts";
import type { Host } from "../host/host.ts";
import type { AsyncClient } from "../proxy/client.ts";
import { accept, bind, connect, listen, socket } from "./connections.ts";
import type { SocketRules } from "./filter.ts";
import { ioctl } from "./interfaces.ts";
import { callsOf, type LinuxCall } from "./linux_calls.ts";
import { getpeername, getsockname } from "./names.ts";
import { getsockopt, setsockopt } from "./options.ts";
import { moveStream } from "./streams_remote.ts";
import { moveDatagrams, Tags } from "./datagrams_remote.ts";
import { recvfrom, recvmmsg, recvmsg } from "./receive.ts";
import { sendmmsg, sendmsg, sendto } from "./send.ts";
import { familyOf } from "./sockaddr.ts";
import { straight } from "./splice.ts";
import type { Sockets, Stand } from "./stand.ts";
import { LinuxError, type Outcome, Stop } from "./stop.ts";

/** A call on a socket there is. */
type Made = (sockets: Sockets, stop: Stop, stand: Stand) => Promise<Outcome> | Outcome;

const ACCEPT4_FLAGS = 3;
const calls: Readonly<Partial<Record<LinuxCall, Made>>> = {
  connect,
  bind,
  listen,
  accept: (sockets, stop, stand) => accept(sockets, stop, stand, 0),
  accept4: (sockets, stop, stand) => accept(sockets, stop, stand, stop.int(ACCEPT4_FLAGS)),
  getsockname,
  getpeername,
  getsockopt,
  setsockopt,
  ioctl,
  recvfrom,
  recvmsg,
  recvmmsg,
  sendto,
  sendmsg,
  sendmmsg,
};

/** What a supervisor is given. */
export interface Supervision {
  /** The descriptor seccomp(2) gave for the filter. */
  readonly listener: number;
  readonly sockets: SocketRules;
  /** In `host.loop`: attachInLoop. */
  readonly client: AsyncClient;
}

/** Serve until there is no hijacked program any more. Runs `host.loop`. */
export async function supervise(host: Host, { listener, sockets: rules, client }: Supervision): Promise<void> {
  const { loop } = host;
  const standIns = host.standIns();
  const notifier = host.notifier(listener);
  const tags = new Tags({ standIns });
  const sockets: Sockets = {
    host,
    notifier,
    standIns,
    client,
    attach: straight(
      host,
      client,
      (stand) => stand.stream ? moveStream(sockets, stand) : moveDatagrams(sockets, tags, stand),
    ),
    stands: new Map(),
  };
  const byNumber = callsOf(host.machine as Machine);
  loop.add(listener, { read: true, write: false }, ({ readable }) => {
    if (!readable) return loop.stop(), false;
    const trapped = notifier.next();
    if (!trapped) return false;
    loop.settled(); // what is asked of the kernel goes out in a microtask
    serve(sockets, new Stop(trapped, notifier), byNumber.get(trapped.nr), rules);
    return false;
  });
  await loop.run();
}

/** Make the call; whatever comes of it, the program goes on. */
function serve(sockets: Sockets, stop: Stop, call: LinuxCall | undefined, rules: SocketRules): void {
  const failed = (e: unknown) => {
    if (!(e instanceof SysError) && !(e instanceof LinuxError)) sockets.host.loop.onError(e);
    stop.fail(e);
  };
  try {
    const outcome = then(made(sockets, stop, call, rules), (o) => stop.finish(o));
    if (outcome instanceof Promise) outcome.catch(failed);
  } catch (e) {
    failed(e);
  }
}
function made(
  sockets: Sockets,
  stop: Stop,
  call: LinuxCall | undefined,
  rules: SocketRules,
): Promise<Outcome> | Outcome {
  if (call === "socket") {
    const domain = rules.families.includes(stop.int(0)) ? familyOf(stop.int(0)) : undefined;
    return domain === undefined ? "resume" : socket(sockets, stop, domain);
  }
  const make = call && calls[call];
  const fd = stop.int(0);
  const stand = make && sockets.stands.get(sockets.notifier.socketOf(stop.tid, fd));
  if (!stand) return "resume";
  stand.seen = [stop.tid, fd];
  return make(sockets, stop, stand);
}
