/** When and in which order a volume's changes reach the disk, and the mark that says it is in use. */
import type { Sys } from "../../src/plugin.ts";
import type { Run } from "./fat.ts";
import type { MsdosOptions } from "./options.ts";
import type { Store } from "./store.ts";
import { finished } from "../../src/lib/finished.ts";
import { WhenQuiet } from "../../src/lib/when_quiet.ts";

/** With `flush`: soon after the last change. */
const SOON = 50;
/** Between two pieces of the survey of a large table. */
const PIECE = 5;
/** Clean-shutdown bit of FAT[1]. */
const CLEAN_16 = 0x8000;
const CLEAN_32 = 0x0800_0000;

export class WriteBack {
  /** It was left in use by somebody: the mark stays. */
  readonly wasDirty: boolean;
  readonly #sys: Sys;
  readonly #store: Store;
  /** The mount may not be written now. */
  readOnly: boolean;
  readonly #options: MsdosOptions;
  /** The mark is on the disk. */
  #marked = false;
  /** Something is to be written. */
  #changed = false;
  /** Old places of what was renamed: freed when the new ones are on the disk. */
  #names: (() => void)[] = [];
  /** Files without a name, and clusters set aside: what a crash now would leave lost. */
  readonly loose = new Set<unknown>();
  #syncing = false;
  readonly #quiet: WhenQuiet;

  constructor(sys: Sys, store: Store, options: MsdosOptions, readOnly: boolean) {
    this.#sys = sys;
    this.#store = store;
    this.#options = options;
    this.readOnly = readOnly;
    this.wasDirty = this.#isDirty();
    // What fails stays to be written, by the next sync at the latest.
    const failed = (e: unknown) =>
      sys.log(`msdos: ${store.device.name}: write-back: ${e instanceof Error ? e.message : e}`);
    this.#quiet = new WhenQuiet(sys, () => this.sync(), failed, options.flush ? SOON : undefined);
  }
  /** The volume is about to change: say so on it, and see that it is written in time. EROFS when it may not. */
  dirty(): void {
    if (this.readOnly || this.#store.health.readOnly) throw this.#sys.errno.EROFS;
    this.#quiet.touch();
    if (this.#changed) return;
    this.#survey();
    if (!this.#marked && !this.wasDirty) {
      this.#mark(true);
      this.#barrier();
    }
    this.#marked = true;
    this.#changed = true;
    this.#quiet.begin();
  }
  /** Free the old place of a name that has a new one. */
  later(free: () => void): void {
    this.#names.push(free);
  }
  /** Places wait to be freed. */
  get holdsNames(): boolean {
    return this.#names.length > 0;
  }
  /** Before the first change all of the table is looked through, for chains that meet; a large one in time. */
  #survey(): void {
    const { fat, health } = this.#store;
    const { survey } = fat;
    if (survey.done || this.#surveying) return;
    this.#surveying = true;
    if (fat.isSmall) survey.finish();
    const go = () => {
      try {
        if (!survey.done) survey.step();
      } catch {
        return; // the table cannot be read: who needs it will say so
      }
      if (!survey.done) this.#stopSurvey = this.#sys.callout(PIECE, go);
      else if (survey.crossings.size > 0) health.found("chains cross: what is in two files is not written");
    };
    go();
  }
  #surveying = false;
  #stopSurvey: () => void = () => {};
  /** No more work in the background. */
  stop(): void {
    this.#stopSurvey();
    this.#quiet.cancel();
  }
  /** Everything to the disk; the mark goes, unless a crash would leave something lost. */
  sync(): void {
    if (this.#syncing) return;
    this.fsync();
    this.#quiet.cancel();
    if (!this.#marked || this.loose.size > 0) return;
    this.#marked = false;
    if (!this.wasDirty) this.#mark(false);
    this.#barrier();
  }
  /** Everything to the disk; the mark stays until nothing has changed for a while. */
  fsync(): void {
    if (this.#syncing || this.readOnly) return;
    this.#syncing = true;
    let freed: readonly Run[] = [];
    try {
      if (this.#changed) freed = this.#settle();
    } finally {
      this.#syncing = false;
    }
    this.#changed = false;
    this.#barrier();
    if (this.#options.discard) this.#store.discard(freed);
  }
  /** Too much is held back, in the middle of a change: write it. What is being done goes on, so that the volume stays changed. */
  relieve(): void {
    if (this.readOnly || this.#store.health.readOnly) return;
    this.fsync();
    this.dirty();
  }
  /**
   * In an order whose every step may be the last, with a barrier where the disk must not change it: zeros of directories'
   * new clusters, the table, the directories that speak of it, old names of what has new ones, and then the clusters no
   * directory speaks of any more. Data is there already. The clusters freed.
   */
  #settle(): readonly Run[] {
    const { fat, buffers } = this.#store;
    if (this.#store.grown) this.#barrier();
    this.#store.grown = false;
    if (fat.flush() && buffers.dirty > 0) this.#barrier();
    finished(buffers.flush(), this.#sys.errno);
    if (this.holdsNames) {
      this.#barrier();
      for (const free of this.#names.splice(0)) free();
      finished(buffers.flush(), this.#sys.errno);
    }
    let freed: readonly Run[] = [];
    if (fat.held) {
      this.#barrier();
      freed = fat.applyFrees();
      fat.flush();
    }
    fat.writeInfo();
    return freed;
  }
  /** What was written so far is on the medium before what comes now. */
  #barrier(): void {
    finished(this.#store.device.flush?.(), this.#sys.errno);
  }

  #isDirty(): boolean {
    const { device, fat, g } = this.#store;
    const boot = new Uint8Array(512);
    finished(device.read(boot, 0), this.#sys.errno);
    const one = fat.get(1);
    const unclean = g.bits === 16 ? !(one & CLEAN_16) : g.bits === 32 ? !(one & CLEAN_32) : false;
    return unclean || (g.hasState && (boot[g.stateByte]! & 1) !== 0);
  }
  /** Set in the boot sector first, cleared there last: as long as one of the two places says so, the volume is marked. */
  #mark(dirty: boolean): void {
    if (dirty) this.#markBoot(true);
    const { fat, g } = this.#store;
    if (g.bits !== 12) {
      const clean = g.bits === 16 ? CLEAN_16 : CLEAN_32;
      fat.set(1, dirty ? fat.get(1) & ~clean : fat.get(1) | clean);
      fat.flush();
    }
    if (!dirty) this.#markBoot(false);
  }
  #markBoot(dirty: boolean): void {
    const { device, g } = this.#store;
    if (!g.hasState) return;
    const boot = new Uint8Array(g.sectorSize);
    finished(device.read(boot, 0), this.#sys.errno);
    boot[g.stateByte] = dirty ? boot[g.stateByte]! | 1 : boot[g.stateByte]! & ~1;
    finished(device.write!(boot, 0), this.#sys.errno);
  }
}
