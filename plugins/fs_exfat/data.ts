/** A file's bytes and clusters: writing, growing, cutting, setting room aside. */
import { otherwise } from "../../src/lib/async.ts";
import type { Sys } from "../../src/plugin.ts";
import { addRuns, type Clusters, countOf, cutRuns, type Run } from "./clusters.ts";
import type { Node } from "./node.ts";
import type { Space } from "./space.ts";
import type { WriteBack } from "./writeback.ts";

/** Bytes a directory may have (the specification: 256 MiB). */
export const LARGEST_DIRECTORY = 64 << 20;

export class FileData {
  readonly #sys: Sys;
  readonly #clusters: Clusters;
  readonly #space: Space;
  readonly #back: WriteBack;
  readonly #root: Node;
  readonly #stamp: (node: Node) => void;

  /** `stamp`: a file's data changed; its times and entry follow. */
  constructor(
    sys: Sys,
    clusters: Clusters,
    space: Space,
    back: WriteBack,
    root: Node,
    stamp: (node: Node) => void,
  ) {
    this.#sys = sys;
    this.#clusters = clusters;
    this.#space = space;
    this.#back = back;
    this.#root = root;
    this.#stamp = stamp;
  }
  #need(bytes: number): number {
    return Math.ceil(bytes / this.#clusters.layout.clusterSize);
  }
  /** A node's clusters; EIO when they cannot be found. */
  runs(node: Node): Run[] {
    const size = node === this.#root ? Infinity : node.size;
    return node.runs ??= this.#clusters.runs({ first: node.first, size, isContiguous: node.isContiguous });
  }
  /** The same before a change: EIO also for clusters that are not marked as taken, which another file could get. */
  owned(node: Node): Run[] {
    const runs = this.runs(node);
    if (node.checked) return runs;
    for (const run of runs) {
      if (!this.#space.has(run)) {
        this.#clusters.fail(`${node.name || "/"}: cluster ${run.first} or behind is not its own`);
      }
    }
    node.checked = true;
    return runs;
  }

  read(node: Node, into: Uint8Array, offset: number): number {
    const n = Math.min(into.length, node.size - offset);
    if (n <= 0) return 0;
    const written = Math.max(0, Math.min(n, node.valid - offset));
    const whole = written === into.length ? into : into.subarray(0, written);
    if (written > 0) this.#clusters.read(this.runs(node), whole, offset);
    if (written < n) into.fill(0, written, n);
    return n;
  }
  write(node: Node, from: Uint8Array, offset: number): number {
    if (from.length === 0) return 0;
    this.#back.dirty();
    const had = countOf(this.owned(node));
    const end = offset + from.length;
    const room = end > node.size ? this.extend(node, this.#need(end)) * this.#clusters.layout.clusterSize : end;
    if (room <= offset) {
      this.shrink(node, had); // nothing of a hole that would not be followed by data
      throw this.#sys.errno.ENOSPC;
    }
    const part = room < end ? from.subarray(0, room - offset) : from;
    // A disk that does not take it (the image's own disk is full) leaves the file with the clusters it had.
    void otherwise(() => this.#put(node, part, offset), () => this.shrink(node, had));
    node.size = Math.max(node.size, offset + part.length);
    node.valid = Math.max(node.valid, offset + part.length);
    this.#stamp(node);
    return part.length;
  }
  #put(node: Node, from: Uint8Array, offset: number): void {
    const runs = this.runs(node);
    const { valid } = node;
    if (offset > valid) this.#clusters.zero(runs, valid, offset - valid);
    this.#clusters.write(runs, from, offset);
  }
  resize(node: Node, size: number): void {
    if (node.isDir) throw this.#sys.errno.EISDIR;
    const had = countOf(this.owned(node));
    const { valid } = node;
    if (size > node.size) {
      if (this.#need(size) > this.extend(node, this.#need(size))) {
        this.shrink(node, had);
        throw this.#sys.errno.ENOSPC;
      }
    } else this.shrink(node, this.#need(size));
    node.size = size;
    node.valid = Math.min(valid, size);
    this.#stamp(node);
  }
  /** Set room aside beyond the end of a file. */
  reserve(node: Node, end: number): void {
    this.#back.dirty();
    this.owned(node);
    this.#back.loose.add(node);
    if (this.extend(node, this.#need(end)) >= this.#need(end)) return;
    this.giveBack(node);
    throw this.#sys.errno.ENOSPC;
  }
  /** Nobody holds the file any more: room behind its end goes. */
  giveBack(node: Node): void {
    if (!this.#back.loose.delete(node)) return;
    this.#back.dirty();
    this.shrink(node, this.#need(node.size));
  }

  /** Give a node at least `need` clusters; how many it has then, which is less when the volume is full. */
  extend(node: Node, need: number): number {
    const had = countOf(this.owned(node));
    if (had >= need) return had;
    if (need > this.#space.clusters) throw this.#sys.errno.ENOSPC;
    const got = this.#grow(node, need);
    if (got >= need || !this.#space.holds) return got;
    this.#back.relieve();
    return this.#grow(node, need);
  }
  #grow(node: Node, need: number): number {
    const runs = this.runs(node);
    const had = countOf(runs);
    const last = runs.at(-1);
    const more = this.#space.allocate(need - had, last ? last.first + last.count : 0);
    if (more.length === 0) return had;
    const wasContiguous = had === 0 || node.isContiguous;
    addRuns(runs, more);
    const isContiguous = wasContiguous && runs.length === 1 && node !== this.#root;
    node.place(runs[0]!.first, isContiguous);
    // A file that cannot go on where it is becomes a chain from its first cluster on.
    if (!isContiguous) this.#clusters.chain(runs, wasContiguous ? 0 : had);
    return countOf(runs);
  }
  /** Keep the first `keep` clusters; the rest goes at the next write-back. */
  shrink(node: Node, keep: number): void {
    const runs = this.runs(node);
    const gone = cutRuns(runs, keep);
    if (gone.length === 0) return;
    const last = runs.at(-1);
    if (!last) node.place(0, false);
    else if (!node.isContiguous) this.#clusters.cut(last.first + last.count - 1);
    this.#space.release(gone);
  }
  /** A directory's first cluster, or one more, zeroed; false: no room. It is on the disk before anything leads there. */
  growDirectory(node: Node): boolean {
    const { clusterSize } = this.#clusters.layout;
    const had = countOf(this.owned(node));
    if ((had + 1) * clusterSize > Math.max(LARGEST_DIRECTORY, clusterSize)) return false;
    if (this.extend(node, had + 1) === had) return false;
    this.#clusters.zero(this.runs(node), had * clusterSize, clusterSize);
    if (node === this.#root) return true;
    node.size = (had + 1) * clusterSize;
    node.valid = node.size;
    return true;
  }
  /** A file without a name that nobody holds: all its room goes, a directory's is not cached any more. */
  drop(node: Node): void {
    const runs = this.owned(node).slice();
    if (node.isDir) this.#clusters.forget(runs, false);
    this.shrink(node, 0);
    node.size = node.valid = 0;
  }
}
