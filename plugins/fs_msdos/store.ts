/** The volume's bytes: chains of clusters, file data straight to and from the disk, directory sectors through the cache. */
import type { BlockDevice, Buffers, Errnos, Sys } from "../../src/plugin.ts";
import type { Geometry } from "./bpb.ts";
import { Fat, type Run } from "./fat.ts";
import { Chain, type Node } from "./node.ts";
import { finished } from "./sync.ts";

/** Zeros are written in pieces of this size. */
const ZEROS = new Uint8Array(256 << 10);

export class Store {
  readonly g: Geometry;
  readonly fat: Fat;
  readonly device: BlockDevice;
  readonly buffers: Buffers;
  readonly errno: Errnos;
  readonly #log: (text: string) => void;
  /** Clusters some chain was seen to own: a second owner is damage. */
  readonly #owned: Uint8Array;

  constructor(sys: Sys, device: BlockDevice, g: Geometry, pressure: () => void) {
    this.g = g;
    this.device = device;
    this.errno = sys.errno;
    this.#log = sys.log;
    this.fat = new Fat(g, device, sys.errno);
    this.fat.pressure = pressure;
    this.buffers = sys.buffers(device, { size: g.sectorSize, pressure });
    this.#owned = new Uint8Array((g.clusters + 2 + 7) >> 3);
  }

  /** The node's chain, known up to `need` clusters or its end. EIO only where somebody goes on damaged ground. */
  chain(node: Node, need: number): Chain {
    const chain = (node.chain ??= this.#begin(node));
    while (chain.length < need && !chain.complete && !chain.damaged) {
      const next = chain.length === 0 ? node.cluster : this.fat.next(chain.last);
      if (next === 0) chain.complete = true;
      else if (next < 0 || !this.fat.valid(next) || !this.#claim(next)) this.#damage(node, chain, next);
      else chain.push(next, 1);
    }
    return chain;
  }
  #begin(node: Node): Chain {
    const chain = new Chain();
    if (node.cluster === 0) chain.complete = true;
    return chain;
  }
  #damage(node: Node, chain: Chain, at: number): void {
    chain.damaged = true;
    const why = at >= 0 && this.fat.valid(at)
      ? `cluster ${at} belongs to something else`
      : "points outside, or to a free or bad cluster";
    this.#log(
      `msdos: ${this.device.name}: ${node.name || "/"}: chain is damaged after ${chain.length} clusters: ${why}`,
    );
  }
  /** False: it has an owner. */
  #claim(cluster: number): boolean {
    const bit = 1 << (cluster & 7);
    const byte = this.#owned[cluster >> 3]!;
    if (byte & bit) return false;
    this.#owned[cluster >> 3] = byte | bit;
    return true;
  }
  #own(runs: readonly Run[], owned: boolean): void {
    for (const { start, length } of runs) {
      for (let c = start; c < start + length; c++) {
        if (owned) this.#owned[c >> 3]! |= 1 << (c & 7);
        else this.#owned[c >> 3]! &= ~(1 << (c & 7));
      }
    }
  }
  position(cluster: number): number {
    return this.g.dataStart + (cluster - 2) * this.g.clusterSize;
  }

  /** Go over [offset, offset+length) of a node in pieces that are one on the disk. */
  #pieces(node: Node, offset: number, length: number, use: (position: number, at: number, n: number) => void): void {
    const { clusterSize } = this.g;
    const chain = this.chain(node, Math.ceil((offset + length) / clusterSize));
    for (let at = 0; at < length;) {
      const cluster = Math.floor((offset + at) / clusterSize);
      if (cluster >= chain.length) throw this.errno.EIO;
      const run = chain.find(cluster);
      const into = offset + at - run.at * clusterSize;
      const n = Math.min(length - at, run.length * clusterSize - into);
      use(this.position(run.start) + into, at, n);
      at += n;
    }
  }
  read(node: Node, into: Uint8Array, offset: number): void {
    this.#pieces(
      node,
      offset,
      into.length,
      (position, at, n) =>
        finished(this.device.read(n === into.length ? into : into.subarray(at, at + n), position), this.errno),
    );
  }
  #write(node: Node, from: Uint8Array, offset: number): void {
    this.#pieces(
      node,
      offset,
      from.length,
      (position, at, n) =>
        finished(this.device.write!(n === from.length ? from : from.subarray(at, at + n), position), this.errno),
    );
  }
  /**
   * Write `from` at `offset`, zeros before it from the file's end, into clusters that are there. A disk that does not take
   * it (the image's own disk is full) leaves the file with the clusters it had.
   */
  fill(node: Node, from: Uint8Array, offset: number): void {
    try {
      if (offset > node.size) this.#zero(node, node.size, offset - node.size);
      this.#write(node, from, offset);
    } catch (e) {
      this.shrink(node, Math.ceil(node.size / this.g.clusterSize));
      throw e;
    }
  }
  #zero(node: Node, offset: number, length: number): void {
    this.#pieces(node, offset, length, (position, _at, n) => this.zeroDisk(position, n));
  }
  zeroDisk(position: number, length: number): void {
    for (let at = 0; at < length; at += ZEROS.length) {
      finished(this.device.write!(ZEROS.subarray(0, Math.min(ZEROS.length, length - at)), position + at), this.errno);
    }
  }

  /** Make the chain at least `need` clusters long; what it has then, which is less when the volume is full. */
  extend(node: Node, need: number): number {
    const chain = this.chain(node, need);
    if (chain.damaged) throw this.errno.EIO;
    if (chain.length >= need) return chain.length;
    const runs = this.fat.allocate(need - chain.length, chain.last ? chain.last + 1 : 0);
    const first = runs[0];
    if (!first) return chain.length;
    if (chain.last) this.fat.set(chain.last, first.start);
    else node.cluster = first.start;
    for (const { start, length } of runs) chain.push(start, length);
    this.#own(runs, true);
    return chain.length;
  }
  /** Keep the first `keep` clusters; the rest goes at the next sync. A damaged chain loses what is known of it. */
  shrink(node: Node, keep: number): void {
    const chain = this.chain(node, Infinity);
    const gone = chain.cut(keep);
    if (keep === 0) {
      node.cluster = 0;
      chain.complete = true;
      chain.damaged = false;
    } else if (gone.length > 0) this.fat.cut(chain.last);
    this.fat.release(gone);
    this.#own(gone, false);
  }
}
