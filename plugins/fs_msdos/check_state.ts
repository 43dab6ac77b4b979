/** What all parts of a check share: the volume, who owns which cluster, what was found, and how changes are written. */
import type { BlockDevice, CheckRequest, Errnos, Finding } from "../../src/plugin.ts";
import type { Geometry } from "./bpb.ts";
import type { Copy } from "./check_copies.ts";
import type { CodePage } from "./codepage.ts";
import { BAD, Bits, END, FREE, Table, WILD } from "./check_table.ts";
import type { MsdosOptions } from "./mod.ts";
import { finished } from "../../src/lib/finished.ts";

/** Work that pauses: how much of the phase is done, 0 to 1. */
export type Steps<T = void> = Generator<number, T, void>;

/** Why a chain ends where it ends. */
export type Stop = "end" | "enough" | "outside" | "free" | "bad" | "taken" | "loop";
export interface Followed {
  /** Clusters that are the chain's. */
  readonly length: number;
  readonly last: number;
  readonly stop: Stop;
  /** Where it would go on. */
  readonly at: number;
}
const WHY: Readonly<Record<Stop, string>> = {
  end: "",
  enough: "",
  outside: "points outside the volume",
  free: "runs into a free cluster",
  bad: "runs into a bad cluster",
  taken: "runs into clusters of another file",
  loop: "runs into itself",
};
export const whyOf = (stop: Stop): string => WHY[stop];

export class State {
  readonly g: Geometry;
  readonly device: BlockDevice;
  readonly errno: Errnos;
  readonly request: CheckRequest<MsdosOptions>;
  /** What short names are in. */
  readonly page: CodePage;
  readonly writable: boolean;
  /** The FAT that is believed: chosen once they were compared. */
  table: Table;
  /** Clusters with an owner. */
  readonly owned: Bits;
  /** First clusters of directories that were accepted. */
  readonly heads: Bits;
  /** Files and directories, the root counted. */
  files = 1;
  /** First clusters of files that have theirs. */
  readonly sound: Bits;
  /** Steps left for looking ahead: damaged chains of many files may lead over the same clusters. */
  #patience: number;
  /** Findings that stay. */
  left = 0;
  /** Chains behind the end of files that were cut there. */
  readonly surplus: { readonly start: number; readonly free: boolean }[] = [];
  /** Files that get copies of others' clusters. */
  readonly copies: Copy[] = [];
  /** The label in the root directory. */
  label: string | undefined;
  #begun = false;

  constructor(
    g: Geometry,
    device: BlockDevice,
    errnos: Errnos,
    request: CheckRequest<MsdosOptions>,
    page: CodePage,
  ) {
    this.g = g;
    this.device = device;
    this.errno = errnos;
    this.request = request;
    this.page = page;
    this.writable = device.write !== undefined;
    this.table = new Table(g, device, errnos, g.activeFat);
    this.owned = new Bits(g.clusters + 2);
    this.heads = new Bits(g.clusters + 2);
    this.sound = new Bits(g.clusters + 2);
    this.#patience = 4 * g.clusters + 65536;
  }
  /** Tell of a finding; true: the caller mends it. */
  found(finding: Finding): boolean {
    if (!this.request.found(finding) || !this.writable || finding.repair === undefined) {
      this.left++;
      return false;
    }
    this.#begin();
    return true;
  }
  /** Before the first change: until all is done, the volume says that it is not clean. */
  #begin(): void {
    if (this.#begun) return;
    this.#begun = true;
    const boot = this.read(0, this.g.sectorSize);
    if (boot[this.g.stateByte]! & 1) return;
    boot[this.g.stateByte]! |= 1;
    this.write(boot, 0);
  }
  /** Something was mended. */
  get begun(): boolean {
    return this.#begun;
  }

  read(at: number, length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    this.readInto(bytes, at);
    return bytes;
  }
  readInto(bytes: Uint8Array, at: number): void {
    finished(this.device.read(bytes, at), this.errno);
  }
  write(bytes: Uint8Array, at: number): void {
    finished(this.device.write!(bytes, at), this.errno);
  }
  position(cluster: number): number {
    return this.g.dataStart + (cluster - 2) * this.g.clusterSize;
  }

  /** Follow a chain and own its clusters: at most `most`, and none that has an owner. */
  claim(start: number, most: number): Followed {
    const { table, owned } = this;
    let [length, last, at] = [0, 0, start];
    const over = (stop: Stop): Followed => ({ length, last, stop, at });
    for (;;) {
      if (!table.valid(at)) return over("outside");
      if (owned.has(at)) return over(this.#isOwn(start, length, at) ? "loop" : "taken");
      const next = table.next(at);
      if (next === FREE) return over("free");
      if (next === BAD) return over("bad");
      if (length === most) return over("enough");
      owned.add(at);
      length++;
      last = at;
      if (next === END) return over("end");
      if (next === WILD) return { length, last, stop: "outside", at: table.get(at) };
      at = next;
    }
  }
  /** Whether a chain has just so many clusters, and no owner yet (or one, or "any"). */
  fits(start: number, length: number, owned: boolean | "any" = false): boolean {
    let at = start;
    for (let i = 0; i < length; i++) {
      if (!this.table.valid(at) || (owned !== "any" && this.owned.has(at) !== owned) || this.#patience-- < 0) {
        return false;
      }
      at = this.table.next(at);
    }
    return at === END;
  }
  #isOwn(start: number, length: number, wanted: number): boolean {
    for (let at = start; length-- > 0; at = this.table.next(at)) if (at === wanted) return true;
    return false;
  }
  /** Give the clusters of a chain back. */
  disown(start: number, length: number): void {
    for (let at = start; length-- > 0; at = this.table.next(at)) this.owned.delete(at);
  }
  /** The clusters of a chain that is known to be sound for as long. */
  clusters(start: number, most: number): number[] {
    const list: number[] = [];
    for (let at = start; at >= 2 && list.length < most && this.table.valid(at); at = this.table.next(at)) list.push(at);
    return list;
  }
}
