/** Ends of pairs of the host's local sockets that were handed to us, the other ends being some program's (SCM_RIGHTS in unix(7)). */

/** Instead of a number of bytes: nothing goes now. */
export const NOT_NOW = -1;
/** The other end is closed, or will have nothing to do with it any more. */
export const GONE = -2;

/** A mount of the host's that was handed to us, to be served (fuse(4)): a descriptor of our own, which no reading waits at. */
export interface FuseDevice {
  readonly fuse: number;
  close(): void;
}
/** What may be handed to us. */
export type Handed = SocketEnd | FuseDevice;

/** What became of an end. */
export interface EndReady {
  readonly readable: boolean;
  readonly writable: boolean;
  /** There is urgent data. */
  readonly urgent: boolean;
  /** The other end is closed; what it has sent can still be read. */
  readonly gone: boolean;
}
/** Nothing waits here. Memory is the caller's. */
export interface SocketEnd {
  /** It keeps what is sent apart (SOCK_SEQPACKET); else it is a stream. */
  readonly records: boolean;
  /** Told what became of it, until `rest` or `close`; once. */
  watch(on: (what: EndReady) => void): void;
  /** What is to be told beside that it is gone; reading at first. */
  interest(read: boolean, write: boolean): void;
  /** Tell nothing any more: who is gone would be told of again and again. */
  rest(): void;
  /** Bytes, 0: the end of data (of records also an empty one), or NOT_NOW, GONE. Stops at urgent data; there it begins with it. */
  receive(into: Uint8Array): number;
  /** Bytes, or NOT_NOW, GONE. */
  send(from: Uint8Array): number;
  /** What is received next is urgent, one byte of it. */
  atMark(): boolean;
  /** Send one urgent byte. */
  sendUrgent(byte: Uint8Array): number;
  /** We send no more; or: the other end can send no more. */
  shutdown(how: "sending" | "receiving"): void;
  close(): void;
}
