/** An export as a disk: one request at a time, answered before the next. */
import { viewOf } from "../../src/lib/struct.ts";
import type { BlockDevice, Errnos } from "../../src/plugin.ts";
import { Extents, extentsOf } from "./extents.ts";
import type { Export } from "./handshake.ts";
import {
  CAN_FLUSH,
  CAN_TRIM,
  CHUNK,
  Chunk,
  CHUNK_DONE,
  CHUNK_MAGIC,
  CMD,
  READ_ONLY,
  Request,
  REQUEST_MAGIC,
  Simple,
  SIMPLE_MAGIC,
} from "./layout.ts";
import type { Stream } from "./stream.ts";

/** NBD's number of a full disk. */
const NBD_ENOSPC = 28;
/** That of a server that is about to end: it answers nothing more. */
const NBD_ESHUTDOWN = 108;
/** Longest message of an error. */
const LONGEST = 4096;
/** Longest description of where data is. */
const LONGEST_STATUS = 16 << 20;
/** Chunks of one reply: of a transfer cut as finely as can be, and some. */
const MOST_CHUNKS = 1 << 17;

export class NbdDisk {
  readonly #s: Stream;
  readonly #e: Export;
  readonly #errno: Errnos;
  #handle = 0;
  /** What a status is taken by, while one is asked for. */
  #told: ((bytes: Uint8Array) => void) | undefined;
  /** The connection is of no use any more. */
  #broken = false;
  /** It does not say where data is. */
  #mute = false;

  constructor(stream: Stream, e: Export, errno: Errnos) {
    this.#s = stream;
    this.#e = e;
    this.#errno = errno;
  }
  get broken(): boolean {
    return this.#broken;
  }
  device(name: string, readOnly: boolean): BlockDevice {
    const { size, flags, least } = this.#e;
    const inside = (offset: number, length: number) => {
      if (!(offset >= 0) || offset + length > size) throw this.#errno.EIO;
    };
    const writes = !readOnly && !(flags & READ_ONLY);
    const { allocation } = this.#e;
    const extents = new Extents(this.#e, (offset, length) => this.#status(offset, length));
    return {
      name,
      size,
      blockSize: least,
      read: (into, offset) => {
        inside(offset, into.length);
        this.#pieces(into, offset, (part, at) => this.#request(CMD.READ, at, part.length, undefined, part));
      },
      ...writes && {
        write: (from: Uint8Array, offset: number) => {
          inside(offset, from.length);
          extents.forget();
          this.#pieces(from, offset, (part, at) => this.#request(CMD.WRITE, at, part.length, part));
        },
      },
      ...writes && flags & CAN_TRIM && {
        discard: (offset: number, length: number) => {
          inside(offset, length);
          extents.forget();
          const most = this.#e.most;
          for (let at = 0; at < length; at += most) this.#request(CMD.TRIM, offset + at, Math.min(most, length - at));
        },
      },
      ...allocation !== undefined && { nextData: (offset: number) => extents.next(offset) },
      flush: () => {
        if (flags & CAN_FLUSH && writes) this.#request(CMD.FLUSH, 0, 0);
      },
      close: () => {
        if (!this.#broken) this.#send(CMD.DISC, 0, 0);
        this.#s.close();
      },
    };
  }
  /** Where there is data; undefined: the server does not say, and is asked no more. */
  #status(offset: number, length: number): ReturnType<typeof extentsOf> | undefined {
    let extents: ReturnType<typeof extentsOf> | undefined;
    if (this.#mute) return undefined;
    this.#told = (bytes) => (extents = extentsOf(bytes, offset, this.#e.allocation!));
    try {
      this.#request(CMD.BLOCK_STATUS, offset, length);
    } catch (e) {
      if (this.#broken) throw e;
    } finally {
      this.#told = undefined;
    }
    this.#mute = extents === undefined;
    return extents;
  }
  #pieces(bytes: Uint8Array, offset: number, work: (part: Uint8Array, at: number) => void): void {
    const { most } = this.#e;
    for (let done = 0; done < bytes.length; done += most) work(bytes.subarray(done, done + most), offset + done);
  }
  #send(type: number, offset: number, length: number, data?: Uint8Array): void {
    const head = new Uint8Array(Request.size);
    const d = viewOf(head);
    Request.write(d, 0, { magic: REQUEST_MAGIC, type, offset, length });
    d.setUint32(Request.at.handle + 4, ++this.#handle);
    this.#s.send(head, ...data ? [data] : []);
  }
  /** A request and its whole answer; whatever goes wrong on the way ends the connection. */
  #request(type: number, offset: number, length: number, data?: Uint8Array, into?: Uint8Array): void {
    if (this.#broken) throw this.#errno.EIO;
    let error: number;
    try {
      this.#send(type, offset, length, data);
      error = this.#answer(offset, into);
    } catch {
      this.#broken = true;
      throw this.#errno.EIO;
    }
    if (error === NBD_ESHUTDOWN) this.#broken = true;
    if (error !== 0) throw error === NBD_ENOSPC ? this.#errno.ENOSPC : this.#errno.EIO;
  }
  /** NBD's error number, 0: none. Throws for what is no answer to the request. */
  #answer(offset: number, into: Uint8Array | undefined): number {
    let error = 0;
    let filled = 0;
    for (let n = 0; n < MOST_CHUNKS; n++) {
      const first = viewOf(this.#s.take(Simple.size));
      const magic = Simple.get.magic(first, 0);
      if (first.getUint32(8) !== 0 || first.getUint32(12) !== this.#handle) {
        throw new Error("an answer nobody asked for");
      }
      if (magic === SIMPLE_MAGIC && n === 0) {
        error = Simple.get.error(first, 0);
        if (error === 0 && into) this.#s.fill(into);
        return error;
      }
      if (magic !== CHUNK_MAGIC || !this.#e.structured) throw new Error("no answer");
      const length = viewOf(this.#s.take(Chunk.size - Simple.size)).getUint32(0);
      const type = Chunk.get.type(first, 0);
      if (type >= CHUNK.ERRORS) error = this.#failure(length);
      else filled += this.#piece(type, length, offset, into);
      if (Chunk.get.flags(first, 0) & CHUNK_DONE) {
        if (error === 0 && into && filled < into.length) throw new Error("bytes are missing");
        return error;
      }
    }
    throw new Error("an answer without end");
  }
  #failure(length: number): number {
    if (length < 6 || length > LONGEST) throw new Error("an error of no sense");
    return viewOf(this.#s.take(length)).getUint32(0) || 5;
  }
  /** Data or a hole; how many bytes it fills. */
  #piece(type: number, length: number, offset: number, into: Uint8Array | undefined): number {
    if (type === CHUNK.NONE && length === 0) return 0;
    if (type === CHUNK.STATUS && this.#told && length <= LONGEST_STATUS) {
      this.#told(this.#s.take(length));
      return 0;
    }
    if (!into || length < 8 || (type !== CHUNK.DATA && type !== CHUNK.HOLE)) throw new Error("an unknown piece");
    const d = viewOf(this.#s.take(8));
    const from = d.getUint32(0) * 2 ** 32 + d.getUint32(4) - offset;
    const size = type === CHUNK.DATA ? length - 8 : length === 12 ? viewOf(this.#s.take(4)).getUint32(0) : -1;
    if (size < 0 || from < 0 || from + size > into.length) throw new Error("a piece from elsewhere");
    const part = into.subarray(from, from + size);
    if (type === CHUNK.DATA) this.#s.fill(part);
    else part.fill(0);
    return size;
  }
}
