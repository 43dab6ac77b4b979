/** A socket whatever its protocol: waiting, buffers, options, connections that come (NetBSD: uipc_socket.c). */
import { errno, type SysError } from "../abi/errno.ts";
import {
  FIOASYNC,
  FIONBIO,
  FIONREAD,
  MSG_DONTWAIT,
  MSG_OOB,
  MSG_PEEK,
  MSG_WAITALL,
  O_NONBLOCK,
  POLLHUP,
  POLLIN,
  POLLOUT,
  POLLPRI,
  POLLRDBAND,
  POLLRDNORM,
  S_IFSOCK,
  SO_ACCEPTCONN,
  SOCK_STREAM,
} from "../abi/flags.ts";
import { groupOf } from "../abi/ioccom.ts";
import { SIOC } from "../abi/sockio.ts";
import { Stat } from "../abi/structs.ts";
import type { File, Fileops } from "../kern/file.ts";
import type { Lwp } from "../kern/proc.ts";
import { type Callout, sleep, Waiters } from "../kern/wait.ts";
import { then } from "../lib/async.ts";
import type { SocketEnd } from "../lib/socket_end.ts";
import { viewOf } from "../lib/struct.ts";
import type { Async } from "../plugin.ts";
import { type Cmsg, dropRights, Inbox, type Received, type Rights, type Taken } from "./inbox.ts";
import type { Protocol } from "./protocol.ts";
import { StreamSplice } from "./splice.ts";

/** Bytes a socket holds of what has come (SO_RCVBUF), and may have under way (SO_SNDBUF), unless told otherwise. */
const BUFFER = 64 << 10;
/** What sockets of a kernel may have. */
export interface SocketLimits {
  /** Most connections that may wait to be accepted (kern.somaxconn). */
  somaxconn: number;
  /** Largest buffer, bytes (kern.sbmax). */
  sbmax: number;
}

/** One message on its way. */
export interface Message {
  readonly data: Uint8Array;
  readonly to: Uint8Array | undefined;
  readonly rights: Rights;
  readonly control: readonly Cmsg[];
  /** Out of band (MSG_OOB). */
  readonly urgent?: boolean;
}

/** What sockets of a kernel have in common. */
export interface SocketWorld {
  readonly callout: Callout;
  /** Call when what is done now is done. */
  soon(fn: () => void): void;
  /** Those that are open, for listings. */
  readonly sockets: Set<Socket>;
  readonly limits: SocketLimits;
  /** Commands about interfaces (group 'i'). ENOTTY: there are none. */
  interfaceIoctl(so: Socket, lwp: Lwp, command: number, data: Uint8Array): Async<void>;
}
export class Socket implements Fileops {
  readonly seekable = false;
  readonly changes = new Waiters();
  readonly domain: number;
  readonly type: number;
  /** The same for as long as it is open, and of no other socket (ki_sockaddr). */
  readonly id: number;
  readonly protocol: Protocol;
  /** A protocol may bring its own. */
  inbox: Received;
  /** SO_* that are bits. */
  options = 0;
  sendLimit = BUFFER;
  /** SO_LINGER: seconds; milliseconds a send and a receive may wait, undefined: as long as it takes. */
  linger = 0;
  sendTimeout: number | undefined;
  receiveTimeout: number | undefined;
  sendLow = 2048;
  receiveLow = 1;
  /** What happened and nobody was told (SO_ERROR). */
  error: SysError | undefined;
  connected = false;
  connecting = false;
  cantSend = false;
  cantReceive = false;
  /** Connections that have come and were not accepted; how many may be. */
  readonly queue: Socket[] = [];
  backlog = 0;
  /** Datagrams that found no room (SO_OVERFLOWED). */
  overflowed = 0;
  /** Who is told of urgent data (SIOCSPGRP): remembered, there are no signals. */
  #owner = 0;
  #spliced = false;
  /** The last of the sends that wait. */
  #sending: Promise<void> | undefined;
  readonly #world: SocketWorld;

  constructor(domain: number, type: number, make: (so: Socket) => Protocol, world: SocketWorld) {
    this.domain = domain;
    this.type = type;
    this.#world = world;
    this.id = nextId++;
    world.sockets.add(this);
    this.inbox = new Inbox(type !== SOCK_STREAM, BUFFER);
    this.protocol = make(this);
  }
  get limits(): SocketLimits {
    return this.#world.limits;
  }
  get listening(): boolean {
    return (this.options & SO_ACCEPTCONN) !== 0;
  }
  /** Connections come and go by it; the other kind has messages alone. */
  get connectionOriented(): boolean {
    return this.protocol.connections;
  }

  /** Wait for a change, or for the time to be up: EAGAIN. */
  #wait(lwp: Lwp, nonblocking: boolean, ms: number | undefined): Promise<void> {
    if (nonblocking) throw errno.EAGAIN;
    return sleep(lwp, [this.changes], this.#world.callout, ms).then((woken) => {
      if (!woken) throw errno.EAGAIN;
    });
  }
  /** What happened is told once. */
  #told(): void {
    const { error } = this;
    this.error = undefined;
    if (error) throw error;
  }

  // Receiving

  /** One record, or some of the stream: at least SO_RCVLOWAT bytes where that may wait. */
  receive(lwp: Lwp, into: Uint8Array, flags: number, nonblocking: boolean): Async<Taken> {
    const nb = nonblocking || (flags & MSG_DONTWAIT) !== 0;
    const peek = (flags & MSG_PEEK) !== 0;
    if (flags & MSG_OOB) return this.#receiveUrgent(into, peek);
    const all = (flags & MSG_WAITALL) !== 0 && this.type === SOCK_STREAM && !peek;
    return all ? this.#receiveAll(lwp, into, nb) : this.#receiveSome(lwp, into, peek, nb);
  }
  #receiveUrgent(into: Uint8Array, peek: boolean): Taken {
    if (!this.protocol.receiveUrgent) throw errno.EOPNOTSUPP;
    return { ...NOTHING, length: this.protocol.receiveUrgent(into, peek) };
  }
  #receiveSome(lwp: Lwp, into: Uint8Array, peek: boolean, nb: boolean): Async<Taken> {
    const { inbox } = this;
    const enough = !inbox.empty &&
      (this.type !== SOCK_STREAM || inbox.size >= Math.min(this.receiveLow, into.length, inbox.limit));
    if (enough || (this.cantReceive && !inbox.empty)) {
      const taken = inbox.take(into, peek)!;
      if (!peek) this.protocol.taken(taken.length);
      return taken;
    }
    this.#told();
    if (this.cantReceive || into.length === 0) return NOTHING;
    if (this.listening || (this.connectionOriented && !this.connected && !this.connecting)) throw errno.ENOTCONN;
    return this.#wait(lwp, nb, this.receiveTimeout).then(() => this.#receiveSome(lwp, into, peek, nb));
  }
  #receiveAll(lwp: Lwp, into: Uint8Array, nb: boolean): Async<Taken> {
    return then(this.#receiveSome(lwp, into, false, nb), (first) => {
      if (first.length === 0 || first.length === into.length || first.rights.length > 0) return first;
      const more = (done: number): Async<Taken> => ({ ...first, length: done });
      const rest = async (): Promise<Taken> => {
        let done = first.length;
        while (done < into.length) {
          try {
            const { length, rights } = await this.#receiveSome(lwp, into.subarray(done), false, nb);
            if (length === 0) break;
            done += length;
            if (rights.length > 0) return { ...first, length: done, rights };
          } catch {
            break; // what has come is told
          }
        }
        return more(done);
      };
      return rest();
    });
  }

  // Sending

  /** All of it, where it may wait; the bytes that went. Throws before any went, afterwards the rest is left. */
  send(lwp: Lwp, message: Message, flags: number, nonblocking: boolean): Async<number> {
    const nb = nonblocking || (flags & MSG_DONTWAIT) !== 0;
    if (flags & MSG_OOB && !this.protocol.sendUrgent) throw errno.EOPNOTSUPP;
    const whole = { ...message, urgent: (flags & MSG_OOB) !== 0 };
    return this.type === SOCK_STREAM ? this.#inTurn(lwp, whole, nb) : this.#send(lwp, whole, nb, 0);
  }
  /** What is sent while an earlier send waits for room stands behind that in the stream (sblock). */
  #inTurn(lwp: Lwp, message: Message, nb: boolean): Async<number> {
    if (this.#sending && nb) throw errno.EAGAIN;
    const sent = this.#sending
      ? this.#sending.then(() => this.#send(lwp, message, nb, 0))
      : this.#send(lwp, message, nb, 0);
    if (!(sent instanceof Promise)) return sent;
    const done = sent.then(() => {}, () => {}).finally(() => {
      if (this.#sending === done) this.#sending = undefined;
    });
    this.#sending = done;
    return sent;
  }
  #send(lwp: Lwp, message: Message, nb: boolean, done: number): Async<number> {
    if (this.cantSend) throw errno.EPIPE;
    this.#told();
    if (this.connectionOriented && !this.connected) throw this.connecting ? errno.EAGAIN : errno.ENOTCONN;
    const rest = done === 0 ? message : { ...message, data: message.data.subarray(done), rights: [], control: [] };
    return then(rest.urgent ? this.protocol.sendUrgent!(rest) : this.protocol.send(lwp, rest), (n) => {
      if (n !== undefined) done += n;
      if (n !== undefined && done === message.data.length) return done;
      if (nb && done > 0) return done;
      return this.#wait(lwp, nb, this.sendTimeout).then(
        () => this.#send(lwp, message, nb, done),
        (e) => {
          if (done === 0) throw e;
          return done;
        },
      );
    });
  }

  // Connections

  /** The oldest that came; waits for one. */
  accept(lwp: Lwp, nonblocking: boolean): Async<Socket> {
    if (!this.connectionOriented) throw errno.EOPNOTSUPP;
    if (!this.listening) throw errno.EINVAL;
    const came = this.queue.shift();
    if (came) return came;
    if (this.cantReceive) throw errno.ECONNABORTED;
    return this.#wait(lwp, nonblocking, this.receiveTimeout).then(() => this.accept(lwp, nonblocking));
  }
  connect(lwp: Lwp, name: Uint8Array, nonblocking: boolean): Async<number> {
    if (this.listening) throw errno.EOPNOTSUPP;
    if (this.connecting) throw errno.EALREADY;
    if (this.connected && this.connectionOriented) throw errno.EISCONN;
    // An address of no family is refused, and has taken the old peer away: connect(2), soconnect.
    if (this.connected) {
      this.protocol.disconnect?.();
      this.connected = false;
    }
    return then(this.protocol.connect(lwp, name), () => {
      if (!this.connecting) return 0;
      if (nonblocking) throw errno.EINPROGRESS;
      return this.#established(lwp);
    });
  }
  #established(lwp: Lwp): Async<number> {
    if (this.connecting) return this.#wait(lwp, false, undefined).then(() => this.#established(lwp));
    this.#told();
    return 0;
  }
  listen(backlog: number): void {
    this.protocol.listen();
    this.options |= SO_ACCEPTCONN;
    this.backlog = backlog <= 0 ? 1 : Math.min(backlog, this.#world.limits.somaxconn);
  }
  /** A connection has come: false, too many wait already. */
  came(so: Socket): boolean {
    if (this.queue.length >= this.backlog) return false;
    this.queue.push(so);
    this.changes.wake();
    return true;
  }
  /** 0: no more is received, 1: sent, 2: both. */
  shutdown(how: number): void {
    if (how < 0 || how > 2) throw errno.EINVAL;
    if (how !== 1) {
      this.cantReceive = true;
      this.inbox.clear();
    }
    if (how !== 0) {
      this.cantSend = true;
      this.protocol.finish();
    }
    this.changes.wake();
  }
  /** The other end is gone, or sends no more. */
  ended(sends: boolean, receives: boolean, error?: SysError): void {
    if (sends) this.cantReceive = true;
    if (receives) this.cantSend = true;
    if (sends && receives) this.connected = false;
    this.connecting = false;
    this.error = error ?? this.error;
    this.changes.wake();
  }

  // As an open file

  read(file: File, into: Uint8Array, _offset: number, lwp: Lwp): Async<number> {
    return then(this.receive(lwp, into, 0, (file.flags & O_NONBLOCK) !== 0), ({ length, rights }) => {
      dropRights(rights); // read(2) has no place for descriptors
      return length;
    });
  }
  write(file: File, from: Uint8Array, _offset: number, lwp: Lwp): Async<number> {
    return this.send(lwp, { data: from, to: undefined, rights: [], control: [] }, 0, (file.flags & O_NONBLOCK) !== 0);
  }
  poll(): number {
    let ready = 0;
    if (this.queue.length > 0 || !this.inbox.empty || this.cantReceive || this.error) ready |= POLLIN | POLLRDNORM;
    if (this.protocol.hasUrgent?.()) ready |= POLLPRI | POLLRDBAND;
    if (this.cantReceive && this.cantSend) ready |= POLLHUP;
    const unconnected = this.connectionOriented && !this.connected;
    if (
      this.error || this.cantSend || (!unconnected && this.protocol.room() >= Math.min(this.sendLow, this.sendLimit))
    ) {
      ready |= POLLOUT;
    }
    return ready;
  }
  stat(_file: File, into: Uint8Array): void {
    const d = viewOf(into);
    Stat.set.mode(d, 0, S_IFSOCK | 0o666);
    Stat.set.ino(d, 0, this.id);
    Stat.set.nlink(d, 0, 1);
    Stat.set.size(d, 0, this.inbox.size);
    Stat.set.blksize(d, 0, this.sendLimit);
  }
  ioctl(file: File, command: number, data: Uint8Array | undefined, lwp: Lwp): Async<number> {
    if (!data) throw errno.ENOTTY;
    const d = viewOf(data);
    switch (command) {
      case FIONREAD:
        d.setInt32(0, this.inbox.next, true);
        return 0;
      case FIONBIO:
        file.flags = d.getInt32(0, true) ? file.flags | O_NONBLOCK : file.flags & ~O_NONBLOCK;
        return 0;
      case FIOASYNC:
        return 0;
      case SIOC.SIOCATMARK:
        d.setInt32(0, this.protocol.atMark?.() ? 1 : 0, true);
        return 0;
      case SIOC.SIOCSPGRP:
        this.#owner = d.getInt32(0, true);
        return 0;
      case SIOC.SIOCGPGRP:
        d.setInt32(0, this.#owner, true);
        return 0;
    }
    if (groupOf(command) !== "i") throw errno.ENOTTY;
    return then(this.#world.interfaceIoctl(this, lwp, command, data), () => 0);
  }
  /** EOPNOTSUPP: they are no streams, or it listens; ENOTCONN; EBUSY: it is spliced already. */
  splice(file: File, end: SocketEnd, lwp: Lwp, ended: (why: SysError | undefined) => void): { close(): void } {
    if (this.type !== SOCK_STREAM || end.records || this.listening) throw errno.EOPNOTSUPP;
    if (!this.connected) throw errno.ENOTCONN;
    if (this.#spliced) throw errno.EBUSY;
    this.#spliced = true;
    const { soon } = this.#world;
    return new StreamSplice(this, file, end, {
      lwp,
      soon,
      ended: (why) => {
        this.#spliced = false;
        ended(why);
      },
    });
  }
  about(): { readonly type: string; readonly socket: number } {
    return { type: "socket", socket: this.id };
  }
  /** Waits where SO_LINGER says so. */
  close(): Async<void> {
    this.#world.sockets.delete(this);
    for (const so of this.queue.splice(0)) void so.close();
    const lingers = this.protocol.detach();
    this.inbox.clear();
    this.ended(true, true);
    return lingers;
  }
}
/** Of all kernels of the process: it tells sockets apart, no more. */
let nextId = 1;
const NOTHING: Taken = { length: 0, name: undefined, rights: [], cut: false };
