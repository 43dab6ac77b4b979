/** A file's data: whole blocks one after the other, the rest in a fragment it shares with other files. */
import { type Async, then } from "../../src/lib/async.ts";
import { viewOf } from "../../src/lib/struct.ts";
import type { Errnos } from "../../src/plugin.ts";
import type { Data, Reading } from "./inode.ts";
import { FragmentEntry, NONE, RAW_BLOCK } from "./layout.ts";
import { pointedTo } from "./tables.ts";

/** Blocks of a file, at most: 512 GiB in blocks of 128 KiB. Also of all lists that are kept. */
const MOST_BLOCKS = 1 << 22;

interface List {
  readonly sizes: Uint32Array;
  /** Where each block begins in the image. */
  readonly starts: Float64Array;
}
export class Files {
  readonly #r: Reading;
  readonly #errno: Errnos;
  readonly #disk: { read(into: Uint8Array, offset: number): Async<void> };
  readonly #lists = new Map<Data, List>();
  #kept = 0;

  constructor(r: Reading, disk: { read(into: Uint8Array, offset: number): Async<void> }, errno: Errnos) {
    this.#r = r;
    this.#disk = disk;
    this.#errno = errno;
  }
  /** Fill `into` from `offset`; the file has all of it. */
  read(data: Data, size: number, into: Uint8Array, offset: number): Async<void> {
    const { blockSize } = this.#r.s;
    return then(this.#list(data, size), (list) => {
      let done = 0;
      const next = (): Async<void> => {
        while (done < into.length) {
          const at = offset + done;
          const block = Math.floor(at / blockSize);
          const from = at - block * blockSize;
          const part = into.subarray(done, done + Math.min(into.length - done, blockSize - from));
          done += part.length;
          const copied = this.#copy(data, list, block, part, from);
          if (copied instanceof Promise) return copied.then(next);
        }
      };
      return next();
    });
  }
  #copy(data: Data, list: List, block: number, into: Uint8Array, from: number): Async<void> {
    if (block >= list.sizes.length) return this.#fragment(data.fragment, into, data.offset + from);
    const size = list.sizes[block]!;
    if (size === 0) return void into.fill(0);
    const { blocks, s } = this.#r;
    return blocks.data(list.starts[block]!, size, s.blockSize, (bytes) => this.#take(bytes, into, from));
  }
  #take(bytes: Uint8Array, into: Uint8Array, from: number): void {
    if (from + into.length > bytes.length) throw this.#errno.EIO;
    into.set(bytes.subarray(from, from + into.length));
  }
  #fragment(n: number, into: Uint8Array, from: number): Async<void> {
    const { blocks, s, eio } = this.#r;
    if (n >= s.fragments) throw eio;
    return then(pointedTo(this.#r, this.#disk, s.fragmentTable, n, FragmentEntry.size), (bytes) => {
      const d = viewOf(bytes);
      const [start, size] = [FragmentEntry.get.start(d, 0), FragmentEntry.get.size(d, 0)];
      return blocks.data(start, size, s.blockSize, (part) => this.#take(part, into, from));
    });
  }
  #list(data: Data, size: number): Async<List> {
    const kept = this.#lists.get(data);
    if (kept) {
      this.#lists.delete(data);
      this.#lists.set(data, kept);
      return kept;
    }
    const { s, blocks } = this.#r;
    const count = data.fragment === NONE ? Math.ceil(size / s.blockSize) : Math.floor(size / s.blockSize);
    if (count > MOST_BLOCKS) throw this.#errno.EFBIG;
    if (count === 0) return empty;
    return then(blocks.read(s.inodeTable, data.list, count * 4), ({ bytes }) => this.#keep(data, listOf(data, bytes)));
  }
  #keep(data: Data, list: List): List {
    this.#lists.set(data, list);
    this.#kept += list.sizes.length;
    for (const [oldest, { sizes }] of this.#lists) {
      if (this.#kept <= MOST_BLOCKS || oldest === data) break;
      this.#lists.delete(oldest);
      this.#kept -= sizes.length;
    }
    return list;
  }
}
const empty: List = { sizes: new Uint32Array(0), starts: new Float64Array(0) };
function listOf({ start }: Data, bytes: Uint8Array): List {
  const d = viewOf(bytes);
  const count = bytes.length / 4;
  const list = { sizes: new Uint32Array(count), starts: new Float64Array(count) };
  let at = start;
  for (let i = 0; i < count; i++) {
    const size = d.getUint32(i * 4, true);
    list.sizes[i] = size;
    list.starts[i] = at;
    at += size & (RAW_BLOCK - 1);
  }
  return list;
}
