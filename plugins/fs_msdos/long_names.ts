/** Long names: put together from their slots, and taken apart into them. */
import { ATTR_LONG, LFN_CHECKSUM, LFN_LAST, LFN_MAX, LFN_UNITS } from "../../src/wire/fat.ts";
import { showable } from "./spelling.ts";

const SLOT = 32;
/** UTF-16 units a slot holds. */
const UNITS = LFN_UNITS.length;

/** A long name being put together, last part first. */
export interface Pending {
  readonly units: Uint16Array;
  readonly checksum: number;
  readonly first: number;
  /** Sequence number expected next; 0: complete. */
  next: number;
}

/** A slot of a long name; what is pending afterwards. */
export function longSlot(
  bytes: Uint8Array,
  at: number,
  slot: number,
  pending: Pending | undefined,
): Pending | undefined {
  const sequence = bytes[at]! & 0x1f;
  const checksum = bytes[at + LFN_CHECKSUM]!;
  let p = pending;
  if (bytes[at]! & LFN_LAST) {
    if (sequence === 0 || sequence > 20) return undefined;
    p = { units: new Uint16Array(sequence * UNITS), checksum, first: slot, next: sequence };
  }
  if (!p || p.next !== sequence || sequence === 0 || p.checksum !== checksum) return undefined;
  const { units } = p;
  const from = (sequence - 1) * UNITS;
  for (let k = 0; k < UNITS; k++) {
    const where = at + LFN_UNITS[k]!;
    units[from + k] = bytes[where]! | (bytes[where + 1]! << 8);
  }
  p.next--;
  return p;
}
/** The name in the units; undefined when there is none that could be shown. */
export function longName(units: Uint16Array): string | undefined {
  const end = units.indexOf(0);
  const length = end < 0 ? units.length : end;
  if (length === 0 || length > LFN_MAX) return undefined;
  const part = length === units.length ? units : units.subarray(0, length);
  const name = String.fromCharCode.apply(undefined, part as unknown as number[]); // spreading goes by an iterator
  return name === "." || name === ".." ? undefined : showable(name, false);
}

/** Write the part of a name with a sequence number, 1 being its beginning. */
export function writeLongSlot(
  bytes: Uint8Array,
  at: number,
  name: string,
  sequence: number,
  isLast: boolean,
  checksum: number,
): void {
  bytes.fill(0, at, at + SLOT);
  bytes[at] = sequence | (isLast ? LFN_LAST : 0);
  bytes[at + 11] = ATTR_LONG;
  bytes[at + LFN_CHECKSUM] = checksum;
  for (let k = 0; k < UNITS; k++) {
    const index = (sequence - 1) * UNITS + k;
    const unit = index < name.length ? name.charCodeAt(index) : index === name.length ? 0 : 0xffff;
    bytes[at + LFN_UNITS[k]!] = unit & 0xff;
    bytes[at + LFN_UNITS[k]! + 1] = unit >> 8;
  }
}
