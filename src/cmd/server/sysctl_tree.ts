/** The server's sysctl tree as a client sees it: listed level by level (CTL_QUERY), values read and written by number. */
import { CTL_DESCRIBE, CTL_QUERY, CTLTYPE_NODE } from "../../abi/flags.ts";
import { errno, SysError } from "../../abi/errno.ts";
import { Sysctldesc } from "../../abi/structs.ts";
import { type Entry, type Level, mibBytes, nodeAsked, parseLevel, TOP } from "../../abi/sysctl_names.ts";
import { viewOf } from "../../lib/struct.ts";
import type { SyncCalls } from "../client.ts";

const ROOM = 4096;
/** Longest answer taken. */
const MAX = 64 << 20;

export class Tree {
  readonly #sys: SyncCalls;
  readonly #levels = new Map<string, Entry[]>();

  constructor(sys: SyncCalls) {
    this.#sys = sys;
  }
  /** The old value; `newp` is set. A buffer that was too small is told by the length, and made larger. */
  #ask(mib: readonly number[], newp?: Uint8Array): Uint8Array {
    const name = mibBytes(mib);
    for (let room = ROOM; room <= MAX;) {
      const oldp = new Uint8Array(room);
      const oldlenp = new Uint8Array(8);
      viewOf(oldlenp).setBigUint64(0, BigInt(room), true);
      try {
        this.#sys.__sysctl({ name, oldp, oldlenp, ...(newp ? { newp } : {}) });
      } catch (e) {
        if (e !== errno.ENOMEM) throw e; // a NetBSD kernel's word for it; the length tells how much
      }
      const size = Number(viewOf(oldlenp).getBigUint64(0, true));
      if (size <= room) return oldp.subarray(0, size);
      room = size * 2;
    }
    throw errno.ENOMEM;
  }
  /** The entries of a level; "" is the top. */
  level(at: Level): readonly Entry[] {
    const had = this.#levels.get(at.path);
    if (had) return had;
    const entries = parseLevel(this.#ask([...at.mib, CTL_QUERY], nodeAsked()), at);
    this.#levels.set(at.path, entries);
    return entries;
  }
  value(entry: Entry): Uint8Array {
    return this.#ask(entry.mib);
  }
  /** Set it; the old value. */
  set(entry: Entry, value: Uint8Array): Uint8Array {
    return this.#ask(entry.mib, value);
  }
  /** "" when there is none. */
  description(entry: Entry): string {
    const raw = this.#ask([...entry.mib.slice(0, -1), CTL_DESCRIBE], nodeAsked(entry.mib.at(-1)!));
    const n = Sysctldesc.get.len(viewOf(raw), 0);
    return new TextDecoder().decode(raw.subarray(Sysctldesc.size, Sysctldesc.size + n)).replace(/\0.*$/s, "");
  }
  /** Every variable below, in order. */
  *below(at: Level): Generator<Entry> {
    for (const entry of this.level(at)) {
      if (entry.type === CTLTYPE_NODE) yield* this.below(entry);
      else yield entry;
    }
  }
}
const ordinals = [
  "top",
  "second",
  "third",
  "fourth",
  "fifth",
  "sixth",
  "seventh",
  "eighth",
  "ninth",
  "tenth",
  "eleventh",
  "twelfth",
];
/** Find a name; throws an Error with sysctl(8)'s words. */
export function find(tree: Tree, path: string): Level & Partial<Entry> {
  let at: Level & Partial<Entry> = TOP;
  for (const [i, name] of path.split(".").entries()) {
    const level = at === TOP || at.type === CTLTYPE_NODE ? safely(() => tree.level(at)) : [];
    const next = level.find((e) => e.name === name);
    if (!next) throw new Error(`${ordinals[i] ?? "nth"} level name '${name}' in '${path}' is invalid`);
    at = next;
  }
  return at;
}
/** The variable or directory of a name; undefined: this kernel has none. */
export function entryOf(tree: Tree, path: string): Entry | undefined {
  let at: Entry | undefined;
  for (const name of path.split(".")) {
    at = safely(() => tree.level(at ?? TOP)).find((e) => e.name === name);
    if (!at) return undefined;
  }
  return at;
}
function safely(list: () => readonly Entry[]): readonly Entry[] {
  try {
    return list();
  } catch (e) {
    if (e instanceof SysError) return [];
    throw e;
  }
}
