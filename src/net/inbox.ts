/** What a socket has received and nobody has read (NetBSD: struct sockbuf): a stream of bytes, or records. */
import type { File } from "../kern/file.ts";
import { release } from "../kern/file.ts";

/** Descriptors that travel with data: open files, each held. */
export type Rights = readonly File[];

/** A control message that is no descriptors (struct cmsghdr). */
export interface Cmsg {
  readonly level: number;
  readonly type: number;
  readonly data: Uint8Array;
}
/** What a record tells beside its data: control messages, and MSG_* for recvmsg(2). */
export interface Beside {
  readonly control: readonly Cmsg[];
  readonly flags: number;
}
interface Piece {
  /** Bytes [from, to) are there; what follows is room for more of a stream. */
  bytes: Uint8Array;
  from: number;
  to: number;
  /** Where a record came from. */
  readonly name: Uint8Array | undefined;
  rights: Rights;
  readonly beside: Beside | undefined;
}
/** What a read took. */
export interface Taken {
  readonly length: number;
  readonly name: Uint8Array | undefined;
  readonly rights: Rights;
  /** The end of a record was left out: there was no room. */
  readonly cut: boolean;
  readonly beside?: Beside | undefined;
}

/** A socket's receive buffer, whatever it is made of. */
export interface Received {
  /** Bytes that may be there. */
  limit: number;
  readonly size: number;
  readonly room: number;
  readonly empty: boolean;
  /** Bytes up to the end of what one read can give. */
  readonly next: number;
  /** All of `data`, copied: one record, or more of the stream. The caller has looked whether there is room. */
  put(data: Uint8Array, name: Uint8Array | undefined, rights: Rights, beside?: Beside): void;
  /**
   * Fill `into` from one record, or from as much of the stream as there is up to the next descriptors. `peek`: it stays.
   * Undefined: there is nothing.
   */
  take(into: Uint8Array, peek: boolean): Taken | undefined;
  /** The next bytes where they lie, lent; `skip` takes them. Undefined, or left out: `take` must be asked. */
  front?(): Uint8Array | undefined;
  skip?(n: number): void;
  /** Files that travel. */
  files(): Iterable<File>;
  /** Nobody will read it. */
  clear(): void;
}

/** Small writes share memory of this size. */
const LEAST = 2048;

export class Inbox implements Received {
  limit: number;
  size = 0;
  readonly #records: boolean;
  readonly #pieces: Piece[] = [];

  constructor(records: boolean, limit: number) {
    this.#records = records;
    this.limit = limit;
  }
  get room(): number {
    return Math.max(0, this.limit - this.size);
  }
  get empty(): boolean {
    return this.#pieces.length === 0;
  }
  get next(): number {
    const first = this.#pieces[0];
    return this.#records && first ? first.to - first.from : this.size;
  }
  put(data: Uint8Array, name: Uint8Array | undefined, rights: Rights, beside?: Beside): void {
    this.size += data.length;
    const last = this.#pieces.at(-1);
    if (!this.#records && last && rights.length === 0 && last.bytes.length - last.to >= data.length) {
      last.bytes.set(data, last.to);
      last.to += data.length;
      return;
    }
    const bytes = this.#records ? data.slice() : new Uint8Array(Math.max(LEAST, data.length));
    if (!this.#records) bytes.set(data);
    this.#pieces.push({ bytes, from: 0, to: data.length, name, rights, beside });
  }
  take(into: Uint8Array, peek: boolean): Taken | undefined {
    const first = this.#pieces[0];
    if (!first) return undefined;
    const { name, rights } = first;
    if (this.#records) return this.#takeRecord(first, into, peek);
    let length = 0;
    for (let i = 0; i < this.#pieces.length && length < into.length; i++) {
      const piece = this.#pieces[i]!;
      if (length > 0 && piece.rights.length > 0) break;
      const n = Math.min(into.length - length, piece.to - piece.from);
      into.set(piece.bytes.subarray(piece.from, piece.from + n), length);
      length += n;
    }
    if (!peek) this.#drop(length);
    return { length, name, rights: peek ? [] : rights, cut: false };
  }
  #takeRecord(first: Piece, into: Uint8Array, peek: boolean): Taken {
    const whole = first.to - first.from;
    const length = Math.min(into.length, whole);
    into.set(first.bytes.subarray(first.from, first.from + length));
    if (!peek) {
      this.#pieces.shift();
      this.size -= whole;
    }
    return { length, name: first.name, rights: peek ? [] : first.rights, cut: length < whole, beside: first.beside };
  }
  /** `n` bytes of the stream have been read. */
  #drop(n: number): void {
    this.size -= n;
    if (this.#pieces[0]) this.#pieces[0].rights = [];
    while (this.#pieces[0]) {
      const first = this.#pieces[0];
      const there = first.to - first.from;
      if (there > n || (there === 0 && n === 0 && first.rights.length > 0)) {
        first.from += n;
        return;
      }
      n -= there;
      this.#pieces.shift();
    }
  }
  *files(): Generator<File> {
    for (const { rights } of this.#pieces) yield* rights;
  }
  clear(): void {
    const all = this.#pieces.splice(0);
    this.size = 0;
    for (const { rights } of all) dropRights(rights);
  }
}
/** Give back files nobody will get. */
export function dropRights(rights: Rights): void {
  for (const file of rights) void release(file);
}
