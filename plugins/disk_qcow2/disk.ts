/** An open qcow2 image as a disk. */
import type { Async, BlockDevice, Sys } from "../../src/plugin.ts";
import { then } from "../../src/lib/async.ts";
import { finished } from "../../src/lib/finished.ts";
import { eachUnit } from "../../src/lib/units.ts";
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
        eachUnit(into, offset, this.#s.g.clusterSize, (cluster, part, from) => this.#read(cluster, part, from));
      },
      ...this.#counts && {
        write: (from: Uint8Array, offset: number) => {
          inside(from, offset);
          eachUnit(from, offset, this.#s.g.clusterSize, (cluster, part, at) => this.#write(cluster, part, at));
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
  #read(cluster: number, into: Uint8Array, from: number): void {
    const where = this.#tables.where(cluster);
    if (where.kind === "data") this.#s.read(into, where.at + from);
    else if (where.kind === "packed") into.set(this.#unpack(where).subarray(from, from + into.length));
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
  #write(cluster: number, from: Uint8Array, offset: number): void {
    const where = this.#tables.where(cluster);
    if (where.kind === "data" && where.own) return this.#s.write(from, where.at + offset);
    const whole = this.#whole(cluster, from, offset);
    if (this.#packs && where.kind === "none" && this.#pack(cluster, whole)) return;
    const at = this.#counts!.allocate();
    this.#s.write(whole, at);
    this.#tables.set(cluster, at);
    this.#releaseOld(where);
  }
  /** False: it gets no smaller. */
  #pack(cluster: number, whole: Uint8Array): boolean {
    const { clusterSize, packing } = this.#s.g;
    const packed = this.#sys.pack(packing, whole);
    if (packed.length >= clusterSize) return false;
    const at = this.#counts!.allocatePacked(packed.length);
    this.#s.write(packed, at);
    this.#tables.setPacked(cluster, at, packed.length);
    return true;
  }
  /** A cluster that is written in part: the rest is what it was. */
  #whole(cluster: number, from: Uint8Array, offset: number): Uint8Array {
    const { clusterSize } = this.#s.g;
    if (from.length === clusterSize) return from; // lent, and written at once
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
