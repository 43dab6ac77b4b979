/** A TCP socket: what its program asks for, and what its connection tells (NetBSD: tcp_usrreq.c; tcp(4)). */
import { errno, type SysError } from "../../abi/errno.ts";
import { SO_ACCEPTCONN, SO_KEEPALIVE, SO_LINGER, SO_OOBINLINE } from "../../abi/flags.ts";
import type { Lwp } from "../../kern/proc.ts";
import type { Async } from "../../plugin.ts";
import { IPPROTO_TCP } from "../../wire/ipv4.ts";
import { type Address, type Family, isAny, isMulticast } from "../address.ts";
import { checkBind, takePort } from "../inet.ts";
import type { InetOptions } from "../outgoing.ts";
import type { Endpoint } from "../pcb.ts";
import type { Protocol } from "../protocol.ts";
import type { Message, Socket } from "../socket.ts";
import { setKeepAlive } from "./arm.ts";
import type { TcpListener } from "./engine.ts";
import { tooLarge } from "./emit.ts";
import { StreamInbox } from "./inbox.ts";
import { TcpOptions } from "./options.ts";
import type { TcpProtocol } from "./protocol.ts";
import { hasRead } from "./receive.ts";
import { CLOSED, type Tcb, type TcpUser } from "./tcb.ts";
import { atMark, hasUrgent, readUrgent } from "./urgent.ts";
import { abort, begin, finish, release, room, space, stored, write, writeUrgent } from "./user.ts";

const BROADCAST = 0xffff_ffff;
/** TCPS_LISTEN: connections have their states, a socket this one. */
const LISTEN = 1;
/** Least buffers of a connection whose program did not ask for others, in segments. */
const SEGMENTS = 4;

export class TcpSocket implements Protocol, Endpoint, TcpUser, TcpListener {
  readonly connections = true;
  readonly so: Socket;
  local: Address;
  port = 0;
  remote: Address = 0;
  remotePort = 0;
  readonly #tcp: TcpProtocol;
  readonly #inbox: StreamInbox;
  readonly #family: Family;
  readonly #options: TcpOptions;
  readonly options: InetOptions;
  #c: Tcb | undefined;
  /** SO_SNDBUF as it is known to the connection: another value is the program's. */
  #sendLimit: number;
  /** It was connected, or shut down before it was: it has no second life. */
  #used = false;
  /** What bind(2) asked for. */
  #bound: Address;

  /** `c`: a connection that came to `listener`. */
  constructor(tcp: TcpProtocol, so: Socket, c?: Tcb, listener?: TcpSocket) {
    const { settings } = tcp.engine;
    this.#tcp = tcp;
    this.so = so;
    this.#family = tcp.stack.family(so.domain);
    this.local = this.#bound = this.#family.any;
    this.#inbox = new StreamInbox(listener?.so.inbox.limit ?? settings.recvspace);
    so.inbox = this.#inbox;
    this.#sendLimit = so.sendLimit = listener?.so.sendLimit ?? settings.sendspace;
    this.#options = new TcpOptions(listener ? listener.#options : settings);
    this.options = this.#family.options(true, listener?.options);
    if (c && listener) this.#accepted(c, listener);
  }
  #accepted(c: Tcb, { so }: TcpSocket): void {
    this.so.options = so.options & ~SO_ACCEPTCONN;
    this.so.linger = so.linger;
    this.local = c.local;
    this.port = c.port;
    this.#attach(c);
    this.#tcp.endpoints.add(this);
    this.so.connected = true;
  }
  #attach(c: Tcb): void {
    const { settings } = this.#tcp.engine;
    this.#c = c;
    this.#used = true;
    this.remote = c.remote;
    this.remotePort = c.remotePort;
    c.user = this;
    c.header = this.options.outgoing;
    c.keepAlive = (this.so.options & SO_KEEPALIVE) !== 0;
    c.oobInline = (this.so.options & SO_OOBINLINE) !== 0;
    this.#buffers(c, settings.sendspace, settings.recvspace);
    this.#options.apply(c);
    this.#inbox.attach(c);
  }
  #buffers(c: Tcb, sendspace: number, recvspace: number): void {
    c.sendLimit = this.so.sendLimit;
    c.receiveLimit = this.#inbox.limit;
    c.autoSend = this.so.sendLimit === sendspace && this.#tcp.engine.settings.sendbufAuto;
    c.autoReceive = this.#inbox.limit === recvspace && this.#tcp.engine.settings.recvbufAuto;
    this.#widen(c);
  }
  /** Segments as large as the loopback interface's need buffers to match. */
  #widen(c: Tcb): void {
    if (c.autoSend) this.so.sendLimit = c.sendLimit = Math.max(c.sendLimit, SEGMENTS * c.mss);
    if (c.autoReceive) c.receiveLimit = Math.max(c.receiveLimit, SEGMENTS * c.mss);
    this.#sendLimit = c.sendLimit;
  }

  // What the program asks for

  get mapped(): boolean {
    return this.options.mapped;
  }
  bind(lwp: Lwp, name: Uint8Array): void {
    const { address, port } = this.#family.parse(name, this.mapped);
    if (this.port !== 0 || this.#used) throw errno.EINVAL;
    if (isMulticast(address)) throw errno.EADDRNOTAVAIL;
    checkBind(this.#tcp.stack, lwp, { address, port });
    takePort(this.#tcp.endpoints, lwp, this, { address, port });
    this.#bound = address;
  }
  listen(): void {
    if (this.#used) throw this.so.connected || this.so.connecting ? errno.EISCONN : errno.EINVAL;
    if (this.port === 0) this.#tcp.endpoints.bind(this, this.#family.any, 0);
  }
  connect(lwp: Lwp, name: Uint8Array): void {
    const { engine, endpoints, stack } = this.#tcp;
    const { address, port } = this.#family.parse(name, this.mapped);
    if (this.so.cantSend) throw errno.EINVAL;
    if (port === 0 || address === BROADCAST || isMulticast(address)) throw errno.EADDRNOTAVAIL;
    const nearest = stack.sourceFor(address, this.options.way({}, false));
    if (nearest === undefined) throw typeof address === "object" ? errno.EHOSTUNREACH : errno.EADDRNOTAVAIL;
    const source = isAny(this.local) ? nearest : this.local;
    const remote = isAny(address) ? source : address;
    if (typeof source !== typeof remote) throw errno.EINVAL;
    if (stack.isBroadcast(remote)) throw errno.EADDRNOTAVAIL;
    if (this.port === 0) {
      takePort(endpoints, lwp, this, { address: source, port: 0, to: { address: remote, port } });
    }
    const c = engine.create({ local: source, port: this.port, remote, remotePort: port }, this);
    this.local = source;
    this.#attach(c);
    this.so.connecting = true;
    begin(c);
    if (!c.softError) return;
    const why = c.softError;
    c.user = undefined;
    this.#lost();
    abort(c);
    throw why;
  }
  /** It may connect again, from the same port. */
  #lost(): void {
    this.#c = undefined;
    this.#used = false;
    this.so.connecting = false;
    this.local = this.#bound;
    this.remote = this.remotePort = 0;
  }
  send(_lwp: Lwp, { data, to, rights, control }: Message): number | undefined {
    if (rights.length > 0 || control.length > 0) throw errno.EINVAL;
    if (to) throw errno.EISCONN;
    const c = this.#c;
    if (!c) throw errno.ENOTCONN;
    this.#tcp.engine.tick();
    this.#limits(c);
    const n = write(c, data);
    return n === 0 && data.length > 0 ? undefined : n;
  }
  sendUrgent({ data, to, rights, control }: Message): number | undefined {
    if (rights.length > 0 || control.length > 0) throw errno.EINVAL;
    if (to) throw errno.EISCONN;
    const c = this.#c;
    if (!c) throw errno.ENOTCONN;
    this.#tcp.engine.tick();
    this.#limits(c);
    const n = writeUrgent(c, data);
    return n === 0 && data.length > 0 ? undefined : n;
  }
  receiveUrgent(into: Uint8Array, peek: boolean): number {
    if (!this.#c) throw errno.EINVAL;
    return readUrgent(this.#c, into, peek);
  }
  hasUrgent(): boolean {
    return this.#c !== undefined && hasUrgent(this.#c);
  }
  atMark(): boolean {
    return this.#c !== undefined && atMark(this.#c);
  }
  /** SO_SNDBUF: the program's, or grown by itself. */
  #limits(c: Tcb): void {
    if (this.so.sendLimit !== this.#sendLimit) {
      c.sendLimit = this.so.sendLimit;
      c.autoSend = false;
    } else this.so.sendLimit = c.sendLimit;
    this.#sendLimit = this.so.sendLimit;
  }
  room(): number {
    return this.#c ? room(this.#c) : this.so.sendLimit;
  }
  space(most: number): Uint8Array | undefined {
    const c = this.#c;
    if (!c) return undefined;
    this.#tcp.engine.tick();
    this.#limits(c);
    return space(c, most);
  }
  stored(n: number): void {
    if (this.#c) stored(this.#c, n);
  }
  taken(bytes: number): void {
    if (!this.#c) return;
    this.#tcp.engine.tick();
    hasRead(this.#c, bytes);
  }
  finish(): void {
    this.#tcp.engine.tick();
    this.#used = true;
    if (this.#c) finish(this.#c);
  }
  detach(): Async<void> {
    const c = this.#c;
    this.options.close();
    this.#tcp.engine.tick();
    if (!c || c.state === CLOSED) return this.#tcp.endpoints.remove(this);
    c.forgotten = () => this.#tcp.endpoints.remove(this);
    const lingers = (this.so.options & SO_LINGER) !== 0;
    if (lingers && this.so.linger === 0) abort(c);
    else if (lingers && c.sending.size > 0) return this.#linger(c);
    else release(c);
  }
  /** Wait until all was acknowledged, or SO_LINGER's time is up. */
  #linger(c: Tcb): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        cancel();
        if (c.state !== CLOSED) release(c);
        resolve();
      };
      const cancel = this.#tcp.stack.sys.callout(this.so.linger * 1000, done);
      const look = () => c.sending.size === 0 && queueMicrotask(done);
      c.user = { connected() {}, readable() {}, writable: look, closed: done };
      finish(c);
    });
  }
  listed() {
    const state = this.so.listening ? LISTEN : this.#c?.state ?? CLOSED;
    return { state, sending: this.#c?.sending.size ?? 0, protocol: IPPROTO_TCP };
  }
  name(peer: boolean): Uint8Array | undefined {
    if (!peer) return this.#family.name(this.local, this.port);
    return this.so.connected ? this.#family.name(this.remote, this.remotePort) : undefined;
  }
  getOption(level: number, name: number): Uint8Array {
    if (level !== IPPROTO_TCP) return this.options.get(level, name, this.so.connected ? this.remote : undefined);
    return this.#options.get(name, this.#c, {
      mssdflt: this.#tcp.engine.settings.mssdflt,
      listening: this.so.listening,
    });
  }
  setOption(level: number, name: number, value: Uint8Array, lwp: Lwp): void {
    this.#tcp.engine.tick();
    if (level !== IPPROTO_TCP) {
      this.options.set(level, name, value, lwp);
      // Options of the header leave less room for data.
      if (this.#c) tooLarge(this.#c);
      return;
    }
    this.#options.set(name, value, this.#c, this.#tcp.engine.settings.minmss);
  }
  /** SO_KEEPALIVE or SO_OOBINLINE may be another. */
  optionsChanged(): void {
    if (!this.#c) return;
    this.#c.oobInline = (this.so.options & SO_OOBINLINE) !== 0;
    this.#c.keepAlive = (this.so.options & SO_KEEPALIVE) !== 0;
    this.#tcp.engine.tick();
    setKeepAlive(this.#c);
  }

  // What connections tell

  get hasRoom(): boolean {
    return this.so.queue.length < this.so.backlog;
  }
  came(c: Tcb): boolean {
    return this.so.came(this.#tcp.socket(c, this));
  }
  connected(): void {
    const c = this.#c;
    if (c) this.#widen(c);
    this.so.connecting = false;
    this.so.connected = true;
    this.so.changes.wake();
  }
  readable(): void {
    const c = this.#c;
    // Shut down for reading: what still comes is taken for read.
    if (this.so.cantReceive && c && !c.finReceived && c.receiving.size > 0) {
      const n = c.receiving.size;
      this.#inbox.clear();
      hasRead(c, n);
    }
    if (c?.finReceived && !this.so.cantReceive) this.so.ended(true, false);
    else this.so.changes.wake();
  }
  writable(): void {
    if (this.#c && this.so.sendLimit === this.#sendLimit) this.so.sendLimit = this.#sendLimit = this.#c.sendLimit;
    this.so.changes.wake();
  }
  closed(error: SysError | undefined): void {
    const connecting = this.so.connecting;
    this.so.ended(true, true, error);
    if (!connecting || !error) return;
    // A refused socket may try again.
    this.so.cantSend = this.so.cantReceive = false;
    this.#lost();
  }
}
