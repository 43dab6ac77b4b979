/** The buffer cache (NetBSD: vfs_bio.c): blocks of disks in memory, written back when told to, within one limit for all. */
import { errno } from "../abi/errno.ts";
import { then } from "../lib/async.ts";
import type { Async, BlockDevice, BufferOptions, Buffers } from "../plugin.ts";

interface Buf {
  readonly owner: Cached;
  readonly block: number;
  readonly bytes: Uint8Array;
  dirty: boolean;
}

/** All devices' buffers, oldest use first; clean ones go when memory is short. */
export class BufferCache {
  /** Bytes that may be cached (vm.bufmem_hiwater). */
  limit: number;
  /** Bytes cached now, and of those not yet written. */
  used = 0;
  dirty = 0;
  readonly #lru = new Set<Buf>();

  constructor(limit: number) {
    this.limit = limit;
  }
  /** A device's view of the cache. Forgetting the device is `forget(0, Infinity)`. */
  attach(device: BlockDevice, options: BufferOptions): Buffers {
    return new Cached(this, device, options);
  }
  get count(): number {
    return this.#lru.size;
  }
  /** It was used just now. */
  touch(buf: Buf): void {
    this.#lru.delete(buf);
    this.#lru.add(buf);
  }
  insert(buf: Buf): void {
    this.used += buf.bytes.length;
    this.#lru.add(buf);
    if (this.used > this.limit) this.#shrink(buf);
  }
  drop(buf: Buf): void {
    if (!this.#lru.delete(buf)) return;
    this.used -= buf.bytes.length;
    if (buf.dirty) this.dirty -= buf.bytes.length;
  }
  /** Too much is dirty: its owners are asked to write back, in their order. */
  pressed(owner: Cached): void {
    if (this.dirty > this.limit / 2) owner.options.pressure();
  }
  #shrink(keep: Buf): void {
    for (const buf of this.#lru) {
      if (this.used <= this.limit) return;
      if (buf !== keep && !buf.dirty) buf.owner.evict(buf);
    }
  }
}

class Cached implements Buffers {
  readonly size: number;
  readonly options: BufferOptions;
  dirty = 0;
  readonly #cache: BufferCache;
  readonly #device: BlockDevice;
  readonly #bufs = new Map<number, Buf>();
  /** Blocks being read: a second reader waits for the same transfer. */
  readonly #coming = new Map<number, Promise<Buf>>();
  readonly #dirty = new Set<number>();

  constructor(cache: BufferCache, device: BlockDevice, options: BufferOptions) {
    if (options.size % device.blockSize !== 0) throw errno.EINVAL;
    this.#cache = cache;
    this.#device = device;
    this.size = options.size;
    this.options = options;
  }
  get(block: number): Async<Uint8Array> {
    const buf = this.#bufs.get(block);
    if (buf) {
      this.#cache.touch(buf);
      return buf.bytes;
    }
    return then(this.#read(block), (b) => b.bytes);
  }
  modify(block: number): Async<Uint8Array> {
    const buf = this.#bufs.get(block);
    if (buf) return this.#soil(buf);
    return then(this.#read(block), (b) => this.#soil(b));
  }
  fresh(block: number): Uint8Array {
    const buf = this.#bufs.get(block);
    if (buf) {
      buf.bytes.fill(0);
      return this.#soil(buf);
    }
    return this.#soil(this.#insert(block, new Uint8Array(this.#length(block))));
  }
  overlay(into: Uint8Array, block: number): void {
    if (this.#bufs.size === 0) return;
    for (let at = 0; at < into.length; at += this.size, block++) {
      const bytes = this.#bufs.get(block)?.bytes;
      if (bytes) into.set(bytes.subarray(0, into.length - at), at);
    }
  }
  flush(from = 0, to = Infinity): Async<void> {
    const blocks = [...this.#dirty].filter((b) => b >= from && b < to).sort((a, b) => a - b);
    return this.#writeRuns(blocks, 0);
  }
  forget(from: number, to: number): void {
    for (let block = from; to - from <= FEW && block < to; block++) {
      const buf = this.#bufs.get(block);
      if (buf) this.evict(buf);
    }
    if (to - from <= FEW) return;
    for (const [block, buf] of this.#bufs) {
      if (block >= from && block < to) this.evict(buf);
    }
  }
  evict(buf: Buf): void {
    this.#cache.drop(buf);
    this.#clean(buf);
    this.#bufs.delete(buf.block);
  }

  /** The device's end may cut the last block. */
  #length(block: number): number {
    const left = this.#device.size - block * this.size;
    if (block < 0 || left <= 0) throw errno.EIO;
    return Math.min(this.size, left);
  }
  #read(block: number): Async<Buf> {
    const coming = this.#coming.get(block);
    if (coming) return coming;
    const bytes = new Uint8Array(this.#length(block));
    const done = this.#device.read(bytes, block * this.size);
    if (!(done instanceof Promise)) return this.#insert(block, bytes);
    const promise = done.then(() => this.#bufs.get(block) ?? this.#insert(block, bytes))
      .finally(() => this.#coming.delete(block));
    this.#coming.set(block, promise);
    return promise;
  }
  #insert(block: number, bytes: Uint8Array): Buf {
    const buf: Buf = { owner: this, block, bytes, dirty: false };
    this.#bufs.set(block, buf);
    this.#cache.insert(buf);
    return buf;
  }
  #soil(buf: Buf): Uint8Array {
    this.#cache.touch(buf);
    if (!buf.dirty) {
      buf.dirty = true;
      this.dirty += buf.bytes.length;
      this.#cache.dirty += buf.bytes.length;
      this.#dirty.add(buf.block);
      this.#cache.pressed(this);
    }
    return buf.bytes;
  }
  #clean(buf: Buf): void {
    if (!this.#dirty.delete(buf.block)) return;
    this.dirty -= buf.bytes.length;
    if (buf.dirty) buf.dirty = false;
  }

  /** Write runs of neighbouring blocks from `i` on; each is clean once it is on the device. */
  #writeRuns(blocks: readonly number[], i: number): Async<void> {
    while (i < blocks.length) {
      let end = i + 1;
      while (end < blocks.length && blocks[end] === blocks[end - 1]! + 1 && end - i < RUN) end++;
      const done = this.#writeRun(blocks.slice(i, end));
      i = end;
      if (done instanceof Promise) return done.then(() => this.#writeRuns(blocks, i));
    }
    return undefined;
  }
  #writeRun(blocks: readonly number[]): Async<void> {
    const bufs = blocks.map((b) => this.#bufs.get(b)!).filter((b) => b?.dirty);
    const first = bufs[0];
    if (!first) return undefined;
    if (!this.#device.write) throw errno.EROFS;
    const bytes = bufs.length === 1 ? first.bytes : concat(bufs);
    for (const buf of bufs) this.#written(buf);
    // Changed again while a slow device writes: dirty again, and written again later. Failed: dirty as before.
    const again = (e: unknown): never => {
      for (const buf of bufs) this.#soil(buf);
      throw e;
    };
    try {
      const done = this.#device.write(bytes, first.block * this.size);
      return done instanceof Promise ? done.catch(again) : undefined;
    } catch (e) {
      return again(e);
    }
  }
  #written(buf: Buf): void {
    this.#cache.dirty -= buf.bytes.length;
    this.#clean(buf);
  }
}
/** Blocks that are looked for one by one, rather than among all. */
const FEW = 64;
/** Blocks written in one transfer. */
const RUN = 256;

function concat(bufs: readonly Buf[]): Uint8Array {
  const out = new Uint8Array(bufs.reduce((n, b) => n + b.bytes.length, 0));
  let at = 0;
  for (const b of bufs) {
    out.set(b.bytes, at);
    at += b.bytes.length;
  }
  return out;
}
