/** Variables of a kernel as who asks for them sees them: a level listed (CTL_QUERY), values as text (NetBSD: sysctl(7)). */
import { viewOf } from "../lib/struct.ts";
import {
  CTLFLAG_HIDDEN,
  CTLFLAG_READWRITE,
  CTLTYPE_BOOL,
  CTLTYPE_INT,
  CTLTYPE_QUAD,
  CTLTYPE_STRING,
  SYSCTL_VERS_1,
} from "./flags.ts";
import { Sysctlnode } from "./structs.ts";

/** A variable, or a directory of them. */
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
/** Where a level is: the top's path is "". */
export type Level = Pick<Entry, "path" | "mib">;
/** Where all levels begin. */
export const TOP: Level = { path: "", mib: [] };

/** Numbers as __sysctl takes them. */
export const mibBytes = (mib: readonly number[]): Uint8Array => new Uint8Array(new Int32Array(mib).buffer);
/** The new value that goes with CTL_QUERY and CTL_DESCRIBE. `number`: of the one to be described. */
export function nodeAsked(number = 0): Uint8Array {
  const asked = new Uint8Array(Sysctlnode.size);
  Sysctlnode.set.flags(viewOf(asked), 0, SYSCTL_VERS_1);
  Sysctlnode.set.num(viewOf(asked), 0, number);
  return asked;
}
/** What CTL_QUERY answered for a level. */
export function parseLevel(raw: Uint8Array, at: Level): Entry[] {
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
  return entries;
}

/** Bytes of a number, by its type. */
const sizes: Readonly<Record<number, number>> = { [CTLTYPE_INT]: 4, [CTLTYPE_QUAD]: 8, [CTLTYPE_BOOL]: 1 };
/** A number, a truth value (0 or 1) or a string as text; undefined: a structure. */
export function valueText(type: number, raw: Uint8Array): string | undefined {
  if (type === CTLTYPE_STRING) return new TextDecoder().decode(raw).replace(/\0.*$/s, "");
  if (raw.length < (sizes[type] ?? Infinity)) return undefined;
  const d = viewOf(raw);
  if (type === CTLTYPE_INT) return String(d.getInt32(0, true));
  return String(type === CTLTYPE_QUAD ? d.getBigInt64(0, true) : d.getUint8(0));
}
/** The value a text means; undefined: none of this type. */
export function valueBytes(type: number, text: string): Uint8Array | undefined {
  if (type === CTLTYPE_STRING) return new TextEncoder().encode(`${text}\0`);
  const size = sizes[type];
  if (size === undefined || !/^[-+]?(0x[0-9a-f]+|\d+)$/i.test(text)) return undefined;
  const n = text.startsWith("-") ? -BigInt(text.slice(1)) : BigInt(text.replace("+", ""));
  const out = new Uint8Array(size);
  const d = viewOf(out);
  if (type === CTLTYPE_QUAD) d.setBigInt64(0, n, true);
  else if (type === CTLTYPE_BOOL) d.setUint8(0, n === 0n ? 0 : 1);
  else d.setInt32(0, Number(BigInt.asIntN(32, n)), true);
  return out;
}
