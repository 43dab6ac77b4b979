/** Where a stream's clusters are, by the FAT or one after the other; and reading them. */
import type { Async } from "../../src/lib/async.ts";
import { viewOf } from "../../src/lib/struct.ts";
import type { Sys } from "../../src/plugin.ts";
import type { Layout } from "./boot.ts";
import type { Stream } from "./entries.ts";

/** Neighbouring clusters. */
export interface Run {
  readonly first: number;
  count: number;
}
/** Pieces a file may be in. */
const MOST_RUNS = 1 << 20;
const PAGE = 64 << 10;

export class Clusters {
  readonly #disk: { readonly size: number; read(into: Uint8Array, offset: number): Async<void> };
  readonly #sys: Sys;
  readonly #damaged: (what: string) => void;
  readonly layout: Layout;
  #page: { readonly at: number; readonly view: DataView } | undefined;

  constructor(
    disk: { readonly size: number; read(into: Uint8Array, offset: number): Async<void> },
    sys: Sys,
    layout: Layout,
    damaged: (what: string) => void,
  ) {
    this.#disk = disk;
    this.#sys = sys;
    this.layout = layout;
    this.#damaged = damaged;
  }
  /** EIO, and a line. */
  fail(what: string): never {
    this.#damaged(what);
    throw this.#sys.errno.EIO;
  }
  /** The runs of a stream; a `size` of Infinity goes to the chain's end. */
  async runs({ first, size, isContiguous }: Stream): Promise<Run[]> {
    const { clusters, clusterSize } = this.layout;
    const wanted = Math.ceil(size / clusterSize);
    if (wanted === 0) return [];
    if (size !== Infinity && wanted > clusters) this.fail(`${size} bytes at cluster ${first}: more than there are`);
    if (isContiguous) {
      if (!this.#isCluster(first) || first + wanted > clusters + 2) this.fail(`cluster ${first} is outside`);
      return [{ first, count: wanted }];
    }
    return await this.#chain(first, wanted);
  }
  async #chain(first: number, wanted: number): Promise<Run[]> {
    const runs: Run[] = [];
    const most = Math.min(wanted, this.layout.clusters);
    let cluster = first;
    for (let n = 0; n < most; n++) {
      if (!this.#isCluster(cluster)) {
        if (wanted === Infinity && n > 0 && cluster === 0xffff_ffff) return runs;
        this.fail(`the chain from cluster ${first} ends at its number ${n}`);
      }
      const last = runs.at(-1);
      if (last && last.first + last.count === cluster) last.count++;
      else if (runs.push({ first: cluster, count: 1 }) > MOST_RUNS) this.fail(`cluster ${first}: in too many pieces`);
      if (n + 1 < most || wanted === Infinity) cluster = await this.#next(cluster);
    }
    if (wanted === Infinity && cluster !== 0xffff_ffff) this.fail(`the chain from cluster ${first} has no end`);
    return runs;
  }
  #isCluster(n: number): boolean {
    return n >= 2 && n < this.layout.clusters + 2;
  }
  async #next(cluster: number): Promise<number> {
    const at = Math.floor(cluster * 4 / PAGE) * PAGE;
    if (this.#page?.at !== at) {
      const from = this.layout.fat + at;
      const bytes = new Uint8Array(Math.min(PAGE, this.#disk.size - from));
      await this.#disk.read(bytes, from);
      this.#page = { at, view: viewOf(bytes) };
    }
    return this.#page!.view.getUint32(cluster * 4 - at, true);
  }
  /** Fill all of `into` from byte `offset` of the runs. */
  async read(runs: readonly Run[], into: Uint8Array, offset: number): Promise<void> {
    const { clusterSize, heap } = this.layout;
    let [from, done] = [offset, 0];
    for (const { first, count } of runs) {
      const size = count * clusterSize;
      if (from < size && done < into.length) {
        const part = into.subarray(done, done + Math.min(size - from, into.length - done));
        const at = heap + (first - 2) * clusterSize + from;
        if (at + part.length > this.#disk.size) this.fail(`cluster ${first} is past the end of the image`);
        await this.#disk.read(part, at);
        done += part.length;
      }
      from = Math.max(0, from - size);
    }
    if (done < into.length) this.fail("a file is shorter than its size");
  }
  /** Where byte `offset` of the runs is, in bytes of the image. */
  position(runs: readonly Run[], offset: number): number {
    const { clusterSize, heap } = this.layout;
    let from = offset;
    for (const { first, count } of runs) {
      if (from < count * clusterSize) return heap + (first - 2) * clusterSize + from;
      from -= count * clusterSize;
    }
    return this.fail(`byte ${offset} is outside`);
  }
}
