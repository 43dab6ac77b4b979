/** What a protocol does for its sockets (NetBSD: struct pr_usrreqs), and how families are found (struct domain). */
import type { Lwp } from "../kern/proc.ts";
import type { Async } from "../plugin.ts";
import type { Message, Socket } from "./socket.ts";

/** One socket's protocol. What is not said to throw does not. */
export interface Protocol {
  /** Whether data goes only over connections. */
  readonly connections: boolean;
  bind(lwp: Lwp, name: Uint8Array): Async<void>;
  /** EOPNOTSUPP where there are no connections; EINVAL for a socket that cannot be reached. */
  listen(): void;
  /** Begin; the socket is `connected`, or `connecting` until its protocol says more. */
  connect(lwp: Lwp, name: Uint8Array): Async<void>;
  /** It has no peer any more; where there are connections, left out. */
  disconnect?(): void;
  /** How much of the message was taken; undefined: nothing, there is no room now. */
  send(lwp: Lwp, message: Message): Async<number | undefined>;
  /** Bytes that could be sent now. */
  room(): number;
  /**
   * Memory to put what is sent next into, no more than there is room for; `stored` sends so much of it, and must be called.
   * Undefined, or left out: `send` must be asked.
   */
  space?(most: number): Uint8Array | undefined;
  stored?(n: number): void;
  /** The program has read so much: there is room for more. */
  taken(bytes: number): void;
  /** Nothing more will be sent. */
  finish(): void;
  /** The socket is closed; a promise: that is to be waited for. */
  detach(): Async<void>;
  /** The socket's address, or its peer's; undefined: it has none. */
  name(peer: boolean): Uint8Array | undefined;
  /** Options of the protocol's own level. ENOPROTOOPT for those it has not. */
  getOption?(level: number, name: number): Uint8Array;
  setOption?(level: number, name: number, value: Uint8Array, lwp: Lwp): void;
  /** Take urgent data to send, as `send`; left out: there is no such thing. */
  sendUrgent?(message: Message): number | undefined;
  /** Read the urgent byte apart from the stream. EINVAL: there is none; EAGAIN: it has not come yet. */
  receiveUrgent?(into: Uint8Array, peek: boolean): number;
  /** Whether there is a mark of urgent data ahead, and whether it is what is read next (SIOCATMARK). */
  hasUrgent?(): boolean;
  atMark?(): boolean;
  /** For listings: its state (of TCP: TCPS_*), bytes that wait to be sent, the number of its protocol. */
  listed?(): { readonly state: number; readonly sending: number; readonly protocol: number; readonly peer?: number };
  /** One of the socket's SO_* has changed. */
  optionsChanged?(): void;
}
/** An address family: how sockets of a type are made. */
export interface Domain {
  readonly family: number;
  /** EPROTOTYPE for a type it has not, EPROTONOSUPPORT for a protocol, EPERM for what `lwp` (left out: the kernel) may not have. */
  attach(type: number, protocol: number, lwp?: Lwp): (so: Socket) => Protocol;
  /** Two sockets that are each other's end. EOPNOTSUPP where there is no such thing. */
  pair?(a: Socket, b: Socket): void;
}
