/**
 * A netlink(7) socket of a hijacked program: requests about the network are answered here by the rump kernel's tables. Answers
 * wait in the pair that stands in for the socket, so that poll(2) and read(2) are the host's.
 */
import { errno } from "../../abi/errno.ts";
import { viewOf } from "../../lib/struct.ts";
import { AF, SockaddrNl } from "./rtnetlink.ts";
import type { Sockets } from "../stand.ts";
import type { Stop } from "../stop.ts";
import { answers, type Asking } from "./answer.ts";
import { packed } from "./build.ts";

/** Largest request. */
export const MOST = 64 << 10;
/** Bytes of answers nobody takes: more requests are refused until some are. */
const MOST_WAITING = 256 << 10;
const EAGAIN = -11;
/** Numbers of those that are not the first of their process are counted down from here, as Linux' are. */
const LAST_PORT = 0xffff_f000;

/** What all of them have. */
export interface Netlinks {
  /** By the inode of the program's end. */
  readonly all: Map<number, NetlinkSocket>;
  readonly asking: Omit<Asking, "pid">;
}
/** See the head of this file. */
export class NetlinkSocket {
  readonly kind: { readonly family: number; readonly type: number; readonly protocol: number };
  /** All it receives is the kernel's. */
  readonly peer: Uint8Array = packed(SockaddrNl, { family: AF.NETLINK });
  readonly stream = false;
  readonly state = "connected";
  readonly s = -1;
  /** Milliseconds. */
  receiveTimeout = 0;
  /** Bits of groups that are listened to: nothing is told to them. */
  groups = 0;
  #pid = 0;
  readonly #netlinks: Netlinks;
  readonly #sockets: Sockets;
  readonly #fd: number;
  readonly #inode: number;
  readonly #waiting: Uint8Array[] = [];
  #turn: Promise<void> = Promise.resolve();

  private constructor(netlinks: Netlinks, sockets: Sockets, type: number, [fd, inode]: readonly [number, number]) {
    this.kind = { family: AF.NETLINK, type, protocol: 0 };
    this.#netlinks = netlinks;
    this.#sockets = sockets;
    this.#fd = fd;
    this.#inode = inode;
    netlinks.all.set(inode, this);
  }
  /** Give a stopped program one. Throws LinuxError when it does not wait any more. */
  static give(
    netlinks: Netlinks,
    sockets: Sockets,
    stop: Stop,
    how: { readonly type: number; readonly nonblocking: boolean; readonly closeOnExec: boolean },
  ): void {
    const { standIns, notifier } = sockets;
    const [ours, theirs] = standIns.pair(true, how.nonblocking);
    const made = new NetlinkSocket(netlinks, sockets, how.type, [ours, notifier.inode(theirs)]);
    made.#watch();
    try {
      stop.inject(theirs, how.closeOnExec);
    } catch (e) {
      made.#close();
      throw e;
    } finally {
      standIns.close(theirs);
    }
  }

  /** Its number (nl_pid); 0: none yet. */
  get pid(): number {
    return this.#pid;
  }
  /** Give it a number; 0: one that is free, the asking thread's for its first. Throws EADDRINUSE, EINVAL: it has one. */
  bind(pid: number, from: number): void {
    if (this.#pid !== 0 && pid !== 0 && pid !== this.#pid) throw errno.EINVAL;
    if (this.#pid !== 0) return;
    const taken = new Set([...this.#netlinks.all.values()].map((one) => one.pid));
    if (taken.has(pid) && pid !== 0) throw errno.EADDRINUSE;
    let free = pid === 0 ? from : pid;
    for (let next = LAST_PORT; taken.has(free); next--) free = next;
    this.#pid = free;
  }
  /** Answer a request: the answers can be received when this is done. Throws ENOBUFS: too many are not taken. */
  request(bytes: Uint8Array, from: number): Promise<void> {
    if (this.#waiting.reduce((n, { length }) => n + length, 0) > MOST_WAITING) throw errno.ENOBUFS;
    this.bind(0, from);
    return this.#turn = this.#turn.then(async () => {
      this.#waiting.push(...await answers({ ...this.#netlinks.asking, pid: this.#pid }, bytes));
      this.#flush();
    });
  }

  /** What is sent without an address comes by our end. */
  #watch(): void {
    const { host: { loop } } = this.#sockets;
    loop.add(this.#fd, { read: true, write: false }, ({ readable, writable, error }) => {
      loop.settled();
      if (writable) this.#flush();
      if (readable || error) this.#take(error);
      return false;
    });
  }
  #take(ended: boolean): void {
    const { length, bytes } = this.#sockets.standIns.receive(this.#fd, MOST, 0);
    if (length === EAGAIN && !ended) return;
    if (length < 0 || (length === 0 && ended)) return this.#close();
    try {
      void this.request(bytes.slice(), LAST_PORT);
    } catch (e) {
      if (e !== errno.ENOBUFS) throw e; // lost, as where a buffer is full
    }
  }
  #flush(): void {
    const { standIns, host: { loop } } = this.#sockets;
    if (this.#netlinks.all.get(this.#inode) !== this) return; // closed
    while (this.#waiting.length > 0 && standIns.send(this.#fd, this.#waiting[0]!, 0) !== EAGAIN) this.#waiting.shift();
    loop.change(this.#fd, { read: true, write: this.#waiting.length > 0 });
  }
  #close(): void {
    const { standIns, host: { loop } } = this.#sockets;
    this.#netlinks.all.delete(this.#inode);
    this.#waiting.length = 0;
    loop.remove(this.#fd);
    standIns.close(this.#fd);
  }
}

/** The number and the groups in a struct sockaddr_nl. Throws EINVAL: it is none. */
export function parseSockaddrNl(bytes: Uint8Array): { readonly pid: number; readonly groups: number } {
  if (bytes.length < SockaddrNl.size) throw errno.EINVAL;
  const { family, pid, groups } = SockaddrNl.dump(viewOf(bytes), 0);
  if (family !== AF.NETLINK) throw errno.EINVAL;
  return { pid, groups };
}
