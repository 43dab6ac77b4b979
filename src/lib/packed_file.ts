/** The compressed bytes of an image, as decoders take them. */
import type { Errnos } from "../plugin.ts";
import type { BlockDevice } from "./disk.ts";
import { finished } from "./finished.ts";
import type { Cursor } from "./lzma2.ts";

/** Bytes read in one. */
const PIECE = 1 << 18;

/** Bytes of [from, to), one after the other; what they are on answers at once. */
export class PackedFile implements Cursor {
  readonly #base: BlockDevice;
  readonly #errnos: Errnos;
  readonly #buffer = new Uint8Array(PIECE);
  readonly #to: number;
  /** Of the next byte, in the file. */
  at: number;
  /** Of the buffer, what is not taken yet. */
  #begin = 0;
  #end = 0;

  constructor(base: BlockDevice, from: number, to: number, errnos: Errnos) {
    this.#base = base;
    this.#errnos = errnos;
    this.at = from;
    this.#to = Math.min(to, base.size);
  }
  get isEmpty(): boolean {
    return this.at >= this.#to;
  }
  /** At most PIECE. */
  take(count: number): Uint8Array | undefined {
    if (count > this.#end - this.#begin && !this.#fill(count)) return undefined;
    this.#begin += count;
    this.at += count;
    return this.#buffer.subarray(this.#begin - count, this.#begin);
  }
  /** As many as there are at hand, at least one; they count as taken by `skip`. */
  peek(): Uint8Array {
    if (this.#begin === this.#end) this.#fill(1);
    return this.#buffer.subarray(this.#begin, this.#end);
  }
  skip(count: number): void {
    this.#begin += count;
    this.at += count;
  }
  #fill(count: number): boolean {
    const had = this.#end - this.#begin;
    const more = Math.min(PIECE - had, this.#to - this.at - had);
    if (had + more < count) return false;
    this.#buffer.copyWithin(0, this.#begin, this.#end);
    finished(this.#base.read(this.#buffer.subarray(had, had + more), this.at + had), this.#errnos);
    [this.#begin, this.#end] = [0, had + more];
    return true;
  }
}

/** A few bytes at a place; undefined: there are not so many. */
export function bytesAt(base: BlockDevice, at: number, count: number, errnos: Errnos): Uint8Array | undefined {
  if (!(at >= 0 && count >= 0 && at + count <= base.size)) return undefined;
  const bytes = new Uint8Array(count);
  finished(base.read(bytes, at), errnos);
  return bytes;
}
