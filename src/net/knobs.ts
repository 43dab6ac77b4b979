/** sysctl variables that are fields of something: numbers within bounds, in units of programs; switches. */
import { errno } from "../abi/errno.ts";
import type { SysctlNode } from "../plugin.ts";

type Numbers<O> = { [K in keyof O]: O[K] extends number ? K : never }[keyof O];
type Switches<O> = { [K in keyof O]: O[K] extends boolean ? K : never }[keyof O];
interface Range {
  /** NetBSD's number of it. */
  readonly number?: number;
  /** How much of the field is 1 to programs. */
  readonly unit?: number;
  readonly least?: number;
  readonly most?: number;
}
const MOST = 0x7fff_ffff;

/** EINVAL: out of bounds. */
export function intKnob<O>(of: O, name: Numbers<O>, doc: string, range: Range = {}): SysctlNode {
  const { number, unit = 1, least = 0, most = MOST } = range;
  const fields = of as Record<keyof O, number>;
  return {
    type: "int",
    doc,
    ...(number === undefined ? {} : { number }),
    read: () => Math.round(fields[name] / unit),
    write(value) {
      const n = Number(value);
      if (n < least || n > most) throw errno.EINVAL;
      fields[name] = n * unit;
    },
  };
}
export function switchKnob<O>(of: O, name: Switches<O>, doc: string, number?: number): SysctlNode {
  const fields = of as Record<keyof O, boolean>;
  return {
    type: "int",
    doc,
    ...(number === undefined ? {} : { number }),
    read: () => (fields[name] ? 1 : 0),
    write: (value) => void (fields[name] = Number(value) !== 0),
  };
}
/** Bytes nobody wants to see in a list of values. */
export function structNode(doc: string, read: () => Uint8Array, number?: number): SysctlNode {
  return { type: "struct", doc, visible: false, read, ...(number === undefined ? {} : { number }) };
}
