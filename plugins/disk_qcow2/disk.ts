/** An open qcow2 image as a disk. */
import type { Async, BlockDevice, Sys } from "../../src/plugin.ts";
import { then } from "../../src/lib/async.ts";
import { finished } from "../../src/lib/finished.ts";
import { zstdFrame } from "../../src/lib/zstd.ts";
import { Refcounts } from "./refcounts.ts";
import type { Store } from "./store.ts";
import { Tables, type Where } from "./tables.ts";

/** Unpacked clusters kept: readers go on from where they were. */
const KEPT = 32;

export class Qcow2Disk {
  readonly #s: Store;
  readonly #sys: Sys;
  readonly #counts: Refcounts | undefined;
  readonly #tables: Tables;
  readonly #backing: BlockDevice | undefined;
  readonly #packs: boolean;
  readonly #unpacked = new Map<number, Uint8Array>();

  /** `writes`: it may be written; `packs`: what is written whole for the first time is packed. */
  constructor(sys: Sys, store: Store, backing: BlockDevice | undefined, writes: boolean, packs = false) {
    this.#s = store;
    this.#sys = sys;
    this.#counts = writes ? new Refcounts(store) : undefined;
    this.#tables = new Tables(store, this.#counts);
    this.#backing = backing;
    this.#packs = packs;
  }
  /** As the kernel has disks. */
  device(name: string): BlockDevice {
    const { size } = this.#s.g;
    const inside = (bytes: Uint8Array, offset: number) => {
      if (!(offset >= 0) || offset + bytes.length > size) throw this.#s.errno.EIO;
    };
    return {
      name,
      size,
      blockSize: 1,
      read: (into, offset) => {
        inside(into, offset);
        this.#each(into, offset, (cluster, rest, from) => this.#read(cluster, rest, from));
      },
      ...this.#counts && {
        write: (from: Uint8Array, offset: number) => {
          inside(from, offset);
          return this.#packs ? this.#pack(from, offset) : this.#writeAll(from, offset);
        },
        discard: (offset: number, length: number) => this.#discard(offset, length),
      },
      nextData: (offset) => this.#nextData(offset),
      unit: this.#s.g.clusterSize,
      flush: () => this.#tables.flush(),
      close: () => {
        if (this.#counts) this.#tables.flush();
        this.#s.close();
        if (this.#backing?.close) finished(this.#backing.close(), this.#s.errno);
      },
    };
  }
  #nextData(offset: number): Async<number> {
    const { clusterSize, size } = this.#s.g;
    const own = this.#tables.next(Math.floor(offset / clusterSize), Math.ceil(size / clusterSize)) * clusterSize;
    const first = Math.min(Math.max(offset, own), size);
    if (!this.#backing || offset >= this.#backing.size) return first;
    const below = this.#backing.nextData ? this.#backing.nextData(offset) : offset;
    return then(below, (at) => Math.min(first, at));
  }
  /** Go through a transfer; `work` tells how many bytes it has done: to the end of the cluster, or of others behind it. */
  #each(bytes: Uint8Array, offset: number, work: (cluster: number, rest: Uint8Array, from: number) => number): void {
    for (let done = 0; done < bytes.length;) {
      const cluster = Math.floor((offset + done) / this.#s.g.clusterSize);
      done += work(cluster, bytes.subarray(done), offset + done - cluster * this.#s.g.clusterSize);
    }
  }
  /** How many of `most` bytes stand one behind the other in the file; `own`: and may be written there. */
  #run(cluster: number, first: Where & { kind: "data" }, from: number, most: number, own: boolean): number {
    const { clusterSize } = this.#s.g;
    let n = clusterSize - from;
    for (let i = 1; n < most; i++, n += clusterSize) {
      const next = this.#tables.where(cluster + i);
      if (next.kind !== "data" || next.at !== first.at + i * clusterSize || (own && !next.own)) break;
    }
    return Math.min(n, most);
  }
  #read(cluster: number, rest: Uint8Array, from: number): number {
    const where = this.#tables.where(cluster);
    if (where.kind === "data") {
      const n = this.#run(cluster, where, from, rest.length, false);
      this.#s.read(rest.subarray(0, n), where.at + from);
      return n;
    }
    const part = rest.subarray(0, this.#s.g.clusterSize - from);
    this.#readOther(cluster, where, part, from);
    return part.length;
  }
  #readOther(cluster: number, where: Where, into: Uint8Array, from: number): void {
    if (where.kind === "packed") into.set(this.#unpack(where).subarray(from, from + into.length));
    else if (where.kind === "zero" || !this.#backing) into.fill(0);
    else this.#readBacking(into, cluster * this.#s.g.clusterSize + from);
  }
  /** The backing image may be shorter than this one. */
  #readBacking(into: Uint8Array, at: number): void {
    const backing = this.#backing!;
    const n = Math.max(0, Math.min(into.length, backing.size - at));
    if (n > 0) finished(backing.read(into.subarray(0, n), at), this.#s.errno);
    into.fill(0, n);
  }
  #unpack({ at, length }: Where & { kind: "packed" }): Uint8Array {
    const kept = this.#unpacked.get(at);
    if (kept) return kept;
    const { size, g, errno } = this.#s;
    const { clusterSize, packing } = g;
    // The last one may end before its last sector does.
    const packed = new Uint8Array(Math.max(0, Math.min(length, size - at)));
    this.#s.read(packed, at);
    // What follows a compressed cluster in its last sector is another's: only Zstandard minds.
    const own = packing === "zstd" ? packed.subarray(0, zstdFrame(packed) ?? 0) : packed;
    const bytes = this.#sys.unpack(packing, own, clusterSize);
    if (bytes?.length !== clusterSize) throw errno.EIO;
    this.#unpacked.set(at, bytes);
    if (this.#unpacked.size > KEPT) this.#unpacked.delete(this.#unpacked.keys().next().value!);
    return bytes;
  }
  #writeAll(from: Uint8Array, offset: number): void {
    this.#each(from, offset, (cluster, rest, at) => this.#write(cluster, rest, at));
  }
  #write(cluster: number, rest: Uint8Array, from: number): number {
    const where = this.#tables.where(cluster);
    if (where.kind === "data" && where.own) {
      const n = this.#run(cluster, where, from, rest.length, true);
      this.#s.write(rest.subarray(0, n), where.at + from);
      return n;
    }
    const { clusterSize } = this.#s.g;
    if (from === 0 && rest.length >= clusterSize) return this.#writeNew(cluster, rest);
    const part = rest.subarray(0, clusterSize - from);
    this.#writeNew(cluster, this.#whole(cluster, part, from));
    return part.length;
  }
  /** Whole clusters to places of their own, as many at once as find one behind the other; how many bytes. */
  #writeNew(cluster: number, from: Uint8Array): number {
    const { clusterSize } = this.#s.g;
    const at = this.#counts!.allocate();
    const isOwn = (where: Where) => where.kind === "data" && where.own;
    let count = 1;
    while ((count + 1) * clusterSize <= from.length && !isOwn(this.#tables.where(cluster + count))) {
      if (!this.#counts!.allocateAt(at + count * clusterSize)) break;
      count++;
    }
    this.#s.write(from.subarray(0, count * clusterSize), at);
    for (let i = 0; i < count; i++) {
      const before = this.#tables.where(cluster + i);
      this.#tables.set(cluster + i, at + i * clusterSize);
      this.#releaseOld(before);
    }
    return count * clusterSize;
  }
  /** Clusters written whole for the first time are packed, all at once; one transfer comes after the other. */
  async #pack(from: Uint8Array, offset: number): Promise<void> {
    const { clusterSize, packing } = this.#s.g;
    const later: Promise<Uint8Array>[] = [];
    this.#each(from, offset, (cluster, rest, at) => {
      const part = rest.subarray(0, clusterSize - at);
      const whole = this.#whole(cluster, part, at);
      later.push(this.#tables.where(cluster).kind === "none" ? this.#sys.pack(packing, whole) : Promise.resolve(whole));
      return part.length;
    });
    const packed = await Promise.all(later);
    let i = 0;
    this.#each(from, offset, (cluster, rest, at) => {
      const bytes = packed[i++]!;
      if (bytes.length < clusterSize && this.#tables.where(cluster).kind === "none") this.#keepPacked(cluster, bytes);
      else this.#write(cluster, rest.subarray(0, clusterSize - at), at);
      return Math.min(rest.length, clusterSize - at);
    });
  }
  #keepPacked(cluster: number, bytes: Uint8Array): void {
    const at = this.#counts!.allocatePacked(bytes.length);
    this.#s.write(bytes, at);
    this.#tables.setPacked(cluster, at, bytes.length);
  }
  /** A cluster that is written in part: the rest is what it was. */
  #whole(cluster: number, from: Uint8Array, offset: number): Uint8Array {
    const { clusterSize } = this.#s.g;
    if (from.length === clusterSize) return from;
    const whole = new Uint8Array(clusterSize);
    const end = Math.min(clusterSize, this.#s.g.size - cluster * clusterSize);
    this.#read(cluster, whole.subarray(0, end), 0);
    whole.set(from, offset);
    return whole;
  }
  #releaseOld(where: Where): void {
    const { clusterSize } = this.#s.g;
    if (where.kind === "packed") {
      this.#unpacked.delete(where.at);
      // Compressed clusters share those of the file: each has one count of every one it touches.
      const first = Math.floor(where.at / clusterSize) * clusterSize;
      for (let at = first; at < where.at + where.length; at += clusterSize) this.#counts!.release(at);
    } else if ("at" in where && where.at !== 0) this.#counts!.release(where.at);
  }
  /** Whole clusters are given back; with a backing image they would show what is below, so they stay. */
  #discard(offset: number, length: number): void {
    const { clusterSize, size } = this.#s.g;
    if (this.#backing || !(offset >= 0) || offset + length > size) return;
    const end = offset + length === size ? Math.ceil(size / clusterSize) : Math.floor((offset + length) / clusterSize);
    for (let cluster = Math.ceil(offset / clusterSize); cluster < end; cluster++) {
      const where = this.#tables.where(cluster);
      if (where.kind === "none" || where.kind === "zero") continue;
      this.#tables.set(cluster, 0);
      this.#releaseOld(where);
    }
  }
}
