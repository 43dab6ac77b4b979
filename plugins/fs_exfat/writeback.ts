/** When and in which order changes reach the disk, and the flag that says that the volume is in use. */
import { finished } from "../../src/lib/finished.ts";
import { WhenQuiet } from "../../src/lib/when_quiet.ts";
import type { Sys } from "../../src/plugin.ts";
import { DIRTY, FLAGS_AT, PERCENT_AT } from "./boot.ts";
import { type Clusters, type Run } from "./clusters.ts";
import type { Space } from "./space.ts";

export class WriteBack {
  /** It was left in use by somebody: the flag stays. */
  readonly wasDirty: boolean;
  /** The mount may not be written now. */
  readOnly: boolean;
  discard: boolean;
  /** Files without a name, and clusters set aside: what a crash now would leave lost. */
  readonly loose = new Set<unknown>();
  readonly #sys: Sys;
  readonly #clusters: Clusters;
  readonly #space: Space;
  /** Where the bitmap is. */
  readonly #bitmap: readonly Run[];
  /** Old places of what was renamed: freed when the new ones are on the disk. */
  #names: (() => void)[] = [];
  #marked = false;
  #changed = false;
  #syncing = false;
  readonly #quiet: WhenQuiet;

  constructor(
    sys: Sys,
    clusters: Clusters,
    space: Space,
    bitmap: readonly Run[],
    how: { readonly readOnly: boolean; readonly discard: boolean },
  ) {
    this.#sys = sys;
    this.#clusters = clusters;
    this.#space = space;
    this.#bitmap = bitmap;
    this.readOnly = how.readOnly;
    this.discard = how.discard;
    this.wasDirty = (clusters.layout.flags & DIRTY) !== 0;
    // What fails stays to be written, by the next sync at the latest.
    const failed = (e: unknown) => clusters.health.say(`write-back: ${e instanceof Error ? e.message : e}`);
    this.#quiet = new WhenQuiet(sys, () => this.sync(), failed);
  }
  /** The volume is about to change: say so on it, and see that it is written in time. EROFS when it may not. */
  dirty(): void {
    if (this.readOnly || this.#clusters.health.readOnly) throw this.#sys.errno.EROFS;
    if (this.#clusters.pressed && !this.#syncing) this.fsync();
    this.#quiet.touch();
    if (this.#changed) return;
    if (!this.#marked) this.#mark(true);
    this.#marked = true;
    this.#changed = true;
    this.#quiet.begin();
  }
  /** Free the old place of a name that has a new one. */
  later(free: () => void): void {
    this.#names.push(free);
  }
  /** Places wait to be freed: writing back makes room in directories. */
  get holdsNames(): boolean {
    return this.#names.length > 0;
  }
  /** No more work in the background. */
  stop(): void {
    this.#quiet.cancel();
  }
  /** Everything to the disk; the flag goes, unless a crash would leave something lost. */
  sync(): void {
    if (this.#syncing) return;
    this.fsync();
    this.#quiet.cancel();
    if (!this.#marked || this.loose.size > 0) return;
    this.#mark(false);
    this.#marked = false;
  }
  /** Everything to the disk; the flag stays until nothing has changed for a while. */
  fsync(): void {
    if (this.#syncing || this.readOnly) return;
    this.#syncing = true;
    let freed: readonly Run[] = [];
    try {
      if (this.#changed) freed = this.#settle();
      this.#barrier();
    } finally {
      this.#syncing = false;
    }
    this.#changed = false;
    if (this.discard) this.#clusters.forget(freed, true);
  }
  /** Room that waits for the next write-back is needed now. What is being done goes on, so that the volume stays changed. */
  relieve(): void {
    this.fsync();
    this.dirty();
  }
  /**
   * In an order whose every step may be the last, with a barrier where the disk must not change it: data and zeros of
   * directories' new clusters (they are there already), bitmap and FAT, the directories that speak of them, old names of
   * what has new ones, and then the clusters and ends of chains no directory speaks of any more.
   */
  #settle(): readonly Run[] {
    const { buffers } = this.#clusters;
    this.#clusters.pressed = false;
    if (this.#clusters.wrote) this.#barrier();
    if (this.#writeTables() && buffers.dirty > 0) this.#barrier();
    finished(buffers.flush(), this.#sys.errno);
    if (this.holdsNames) {
      this.#barrier();
      while (this.#names.length > 0) {
        this.#names[0]!();
        this.#names.shift();
      }
      finished(buffers.flush(), this.#sys.errno);
    }
    if (!this.#space.holds && !this.#clusters.hasCuts) return [];
    this.#barrier();
    const freed = this.#space.apply();
    this.#clusters.applyCuts();
    this.#writeTables();
    return freed;
  }
  /** Bitmap and FAT; false: nothing of them has changed. */
  #writeTables(): boolean {
    let any = false;
    for (const [at, piece] of this.#space.changes()) {
      this.#clusters.write(this.#bitmap, piece, at);
      any = true;
    }
    return this.#clusters.flushFat() || any;
  }
  /** What was written so far is on the medium before what comes now. */
  #barrier(): void {
    this.#clusters.wrote = false;
    finished(this.#clusters.disk.flush?.(), this.#sys.errno);
  }
  /** Say on the volume that it is in use, or that it is not, and how full it is. One that was left in use stays so until it is checked. */
  #mark(inUse: boolean): void {
    const { disk, layout, errno } = this.#clusters;
    const boot = new Uint8Array(layout.sectorSize);
    finished(disk.read(boot, 0), errno);
    boot[FLAGS_AT] = inUse || this.wasDirty ? boot[FLAGS_AT]! | DIRTY : boot[FLAGS_AT]! & ~DIRTY;
    const used = layout.clusters - this.#space.free;
    if (!inUse) boot[PERCENT_AT] = Math.floor(used * 100 / layout.clusters);
    finished(disk.write!(boot, 0), errno);
    this.#barrier();
  }
}
