/** A socket of the rump kernel that a hijacked program has, behind the pair of the host's that stands in for it. */
import { errno, type SysError } from "../abi/errno.ts";
import { SOCK_STREAM } from "../abi/flags.ts";
import { linuxErrno } from "../abi/linux_errno.ts";
import type { StandIns } from "../host/host.ts";
import type { AsyncClient } from "../proxy/client.ts";
import type { Ground, Stop } from "./stop.ts";

/**
 * Move data between a socket of the rump kernel and our end of its pair until one of them has ended: "closed", the program
 * has closed it and all it sent has gone; "reset": the connection is broken. Both stay the caller's to close.
 */
export type Attach = (stand: Stand) => Promise<"closed" | "reset">;

/** Bytes the buffers of a stream have whose kernel is far: what moves between two calls. */
export const FAR_BUFFER = 1 << 20;

/** What the sockets of hijacked programs that one connection to a server has made have in common. */
export interface Sockets extends Ground {
  readonly client: AsyncClient;
  /** The server is on another machine, or may be: every call takes its time. */
  readonly far: boolean;
  readonly attach: Attach;
  /** Those there are, by the inode of the program's end. */
  readonly stands: Map<number, Stand>;
  /** A socket of the kernel's to ask about interfaces with, once somebody has. */
  ioctls?: Promise<number>;
}

/** What a socket is doing; "gone": our end is closed, its error is still to be told. */
export type State = "idle" | "connecting" | "connected" | "listening" | "gone";
/** A connection that has come and was not accepted yet. */
export interface Came {
  readonly s: number;
  /** Who is there: NetBSD's sockaddr. */
  readonly name: Uint8Array;
}
/** Who waits for a connection to come. */
export interface Waiter {
  /** False: it does not wait any more. */
  take(came: Came): boolean;
  fail(e: SysError): void;
}
/** What a socket is: Linux's family and protocol, and the type both share. */
export interface Kind {
  readonly family: number;
  readonly type: number;
  readonly protocol: number;
}

/** See the head of this file. */
export class Stand {
  readonly sockets: Sockets;
  readonly kind: Kind;
  /** The rump kernel's descriptor. */
  readonly s: number;
  /** Our end. */
  readonly fd: number;
  readonly inode: number;
  state: State = "idle";
  /** What a connect that nobody waits for any more has come to; who calls again is told. */
  unreported: (() => void) | undefined;
  /** The connect under way. */
  attempt: Promise<void> | undefined;
  /** What SO_ERROR tells of one that is gone: Linux's number. */
  error = 0;
  /** The server is gone, and with it the socket. */
  lost = false;
  /** Calls that have failed since. */
  failures = 0;
  /** Milliseconds a receive or accept may wait; 0: for ever. */
  receiveTimeout = 0;
  /** Of a listener. */
  readonly came: Came[] = [];
  readonly waiters: Waiter[] = [];
  backlog = 0;
  accepting = false;
  /** The program makes the IP header itself. */
  ownHeader = false;
  /** Options that this kernel has no like of, as they were set: "level/name". */
  readonly remembered = new Map<string, Uint8Array>();

  private constructor(sockets: Sockets, kind: Kind, s: number, [fd, inode]: readonly [number, number]) {
    this.sockets = sockets;
    this.kind = kind;
    this.s = s;
    this.fd = fd;
    this.inode = inode;
    sockets.stands.set(inode, this);
  }
  /**
   * Give a stopped program a descriptor for a socket of the rump kernel. `before` the program has it. Throws LinuxError when
   * it does not wait any more; the socket is then the caller's still.
   */
  static give(
    sockets: Sockets,
    stop: Stop,
    { s, kind, nonblocking, closeOnExec, before }: {
      readonly s: number;
      readonly kind: Kind;
      readonly nonblocking: boolean;
      readonly closeOnExec: boolean;
      readonly before?: (stand: Stand) => void;
    },
  ): Stand {
    const { standIns, notifier } = sockets;
    const [ours, theirs] = pairOf(standIns, kind, nonblocking);
    const stand = new Stand(sockets, kind, s, [ours, notifier.inode(theirs)]);
    try {
      before?.(stand);
      stand.seen = [stop.tid, stop.inject(theirs, closeOnExec)];
    } catch (e) {
      sockets.stands.delete(stand.inode);
      standIns.close(ours);
      throw e;
    } finally {
      standIns.close(theirs);
    }
    if (stand.state === "connected" || kind.type !== SOCK_STREAM) stand.move();
    else stand.#awaitEnd();
    return stand;
  }
  get stream(): boolean {
    return this.kind.type === SOCK_STREAM;
  }
  /** From now on data moves. */
  move(): void {
    const { attach, host } = this.sockets;
    if (this.stream && this.state !== "connected") this.#unwatch();
    if (this.stream) this.state = "connected";
    host.loop.settled();
    void attach(this).then(
      (how) => how === "reset" ? this.#reset() : this.close(),
      () => this.#reset(),
    );
  }
  /** Our end closes with what it has not read: the program's end meets ECONNRESET. */
  abandon(error: number): void {
    if (this.state === "gone") return;
    if (this.state !== "connected") this.#unwatch();
    this.state = "gone";
    this.error = error;
    this.sockets.standIns.close(this.fd);
    this.#forget();
    void this.sockets.client.sys.close({ fd: this.s }).catch(() => {});
    bury(this.sockets.stands);
  }
  /** The server is gone. What moves data, or connects, meets that by itself. */
  lose(): void {
    if (this.lost) return;
    this.lost = true;
    this.refuse(errno.ENOTCONN);
    if (this.stream && (this.state === "idle" || this.state === "listening")) this.abandon(linuxErrno(errno.ENOTCONN));
  }
  /** Whoever waits for a connection gets none. */
  refuse(why: SysError): void {
    for (const waiter of this.waiters.splice(0)) waiter.fail(why);
  }
  /** The program has closed it. */
  close(): void {
    if (this.state === "gone") return;
    const { stands, standIns, client, host } = this.sockets;
    this.state = "gone";
    stands.delete(this.inode);
    standIns.close(this.fd);
    this.#forget();
    host.loop.settled();
    void client.sys.close({ fd: this.s }).catch(() => {});
  }
  #forget(): void {
    for (const { s } of this.came.splice(0)) void this.sockets.client.sys.close({ fd: s }).catch(() => {});
  }
  #reset(): void {
    if (this.state === "gone") return;
    const { standIns } = this.sockets;
    // One byte from their side that we leave unread.
    const theirs = this.#theirs();
    if (theirs >= 0) {
      standIns.token(theirs);
      standIns.close(theirs);
    }
    this.abandon(0);
  }
  /** Where the program's end was seen last. */
  seen: readonly [tid: number, fd: number] = [0, -1];
  #theirs(): number {
    const { notifier } = this.sockets;
    const [tid, fd] = this.seen;
    return notifier.socketOf(tid, fd) === this.inode ? notifier.open(tid, fd) : -1;
  }

  #awaitEnd(): void {
    const { host: { loop } } = this.sockets;
    loop.add(this.fd, { read: false, write: false }, ({ error }) => {
      if (!error) return false;
      this.#unwatch();
      this.close();
      return false;
    });
  }
  #unwatch(): void {
    this.sockets.host.loop.remove(this.fd);
  }
}

/** EMFILE: the limit on the program's descriptors is ours, too, and reached here. */
function pairOf(standIns: StandIns, { type }: Kind, nonblocking: boolean): readonly [ours: number, theirs: number] {
  try {
    return standIns.pair(type !== SOCK_STREAM, nonblocking);
  } catch (e) {
    throw (e as { code?: unknown }).code === "EMFILE" ? errno.EMFILE : e;
  }
}

/** Ends whose error may still be asked for. Nobody tells when the program closes them. */
const GRAVES = 1024;
function bury(stands: Map<number, Stand>): void {
  const dead = [...stands.values()].filter((s) => s.state === "gone");
  for (const { inode } of dead.slice(0, Math.max(0, dead.length - GRAVES))) stands.delete(inode);
}
