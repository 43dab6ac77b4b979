/** The volume's bytes: chains of clusters, file data straight to and from the disk, directory sectors through the cache. */
import type { BlockDevice, Buffers, Errnos, Sys } from "../../src/plugin.ts";
import type { Geometry } from "./bpb.ts";
import { Fat, type Run } from "./fat.ts";
import type { Health } from "../../src/lib/health.ts";
import { Chain, type Node } from "./node.ts";
import { finished } from "../../src/lib/finished.ts";

/** Zeros are written in pieces of this size. */
const ZEROS = new Uint8Array(256 << 10);

export class Store {
  readonly g: Geometry;
  readonly fat: Fat;
  readonly device: BlockDevice;
  readonly buffers: Buffers;
  readonly errno: Errnos;
  readonly health: Health;
  /** Too much is held back: the volume syncs. */
  pressure: () => void = () => {};
  /** A directory has a new cluster: its zeros must be on the disk before the table that leads there. */
  grown = false;
  /** Clusters some chain was seen to own: a second owner is damage. */
  readonly #owned: Uint8Array;
  /** Those of directories. */
  readonly #dirs = new Set<number>();
  /** Clusters an entry was seen to begin at. */
  readonly #begun: Uint8Array;

  constructor(sys: Sys, device: BlockDevice, g: Geometry, health: Health) {
    this.g = g;
    this.device = device;
    this.errno = sys.errno;
    this.health = health;
    this.fat = new Fat(g, device, sys.errno);
    this.fat.pressure = () => this.pressure();
    this.buffers = sys.buffers(device, { size: g.sectorSize, pressure: () => this.pressure() });
    this.#owned = new Uint8Array((g.clusters + 2 + 7) >> 3);
    this.#begun = new Uint8Array(this.#owned.length);
  }

  /** The node's chain, known up to `need` clusters or its end. EIO only where somebody goes on damaged ground. */
  chain(node: Node, need: number): Chain {
    const chain = (node.chain ??= this.#begin(node));
    if (chain.damaged && chain.crossesAt > 0 && !this.#isOwned(chain.crossesAt)) chain.damaged = false; // the other went
    while (chain.length < need && !chain.complete && !chain.damaged) {
      const next = chain.length === 0
        ? node.cluster
        : node.deleted
        ? this.#guess(node, chain)
        : this.fat.next(chain.last);
      if (next === 0) chain.complete = true;
      else if (node.deleted && this.fat.valid(next) && this.fat.get(next) === 0) chain.push(next, 1);
      else if (next < 0 || !this.fat.valid(next)) this.#damage(node, chain, next);
      else if (!this.#claim(next) && !this.#shares(node, chain, next)) this.#damage(node, chain, next);
      else this.#add(node, chain, next);
    }
    return chain;
  }
  #add(node: Node, chain: Chain, cluster: number): void {
    chain.push(cluster, 1);
    if (node.isDir) this.#dirs.add(cluster);
  }
  /**
   * A cluster has an owner already: one of the two is damaged. A file whose chain is as long as its size wants is read all
   * the same (and not written); so is a directory, unless another one is there.
   */
  #shares(node: Node, chain: Chain, cluster: number): boolean {
    if (chain.has(cluster) || (node.isDir && this.#dirs.has(cluster))) return false;
    if (!node.isDir && !(chain.sound ??= this.#isSound(node))) return false;
    chain.shared = true;
    this.fat.survey.crossings.add(cluster);
    this.health.found(`${node.name || "/"}: cluster ${cluster} belongs to something else, too`);
    return true;
  }
  #isSound(node: Node): boolean {
    if (node.size === 0) return false;
    let at = node.cluster;
    for (let left = Math.ceil(node.size / this.g.clusterSize); left > 1; left--) {
      at = this.fat.next(at);
      if (at <= 0) return false;
    }
    return this.fat.valid(at) && this.fat.next(at) === 0;
  }
  /** Where a removed file may go on: the next free cluster, if it has to. A removed directory is its first. */
  #guess(node: Node, chain: Chain): number {
    if (node.isDir || chain.length * this.g.clusterSize >= node.size) return 0;
    let next = chain.last + 1;
    while (this.fat.valid(next) && this.fat.get(next) !== 0) next++;
    return this.fat.valid(next) ? next : -1;
  }
  #begin(node: Node): Chain {
    const chain = new Chain();
    if (node.cluster === 0) chain.complete = true;
    return chain;
  }
  #damage(node: Node, chain: Chain, at: number): void {
    chain.damaged = true;
    const isCrossed = at >= 0 && this.fat.valid(at);
    if (isCrossed) this.fat.survey.crossings.add(at);
    chain.crossesAt = isCrossed ? at : 0;
    const why = isCrossed ? `cluster ${at} belongs to something else` : "points outside, or to a free or bad cluster";
    this.health.found(`${node.name || "/"}: chain is damaged after ${chain.length} clusters: ${why}`);
  }
  #isOwned(cluster: number): boolean {
    return (this.#owned[cluster >> 3]! & (1 << (cluster & 7))) !== 0;
  }
  /** False: it has an owner. */
  #claim(cluster: number): boolean {
    if (this.#isOwned(cluster)) return false;
    this.#owned[cluster >> 3]! |= 1 << (cluster & 7);
    return true;
  }
  /** An entry begins at a cluster. When another does, or a chain has it, what is written there would be in both. */
  begin(cluster: number): void {
    if (!this.fat.valid(cluster)) return;
    const bit = 1 << (cluster & 7);
    const byte = this.#begun[cluster >> 3]!;
    if ((byte | this.#owned[cluster >> 3]!) & bit) this.fat.survey.crossings.add(cluster);
    this.#begun[cluster >> 3] = byte | bit;
    if (this.fat.get(cluster) === 0) this.fat.survey.dangling.add(cluster);
  }
  /** A node leaves memory: nothing is known of its clusters until it comes back. */
  forget(node: Node): void {
    if (node.chain) {
      const runs = node.chain.cut(0);
      this.#own(runs, false);
      if (node.isDir) {
        for (const { start, length } of runs) for (let i = 0; i < length; i++) this.#dirs.delete(start + i);
      }
      node.chain = undefined;
    }
    if (this.fat.valid(node.cluster)) this.#begun[node.cluster >> 3]! &= ~(1 << (node.cluster & 7));
  }
  /** How many clusters of a chain are its own alone: what follows may be another's, too. */
  #alone(chain: Chain): number {
    const { crossings } = this.fat.survey;
    if (crossings.size === 0) return chain.length;
    for (const { at, start, length } of chain.runs) {
      for (let i = 0; i < length; i++) if (crossings.has(start + i)) return at + i;
    }
    return chain.length;
  }
  /** EIO when a file's chain is damaged, or crosses another: writing there would make it worse. */
  mayChange(node: Node): void {
    if (this.fat.survey.crossings.size === 0) return;
    const chain = this.chain(node, Infinity);
    if (!chain.damaged && this.#alone(chain) === chain.length) return;
    this.health.found(`${node.name || "/"}: shares clusters with something else: not written`);
    throw this.errno.EIO;
  }
  #own(runs: readonly Run[], owned: boolean): void {
    for (const { start, length } of runs) {
      for (let c = start; c < start + length; c++) {
        if (owned) this.#owned[c >> 3]! |= 1 << (c & 7);
        else {
          this.#owned[c >> 3]! &= ~(1 << (c & 7));
          this.#begun[c >> 3]! &= ~(1 << (c & 7));
        }
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
  /** Tell the image's own disk that nobody needs these any more. */
  discard(runs: readonly Run[]): void {
    for (const { start, length } of runs) {
      finished(this.device.discard?.(this.position(start), length * this.g.clusterSize), this.errno);
    }
  }
  /**
   * Write `from` at `offset`, zeros before it from the file's end, into clusters that are there. A disk that does not take
   * it (the image's own disk is full) leaves the file with the clusters it had.
   */
  fill(node: Node, from: Uint8Array, offset: number): void {
    if (this.chain(node, Math.ceil((offset + from.length) / this.g.clusterSize)).shared) throw this.errno.EIO;
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
  readDisk(into: Uint8Array, position: number): void {
    finished(this.device.read(into, position), this.errno);
  }
  zeroDisk(position: number, length: number): void {
    for (let at = 0; at < length; at += ZEROS.length) {
      finished(this.device.write!(ZEROS.subarray(0, Math.min(ZEROS.length, length - at)), position + at), this.errno);
    }
  }

  /** Make the chain at least `need` clusters long; what it has then, which is less when the volume is full. */
  extend(node: Node, need: number): number {
    const chain = this.chain(node, need);
    if (chain.damaged || chain.shared) throw this.errno.EIO;
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
  /**
   * Keep the first `keep` clusters; the rest goes at the next sync. A damaged chain loses what is known of it, one that
   * crosses another what is before the crossing.
   */
  shrink(node: Node, keep: number): void {
    const chain = this.chain(node, Infinity);
    const alone = Math.max(keep, this.#alone(chain));
    this.#own(chain.cut(alone), false);
    const gone = chain.cut(keep);
    if (keep === 0) {
      node.cluster = 0;
      chain.complete = true;
      chain.damaged = false;
      chain.shared = false;
    } else if (gone.length > 0) this.fat.cut(chain.last);
    this.fat.release(gone);
    this.#own(gone, false);
  }
}
