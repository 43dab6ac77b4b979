/** Metadata: a stream of blocks of 8 KiB, each compressed; and data blocks. Unpacked ones are kept while there is room. */
import { type Async, then } from "../../src/lib/async.ts";
import { viewOf } from "../../src/lib/struct.ts";
import type { Sys } from "../../src/plugin.ts";
import { UNPACK_SPARE } from "../../src/lib/unpack.ts";
import { Kept, Pool, type Unpacked } from "./kept.ts";
import { RAW_BLOCK } from "./layout.ts";
import { type Compression, unpackerOf } from "./unpack.ts";

/** A place in a stream of metadata: a block, counted in bytes from the stream's start, and bytes within what is unpacked. */
export interface Place {
  readonly block: number;
  readonly offset: number;
}
/** As inodes are named: 48 bits of block, 16 of offset. */
export function placeOf(reference: Uint8Array): Place {
  const d = viewOf(reference);
  return { block: d.getUint32(2, true) + d.getUint16(6, true) * 2 ** 32, offset: d.getUint16(0, true) };
}

/** Bytes a metadata block has, unpacked. */
const METADATA = 8192;
const RAW_METADATA = 0x8000;
/** Bytes kept, unpacked. */
const KEPT_METADATA = 4 << 20;
const KEPT_DATA = 16 << 20;

/** What blocks are read from. */
export interface Ground {
  readonly sys: Sys;
  readonly disk: { read(into: Uint8Array, offset: number): Async<void> };
  readonly compression: Compression;
  /** Bytes of the volume. */
  readonly size: number;
}
export class Blocks {
  readonly #g: Ground;
  readonly #unpacker;
  readonly #metadata = new Kept(KEPT_METADATA);
  readonly #pool = new Pool();
  readonly #data = new Kept(KEPT_DATA, ({ memory }) => memory && this.#pool.give(memory));

  constructor(ground: Ground) {
    this.#g = ground;
    this.#unpacker = unpackerOf(ground.compression, ground.sys);
  }
  /** `length` bytes of the stream that begins at byte `table`, from a place on, and the place behind them. EIO: it ends before. */
  read(table: number, from: Place, length: number): Async<{ readonly bytes: Uint8Array; readonly end: Place }> {
    return then(this.#block(table + from.block), (first) => {
      const end = from.offset + length;
      // Nearly all that is read lies within a block: no copy.
      if (end <= first.bytes.length) {
        return { bytes: first.bytes.subarray(from.offset, end), end: { block: from.block, offset: end } };
      }
      return this.#gather(table, from, length);
    });
  }
  #gather(table: number, from: Place, length: number): Async<{ bytes: Uint8Array; end: Place }> {
    const bytes = new Uint8Array(length);
    let done = 0;
    let { block, offset } = from;
    const next = (): Async<{ bytes: Uint8Array; end: Place }> => {
      for (;;) {
        const got = this.#block(table + block);
        if (got instanceof Promise) return got.then((b) => (take(b), done < length ? next() : finish()));
        take(got);
        if (done === length) return finish();
      }
    };
    const take = (b: Unpacked) => {
      if (offset > b.bytes.length || b.bytes.length === 0) throw this.#g.sys.errno.EIO;
      const part = b.bytes.subarray(offset, offset + length - done);
      bytes.set(part, done);
      done += part.length;
      if (done < length) [block, offset] = [b.next - table, 0];
      else offset += part.length;
    };
    const finish = () => ({ bytes, end: { block, offset } });
    return next();
  }
  #block(at: number): Async<Unpacked> {
    const kept = this.#metadata.get(at);
    if (kept) return kept;
    const { sys, size } = this.#g;
    if (!(at >= 0 && at + 2 <= size)) throw sys.errno.EIO;
    // The header and what it most often is followed by, in one.
    const packed = new Uint8Array(Math.min(METADATA + 2, size - at));
    return then(this.#g.disk.read(packed, at), () => {
      const header = packed[0]! | packed[1]! << 8;
      const length = header & (RAW_METADATA - 1);
      if (length > METADATA || length + 2 > packed.length) throw sys.errno.EIO;
      const stored = packed.subarray(2, 2 + length);
      const bytes = header & RAW_METADATA ? stored.slice() : this.#unpack(stored, METADATA);
      return this.#metadata.add(at, { bytes, next: at + 2 + length });
    });
  }
  /** Use a data block of at most `most` bytes, at once: they are lent; `size` as the block list has it. */
  data(at: number, size: number, most: number, use: (bytes: Uint8Array) => void): Async<void> {
    const kept = this.#data.get(at);
    if (kept) return use(kept.bytes);
    const { sys } = this.#g;
    const length = size & (RAW_BLOCK - 1);
    if (length === 0 || length > most || !(at + length <= this.#g.size)) throw sys.errno.EIO;
    const memory = this.#pool.take(most + UNPACK_SPARE);
    const stored = memory.subarray(0, length);
    return then(this.#g.disk.read(stored, at), () => {
      if (size & RAW_BLOCK) return use(this.#data.add(at, { bytes: stored, memory, next: 0 }).bytes);
      const into = this.#pool.take(most + UNPACK_SPARE);
      const bytes = this.#unpack(stored, most, into);
      this.#pool.give(memory);
      use(this.#data.add(at, { bytes, memory: into, next: 0 }).bytes);
    });
  }
  #unpack(packed: Uint8Array, most: number, into?: Uint8Array): Uint8Array {
    const bytes = this.#unpacker(packed, most, into);
    if (!bytes) throw this.#g.sys.errno.EIO;
    return bytes;
  }
}
