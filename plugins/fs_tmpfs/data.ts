/** A file's bytes in memory: 64 KiB chunks, holes take nothing, small files no more than they need. */

import { Chunks } from "./chunks.ts";

/** Bytes a chunk. */
export const CHUNK = 64 << 10;
/** Smallest allocation. */
const LEAST = 64;

/** Room on the volume: `take` refuses with the volume's error, `give` returns bytes. */
export interface Room {
  take(bytes: number): void;
  give(bytes: number): void;
}

export class FileData {
  readonly #room: Room;
  readonly #chunks = new Chunks();
  /** Bytes allocated. */
  held = 0;
  size = 0;

  constructor(room: Room) {
    this.#room = room;
  }
  /** Copy out; 0 at the end. */
  read(into: Uint8Array, offset: number): number {
    const n = Math.min(into.length, this.size - offset);
    if (n <= 0) return 0;
    const first = this.#chunks.get(Math.floor(offset / CHUNK));
    const at = offset % CHUNK;
    // Nearly always one chunk.
    if (first && at + n <= first.length) {
      into.set(at === 0 && n === first.length ? first : first.subarray(at, at + n));
      return n;
    }
    for (let done = 0; done < n;) done += this.#readPiece(into, done, offset + done, n - done);
    return n;
  }
  #readPiece(into: Uint8Array, done: number, offset: number, left: number): number {
    const at = offset % CHUNK;
    const n = Math.min(left, CHUNK - at);
    const chunk = this.#chunks.get(Math.floor(offset / CHUNK));
    const there = chunk ? Math.max(0, Math.min(n, chunk.length - at)) : 0;
    if (there > 0) into.set(chunk!.subarray(at, at + there), done);
    if (there < n) into.fill(0, done + there, done + n);
    return n;
  }
  /** How much was written: where there is no room for all, what there is room for. Throws what `room` throws when that is nothing. */
  write(from: Uint8Array, offset: number): number {
    for (let done = 0; done < from.length;) {
      const at = (offset + done) % CHUNK;
      const n = Math.min(from.length - done, CHUNK - at);
      const chunk = this.#chunkOrNone(Math.floor((offset + done) / CHUNK), at + n, done > 0);
      if (!chunk) return done;
      chunk.set(n === from.length ? from : from.subarray(done, done + n), at);
      done += n;
      if (offset + done > this.size) this.size = offset + done;
    }
    return from.length;
  }
  /** Without room for it: undefined, if something was done without it. */
  #chunkOrNone(index: number, need: number, optional: boolean): Uint8Array | undefined {
    try {
      return this.#chunk(index, need);
    } catch (e) {
      if (!optional) throw e;
      return undefined;
    }
  }
  /** Where data, or a hole, is next; -1: there is no more data. The end of the file is a hole. */
  seek(offset: number, hole: boolean): number {
    for (let at = offset; at < this.size;) {
      const index = Math.floor(at / CHUNK);
      if ((this.#chunks.get(index) === undefined) === hole) return at;
      at = hole ? (index + 1) * CHUNK : (this.#chunks.next(index + 1) ?? Infinity) * CHUNK;
    }
    return hole ? this.size : -1;
  }
  /** The chunk, at least `need` bytes of it. */
  #chunk(index: number, need: number): Uint8Array {
    const old = this.#chunks.get(index);
    if (old && old.length >= need) return old;
    let length = old?.length ?? LEAST;
    while (length < need) length *= 2;
    this.#room.take(length - (old?.length ?? 0));
    this.held += length - (old?.length ?? 0);
    const made = new Uint8Array(length);
    if (old) made.set(old);
    this.#chunks.set(index, made);
    return made;
  }
  /** Cut, or lengthen with a hole. */
  resize(size: number): void {
    if (size < this.size) {
      const keep = Math.ceil(size / CHUNK);
      this.#drop(keep, Infinity);
      this.#chunks.get(keep - 1)?.fill(0, size - (keep - 1) * CHUNK);
    }
    this.size = size;
  }
  /** Zero a range; whole chunks are given back. */
  punch(offset: number, length: number): void {
    const end = Math.min(offset + length, this.size);
    const [first, last] = [Math.ceil(offset / CHUNK), Math.floor(end / CHUNK)];
    if (first > last) return this.#clear(offset, end);
    this.#clear(offset, first * CHUNK);
    this.#drop(first, last);
    this.#clear(last * CHUNK, end);
  }
  /** Zero bytes of one chunk. */
  #clear(offset: number, end: number): void {
    const index = Math.floor(offset / CHUNK);
    if (offset < end) this.#chunks.get(index)?.fill(0, offset - index * CHUNK, end - index * CHUNK);
  }
  /** Set room aside without changing what is read. */
  reserve(offset: number, length: number): void {
    const end = offset + length;
    const made: number[] = [];
    try {
      for (let i = Math.floor(offset / CHUNK); i * CHUNK < end; i++) {
        if (!this.#chunks.get(i)) made.push(i);
        this.#chunk(i, Math.min(CHUNK, end - i * CHUNK));
      }
    } catch (e) {
      for (const i of made) this.#drop(i, i + 1);
      throw e;
    }
  }
  free(): void {
    this.resize(0);
  }
  #drop(from: number, end: number): void {
    this.#chunks.remove(from, end, (chunk) => {
      this.#room.give(chunk.length);
      this.held -= chunk.length;
    });
  }
}
