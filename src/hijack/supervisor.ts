/**
 * What hijacked programs ask of the rump kernel: they are stopped by the filter (filter.ts) at calls about sockets, which are
 * made here in their place. Data itself goes through the pairs that stand in for the sockets, without stops.
 */
import { errno, SysError } from "../abi/errno.ts";
import { then } from "../lib/async.ts";
import type { Machine } from "../lib/seccomp.ts";
import type { Host } from "../host/host.ts";
import type { AsyncClient } from "../proxy/client.ts";
import { accept, bind, connect, listen, shutdown } from "./connections.ts";
import { type Connection, currentCalls, waiter } from "./connection.ts";
import { AF_NETLINK, type SocketRules } from "./filter.ts";
import { ioctl, ioctlBy } from "./interfaces.ts";
import { callsOf, type LinuxCall } from "./linux_calls.ts";
import { netlinkCalls, netlinkSocket } from "./netlink/calls.ts";
import type { Netlinks } from "./netlink/socket.ts";
import { getpeername, getsockname } from "./names.ts";
import { SO, SOL } from "./option_table.ts";
import { getsockopt, setsockopt } from "./options.ts";
import { Questions } from "./proc/questions.ts";
import { moveStream } from "./streams_remote.ts";
import { moveDatagrams, Tags } from "./datagrams_remote.ts";
import { recvfrom, recvmmsg, recvmsg } from "./receive.ts";
import { sendmmsg, sendmsg, sendto } from "./send.ts";
import { familyOf } from "./sockaddr.ts";
import { socket } from "./socket.ts";
import { straight } from "./splice.ts";
import type { Sockets, Stand } from "./stand.ts";
import { type Ground, LinuxError, type Outcome, Stop } from "./stop.ts";

/** A call on a socket there is. */
type Made = (sockets: Sockets, stop: Stop, stand: Stand) => Promise<Outcome> | Outcome;

const ACCEPT4_FLAGS = 3;
const calls: Readonly<Partial<Record<LinuxCall, Made>>> = {
  connect,
  bind,
  listen,
  shutdown,
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
  readonly connection: Connection;
  /** Where the sockets of the programs are put, by the inode of the program's end. */
  readonly stands: Map<number, Stand>;
}

/** Serve until there is no hijacked program any more. Runs `host.loop`. */
export async function supervise(host: Host, { listener, ...supervision }: Supervision): Promise<void> {
  const { connection } = supervision;
  const { loop } = host;
  const notifier = host.notifier(listener);
  const supervisor = new Supervisor({ host, notifier, standIns: host.standIns() }, supervision);
  const byNumber = callsOf(host.machine as Machine);
  loop.add(listener, { read: true, write: false }, ({ readable }) => {
    if (!readable) return loop.stop(), false;
    const trapped = notifier.next();
    if (!trapped) return false;
    loop.settled(); // what is asked of the kernel goes out in a microtask
    supervisor.serve(new Stop(trapped, notifier), byNumber.get(trapped.nr));
    return false;
  });
  await loop.run();
  connection.over = true;
}

class Supervisor {
  readonly #ground: Ground;
  readonly #rules: SocketRules;
  readonly #connection: Connection;
  readonly #tags: Tags;
  readonly #stands: Map<number, Stand>;
  readonly #netlinks: Netlinks;
  #sockets: Sockets;

  constructor(ground: Ground, { sockets: rules, connection, stands }: Omit<Supervision, "listener">) {
    this.#ground = ground;
    this.#stands = stands;
    this.#rules = rules;
    this.#connection = connection;
    this.#tags = new Tags(ground);
    this.#netlinks = netlinksOf(ground.host, connection);
    this.#sockets = this.#on(connection.client);
    connection.lost.push(() => {
      for (const stand of [...this.#stands.values()]) stand.lose();
    });
  }
  /** Sockets of a connection: a socket is of the one it was made by. */
  #on(client: AsyncClient): Sockets {
    const sockets: Sockets = {
      ...this.#ground,
      client,
      far: this.#connection.far,
      attach: straight(
        this.#ground.host,
        client,
        (stand) => stand.stream ? moveStream(sockets, stand) : moveDatagrams(sockets, this.#tags, stand),
      ),
      stands: this.#stands,
    };
    return sockets;
  }

  /** Make the call; whatever comes of it, the program goes on. */
  serve(stop: Stop, call: LinuxCall | undefined): void {
    const failed = (e: unknown) => {
      if (!(e instanceof SysError) && !(e instanceof LinuxError)) this.#ground.host.loop.onError(e);
      if (this.#connection.deadly) stop.end();
      stop.fail(e);
    };
    try {
      const outcome = then(call === "socket" ? this.#socket(stop) : this.#made(stop, call), (o) => stop.finish(o));
      if (outcome instanceof Promise) outcome.catch(failed);
    } catch (e) {
      failed(e);
    }
  }
  /** A new socket is of the server there is, or of the next one that comes. */
  #socket(stop: Stop): Promise<Outcome> | Outcome {
    const family = stop.int(0);
    if (family === AF_NETLINK) return netlinkSocket(this.#netlinks, this.#sockets, stop);
    const domain = this.#rules.families.includes(family) ? familyOf(family) : undefined;
    if (domain === undefined) return "resume";
    return then(this.#current(), (sockets) =>
      socket(sockets, stop, domain).catch((e: unknown) => {
        if (e !== errno.ECONNRESET) throw e;
        return this.#socket(stop);
      }));
  }
  /** Sockets of the connection there is. */
  #current(): Promise<Sockets> | Sockets {
    return then(this.#connection.now(), (client) => {
      if (client !== this.#sockets.client) this.#sockets = this.#on(client);
      return this.#sockets;
    });
  }
  #made(stop: Stop, call: LinuxCall | undefined): Promise<Outcome> | Outcome {
    const make = call && calls[call];
    const fd = stop.int(0);
    if (!make) return "resume";
    const inode = this.#ground.notifier.socketOf(stop.tid, fd);
    const stand = this.#stands.get(inode);
    if (!stand) return this.#others(stop, call, inode);
    stand.seen = [stop.tid, fd];
    if (stand.lost) return afterLoss(stand, stop, call);
    const outcome = make(stand.sockets, stop, stand);
    if (!(outcome instanceof Promise)) return outcome;
    return outcome.catch((e: unknown) => {
      throw e === errno.ECONNRESET && stand.lost ? errno.ENOTCONN : e;
    });
  }
  /** On a socket that is none of the rump kernel's. */
  #others(stop: Stop, call: LinuxCall, inode: number): Promise<Outcome> | Outcome {
    const netlink = this.#netlinks.all.get(inode);
    const answer = netlink && netlinkCalls[call];
    if (answer) {
      return call === "ioctl"
        ? then(this.#current(), (s) => answer(s, stop, netlink))
        : answer(this.#sockets, stop, netlink);
    }
    return call === "ioctl" && inode !== 0 ? ioctlBy(this.#ground, () => this.#current(), stop) : "resume";
  }
}

function netlinksOf(host: Host, connection: Connection): Netlinks {
  const source = { remote: currentCalls(connection), again: waiter(connection) };
  const ask = new Questions(source, () => host.now());
  return { all: new Map(), asking: { ask, root: host.uid === 0, now: () => host.wall() / 1000 } };
}
/** A socket whose server is gone has met ECONNRESET, which the host tells; else there is nothing it is connected to. */
function afterLoss(stand: Stand, stop: Stop, call: LinuxCall): Promise<Outcome> | Outcome {
  const ofData = stand.stream && ["recvfrom", "recvmsg", "recvmmsg", "sendto", "sendmsg", "sendmmsg"].includes(call);
  const error = call === "getsockopt" && stop.int(1) === SOL.SOCKET && stop.int(2) === SO.ERROR;
  if (ofData || error) return "resume";
  if (++stand.failures <= FAILURES) throw errno.ENOTCONN;
  const { loop } = stand.sockets.host;
  return new Promise((_, reject) => void loop.timer(PAUSE_MS, () => (loop.settled(), reject(errno.ENOTCONN))));
}
/** So many fail at once, the others after a while: servers that poll and accept whatever comes of it are not to spin. */
const FAILURES = 50;
const PAUSE_MS = 100;
