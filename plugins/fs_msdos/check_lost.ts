/** Clusters in use that nobody owns: directories and files without a name get one. */
import { ATTR_ARCHIVE, ATTR_DIRECTORY, Dirent, FREE as FREE_SLOT } from "../../src/wire/fat.ts";
import { writeDot } from "./check_directory.ts";
import { freeSurplus } from "./check_file.ts";
import { Folder, pathOf, type Place } from "./check_folder.ts";
import { DOT_NAME, DOTS_NAME } from "./check_names.ts";
import { type State, type Steps } from "./check_state.ts";
import { BAD, Bits, FREE } from "./check_table.ts";
import { checkDirectories, checkFiles, takeChain } from "./check_tree.ts";
import { MAX_SLOTS, SLOT } from "./dir.ts";
import { showShort } from "./short_names.ts";

/** Files one FOUND.nnn takes; more chains are freed: nobody looks through so many. */
const MAX_FOUND = 10_000;
const LOST_DIR = "LOST    DIR";

/** Give what was lost a name; what cannot get one is freed. */
export function* checkLost(state: State, root: Place, stamp: { date: number; time: number }): Steps {
  const { clusters } = state.g;
  if (state.owned.count === state.table.used - state.table.bad) return;
  const found = new Found(state, root, stamp);
  const pointed = yield* targets(state);
  const isLost = (c: number) => !state.owned.has(c) && state.table.next(c) !== FREE && state.table.next(c) !== BAD;
  // First directories, which own more; then other chains; then rings, which have no first cluster.
  for (const pass of ["directories", "chains", "rings"] as const) {
    if (state.owned.count === state.table.used - state.table.bad) return;
    for (let c = 2; c <= clusters + 1; c++) {
      if (c % 65536 === 0) yield c / clusters;
      if (!isLost(c) || (pass !== "rings" && pointed.has(c))) continue;
      if (pass === "directories") yield* found.directory(c, (n) => isLost(n) && !pointed.has(n));
      else found.chain(c);
    }
    freeSurplus(state);
  }
}
/** Lost clusters others lead to. */
function* targets(state: State): Steps<Bits> {
  const { clusters } = state.g;
  const pointed = new Bits(clusters + 2);
  for (let c = 2; c <= clusters + 1; c++) {
    if (c % 65536 === 0) yield c / clusters;
    if (state.owned.has(c)) continue;
    const next = state.table.next(c);
    if (next >= 2 && next !== c) pointed.add(next);
  }
  return pointed;
}

/** The directory that takes what was lost: LOST.DIR where there is one (NetBSD), else a new FOUND.nnn (Windows). */
class Found {
  readonly #state: State;
  readonly #root: Place;
  readonly #stamp: { date: number; time: number };
  #folder: Folder | undefined;
  /** First slot that may be free. */
  #slot = 0;
  #count = 0;
  #full = false;
  readonly #names = new Set<string>();
  #name = "";

  constructor(state: State, root: Place, stamp: { date: number; time: number }) {
    this.#state = state;
    this.#root = root;
    this.#stamp = stamp;
  }
  /** A lost directory, or the topmost of those above it. */
  *directory(cluster: number, isLost: (c: number) => boolean): Steps {
    if (!isDirectory(this.#state, cluster)) return;
    let top = cluster;
    for (let i = 0; i < MAX_CLIMB; i++) {
      const above = parentOf(this.#state, top);
      if (!isLost(above) || above === cluster || !isDirectory(this.#state, above)) break;
      top = above;
    }
    const name = this.#say(top, "lost-directory", "a directory without a name", "DIR");
    if (this.#state.table.next(top) === FREE) return;
    const path = pathOf(this.#root, name ?? `(lost directory at ${top})`);
    takeChain(this.#state, top, path);
    this.#state.heads.add(top);
    // Nobody wants it: its clusters count as taken, and what is in it is left alone.
    const parent: Place = this.#folder?.place ?? this.#root;
    const place: Place = { parent, name: name ?? `(lost ${top})`, cluster: top, depth: parent.depth + 1 };
    if (name !== undefined) this.#pointUp(place, parent);
    yield* checkDirectories(this.#state, place);
    yield* checkFiles(this.#state, place);
    this.#state.heads.delete(top);
    this.#state.files++;
  }
  #pointUp(place: Place, parent: Place): void {
    const folder = new Folder(this.#state, place);
    writeDot(folder, 1, DOTS_NAME, parent.parent ? parent.cluster : 0);
    folder.save();
  }
  /** A lost chain that is no directory. */
  chain(cluster: number): void {
    const state = this.#state;
    const { clusterSize } = state.g;
    const { length, last, stop } = state.claim(cluster, Math.floor(0xffff_ffff / clusterSize));
    if (length === 0) return;
    const name = this.#say(cluster, "lost-chain", `${length} clusters without a file`, "FILE", length);
    if (name === undefined) return;
    if (stop !== "end") state.table.end(last);
    state.files++;
  }
  /** Report, and make an entry; its name, undefined when nothing was made. */
  #say(cluster: number, kind: string, text: string, stem: "DIR" | "FILE", length?: number): string | undefined {
    const short = this.#full || this.#count >= MAX_FOUND ? undefined : this.#freeName(stem);
    const repair = short === undefined ? "free them" : `keep them as ${this.#where()}/${showShort(short, 0)}`;
    if (!this.#state.found({ kind, text, block: cluster, repair, safe: short !== undefined })) return undefined;
    if (short !== undefined && this.#enter(short, cluster, stem, (length ?? 0) * this.#state.g.clusterSize)) {
      this.#count++;
      this.#names.add(short);
      return showShort(short, 0);
    }
    this.#full = true;
    const own = length ?? this.#state.claim(cluster, Infinity).length; // no further: what follows may be another's
    for (const c of this.#state.clusters(cluster, own)) this.#drop(c);
    return undefined;
  }
  #drop(cluster: number): void {
    this.#state.table.set(cluster, 0);
    this.#state.owned.delete(cluster);
  }
  #freeName(stem: string): string | undefined {
    for (let n = this.#count; n < MAX_FOUND; n++) {
      const short = `${stem}${String(n).padStart(4, "0")}`.padEnd(8) + "CHK";
      if (!this.#names.has(short)) return short;
    }
    return undefined;
  }
  #where(): string {
    if (this.#name === "") this.#look();
    return this.#name;
  }
  /** Which directory it is, or will be. */
  #look(): void {
    const root = new Folder(this.#state, this.#root);
    const names = new Set<string>();
    for (let slot = 0; slot < root.count && root.first(slot) !== 0; slot++) {
      if (root.isEntry(slot)) names.add(root.short(slot));
      if (!root.isDirectory(slot) || root.short(slot) !== LOST_DIR) continue;
      this.#open({ parent: this.#root, name: "LOST.DIR", cluster: root.start(slot), depth: 1 });
      this.#name = "/LOST.DIR";
      return;
    }
    let n = 0;
    while (n < 999 && names.has(foundName(n))) n++;
    this.#name = `/${showShort(foundName(n), 0)}`;
  }
  #open(place: Place): void {
    this.#folder = new Folder(this.#state, place);
    for (let slot = 0; slot < this.#folder.count && this.#folder.first(slot) !== 0; slot++) {
      if (this.#folder.isEntry(slot)) this.#names.add(this.#folder.short(slot));
    }
  }
  #make(): boolean {
    const cluster = this.#newCluster();
    if (cluster === undefined) return false;
    const place = { parent: this.#root, name: this.#name.slice(1), cluster, depth: 1 };
    const folder = new Folder(this.#state, place);
    writeDot(folder, 0, DOT_NAME, cluster);
    writeDot(folder, 1, DOTS_NAME, 0);
    this.#date(folder, 0);
    this.#date(folder, 1);
    folder.save();
    const root = new Folder(this.#state, this.#root);
    const slot = freeSlot(root, 0);
    if (slot === undefined && this.#root.cluster === 0) return this.#drop(cluster), false;
    const [base, ext] = place.name.split(".");
    const short = base!.padEnd(8) + ext!;
    const into = slot === undefined ? this.#grow(root) : { folder: root, slot };
    if (!into) return this.#drop(cluster), false;
    this.#fill(into.folder, into.slot, { short, cluster, attr: ATTR_DIRECTORY, size: 0 });
    this.#folder = folder;
    this.#state.files++;
    return true;
  }
  /** A cluster more for a directory that is full; where its first new slot is. */
  #grow(folder: Folder): { readonly folder: Folder; readonly slot: number } | undefined {
    if (folder.count >= MAX_SLOTS) return undefined;
    const last = this.#state.clusters(folder.place.cluster, MAX_SLOTS).at(-1)!;
    const cluster = this.#newCluster();
    if (cluster === undefined) return undefined;
    this.#state.table.set(last, cluster);
    return { folder: new Folder(this.#state, folder.place), slot: folder.count };
  }
  #newCluster(): number | undefined {
    const state = this.#state;
    const cluster = state.table.allocate();
    if (cluster === undefined) return undefined;
    state.owned.add(cluster);
    state.write(new Uint8Array(state.g.clusterSize), state.position(cluster));
    return cluster;
  }
  #enter(short: string, cluster: number, stem: "DIR" | "FILE", size: number): boolean {
    if (!this.#folder && !this.#make()) return false;
    let slot = freeSlot(this.#folder!, this.#slot);
    if (slot === undefined) {
      const grown = this.#grow(this.#folder!);
      if (!grown) return false;
      this.#folder = grown.folder;
      slot = grown.slot;
    }
    this.#slot = slot + 1;
    const attr = stem === "DIR" ? ATTR_DIRECTORY : ATTR_ARCHIVE;
    this.#fill(this.#folder!, slot, { short, cluster, attr, size });
    return true;
  }
  #fill(
    folder: Folder,
    slot: number,
    e: { readonly short: string; readonly cluster: number; readonly attr: number; readonly size: number },
  ): void {
    folder.bytes.fill(0, slot * SLOT, (slot + 1) * SLOT);
    for (let i = 0; i < 11; i++) folder.bytes[slot * SLOT + i] = e.short.charCodeAt(i);
    folder.setAttr(slot, e.attr);
    folder.setStart(slot, e.cluster);
    folder.setSize(slot, e.size);
    this.#date(folder, slot);
    folder.save();
  }
  #date(folder: Folder, slot: number): void {
    const { date, time } = this.#stamp;
    for (const field of ["cdate", "adate", "mdate"] as const) Dirent.set[field](folder.view, slot * SLOT, date);
    for (const field of ["ctime", "mtime"] as const) Dirent.set[field](folder.view, slot * SLOT, time);
    folder.change(slot);
  }
}
const MAX_CLIMB = 4096;
const foundName = (n: number) => `FOUND   ${String(n).padStart(3, "0")}`;

function freeSlot(folder: Folder, from: number): number | undefined {
  for (let slot = from; slot < folder.count; slot++) {
    if (folder.first(slot) !== 0 && folder.first(slot) !== FREE_SLOT) continue;
    const wasEnd = folder.first(slot) === 0;
    if (wasEnd && slot + 1 < folder.count && folder.first(slot + 1) !== 0) {
      folder.bytes[(slot + 1) * SLOT] = 0;
      folder.change(slot + 1);
    }
    return slot;
  }
  return undefined;
}
/** Whether a cluster begins as directories do: "." that points to itself. */
function isDirectory(state: State, cluster: number): boolean {
  const head = firstSlots(state, cluster);
  return head !== undefined && head.dot === cluster;
}
function parentOf(state: State, cluster: number): number {
  return firstSlots(state, cluster)?.dots ?? 0;
}
function firstSlots(state: State, cluster: number): { readonly dot: number; readonly dots: number } | undefined {
  if (!state.table.valid(cluster)) return undefined;
  const b = state.read(state.position(cluster), Math.min(state.g.clusterSize, state.g.sectorSize));
  const name = (at: number) => String.fromCharCode(...b.subarray(at, at + 11));
  if (name(0) !== DOT_NAME || name(SLOT) !== DOTS_NAME || !(b[11]! & ATTR_DIRECTORY)) return undefined;
  const start = (at: number) =>
    (state.g.bits === 32 ? (b[at + 20]! | (b[at + 21]! << 8)) * 0x10000 : 0) + (b[at + 26]! | (b[at + 27]! << 8));
  return { dot: start(0), dots: start(SLOT) };
}
