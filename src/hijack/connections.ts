/** connect(2), listen(2), accept(2) of hijacked programs. */
import { errno, type SysError } from "../abi/errno.ts";
import { linuxErrno } from "../abi/linux_errno.ts";
import { SOCK_STREAM } from "../abi/flags.ts";
import { viewOf } from "../lib/struct.ts";
import { AF, MAX_SOCKADDR, toBsd, toLinux } from "./sockaddr.ts";
import { type Came, type Sockets, Stand } from "./stand.ts";
import { LinuxError, type Outcome, type Stop } from "./stop.ts";

/** SOCK_NONBLOCK and SOCK_CLOEXEC of Linux. */
export const NONBLOCK = 0o4000;
export const CLOEXEC = 0o2000000;
/** Of shutdown(2). */
const SHUT_WR = 1;
const SHUT_RDWR = 2;
/** Linux's number of EINPROGRESS. */
const EINPROGRESS = 115;
/** Milliseconds a nonblocking connect is given to be made, or refused, at once. */
const AT_ONCE_MS = 1;
/** Connections that may wait (kern.somaxconn). */
const SOMAXCONN = 128;

/** The address an argument pair (pointer, length) gives, as NetBSD's. */
export function addressAt(stop: Stop, argument: number): Uint8Array {
  const length = stop.int(argument + 1);
  if (length < 0 || length > MAX_SOCKADDR) throw errno.EINVAL;
  return toBsd(stop.read(stop.long(argument), length));
}
const familyIn = (bsd: Uint8Array) => bsd[1];

export async function bind({ client }: Sockets, stop: Stop, stand: Stand): Promise<Outcome> {
  await client.sys.bind({ s: stand.s, name: addressAt(stop, 1) });
  return 0;
}

// connect

export function connect(sockets: Sockets, stop: Stop, stand: Stand): Promise<Outcome> | Outcome {
  const name = addressAt(stop, 1);
  if (!stand.stream) return connectDatagrams(sockets, stand, name);
  const { unreported } = stand;
  stand.unreported = undefined;
  if (unreported) {
    unreported();
    return 0;
  }
  if (familyIn(name) === AF.UNSPEC && stand.state === "idle") return 0; // it is connected to nothing
  if (stand.state === "connected" || stand.state === "listening") throw errno.EISCONN;
  if (stand.state === "gone") throw new LinuxError(stand.error || linuxErrno(errno.ECONNABORTED));
  const theirs = stop.open(stop.int(0));
  const nonblocking = sockets.standIns.nonblocking(theirs);
  if (stand.attempt) {
    sockets.standIns.close(theirs);
    if (nonblocking) throw errno.EALREADY;
    return told(stop, stand, stand.attempt);
  }
  const attempt = begin(sockets, stand, name);
  if (nonblocking) return soon(sockets, { stand, theirs }, attempt);
  sockets.standIns.close(theirs);
  return told(stop, stand, attempt);
}
/** A socket of datagrams has a peer from now on; an address of no family takes it away, which NetBSD calls EAFNOSUPPORT. */
async function connectDatagrams({ client }: Sockets, stand: Stand, name: Uint8Array): Promise<Outcome> {
  const parting = familyIn(name) === AF.UNSPEC;
  await client.sys.connect({ s: stand.s, name }).catch((e: unknown) => {
    if (!parting || e !== errno.EAFNOSUPPORT) throw e;
  });
  return 0;
}
/** Rejects with what the kernel says. */
function begin({ client }: Sockets, stand: Stand, name: Uint8Array): Promise<void> {
  stand.state = "connecting";
  const attempt = client.sys.connect({ s: stand.s, name }).then(() => {}, (e) => {
    if (stand.state === "connecting") stand.state = "idle";
    throw e;
  }).finally(() => stand.attempt = undefined);
  stand.attempt = attempt;
  return attempt;
}
/** Wait for it; if the program does not wait any more, it is told when it asks again. */
async function told(stop: Stop, stand: Stand, attempt: Promise<void>): Promise<Outcome> {
  let failure: SysError | undefined;
  try {
    await attempt;
    if (stand.state === "connecting") stand.move();
  } catch (e) {
    failure = e as SysError;
  }
  const reached = failure ? stop.fail(failure) : stop.finish(0);
  if (!reached) {
    stand.unreported = () => {
      if (failure) throw failure;
    };
  }
  return "answered";
}
/** It does not block: what comes at once is told at once, else the program's end becomes writable when it is over. */
async function soon(
  { standIns, host }: Sockets,
  { stand, theirs }: { readonly stand: Stand; readonly theirs: number },
  attempt: Promise<void>,
): Promise<Outcome> {
  let filler = -1;
  const begun = new Promise<"late">((resolve) => {
    host.loop.timer(AT_ONCE_MS, () => {
      if (stand.state === "connecting") filler = standIns.choke(theirs);
      host.loop.settled();
      resolve("late");
    });
  });
  const settled = attempt.then(() => {
    if (stand.state !== "connecting") return;
    if (filler >= 0) {
      standIns.unchoke(theirs, stand.fd, filler);
      stand.unreported = () => {}; // Linux tells of it once more to who connects again
    }
    stand.move();
  }, (e: unknown) => {
    // The filler is left unread: readable, writable, error and hang-up.
    if (filler >= 0) stand.abandon(linuxErrno(e));
    else throw e;
  }).finally(() => standIns.close(theirs));
  if (await Promise.race([settled, begun]) !== "late") return 0;
  settled.catch(() => {});
  throw new LinuxError(EINPROGRESS);
}

// listen, accept

export async function listen(sockets: Sockets, stop: Stop, stand: Stand): Promise<Outcome> {
  const backlog = stop.int(1);
  if (stand.state === "connected") throw errno.EINVAL; // NetBSD: EISCONN
  await sockets.client.sys.listen({ s: stand.s, backlog });
  stand.state = "listening";
  stand.backlog = backlog < 1 || backlog > SOMAXCONN ? SOMAXCONN : backlog;
  take(sockets, stand);
  return 0;
}
/** Who listens and does not receive any more listens no longer, as on Linux; of what is connected the host knows all. */
export function shutdown(_: Sockets, stop: Stop, stand: Stand): Outcome {
  if (!stand.stream || (stand.state !== "idle" && stand.state !== "listening")) return "resume";
  const how = stop.int(1);
  if (how < 0 || how > SHUT_RDWR) throw errno.EINVAL;
  if (stand.state === "idle") throw errno.ENOTCONN;
  if (how !== SHUT_WR) {
    stand.refuse(errno.EINVAL);
    stand.abandon(0);
  }
  return 0;
}
/** Take connections from the kernel while there is room for them. */
function take(sockets: Sockets, stand: Stand): void {
  if (stand.accepting || stand.state !== "listening" || stand.came.length >= stand.backlog) return;
  stand.accepting = true;
  const name = new Uint8Array(MAX_SOCKADDR);
  const anamelen = new Uint8Array(4);
  viewOf(anamelen).setUint32(0, name.length, true);
  const again = () => {
    stand.accepting = false;
    sockets.host.loop.settled();
    take(sockets, stand);
  };
  void sockets.client.sys.accept({ s: stand.s, name, anamelen }).then((s) => {
    come(sockets, stand, { s, name: name.slice(0, viewOf(anamelen).getUint32(0, true)) });
    again();
  }, (e: unknown) => {
    // One that was given up before it was accepted; anything else ends it.
    if (e === errno.ECONNABORTED) again();
  });
}
function come(sockets: Sockets, stand: Stand, came: Came): void {
  if (stand.state !== "listening") return void sockets.client.sys.close({ fd: came.s }).catch(() => {});
  for (let waiter; (waiter = stand.waiters.shift());) if (waiter.take(came)) return;
  stand.came.push(came);
  sockets.standIns.token(stand.fd);
}

export function accept(sockets: Sockets, stop: Stop, stand: Stand, flags: number): Promise<Outcome> | Outcome {
  if (flags & ~(NONBLOCK | CLOEXEC)) throw errno.EINVAL;
  if (!stand.stream) throw errno.EOPNOTSUPP;
  if (stand.state !== "listening") throw errno.EINVAL;
  const { standIns } = sockets;
  const theirs = stop.open(stop.int(0));
  try {
    const came = stand.came.shift();
    if (came) {
      standIns.untoken(theirs);
      give(sockets, { stop, stand, flags }, came);
      take(sockets, stand);
      return "answered";
    }
    if (standIns.nonblocking(theirs)) throw errno.EAGAIN;
  } finally {
    standIns.close(theirs);
  }
  return waitFor(sockets, { stop, stand, flags });
}
interface Accepting {
  readonly stop: Stop;
  readonly stand: Stand;
  readonly flags: number;
}
function waitFor(sockets: Sockets, on: Accepting): Promise<Outcome> {
  const { stand, stop } = on;
  return new Promise((resolve, reject) => {
    const cancel = stand.receiveTimeout > 0
      ? sockets.host.loop.timer(stand.receiveTimeout, () => {
        stand.waiters.splice(stand.waiters.indexOf(waiter), 1);
        sockets.host.loop.settled();
        reject(errno.EAGAIN);
      })
      : undefined;
    const waiter = {
      take(came: Came): boolean {
        if (!stop.waits) return false;
        cancel?.();
        try {
          give(sockets, on, came);
          resolve("answered");
        } catch (e) {
          reject(e as Error); // the connection is in the queue again
        }
        return true;
      },
      fail(e: SysError): void {
        cancel?.();
        sockets.host.loop.settled();
        reject(e);
      },
    };
    stand.waiters.push(waiter);
  });
}
/** The program gets a connection; if it cannot, that waits for the next who asks. */
function give(sockets: Sockets, { stop, stand, flags }: Accepting, { s, name }: Came): void {
  const kind = { ...stand.kind, type: SOCK_STREAM };
  try {
    Stand.give(sockets, stop, {
      s,
      kind,
      nonblocking: (flags & NONBLOCK) !== 0,
      closeOnExec: (flags & CLOEXEC) !== 0,
      before(made) {
        stop.writeCounted(stop.long(1), stop.long(2), toLinux(name));
        made.state = "connected";
      },
    });
  } catch (e) {
    stand.came.unshift({ s, name });
    sockets.standIns.token(stand.fd);
    throw e;
  }
}
