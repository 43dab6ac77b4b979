/**
 * A directory as an index: names folded to nodes, short names taken, free slots by length. Read once; finding, adding and
 * removing a name then cost the same in a directory of five files and of fifty thousand.
 */
import { viewOf } from "../../src/lib/struct.ts";
import { ATTR_DIRECTORY, ATTR_LONG, ATTR_VOLUME, Dirent, FREE, lfnChecksum } from "../../src/wire/fat.ts";
import { longName, longSlot, type Pending, writeLongSlot } from "./long_names.ts";
import type { Names } from "./names.ts";
import type { Node } from "./node.ts";
import { type Short, shortParts, stemOf, tailed } from "./short_names.ts";

export const SLOT = 32;
/** Most slots a directory may have: 2 MiB. */
export const MAX_SLOTS = 65536;
const MAX_TAIL = 999_999;

/** What a directory needs of its volume. */
export interface Slots {
  /** Slots there are now. */
  readonly capacity: number;
  readonly names: Names;
  /** Bytes of the sector that holds a slot, and where in it. */
  read(slot: number): readonly [bytes: Uint8Array, at: number];
  /** The same of all slots there that lie together, for reading them in order: a copy. Throws when not all can be read. */
  piece(slot: number): readonly [bytes: Uint8Array, at: number];
  change(slot: number): readonly [bytes: Uint8Array, at: number];
  /** A cluster more, zeroed; false: there is no room for it. */
  grow(): boolean;
  /** Make a node of a short entry. */
  node(view: DataView, at: number, name: string, short: Short, slot: number, slots: number): Node;
  log(text: string): void;
}

export class Directory {
  /** Names it was reckoned with by who limits them (indexes.ts). */
  counted = 0;
  readonly #slots: Slots;
  readonly #names = new Map<string, Node>();
  readonly #shorts = new Map<Short, Node>();
  /** Free runs inside, by length; the last list holds the longer ones. */
  readonly #free: number[][] = [];
  readonly #freeLengths = new Map<number, number>();
  /** First slot never used since the end mark. */
  #end = 0;
  readonly #tails = new Map<string, number>();

  constructor(slots: Slots) {
    this.#slots = slots;
    this.#load();
  }
  get size(): number {
    return this.#names.size;
  }
  nodes(): IterableIterator<Node> {
    return this.#names.values();
  }
  /** By its name, or by its short one. */
  find(name: string): Node | undefined {
    const folded = this.#slots.names.fold(name);
    return this.#names.get(folded) ?? (this.#slots.names.exact ? undefined : this.#byShort(folded));
  }
  #byShort(folded: string): Node | undefined {
    const m = /^([^.]{1,8})(?:\.([^.]{1,3}))?$/.exec(folded);
    if (!m) return undefined;
    const parts = shortParts(folded, this.#slots.names.page);
    return parts.lossy ? undefined : this.#shorts.get(tailed(parts, 0));
  }

  // Reading

  #load(): void {
    let pending: Pending | undefined;
    let freeFrom = -1;
    const { capacity } = this.#slots;
    let slot = 0;
    scan: while (slot < capacity) {
      const [bytes, start] = this.#next(slot);
      const view = viewOf(bytes);
      for (let at = start; at < bytes.length && slot < capacity; at += SLOT, slot++) {
        const first = bytes[at]!;
        if (first === 0) break scan;
        if (first === FREE) {
          if (freeFrom < 0) freeFrom = slot;
          pending = undefined;
          continue;
        }
        if (freeFrom >= 0) this.#addFree(freeFrom, slot - freeFrom);
        freeFrom = -1;
        pending = (bytes[at + 11]! & 0x3f) === ATTR_LONG
          ? longSlot(bytes, at, slot, pending)
          : this.#entry(view, bytes, at, slot, pending);
      }
    }
    // Free slots before the end mark belong to the end: they are used first.
    this.#end = freeFrom >= 0 ? freeFrom : slot;
  }
  /** What comes next, as much as can be read at once: of a damaged medium a sector. */
  #next(slot: number): readonly [bytes: Uint8Array, at: number] {
    try {
      return this.#slots.piece(slot);
    } catch {
      return this.#slots.read(slot);
    }
  }
  /** A short entry, after what there is of its long name. */
  #entry(view: DataView, bytes: Uint8Array, at: number, slot: number, pending: Pending | undefined): undefined {
    if (bytes[at + 11]! & ATTR_VOLUME || bytes[at] === DOT) return;
    const short = shortAt(bytes, at);
    const whole = pending && pending.next === 0 && pending.checksum === lfnChecksum(bytes, at) ? pending : undefined;
    const { names } = this.#slots;
    const long = names.long && whole ? longName(whole.units) : undefined;
    const name = long ?? names.show(short, bytes[at + 12]!);
    if (long === undefined && CLEANED.test(short)) this.#slots.log(`a name no file can have: shown as ${name}`);
    const from = whole ? whole.first : slot;
    this.#enter(this.#slots.node(view, at, name, short, from, slot - from + 1));
  }
  /** Two entries of one name: the first keeps it, the second shows its short name if that is free. */
  #enter(node: Node): void {
    const { names } = this.#slots;
    let folded = names.fold(node.name);
    if (this.#names.has(folded)) {
      this.#slots.log(`directory has two entries named ${node.name}`);
      const shown = names.show(node.short, node.ntCase);
      // Of the same short name, too: it can be read, and given another name.
      for (let n = 1; n <= MAX_ALIKE && this.#names.has(folded); n++) {
        node.name = n === 1 ? shown : `${shown}~${n}`;
        folded = names.fold(node.name);
      }
      if (this.#names.has(folded)) return;
    }
    this.#names.set(folded, node);
    if (!this.#shorts.has(node.short)) this.#shorts.set(node.short, node);
  }

  // Adding

  /**
   * Give a node a name: its short one (11 characters, or undefined to have one made), and whether slots of a long name go
   * before it. Returns false, with nothing changed, when the directory cannot hold it. `fill` writes the short entry.
   */
  add(node: Node, name: string, given: { short: Short; ntCase: number } | undefined, long: boolean): boolean {
    const short = given?.short ?? this.#makeShort(name);
    if (short === undefined) return false;
    const count = long ? Math.ceil(name.length / 13) + 1 : 1;
    const slot = this.#room(count);
    if (slot === undefined) return false;
    node.short = short;
    node.ntCase = given?.ntCase ?? 0;
    node.name = long ? name : this.#slots.names.show(short, node.ntCase);
    node.slot = slot;
    node.slots = count;
    if (long) this.#writeLong(name, short, slot, count - 1);
    this.#names.set(this.#slots.names.fold(node.name), node);
    this.#shorts.set(short, node);
    return true;
  }
  /** A node that has no slots here. */
  adopt(node: Node): void {
    this.#names.set(this.#slots.names.fold(node.name), node);
  }
  /** A slot for an entry that is no file; undefined: the directory is full. */
  spare(): number | undefined {
    return this.#room(1);
  }
  /** Whether a short name is taken. */
  hasShort(short: Short): boolean {
    return this.#shorts.has(short);
  }
  /** A short name nobody has; a counter per stem keeps this from trying them all again each time. */
  #makeShort(name: string): Short | undefined {
    const { page, noTail } = this.#slots.names;
    const parts = shortParts(name, page);
    if ((!parts.lossy || noTail) && !this.#shorts.has(tailed(parts, 0))) return tailed(parts, 0);
    const stem = stemOf(parts);
    for (let n = this.#tails.get(stem) ?? 1; n <= MAX_TAIL; n++) {
      const short = tailed(parts, n);
      if (this.#shorts.has(short)) continue;
      this.#tails.set(stem, n + 1);
      return short;
    }
    return undefined;
  }
  #writeLong(name: string, short: Short, slot: number, parts: number): void {
    const checksum = lfnChecksum(Uint8Array.from(short, (c) => c.charCodeAt(0)));
    for (let i = 0; i < parts; i++) {
      const [bytes, at] = this.#slots.change(slot + i);
      writeLongSlot(bytes, at, name, parts - i, i === 0, checksum);
    }
  }

  /** `count` neighbouring free slots. */
  #room(count: number): number | undefined {
    const inside = this.#takeFree(count);
    if (inside !== undefined) return inside;
    while (this.#end + count > this.#slots.capacity) {
      if (this.#slots.capacity >= MAX_SLOTS || !this.#slots.grow()) return undefined;
    }
    const slot = this.#end;
    this.#end += count;
    this.#mark(this.#end);
    return slot;
  }
  /** What stood behind the old end mark may be anything: the new one must say so. */
  #mark(slot: number): void {
    if (slot >= this.#slots.capacity) return;
    const [bytes, at] = this.#slots.read(slot);
    if (bytes[at] === 0) return;
    const [changed, where] = this.#slots.change(slot);
    changed[where] = 0;
  }
  #addFree(slot: number, count: number): void {
    (this.#free[Math.min(count, LONGEST)] ??= []).push(slot);
    this.#freeLengths.set(slot, count);
  }
  #takeFree(count: number): number | undefined {
    for (let length = count; length <= LONGEST; length++) {
      const slot = this.#free[length]?.pop();
      if (slot === undefined) continue;
      const has = this.#freeLengths.get(slot)!;
      this.#freeLengths.delete(slot);
      if (has > count) this.#addFree(slot + count, has - count);
      return slot;
    }
    return undefined;
  }

  // Removing

  /** Take a node's name out of the index and free its slots on disk. */
  remove(node: Node): void {
    this.forget(node);
    this.freeSlots(node.slot, node.slots);
  }
  /** Out of the index only: its slots are still to be freed, or taken over. */
  forget(node: Node): void {
    const folded = this.#slots.names.fold(node.name);
    if (this.#names.get(folded) === node) this.#names.delete(folded);
    if (this.#shorts.get(node.short) === node) this.#shorts.delete(node.short);
  }
  /** Put a node where another's name stands (rename over it): same slots, same name. */
  takeOver(node: Node, from: Node): void {
    this.forget(from);
    for (const field of ["name", "short", "ntCase", "slot", "slots"] as const) {
      Object.assign(node, { [field]: from[field] });
    }
    this.#names.set(this.#slots.names.fold(node.name), node);
    this.#shorts.set(node.short, node);
  }
  /** Slots that were freed on the disk may be used again. */
  reuse(slot: number, count: number): void {
    this.#addFree(slot, count);
  }
  freeSlots(slot: number, count: number): void {
    // The short entry goes first: half of it done leaves orphaned pieces, not a second file.
    for (let i = count - 1; i >= 0; i--) {
      const [bytes, at] = this.#slots.change(slot + i);
      bytes[at] = FREE;
    }
    this.#addFree(slot, count);
  }
}
/** What a short name never has: 05 stands for E5 at its beginning. */
// deno-lint-ignore no-control-regex -- that is what is looked for
const CLEANED = /^[\x00-\x04\x06-\x1f/]|.[\x00-\x1f/]/s;
/** Entries of one name that are shown. */
const MAX_ALIKE = 100;
const LONGEST = 21;
const DOT = 0x2e;
/** The 11 characters of a short entry. */
function shortAt(b: Uint8Array, at: number): Short {
  // One call: what is put together piece by piece stays in pieces.
  return String.fromCharCode(
    ...[b[at]!, b[at + 1]!, b[at + 2]!, b[at + 3]!, b[at + 4]!, b[at + 5]!, b[at + 6]!, b[at + 7]!],
    ...[b[at + 8]!, b[at + 9]!, b[at + 10]!],
  );
}

/** Write a node's short entry into its last slot. */
export function writeEntry(bytes: Uint8Array, at: number, node: Node, is32: boolean): void {
  const d = viewOf(bytes);
  for (let i = 0; i < 11; i++) bytes[at + i] = node.short.charCodeAt(i);
  const { set } = Dirent;
  set.attr(d, at, node.attr);
  set.ntCase(d, at, node.ntCase);
  set.ctimeTenth(d, at, node.ctimeTenth);
  set.ctime(d, at, node.ctime);
  set.cdate(d, at, node.cdate);
  set.adate(d, at, node.adate);
  set.clusterHigh(d, at, is32 ? node.cluster >>> 16 : 0);
  set.mtime(d, at, node.mtime);
  set.mdate(d, at, node.mdate);
  set.clusterLow(d, at, node.cluster & 0xffff);
  set.size(d, at, node.attr & ATTR_DIRECTORY ? 0 : node.size);
}
