/** A TCP socket's receive buffer: what its connection has received in order. */
import type { Received, Rights, Taken } from "../inbox.ts";
import type { Ring } from "./ring.ts";
import type { Tcb } from "./tcb.ts";
import { readable, readAround } from "./urgent.ts";

const NO_RIGHTS: Rights = [];

export class StreamInbox implements Received {
  #limit: number;
  #connection: Tcb | undefined;
  /** What a connection had that is no more. */
  #ring: Ring | undefined;

  constructor(limit: number) {
    this.#limit = limit;
  }
  attach(c: Tcb): void {
    this.#connection = c;
    this.#ring = c.receiving;
  }
  get limit(): number {
    return this.#connection?.receiveLimit ?? this.#limit;
  }
  /** Set by the program, it does not grow by itself any more. */
  set limit(n: number) {
    this.#limit = n;
    if (!this.#connection) return;
    this.#connection.receiveLimit = n;
    this.#connection.autoReceive = false;
  }
  get size(): number {
    return this.#ring?.size ?? 0;
  }
  get next(): number {
    return this.#connection ? readable(this.#connection) : this.size;
  }
  get room(): number {
    return Math.max(0, this.limit - this.size);
  }
  get empty(): boolean {
    return this.size === 0 || (this.#connection?.urgent !== undefined && this.next === 0);
  }
  /** Not where some of it is out of the stream. */
  front(): Uint8Array | undefined {
    return this.#connection?.urgent ? undefined : this.#ring?.front;
  }
  skip(n: number): void {
    this.#ring!.drop(n);
  }
  put(data: Uint8Array): void {
    this.#ring?.append(data, 0, data.length);
  }
  take(into: Uint8Array, peek: boolean): Taken | undefined {
    const ring = this.#ring;
    if (!ring || ring.size === 0) return undefined;
    const c = this.#connection;
    if (c?.urgent) {
      return { length: readAround(c, c.urgent, into, peek), name: undefined, rights: NO_RIGHTS, cut: false };
    }
    const length = Math.min(into.length, ring.size);
    ring.copy(0, length, into, 0);
    if (!peek) ring.drop(length);
    return { length, name: undefined, rights: NO_RIGHTS, cut: false };
  }
  files(): Rights {
    return NO_RIGHTS;
  }
  /** What has come in order; what is early stays. */
  clear(): void {
    this.#ring?.drop(this.#ring.size);
  }
}
