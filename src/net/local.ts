/** Local sockets: streams, packets and datagrams between processes, with descriptors (NetBSD: uipc_usrreq.c, unix(4)). */
import { errno } from "../abi/errno.ts";
import { AF_LOCAL, LOCAL_PEEREID, SOCK_DGRAM, SOCK_SEQPACKET, SOCK_STREAM } from "../abi/flags.ts";
import { SOCKADDR_UN, Unpcbid } from "../abi/structs.ts";
import type { Kernel } from "../kern/kernel.ts";
import type { Lwp } from "../kern/proc.ts";
import { socketNamesOf } from "../kern/sockets.ts";
import { then } from "../lib/async.ts";
import { viewOf } from "../lib/struct.ts";
import { decodeName } from "../lib/text.ts";
import type { Async } from "../plugin.ts";
import { Flight } from "./flight.ts";
import type { Domain, Protocol } from "./protocol.ts";
import { type Message, Socket } from "./socket.ts";

/** Who connected, and who listened. */
type Peer = { readonly pid: number; readonly euid: number; readonly egid: number };
const peerOf = ({ proc: { pid, cred } }: Lwp): Peer => ({ pid, euid: cred.euid, egid: cred.egid });

/** An address without a path. */
const UNNAMED = new Uint8Array([2, AF_LOCAL]);

/** The path of a sockaddr_un. EAFNOSUPPORT, or EINVAL for one that is too short or too long. */
function pathOf(name: Uint8Array): string {
  if (name.length < SOCKADDR_UN.path || name.length > SOCKADDR_UN.size) throw errno.EINVAL;
  if (name[1] !== AF_LOCAL) throw errno.EAFNOSUPPORT;
  const path = name.subarray(SOCKADDR_UN.path);
  const end = path.indexOf(0);
  return decodeName(end < 0 ? path : path.subarray(0, end));
}

/** What all local sockets of a kernel share. */
interface Local {
  readonly kernel: Kernel;
  readonly flight: Flight;
  readonly make: (type: number) => Socket;
}

class LocalProtocol implements Protocol {
  readonly connections: boolean;
  readonly #local: Local;
  readonly #so: Socket;
  #peer: LocalProtocol | undefined;
  /** Datagram sockets that are connected to this one. */
  readonly #from = new Set<LocalProtocol>();
  #address: Uint8Array | undefined;
  #unbind: (() => Async<void>) | undefined;
  /** Who listens here, and who is at the other end. */
  #owner: Peer | undefined;
  #who: Peer | undefined;

  constructor(local: Local, so: Socket) {
    this.#local = local;
    this.#so = so;
    this.connections = so.type !== SOCK_DGRAM;
    local.flight.add(so);
  }
  bind(lwp: Lwp, name: Uint8Array): Async<void> {
    if (this.#address) throw errno.EINVAL;
    const names = socketNamesOf(this.#local.kernel);
    if (!names) throw errno.EOPNOTSUPP;
    const address = addressOf(name);
    this.#owner = peerOf(lwp);
    this.#address = address; // nobody binds it twice while the name is made
    const refused = (e: unknown): never => {
      this.#address = undefined;
      throw e;
    };
    try {
      const bound = names.bind(lwp, pathOf(name), this.#so);
      if (bound instanceof Promise) return bound.then((unbind) => void (this.#unbind = unbind), refused);
      this.#unbind = bound;
    } catch (e) {
      refused(e);
    }
  }
  listen(): void {
    if (!this.connections) throw errno.EOPNOTSUPP;
    if (!this.#address || this.#peer) throw errno.EINVAL;
  }
  /** The socket behind a name, of this one's type. */
  #find(lwp: Lwp, name: Uint8Array): Async<LocalProtocol> {
    const names = socketNamesOf(this.#local.kernel);
    if (!names) throw errno.EOPNOTSUPP;
    return then(names.find(lwp, pathOf(name)), (found) => {
      const { protocol, type } = found as Socket;
      if (type !== this.#so.type || !(protocol instanceof LocalProtocol)) throw errno.EPROTOTYPE;
      return protocol;
    });
  }
  connect(lwp: Lwp, name: Uint8Array): Async<void> {
    return then(this.#find(lwp, name), (other) => {
      if (!this.connections) return this.#aim(other);
      if (!other.#so.listening) throw errno.ECONNREFUSED;
      const so = this.#local.make(this.#so.type);
      const end = so.protocol as LocalProtocol;
      end.#address = other.#address;
      end.#who = peerOf(lwp);
      this.#who = other.#owner;
      if (!other.#so.came(so)) {
        void so.close();
        throw errno.ECONNREFUSED;
      }
      this.join(end);
    });
  }
  /** Datagrams go there from now on. */
  #aim(other: LocalProtocol): void {
    if (this.#peer) this.#peer.#from.delete(this);
    this.#peer = other;
    other.#from.add(this);
    this.#so.connected = true;
  }
  disconnect(): void {
    if (this.#peer) this.#peer.#from.delete(this);
    this.#peer = undefined;
  }
  /** Two ends of one connection. */
  join(other: LocalProtocol): void {
    for (const [a, b] of [[this, other], [other, this]] as const) {
      a.#peer = b;
      a.#so.connected = true;
      if (!this.connections) b.#from.add(a);
      a.#so.changes.wake();
    }
  }
  send(lwp: Lwp, message: Message): Async<number | undefined> {
    if (message.control.length > 0) throw errno.EINVAL;
    if (!message.to) {
      if (!this.#peer) throw errno.EDESTADDRREQ;
      return this.#deliver(this.#peer, message);
    }
    if (this.#so.connected) throw errno.EISCONN;
    return then(this.#find(lwp, message.to), (other) => this.#deliver(other, message));
  }
  /** What has no room of a stream waits; a datagram that has none is lost, and its sender told. */
  #deliver(to: LocalProtocol, { data, rights }: Message): number | undefined {
    const { inbox, type, changes, cantReceive } = to.#so;
    if (cantReceive) throw errno.EPIPE;
    const stream = type === SOCK_STREAM;
    if (!stream && data.length > inbox.limit) throw errno.EMSGSIZE;
    const n = stream ? Math.min(data.length, inbox.room) : data.length;
    if (inbox.room < n || (n === 0 && data.length > 0)) {
      if (type === SOCK_DGRAM) throw errno.ENOBUFS;
      return undefined;
    }
    for (const file of rights) file.refs++;
    inbox.put(data.subarray(0, n), type === SOCK_DGRAM ? this.#address ?? UNNAMED : undefined, rights);
    if (rights.length > 0) this.#local.flight.sent();
    changes.wake();
    return n;
  }
  room(): number {
    return this.#peer ? this.#peer.#so.inbox.room : this.connections ? 0 : this.#so.sendLimit;
  }
  taken(): void {
    if (this.#peer) this.#peer.#so.changes.wake();
  }
  finish(): void {
    if (this.connections && this.#peer) this.#peer.#so.ended(true, false);
  }
  detach(): void {
    this.#local.flight.delete(this.#so);
    const [peer, unbind] = [this.#peer, this.#unbind];
    this.#peer = undefined;
    if (peer && this.connections) peer.#lost();
    else if (peer) peer.#from.delete(this);
    for (const from of this.#from) from.#lost();
    this.#unbind = undefined;
    const done = unbind?.();
    if (done instanceof Promise) void this.#local.kernel.outstanding(done).catch(() => {});
  }
  /** The other end is closed. */
  #lost(): void {
    this.#peer = undefined;
    if (this.connections) return this.#so.ended(true, true);
    this.#so.connected = false;
    this.#so.error = errno.ECONNRESET;
    this.#so.changes.wake();
  }
  listed() {
    return { state: 0, sending: 0, protocol: 0, peer: this.#peer ? this.#peer.#so.id : 0 };
  }
  name(peer: boolean): Uint8Array | undefined {
    if (!peer) return this.#address ?? UNNAMED;
    return this.#peer && (this.#peer.#address ?? UNNAMED);
  }
  getOption(level: number, name: number): Uint8Array {
    if (level !== 0 || name !== LOCAL_PEEREID || !this.connections) throw errno.ENOPROTOOPT;
    if (!this.#who) throw errno.ENOTCONN;
    const value = new Uint8Array(Unpcbid.size);
    Unpcbid.write(viewOf(value), 0, this.#who);
    return value;
  }
}
/** As getsockname tells it: its true length first. */
function addressOf(name: Uint8Array): Uint8Array {
  const address = name.slice();
  address[0] = address.length;
  return address;
}

/** The family of a kernel. */
export function localDomain(kernel: Kernel, make: (type: number) => Socket): Domain {
  const flight = new Flight(kernel);
  const local: Local = { kernel, flight, make };
  return {
    family: AF_LOCAL,
    attach(type, protocol) {
      if (![SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET].includes(type)) throw errno.EPROTOTYPE;
      if (protocol !== 0) throw errno.EPROTONOSUPPORT;
      return (so) => new LocalProtocol(local, so);
    },
    pair: (a, b) => (a.protocol as LocalProtocol).join(b.protocol as LocalProtocol),
  };
}
