/** Names in a directory: short ones of legal characters, long ones whole and with the right checksum, none twice. */
import {
  ATTR_DIRECTORY,
  ATTR_LONG,
  ATTR_VOLUME,
  FREE as FREE_SLOT,
  LFN_CHECKSUM,
  LFN_LAST,
  LFN_MAX,
  LFN_UNITS,
  lfnChecksum,
} from "../../src/wire/fat.ts";
import { type Folder, pathOf } from "./check_folder.ts";
import type { State } from "./check_state.ts";
import { SLOT } from "./dir.ts";
import { shortParts, showShort, tailed } from "./short_names.ts";
import { fold } from "./spelling.ts";

/** Slots of a long name, as far as they fit together. */
interface Pieces {
  readonly from: number;
  to: number;
  readonly checksum: number;
  readonly units: number[];
  /** Sequence number that must come next; 0: complete. */
  next: number;
}
/** Bytes no short name has: what fatgen103 forbids, and lower case. */
// deno-lint-ignore no-control-regex -- that is what is looked for
const ILLEGAL = /[\x00-\x1f"*+,./:;<=>?[\\\]|\x7fa-z]/g;
const MAX_TAIL = 999_999;
const LFN_TYPE = 12;
const LFN_CLUSTER = 26;

/** Whether a cluster's first entry is ".", as a directory's is; false where it cannot be read. */
function beginsDirectory(state: State, cluster: number): boolean {
  try {
    return hasDot(state.read(state.position(cluster), SLOT));
  } catch (e) {
    if (e === state.errno.EIO) return false;
    throw e;
  }
}
/** Whether bytes begin with the entry ".". */
export const hasDot = (bytes: Uint8Array): boolean =>
  String.fromCharCode(...bytes.subarray(0, 11)) === DOT_NAME && (bytes[11]! & ATTR_DIRECTORY) !== 0;

export class Names {
  readonly #state: State;
  readonly #folder: Folder;
  readonly #shorts = new Set<string>();
  readonly #shown = new Set<string>();
  #pieces: Pieces | undefined;

  constructor(state: State, folder: Folder) {
    this.#state = state;
    this.#folder = folder;
    for (let slot = 0; slot < folder.count && folder.first(slot) !== 0; slot++) {
      if (!folder.isEntry(slot)) continue;
      const short = folder.short(slot);
      this.#taken.add(short);
      const had = this.#best.get(short);
      if (had === undefined || this.#worth(had) < this.#worth(slot)) this.#best.set(short, slot);
    }
  }
  /** Which slot of each short name is to keep it: the first of those that can be true, or else have a long name. */
  readonly #best = new Map<string, number>();
  #worth(slot: number): number {
    return (this.#isLikely(slot) ? 2 : 0) + (this.#hasPieces(slot) ? 1 : 0);
  }
  /** A directory has no size, and holds dots; a file's clusters are as many as its size wants. */
  #isLikely(slot: number): boolean {
    const [start, size] = [this.#folder.start(slot), this.#folder.size(slot)];
    if (!this.#state.table.valid(start)) return false;
    if (this.#folder.isDirectory(slot)) return size === 0 && beginsDirectory(this.#state, start);
    return size > 0 && this.#state.fits(start, Math.ceil(size / this.#state.g.clusterSize));
  }
  #hasPieces(slot: number): boolean {
    const { bytes } = this.#folder;
    return slot > 0 && this.#folder.first(slot - 1) !== FREE_SLOT && this.#folder.isLong(slot - 1) &&
      bytes[(slot - 1) * SLOT + LFN_CHECKSUM] === lfnChecksum(this.#folder.raw(slot));
  }
  /** An entry with the name and the clusters of another, which keeps both; true: it is no more. */
  #isTwin(slot: number): boolean {
    const folder = this.#folder;
    const best = this.#best.get(folder.short(slot));
    if (best === undefined || best === slot || folder.start(slot) === 0) return false;
    if (folder.short(best) !== folder.short(slot) || folder.start(best) !== folder.start(slot)) return false;
    const finding = {
      kind: "duplicate-entry",
      text: "a second entry of the same file",
      path: this.#path(slot),
      repair: "remove it",
      safe: folder.size(slot) === folder.size(best),
    };
    if (!this.#state.found(finding)) return false;
    folder.free(slot);
    return true;
  }
  /** Short names of the whole directory: new ones keep clear of them. */
  readonly #taken = new Set<string>();

  /** A slot with a piece of a long name. */
  piece(slot: number): void {
    const { bytes } = this.#folder;
    const at = slot * SLOT;
    this.#reserved(slot);
    const sequence = bytes[at]! & 0x1f;
    const starts = (bytes[at]! & LFN_LAST) !== 0;
    const checksum = bytes[at + LFN_CHECKSUM]!;
    const p = this.#pieces;
    const fits = p && !starts && sequence === p.next && p.next > 0 && checksum === p.checksum;
    if (!fits) this.orphans();
    if (fits) {
      p.units.unshift(...unitsOf(bytes, at));
      p.next--;
      p.to = slot;
    } else if (starts && sequence >= 1 && sequence <= 20) {
      this.#pieces = { from: slot, to: slot, checksum, units: unitsOf(bytes, at), next: sequence - 1 };
    } else this.#orphan(slot, slot);
  }
  /** Bits of a piece that are always 0. */
  #reserved(slot: number): void {
    const { bytes, place } = this.#folder;
    const zeros = [LFN_TYPE, LFN_CLUSTER, LFN_CLUSTER + 1].map((i) => slot * SLOT + i);
    if (zeros.every((i) => bytes[i] === 0) && this.#folder.attr(slot) === ATTR_LONG) return;
    const text = "a piece of a long name with reserved bits set";
    if (!this.#state.found({ kind: "name-piece", text, path: pathOf(place), repair: "clear them", safe: true })) return;
    for (const i of zeros) bytes[i] = 0;
    this.#folder.setAttr(slot, ATTR_LONG);
  }
  /** What there is of a long name belongs to nothing. */
  orphans(): void {
    const p = this.#pieces;
    this.#pieces = undefined;
    if (p) this.#orphan(p.from, p.to);
  }
  #orphan(from: number, to: number): void {
    const { place } = this.#folder;
    const n = to - from + 1;
    const finding = {
      kind: "orphan-name",
      text: n === 1 ? "a piece of a long name without a file" : `${n} pieces of a long name without a file`,
      path: pathOf(place),
      repair: "remove it",
      safe: true,
    };
    if (this.#state.found(finding)) this.#folder.free(from, to);
  }

  /** A short entry: check what it is called. Its name as shown; undefined: it was removed. */
  entry(slot: number): string | undefined {
    const folder = this.#folder;
    if (this.#isTwin(slot)) {
      this.orphans();
      return undefined;
    }
    let long = this.#longOf(slot);
    this.#legal(slot, long !== undefined);
    if (this.#shorts.has(folder.short(slot))) this.#again(slot, long !== undefined);
    this.#shorts.add(folder.short(slot));
    let shown = long ?? showShort(folder.short(slot), folder.bytes[slot * SLOT + 12]!, this.#state.page);
    if (this.#shown.has(fold(shown)) && long !== undefined && this.#twice(slot, shown)) {
      long = undefined;
      shown = showShort(folder.short(slot), folder.bytes[slot * SLOT + 12]!, this.#state.page);
    }
    this.#shown.add(fold(shown));
    this.#pieces = undefined;
    return shown;
  }
  /** The long name before a short entry, if it is whole and the entry's own; what is not, is dealt with. */
  #longOf(slot: number): string | undefined {
    const p = this.#pieces;
    if (!p) return undefined;
    const name = textOf(p.units);
    if (p.next > 0 || p.to !== slot - 1 || name === undefined) {
      this.orphans();
      return undefined;
    }
    if (p.checksum === lfnChecksum(this.#folder.raw(slot))) return name;
    return this.#wrongSum(slot, p, name);
  }
  /** Who is right: the entry, if its short name can be made of the long one; else the short name that fits both. */
  #wrongSum(slot: number, p: Pieces, name: string): string | undefined {
    const short = this.#folder.short(slot);
    const tail = Number(/~(\d{1,6})/.exec(short.slice(0, 8))?.[1] ?? 0);
    const made = [tail, 0].map((n) => tailed(shortParts(name, this.#state.page), n));
    const right = made.find((m) => lfnChecksum(bytesOf(m)) === p.checksum && !this.#taken.has(m));
    const belongs = made.includes(short);
    const finding = {
      kind: "name-checksum",
      text: `its long name "${name}" has another name's checksum`,
      path: this.#path(slot),
      repair: belongs
        ? "mend the checksum"
        : right
        ? `rename it to ${showShort(right, 0, this.#state.page)}`
        : "remove the long name",
      safe: true,
    };
    if (!this.#state.found(finding)) return undefined;
    if (belongs) this.#sum(slot);
    else if (right) this.#setShort(slot, right);
    else this.#folder.free(p.from, p.to);
    return belongs || right ? name : undefined;
  }
  #setShort(slot: number, to: string): void {
    this.#folder.bytes.set(bytesOf(to), slot * SLOT);
    this.#folder.change(slot);
    this.#taken.add(to);
  }
  /** Put the right checksum into the pieces before an entry. */
  #sum(slot: number): void {
    const p = this.#pieces;
    if (!p) return;
    const sum = lfnChecksum(this.#folder.raw(slot));
    for (let s = p.from; s <= p.to; s++) {
      this.#folder.bytes[s * SLOT + LFN_CHECKSUM] = sum;
      this.#folder.change(s);
    }
  }
  #path(slot: number): string {
    const folder = this.#folder;
    return pathOf(folder.place, showShort(folder.short(slot), folder.bytes[slot * SLOT + 12]!, this.#state.page));
  }

  #legal(slot: number, long: boolean): void {
    const short = this.#folder.short(slot);
    const first = short[0] === "\x05" ? "_" : short[0]!;
    const mended = (first + short.slice(1)).replace(ILLEGAL, (c) => (c >= "a" && c <= "z" ? c.toUpperCase() : "_"))
      .replace(/^ /, "_");
    if (mended === first + short.slice(1)) return;
    const to = this.#free(short[0] === "\x05" ? `\x05${mended.slice(1)}` : mended);
    this.#rename(slot, long, to, "bad-name", "its short name has characters no short name may have", true);
  }
  #again(slot: number, long: boolean): void {
    const to = this.#free(this.#folder.short(slot));
    this.#rename(slot, long, to, "duplicate-name", "another file here has the same short name", true);
  }
  /** Two long names alike: the second file keeps its short one. */
  #twice(slot: number, shown: string): boolean {
    const p = this.#pieces;
    if (!p) return false;
    const finding = {
      kind: "duplicate-name",
      text: `another file here is named "${shown}"`,
      path: this.#path(slot),
      repair: "remove its long name",
    };
    if (!this.#state.found(finding)) return false;
    this.#folder.free(p.from, p.to);
    return true;
  }
  #rename(slot: number, long: boolean, to: string | undefined, kind: string, text: string, safe: boolean): void {
    const path = this.#path(slot);
    const repair = to === undefined ? {} : { repair: `rename it to ${showShort(to, 0, this.#state.page)}` };
    if (!this.#state.found({ kind, text, path, ...repair, safe }) || to === undefined) return;
    this.#setShort(slot, to);
    if (long) this.#sum(slot);
  }
  /** A short name like this one that nobody has. */
  #free(like: string): string | undefined {
    if (!this.#taken.has(like) && !this.#shorts.has(like)) return like;
    const parts = { base: [...like.slice(0, 8).trimEnd()], ext: [...like.slice(8).trimEnd()], lossy: true };
    for (let n = 1; n <= MAX_TAIL; n++) {
      const short = tailed(parts, n);
      if (!this.#taken.has(short) && !this.#shorts.has(short)) return short;
    }
    return undefined;
  }
}

const bytesOf = (short: string) => Uint8Array.from(short, (c) => c.charCodeAt(0));
function unitsOf(bytes: Uint8Array, at: number): number[] {
  return LFN_UNITS.map((where) => bytes[at + where]! | (bytes[at + where + 1]! << 8));
}
/** The name in the units of a complete set; undefined when it is none. */
function textOf(units: readonly number[]): string | undefined {
  const end = units.indexOf(0);
  const name = String.fromCharCode(...(end < 0 ? units : units.slice(0, end)));
  return name === "" || name.length > LFN_MAX || name.includes("/") || name === "." || name === ".." ? undefined : name;
}

/** What stands in a slot is no entry: control characters in its name, and clusters there are not. */
export function isGarbage(short: string, start: number, valid: boolean): boolean {
  const odd = [...short.slice(1)].filter((c) => c < " " || c === "\x7f").length +
    (short < " " && short[0] !== "\x05" ? 1 : 0);
  return odd > 0 && ((start !== 0 && !valid) || odd > 2);
}
/** How a short entry looks to one who does not trust it: names, attributes and start that can be. */
export function isPlausible(
  bytes: Uint8Array,
  at: number,
  valid: (cluster: number) => boolean,
  is32: boolean,
): boolean {
  const [first, attr] = [bytes[at]!, bytes[at + 11]!];
  if (first === FREE_SLOT) return true;
  if ((attr & 0x3f) === 0x0f) return bytes[at + 12] === 0 && bytes[at + 26] === 0 && bytes[at + 27] === 0;
  const name = String.fromCharCode(...bytes.subarray(at, at + 11));
  if (name === DOT_NAME || name === DOTS_NAME) return (attr & ATTR_DIRECTORY) !== 0;
  if (first === 0x20 || name.slice(1).search(ILLEGAL) >= 0 || (first !== 5 && first < 0x21)) return false;
  if (attr & 0xc0 || (attr & ATTR_VOLUME && attr & ATTR_DIRECTORY)) return false;
  const high = is32 ? bytes[at + 20]! | (bytes[at + 21]! << 8) : 0;
  const start = high * 0x10000 + (bytes[at + 26]! | (bytes[at + 27]! << 8));
  return start === 0 || valid(start);
}
export const DOT_NAME = ".".padEnd(11);
export const DOTS_NAME = "..".padEnd(11);
