/** Byte streams between clients and servers, as transports make them: what plugins see of the host's sockets. */
import type { Async } from "./async.ts";
import type { Handed } from "./socket_end.ts";

/** A byte stream between a client and a server. */
export interface Channel {
  /** Queue bytes, in order; they are copied if they cannot go at once. False: the peer is slow, wait for `drained`. */
  send(...parts: Uint8Array[]): boolean;
  /** Bytes are lent for the call, unless it returns true: then they stay the receiver's. Registered once. */
  receive(on: (bytes: Uint8Array) => boolean | void): void;
  /** Called whenever a full queue has gone out. */
  drained(on: () => void): void;
  /** Stop or resume reading: back-pressure towards the peer. */
  pause(stop: boolean): void;
  close(): void;
  /** Called once when the stream has ended, from either side. */
  closed(on: () => void): void;
  /** Who is there, for the log: "uid 1000 pid 42", "127.0.0.1:5555". */
  readonly peer: string;
  /** SO_PEERCRED of a unix socket. */
  readonly credentials?: { readonly uid: number; readonly gid: number; readonly pid: number };
  /** 32 bytes only the two ends of this stream agree on (of TLS: the hash of the server's certificate). */
  readonly binding?: Uint8Array;
  /**
   * Make memory and send it to the peer along with `data`. Undefined: not over this stream, or not now; nothing was sent.
   * `watcher` is asked from `watch` on until the loop goes to sleep.
   */
  share?(size: number, data: Uint8Array, watcher: Watcher): SharedMemory | undefined;
  watch?(watcher: Watcher): void;
  /**
   * From now on descriptors may come along with what is received, and each is told of before the bytes it came with;
   * undefined: it is neither an end of a pair of local sockets nor a mount to serve. False: none can come over this stream.
   */
  receiveEnds?(on: (end: Handed | undefined) => void): boolean;
  /** Send bytes and a descriptor of ours, which stays open. False: not now, nothing was sent. Left out: none can go. */
  sendWith?(descriptor: number, bytes: Uint8Array): boolean;
}
/** Zeroed memory that both ends of a stream see. The other one may write anything at any time. */
export interface SharedMemory {
  readonly bytes: Uint8Array;
  /** The same memory, for Atomics, which order what is written into `bytes` before and after. */
  readonly words: Int32Array;
  /** Whether waiting busily has paid lately. */
  worth(): boolean;
  /** Wait some microseconds busily; false: it is not there yet. */
  until(there: () => boolean): boolean;
  /** It must not be touched afterwards. */
  close(): void;
}
/** Something that comes without a descriptor becoming ready. */
export interface Watcher {
  /** Serve what is there; false: nothing was. */
  look(): boolean;
  /** The loop is about to sleep: leave word that it must be woken. True: there is something after all, it will not. */
  rest(): boolean;
}
/** The same for a command-line client that has nothing else to do: every call blocks. */
export interface BlockingChannel {
  send(...parts: Uint8Array[]): void;
  /** At least one byte, at most `into.length`; 0: the peer closed. */
  receive(into: Uint8Array): number;
  /** Wait for something to receive; false: nothing came in so many milliseconds. */
  within?(ms: number): boolean;
  /** As `receive`, with the `size` bytes of memory that may have come along. Left out: none can come. */
  adopt?(into: Uint8Array, size: number): { readonly n: number; readonly memory?: SharedMemory };
  close(): void;
  readonly binding?: Uint8Array;
}
export interface Listener {
  close(): void;
  /** The port it has, also where any free one was asked for (0). */
  readonly port?: number;
}
/** Where a stream socket is: a path (a leading NUL: the abstract namespace), or an address and port. */
export type SocketAddress = { readonly path: string } | { readonly host: string; readonly port: number };
export interface Sockets {
  /** Throws errno. A stale socket file of a dead server is taken over, a live one's is EADDRINUSE. */
  listen(address: SocketAddress, accept: (channel: Channel) => void): Async<Listener>;
  connect(address: SocketAddress): Async<Channel>;
  connectBlocking(address: SocketAddress): BlockingChannel;
  readonly tls: TlsSockets;
}
/** What encrypted transports are told: who a server is, whom a client believes. Texts are PEM. */
export interface Security {
  /** A server's certificate (or a client's, where the server asks), behind it those that lead to its authority, and its key. */
  readonly cert?: string;
  readonly key?: string;
  /** The only authorities a client believes; left out: the system's. */
  readonly ca?: string;
  /** The only certificate a client believes, whoever signed it and whatever its name: SHA-256, 32 bytes. */
  readonly fingerprint?: Uint8Array;
  /** Milliseconds a handshake may take, the connection before it included (10,000). */
  readonly handshakeMs?: number;
  /** The oldest version a client accepts; left out: 1.3. */
  readonly oldest?: "1.2" | "1.3";
  /** How a user says whom to believe, for the message when nobody is believed: "#cafile=...". */
  readonly advice?: string;
  /** The name a server's certificate must be for; left out: the host's of its address. */
  readonly serverName?: string;
  /** STARTTLS: what is said in the clear before the handshake. */
  readonly plain?: readonly Said[];
}
/** Bytes of ours to send, or bytes the other side must say: null is any. */
export type Said = { readonly send: readonly number[] } | { readonly expect: readonly (number | null)[] };
/** TLS over TCP or a local socket. Throws errno of the connection, and plain Errors that say what is wrong with a certificate. */
export interface TlsSockets {
  listen(
    address: { readonly host: string; readonly port: number },
    security: Security,
    on: {
      readonly accept: (channel: Channel) => void;
      /** Somebody who could not, or would not, make the handshake. */
      readonly turnedAway: (peer: string, why: string) => void;
    },
  ): Promise<Listener>;
  connect(address: SocketAddress, security: Security): Promise<Channel>;
  connectBlocking(address: SocketAddress, security: Security): BlockingChannel;
}
