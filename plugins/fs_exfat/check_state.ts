/** What all parts of a check share: who owns which cluster, what was found, and how changes are written. */
import { finished } from "../../src/lib/finished.ts";
import { viewOf } from "../../src/lib/struct.ts";
import type { BlockDevice, CheckRequest, Errnos, Finding } from "../../src/plugin.ts";
import { DIRTY, FLAGS_AT, type Layout } from "./boot.ts";
import { END, type Run } from "./clusters.ts";
import type { Stream } from "./entries.ts";
import type { ExfatOptions } from "./options.ts";

/** Work that pauses: how much of the phase is done, 0 to 1. */
export type Steps = Generator<number, void, void>;
/** Clusters of a stream up to where something is wrong with it. */
export interface Claimed {
  readonly runs: Run[];
  readonly count: number;
  /** Why it ends before it should; left out: it does not. */
  readonly why?: string;
}
const PAGE = 64 << 10;

export class State {
  readonly layout: Layout;
  readonly device: BlockDevice;
  readonly errno: Errnos;
  readonly request: CheckRequest<ExfatOptions>;
  /** Clusters with an owner: what the bitmap should be. */
  readonly owned: Uint8Array;
  ownedCount = 0;
  files = 1;
  /** Findings that stay. */
  left = 0;
  #begun = false;
  #page: { readonly at: number; readonly view: DataView } | undefined;

  constructor(layout: Layout, device: BlockDevice, errnos: Errnos, request: CheckRequest<ExfatOptions>) {
    this.layout = layout;
    this.device = device;
    this.errno = errnos;
    this.request = request;
    this.owned = new Uint8Array(Math.ceil(layout.clusters / 8));
  }
  /** Tell of a finding; true: the caller mends it. */
  found(finding: Finding): boolean {
    const mend = this.request.found(finding) && this.device.write !== undefined && finding.repair !== undefined;
    if (!mend) this.left++;
    else if (!this.#begun) {
      this.#begun = true;
      this.flag(true);
    }
    return mend;
  }
  /** Something was mended. */
  get begun(): boolean {
    return this.#begun;
  }
  /** The volume says that it is in use, or that it is not: it does until all is mended. */
  flag(inUse: boolean): void {
    const boot = this.read(0, this.layout.sectorSize);
    boot[FLAGS_AT] = inUse ? boot[FLAGS_AT]! | DIRTY : boot[FLAGS_AT]! & ~DIRTY;
    this.write(boot, 0);
  }
  read(at: number, length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    if (at + length > this.device.size) throw this.errno.EIO;
    finished(this.device.read(bytes, at), this.errno);
    return bytes;
  }
  write(bytes: Uint8Array, at: number): void {
    finished(this.device.write!(bytes, at), this.errno);
  }
  position(cluster: number): number {
    return this.layout.heap + (cluster - 2) * this.layout.clusterSize;
  }
  isCluster(n: number): boolean {
    return n >= 2 && n < this.layout.clusters + 2;
  }
  isOwned(cluster: number): boolean {
    return (this.owned[cluster - 2 >> 3]! >> (cluster - 2 & 7) & 1) !== 0;
  }
  next(cluster: number): number {
    const at = Math.floor(cluster * 4 / PAGE) * PAGE;
    if (this.#page?.at !== at) {
      const from = this.layout.fat + at;
      this.#page = { at, view: viewOf(this.read(from, Math.min(PAGE, this.device.size - from))) };
    }
    return this.#page!.view.getUint32(cluster * 4 - at, true);
  }
  link(cluster: number, to: number): void {
    const bytes = new Uint8Array(4);
    viewOf(bytes).setUint32(0, to, true);
    this.write(bytes, this.layout.fat + cluster * 4);
    this.#page = undefined;
  }
  /** Own a stream's clusters, as far as they are there and nobody else's; a `size` of Infinity goes to the chain's end. */
  claim({ first, size, isContiguous }: Stream): Claimed {
    const wanted = Math.ceil(size / this.layout.clusterSize);
    const runs: Run[] = [];
    let count = 0;
    for (let cluster = first; count < wanted; cluster = isContiguous ? cluster + 1 : this.next(cluster)) {
      if (wanted === Infinity && count > 0 && cluster === END) break;
      if (!this.isCluster(cluster)) return { runs, count, why: cluster === END ? "ends early" : "leads outside" };
      if (this.isOwned(cluster)) return { runs, count, why: `runs into cluster ${cluster}, which has an owner` };
      this.owned[cluster - 2 >> 3]! |= 1 << (cluster - 2 & 7);
      this.ownedCount++;
      count++;
      const last = runs.at(-1);
      if (last && last.first + last.count === cluster) last.count++;
      else runs.push({ first: cluster, count: 1 });
    }
    return { runs, count };
  }
  /** The first bytes in clusters. */
  bytes(runs: readonly Run[], length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    this.pieces(runs, bytes, (part, position) => part.set(this.read(position, part.length)));
    return bytes;
  }
  /** Write them. */
  put(runs: readonly Run[], bytes: Uint8Array): void {
    this.pieces(runs, bytes, (part, position) => this.write(part, position));
  }
  pieces(runs: readonly Run[], bytes: Uint8Array, use: (part: Uint8Array, position: number) => void): void {
    let at = 0;
    for (const { first, count } of runs) {
      const part = bytes.subarray(at, at + count * this.layout.clusterSize);
      if (part.length > 0) use(part, this.position(first));
      at += part.length;
    }
  }
}
