/** The up-case table (exFAT specification, 7.2): what letters are the same. */
import { viewOf } from "../../src/lib/struct.ts";

/** Bytes a table may have: every unit of UTF-16, uncompressed. */
export const LARGEST_TABLE = 0x2_0000;

/** 7.2.2 */
export function tableChecksum(table: Uint8Array): number {
  let sum = 0;
  for (const byte of table) sum = ((sum << 31 | sum >>> 1) + byte) >>> 0;
  return sum;
}
/** Each unit's upper case. 0xffff stands before a count of units that are their own. */
export function expandTable(table: Uint8Array): Uint16Array {
  const d = viewOf(table);
  const upper = Uint16Array.from({ length: 0x1_0000 }, (_, i) => i);
  let unit = 0;
  for (let at = 0; at + 2 <= table.length && unit < upper.length; at += 2) {
    const value = d.getUint16(at, true);
    if (value === 0xffff && at + 4 <= table.length) unit += d.getUint16(at += 2, true);
    else upper[unit++] = value;
  }
  return upper;
}
/** A name as names are compared. */
export function upcased(name: string, upper: Uint16Array): string {
  for (let i = 0; i < name.length; i++) {
    const unit = name.charCodeAt(i);
    if (upper[unit] !== unit) return name.slice(0, i) + changed(name, i, upper);
  }
  return name;
}
function changed(name: string, from: number, upper: Uint16Array): string {
  let out = "";
  for (let i = from; i < name.length; i++) out += String.fromCharCode(upper[name.charCodeAt(i)]!);
  return out;
}
