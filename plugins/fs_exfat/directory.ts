/** A directory in memory: its files by the upper case of their names, and which of its slots are free. */
import { viewOf } from "../../src/lib/struct.ts";
import type { Names } from "./names.ts";
import {
  BITMAP,
  ENTRY,
  FILE,
  IN_USE,
  LABEL,
  setLength,
  setName,
  type Stream,
  streamAt,
  StreamEntry,
  UNITS,
  UPCASE,
} from "./entries.ts";
import { Node } from "./node.ts";

/** Longest run of free slots that is told from longer ones. */
const LONGEST = 19;
/** Files of one name that are given others. */
const MOST_ALIKE = 99;

/** What is in a directory beside files: in the root only. */
export interface Specials {
  bitmap?: Stream;
  upcase?: Stream & { readonly checksum: number };
  /** Slot of the label. */
  label?: number;
}

export class Index {
  readonly nodes = new Map<string, Node>();
  readonly specials: Specials = {};
  /** Sets that are wrong, each a line. */
  readonly damage: string[] = [];
  /** First slot never used. */
  end = 0;
  readonly #free: number[][] = [];
  readonly #freeLengths = new Map<number, number>();

  /** Read a directory's bytes, which are its files' from then on; `node` gives the node of a set that begins at a slot. */
  load(b: Uint8Array, names: Names, node: (slot: number, make: () => Node) => Node): void {
    const d = viewOf(b);
    let free = -1;
    let slot = 0;
    for (; (slot + 1) * ENTRY <= b.length && b[slot * ENTRY] !== 0;) {
      const at = slot * ENTRY;
      const type = b[at]!;
      if (!(type & IN_USE) && type !== LABEL - IN_USE) {
        if (free < 0) free = slot;
        slot++;
        continue;
      }
      if (free >= 0) this.addFree(free, slot - free);
      free = -1;
      slot += type === FILE ? this.#file(b, d, at, names, node) : this.#special(d, at, type);
    }
    // Free slots before the end belong to it: they are used first.
    this.end = free >= 0 ? free : slot;
  }
  #special(d: DataView, at: number, type: number): 1 {
    if (type === BITMAP) this.specials.bitmap ??= streamAt(d, at);
    else if (type === UPCASE) this.specials.upcase ??= { ...streamAt(d, at), checksum: d.getUint32(at + 4, true) };
    else if (type === LABEL || type === LABEL - IN_USE) this.specials.label ??= at / ENTRY;
    return 1;
  }
  #file(
    b: Uint8Array,
    d: DataView,
    at: number,
    names: Names,
    node: (slot: number, make: () => Node) => Node,
  ): number {
    const count = setLength(b, at);
    if (typeof count === "string") {
      this.damage.push(`${count} at byte ${at}`);
      return 1;
    }
    const slot = at / ENTRY;
    const n = node(slot, () => {
      const made = new Node(names.show(setName(d, at)), b, d, at);
      const end = at + (2 + Math.ceil(StreamEntry.get.nameLength(d, at + ENTRY) / UNITS)) * ENTRY;
      if (end < at + count * ENTRY) made.extra = b.slice(end, at + count * ENTRY);
      return made;
    });
    n.slot = slot;
    n.slots = count;
    this.#enter(n, names);
    return count;
  }
  /** Of two files with one name the second shows another. */
  #enter(n: Node, names: Names): void {
    let folded = names.fold(n.name);
    if (this.nodes.has(folded)) {
      this.damage.push(`two files named ${n.name}`);
      const { name } = n;
      for (let i = 1; i <= MOST_ALIKE && this.nodes.has(folded); i++) {
        n.name = `${name}~${i}`;
        folded = names.fold(n.name);
      }
      if (this.nodes.has(folded)) return;
    }
    this.nodes.set(folded, n);
  }

  // Slots

  addFree(slot: number, count: number): void {
    (this.#free[Math.min(count, LONGEST)] ??= []).push(slot);
    this.#freeLengths.set(slot, count);
  }
  /**
   * `count` free neighbours, whose first two are of one sector of `perSector` slots: a file's size and place change with
   * one write. Undefined: there are none before the end.
   */
  takeFree(count: number, perSector: number): number | undefined {
    for (let length = count; length <= LONGEST; length++) {
      const slot = this.#free[length]?.pop();
      if (slot === undefined) continue;
      const has = this.#freeLengths.get(slot)!;
      const from = isSplit(slot, perSector) ? slot + 1 : slot;
      if (from + count > slot + has) {
        this.#free[length]!.push(slot);
        continue;
      }
      this.#freeLengths.delete(slot);
      if (from > slot) this.addFree(slot, 1);
      if (slot + has > from + count) this.addFree(from + count, slot + has - from - count);
      return from;
    }
    return undefined;
  }
  /** Where `count` slots at the end begin. */
  atEnd(perSector: number): number {
    return isSplit(this.end, perSector) ? this.end + 1 : this.end;
  }
}
/** The two entries from a slot on are of two sectors. */
export const isSplit = (slot: number, perSector: number): boolean => slot % perSector === perSector - 1;
