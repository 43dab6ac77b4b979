/** The server's sysctl tree as a client sees it: listed level by level (CTL_QUERY), values read and written by number. */
import {
  CTL_DESCRIBE,
  CTL_QUERY,
  CTLFLAG_HIDDEN,
  CTLFLAG_READWRITE,
  CTLTYPE_NODE,
  SYSCTL_VERS_1,
} from "../abi/flags.ts";
import { errno, SysError } from "../abi/errno.ts";
import { Sysctldesc, Sysctlnode } from "../abi/structs.ts";
import { viewOf } from "../lib/struct.ts";
import type { SyncCalls } from "./client.ts";

export interface Entry {
  readonly name: string;
  /** Dotted. */
  readonly path: string;
  readonly mib: readonly number[];
  /** CTLTYPE_* */
  readonly type: number;
  readonly writable: boolean;
  /** Not shown among others. */
  readonly hidden: boolean;
}
const ROOM = 4096;
/** Longest answer taken. */
const MAX = 64 << 20;

function mibBytes(mib: readonly number[]): Uint8Array {
  const out = new Uint8Array(mib.length * 4);
  const d = viewOf(out);
  for (const [i, n] of mib.entries()) d.setInt32(i * 4, n, true);
  return out;
}

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
  level(at: Pick<Entry, "path" | "mib">): readonly Entry[] {
    const had = this.#levels.get(at.path);
    if (had) return had;
    const asked = new Uint8Array(Sysctlnode.size);
    Sysctlnode.set.flags(viewOf(asked), 0, SYSCTL_VERS_1);
    const raw = this.#ask([...at.mib, CTL_QUERY], asked);
    const d = viewOf(raw);
    const entries: Entry[] = [];
    for (let base = 0; base + Sysctlnode.size <= raw.length; base += Sysctlnode.size) {
      const name = Sysctlnode.get.name(d, base);
      const flags = Sysctlnode.get.flags(d, base);
      entries.push({
        name,
        path: at.path === "" ? name : `${at.path}.${name}`,
        mib: [...at.mib, Sysctlnode.get.num(d, base)],
        type: flags & 15,
        hidden: (flags & CTLFLAG_HIDDEN) !== 0,
        writable: (flags & CTLFLAG_READWRITE) === CTLFLAG_READWRITE,
      });
    }
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
    const asked = new Uint8Array(Sysctlnode.size);
    Sysctlnode.set.flags(viewOf(asked), 0, SYSCTL_VERS_1);
    Sysctlnode.set.num(viewOf(asked), 0, entry.mib.at(-1)!);
    const raw = this.#ask([...entry.mib.slice(0, -1), CTL_DESCRIBE], asked);
    const n = Sysctldesc.get.len(viewOf(raw), 0);
    return new TextDecoder().decode(raw.subarray(Sysctldesc.size, Sysctldesc.size + n)).replace(/\0.*$/s, "");
  }
  /** Every variable below, in order. */
  *below(at: Pick<Entry, "path" | "mib">): Generator<Entry> {
    for (const entry of this.level(at)) {
      if (entry.type === CTLTYPE_NODE) yield* this.below(entry);
      else yield entry;
    }
  }
}
export const TOP: Pick<Entry, "path" | "mib"> = { path: "", mib: [] };

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
export function find(tree: Tree, path: string): Pick<Entry, "path" | "mib"> & Partial<Entry> {
  let at: Pick<Entry, "path" | "mib"> & Partial<Entry> = TOP;
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
