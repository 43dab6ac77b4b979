/** Where a stream's clusters are, by the FAT or one after the other; reading and writing them. */
import { finished } from "../../src/lib/finished.ts";
import type { Health } from "../../src/lib/health.ts";
import type { BlockDevice, Buffers, Errnos, Sys } from "../../src/plugin.ts";
import type { Layout } from "./boot.ts";
import type { Stream } from "./entries.ts";

/** Neighbouring clusters. */
export interface Run {
  readonly first: number;
  count: number;
}
/** Pieces a file may be in. */
const MOST_RUNS = 1 << 20;
export const END = 0xffff_ffff;
const ZEROS = new Uint8Array(1 << 20);

export class Clusters {
  readonly layout: Layout;
  readonly disk: BlockDevice;
  readonly errno: Errnos;
  readonly health: Health;
  /** FAT and directories, by sectors. */
  readonly buffers: Buffers;
  /** Too much is held back: it is to be written before the next change. */
  pressed = false;
  /** Something was written to the disk itself since this was last false. */
  wrote = false;
  /** Last clusters of chains that were cut: their end is written when the entries that know it are. */
  readonly #cuts = new Set<number>();

  constructor(sys: Sys, disk: BlockDevice, layout: Layout, health: Health) {
    this.disk = disk;
    this.errno = sys.errno;
    this.layout = layout;
    this.health = health;
    this.buffers = sys.buffers(disk, { size: layout.sectorSize, pressure: () => void (this.pressed = true) });
  }
  /** EIO, and a line. */
  fail(what: string): never {
    this.health.found(what);
    throw this.errno.EIO;
  }
  position(cluster: number): number {
    return this.layout.heap + (cluster - 2) * this.layout.clusterSize;
  }
  isCluster(n: number): boolean {
    return n >= 2 && n < this.layout.clusters + 2;
  }

  // Chains

  /** The runs of a stream; a `size` of Infinity goes to the chain's end. */
  runs({ first, size, isContiguous }: Stream): Run[] {
    const { clusters, clusterSize } = this.layout;
    const wanted = Math.ceil(size / clusterSize);
    if (wanted === 0) return [];
    if (size !== Infinity && wanted > clusters) this.fail(`${size} bytes at cluster ${first}: more than there are`);
    if (isContiguous) {
      if (!this.isCluster(first) || first + wanted > clusters + 2) this.fail(`cluster ${first} is outside`);
      return [{ first, count: wanted }];
    }
    return this.#chain(first, wanted);
  }
  #chain(start: number, wanted: number): Run[] {
    const runs: Run[] = [];
    // A chain that comes back to itself comes back to where one of its runs begins, the second time at the latest.
    const begun = new Set<number>();
    const most = Math.min(wanted, this.layout.clusters);
    let cluster = start;
    for (let n = 0; n < most; n++) {
      if (!this.isCluster(cluster)) {
        if (wanted === Infinity && n > 0 && cluster === END) return runs;
        this.fail(`the chain from cluster ${start} ends at its number ${n}`);
      }
      const last = runs.at(-1);
      if (last && last.first + last.count === cluster) last.count++;
      else {
        if (begun.has(cluster)) this.fail(`the chain from cluster ${start} comes back to cluster ${cluster}`);
        begun.add(cluster);
        if (runs.push({ first: cluster, count: 1 }) > MOST_RUNS) this.fail(`cluster ${start}: in too many pieces`);
      }
      if (n + 1 < most || wanted === Infinity) cluster = this.next(cluster);
    }
    if (wanted === Infinity && cluster !== END) this.fail(`the chain from cluster ${start} has no end`);
    return runs;
  }
  /** The FAT's entry of a cluster. */
  next(cluster: number): number {
    if (this.#cuts.has(cluster)) return END;
    const { fat, sectorSize } = this.layout;
    const position = fat + cluster * 4;
    const bytes = finished(this.buffers.get(Math.floor(position / sectorSize)), this.errno);
    const at = position % sectorSize;
    if (at + 4 > bytes.length) throw this.errno.EIO;
    return (bytes[at]! | bytes[at + 1]! << 8 | bytes[at + 2]! << 16 | bytes[at + 3]! << 24) >>> 0;
  }
  #link(cluster: number, to: number): void {
    this.#cuts.delete(cluster);
    this.#put(cluster, to);
  }
  #put(cluster: number, to: number): void {
    const { fat, sectorSize } = this.layout;
    const position = fat + cluster * 4;
    const bytes = finished(this.buffers.modify(Math.floor(position / sectorSize)), this.errno);
    const at = position % sectorSize;
    for (let i = 0; i < 4; i++) bytes[at + i] = to >>> i * 8;
  }
  /** Write these clusters as a chain, from the one of number `from` on (earlier ones are chained). */
  chain(runs: readonly Run[], from: number): void {
    let [n, before] = [0, 0];
    for (const { first, count } of runs) {
      for (let i = Math.max(0, from - n - 1); i < count; i++) {
        if (i > 0) before = first + i - 1;
        if (n + i >= from && before !== 0) this.#link(before, first + i);
      }
      n += count;
      before = first + count - 1;
    }
    if (before !== 0) this.#link(before, END);
  }
  /** A chain ends there from now on; on the disk once its file's entry says so. */
  cut(last: number): void {
    this.#cuts.add(last);
  }
  get hasCuts(): boolean {
    return this.#cuts.size > 0;
  }
  applyCuts(): void {
    for (const last of this.#cuts) this.#put(last, END);
    this.#cuts.clear();
  }
  /** Write the FAT's changes; false: there were none. */
  flushFat(): boolean {
    const { fat, heap, sectorSize } = this.layout;
    const before = this.buffers.dirty;
    if (before > 0) finished(this.buffers.flush(fat / sectorSize, heap / sectorSize), this.errno);
    return this.buffers.dirty < before;
  }

  // Bytes

  /** Go over [offset, offset + length) of runs in pieces that are one on the disk. */
  #pieces(
    runs: readonly Run[],
    offset: number,
    length: number,
    use: (position: number, at: number, n: number) => void,
  ): void {
    let [from, done] = [offset, 0];
    for (const { first, count } of runs) {
      const size = count * this.layout.clusterSize;
      if (from < size && done < length) {
        const n = Math.min(size - from, length - done);
        const position = this.position(first) + from;
        if (position + n > this.disk.size) this.fail(`cluster ${first} is past the end of the image`);
        use(position, done, n);
        done += n;
      }
      if (done === length) return;
      from = Math.max(0, from - size);
    }
    if (done < length) this.fail("a file is shorter than its size");
  }
  /** Fill all of `into` from byte `offset` of the runs. */
  read(runs: readonly Run[], into: Uint8Array, offset: number): void {
    this.#pieces(
      runs,
      offset,
      into.length,
      (position, at, n) =>
        finished(this.disk.read(n === into.length ? into : into.subarray(at, at + n), position), this.errno),
    );
  }
  write(runs: readonly Run[], from: Uint8Array, offset: number): void {
    this.wrote = true;
    this.#pieces(
      runs,
      offset,
      from.length,
      (position, at, n) =>
        finished(this.disk.write!(n === from.length ? from : from.subarray(at, at + n), position), this.errno),
    );
  }
  zero(runs: readonly Run[], offset: number, length: number): void {
    for (let at = 0; at < length; at += ZEROS.length) {
      this.write(runs, ZEROS.subarray(0, Math.min(ZEROS.length, length - at)), offset + at);
    }
  }
  /** Where byte `offset` of the runs is, in bytes of the image. */
  find(runs: readonly Run[], offset: number): number {
    let from = offset;
    for (const { first, count } of runs) {
      const size = count * this.layout.clusterSize;
      if (from < size) return this.position(first) + from;
      from -= size;
    }
    return this.fail(`byte ${offset} is outside`);
  }
  /** The same of whole sectors, with what is still to be written of them. */
  readBuffered(runs: readonly Run[], into: Uint8Array, offset: number): void {
    this.#pieces(runs, offset, into.length, (position, at, n) => {
      const part = into.subarray(at, at + n);
      finished(this.disk.read(part, position), this.errno);
      this.buffers.overlay(part, position / this.layout.sectorSize);
    });
  }
  /** Nobody needs these any more: not cached, and given back to the image's own disk if `discard`. */
  forget(runs: readonly Run[], discard: boolean): void {
    const { clusterSize, sectorSize } = this.layout;
    for (const { first, count } of runs) {
      const at = this.position(first);
      if (discard) finished(this.disk.discard?.(at, count * clusterSize), this.errno);
      else this.buffers.forget(at / sectorSize, (at + count * clusterSize) / sectorSize);
    }
  }
}
/** Clusters in all. */
export const countOf = (runs: readonly Run[]): number => runs.reduce((sum, { count }) => sum + count, 0);
/** Take all but the first `keep` clusters off; those. */
export function cutRuns(runs: Run[], keep: number): Run[] {
  let [n, i] = [0, 0];
  while (i < runs.length && n + runs[i]!.count <= keep) n += runs[i++]!.count;
  const gone = runs.splice(i);
  const first = gone[0];
  if (!first || n === keep) return gone;
  runs.push({ first: first.first, count: keep - n });
  gone[0] = { first: first.first + keep - n, count: first.count - (keep - n) };
  return gone;
}
/** Put clusters behind. */
export function addRuns(runs: Run[], more: readonly Run[]): void {
  for (const run of more) {
    const last = runs.at(-1);
    if (last && last.first + last.count === run.first) last.count += run.count;
    else runs.push({ ...run });
  }
}
