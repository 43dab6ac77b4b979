/** A file or directory of the volume, in memory for as long as its directory is. */
import type { Directory } from "./dir.ts";
import type { Run } from "./fat.ts";
import type { Short } from "./short_names.ts";

/** Clusters of a file in order: neighbours joined. Known as far as somebody has looked. */
export class Chain {
  /** [first cluster in the file, first cluster on disk, how many] */
  readonly runs: { readonly at: number; readonly start: number; length: number }[] = [];
  /** Clusters known. */
  length = 0;
  /** The end was seen. */
  complete = false;
  /** Something is wrong behind what is known: reading there is EIO, and nothing is written. */
  damaged = false;
  /** Some of it is another's, too: it is not written. */
  shared = false;
  /** Its length is what the size wants; looked at when it meets another. */
  sound: boolean | undefined;
  /** The cluster where it runs into another's chain; 0: it does not. */
  crossesAt = 0;

  push(start: number, length: number): void {
    const last = this.runs.at(-1);
    if (last && last.start + last.length === start) last.length += length;
    else this.runs.push({ at: this.length, start, length });
    this.length += length;
  }
  /** The run a cluster of the file is in; it must be known. */
  find(cluster: number): { readonly at: number; readonly start: number; readonly length: number } {
    let [low, high] = [0, this.runs.length - 1];
    while (low < high) {
      const mid = (low + high + 1) >> 1;
      if (this.runs[mid]!.at <= cluster) low = mid;
      else high = mid - 1;
    }
    return this.runs[low]!;
  }
  has(cluster: number): boolean {
    return this.runs.some(({ start, length }) => cluster >= start && cluster < start + length);
  }
  get last(): number {
    const run = this.runs.at(-1);
    return run ? run.start + run.length - 1 : 0;
  }
  /** Keep the first `keep` clusters; the rest is returned. */
  cut(keep: number): Run[] {
    const gone: Run[] = [];
    while (this.length > keep) {
      const run = this.runs.at(-1)!;
      const stay = Math.max(0, keep - run.at);
      gone.push({ start: run.start + stay, length: run.length - stay });
      this.length -= run.length - stay;
      if (stay === 0) this.runs.pop();
      else run.length = stay;
    }
    return gone.reverse();
  }
}

export interface Node {
  readonly isDir: boolean;
  readonly ino: number;
  /** Directory its name is in; undefined: the root, or no name any more. */
  parent: Node | undefined;
  /** As shown. */
  name: string;
  short: Short;
  ntCase: number;
  attr: number;
  /** First cluster; 0: none. */
  cluster: number;
  /** Bytes; of directories what their chain has. */
  size: number;
  /** DOS words as on disk. */
  mtime: number;
  mdate: number;
  adate: number;
  ctime: number;
  cdate: number;
  ctimeTenth: number;
  /** Slots its name takes: the first, and how many with the short entry, which is the last. */
  slot: number;
  slots: number;
  /** It was removed, and is shown for what is left of it. */
  readonly deleted: boolean;
  /** Somebody holds it. */
  held: boolean;
  /** Its directory's index was dropped: its name leads to another node from now on. */
  forgotten: boolean;
  chain: Chain | undefined;
  /** Entries, once read. */
  dir: Directory | undefined;
}
