/** One directory record (ECMA-119, 9.1): bounds first, then its fields. */
import { viewOf } from "../../src/lib/struct.ts";
import { Record, RECORD_ASSOCIATED, RECORD_CONTINUES, RECORD_DIRECTORY } from "./layout.ts";
import { shortDate } from "./dates.ts";

export interface Raw {
  /** Bytes of the record. */
  readonly length: number;
  /** First block of its data, behind the extended attributes. */
  readonly extent: number;
  /** Bytes of data in this extent. */
  readonly size: number;
  /** Seconds since 1970. */
  readonly date: number;
  readonly isDirectory: boolean;
  /** A resource fork: its file has another record. */
  readonly isAssociated: boolean;
  /** The file goes on in the next record. */
  readonly continues: boolean;
  /** Its blocks alternate with those of other files. */
  readonly interleaved: boolean;
  readonly name: Uint8Array;
  /** The system use area. */
  readonly use: Uint8Array;
}

/** The record at `at`, which must end by `end`; undefined: it is damaged. `block.subarray` gives views, not copies. */
export function readRecord(block: Uint8Array, at: number, end: number): Raw | undefined {
  if (at + Record.size > end) return undefined;
  const d = viewOf(block);
  const length = Record.get.length(d, at);
  const nameAt = at + Record.size;
  const nameEnd = nameAt + Record.get.nameLength(d, at);
  if (length < Record.size || at + length > end || nameEnd > at + length || nameEnd === nameAt) return undefined;
  const flags = Record.get.flags(d, at);
  const useAt = Math.min(nameEnd + ((nameEnd - nameAt) % 2 === 0 ? 1 : 0), at + length);
  return {
    length,
    extent: Record.get.extent(d, at) + Record.get.attributeLength(d, at),
    size: Record.get.size(d, at),
    date: shortDate(block, at + Record.at.date) ?? 0,
    isDirectory: (flags & RECORD_DIRECTORY) !== 0,
    isAssociated: (flags & RECORD_ASSOCIATED) !== 0,
    continues: (flags & RECORD_CONTINUES) !== 0,
    interleaved: Record.get.unit(d, at) !== 0 || Record.get.gap(d, at) !== 0,
    name: block.subarray(nameAt, nameEnd),
    use: block.subarray(useAt, at + length),
  };
}
