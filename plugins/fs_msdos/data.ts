/** A file's bytes and clusters: writing, growing, cutting, setting room aside. */
import type { Sys } from "../../src/plugin.ts";
import { MAX_SLOTS, SLOT } from "./dir.ts";
import type { Node } from "./node.ts";
import type { Store } from "./store.ts";
import { finished } from "../../src/lib/finished.ts";
import type { WriteBack } from "./writeback.ts";

const NOTHING = new Uint8Array(0);
/** Largest file. */
const MAX_FILE = 0xffff_ffff;

export class FileData {
  readonly #sys: Sys;
  readonly #store: Store;
  readonly #back: WriteBack;
  readonly #stamp: (node: Node) => void;

  /** `stamp`: a file's data changed; its times and entry follow. */
  constructor(sys: Sys, store: Store, back: WriteBack, stamp: (node: Node) => void) {
    this.#sys = sys;
    this.#store = store;
    this.#back = back;
    this.#stamp = stamp;
  }
  get #clusterSize(): number {
    return this.#store.g.clusterSize;
  }
  #need(bytes: number): number {
    return Math.ceil(bytes / this.#clusterSize);
  }

  write(node: Node, from: Uint8Array, offset: number): number {
    const { ENOSPC, EFBIG } = this.#sys.errno;
    if (offset + from.length > MAX_FILE) {
      if (offset >= MAX_FILE) throw EFBIG;
      from = from.subarray(0, MAX_FILE - offset);
    }
    if (from.length === 0) return 0;
    this.#back.dirty();
    this.#store.mayChange(node);
    const end = offset + from.length;
    const room = end > node.size ? this.extend(node, this.#need(end)) * this.#clusterSize : end;
    if (room < end) {
      // Nothing of a hole that would not be followed by data.
      if (room <= offset) this.#store.shrink(node, this.#need(node.size));
      if (room <= offset) throw ENOSPC;
      from = from.subarray(0, room - offset);
    }
    this.#store.fill(node, from, offset);
    node.size = Math.max(node.size, offset + from.length);
    this.#stamp(node);
    return from.length;
  }
  resize(node: Node, size: number): void {
    const { EFBIG, ENOSPC, EISDIR } = this.#sys.errno;
    if (node.isDir) throw EISDIR;
    if (size > MAX_FILE) throw this.#store.fat.free * this.#clusterSize < size ? ENOSPC : EFBIG;
    if (size > 0 || node.size > 0) this.#store.mayChange(node);
    const need = this.#need(size);
    if (size > node.size) {
      if (this.extend(node, need) < need) {
        this.#store.shrink(node, this.#need(node.size));
        throw ENOSPC;
      }
      this.#store.fill(node, NOTHING, size);
    } else if (this.#store.chain(node, need + 1).length > need || need === 0) this.#store.shrink(node, need);
    node.size = size;
    this.#stamp(node);
  }
  /** Set room aside beyond the end of a file. */
  reserve(node: Node, end: number): void {
    const { EFBIG, ENOSPC } = this.#sys.errno;
    if (end > MAX_FILE) throw EFBIG;
    this.#back.dirty();
    this.#store.mayChange(node);
    this.#back.loose.add(node);
    if (this.extend(node, this.#need(end)) >= this.#need(end)) return;
    this.giveBack(node);
    throw ENOSPC;
  }
  /** Nobody holds the file any more: room behind its end goes. */
  giveBack(node: Node): void {
    if (!this.#back.loose.delete(node)) return;
    this.#back.dirty();
    this.#store.shrink(node, this.#need(node.size));
  }
  /** Clusters held back for the next sync are room, too. */
  extend(node: Node, need: number): number {
    if (this.#store.fat.hasCut) this.#back.relieve(); // a chain that was cut must be so on disk before it grows again
    const got = this.#store.extend(node, need);
    if (got >= need || !this.#store.fat.held) return got;
    this.#back.relieve();
    return this.#store.extend(node, need);
  }
  /** A directory's first cluster, or one more; false: no room. It is zeroed, and on the disk before anything leads there. */
  growDir(node: Node): boolean {
    const had = this.#store.chain(node, Infinity).length;
    if ((had + 1) * this.#clusterSize > Math.max(MAX_SLOTS * SLOT, this.#clusterSize)) return false;
    this.#back.dirty();
    this.#store.mayChange(node);
    if (this.extend(node, had + 1) === had) return false;
    if (had > 0) this.#store.grown = true;
    this.#zero(this.#store.chain(node, had + 1).last);
    this.flushCluster(this.#store.chain(node, had + 1).last);
    return true;
  }
  #zero(cluster: number): void {
    const { sectorSize, clusterSize } = this.#store.g;
    const first = this.#store.position(cluster) / sectorSize;
    for (let i = 0; i < clusterSize / sectorSize; i++) this.#store.buffers.fresh(first + i);
  }
  /** What stood in a directory's cluster were no entries: it goes to the disk first. */
  flushCluster(cluster: number): void {
    const { sectorSize, clusterSize } = this.#store.g;
    const first = this.#store.position(cluster) / sectorSize;
    finished(this.#store.buffers.flush(first, first + clusterSize / sectorSize), this.#sys.errno);
  }
}
