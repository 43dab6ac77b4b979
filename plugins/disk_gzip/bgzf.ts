/** BGZF (SAM specification, 4.1): members of at most 64 KiB, each of which tells in its header how long it is. */
import { struct, u16, u32, u8, viewOf } from "../../src/lib/struct.ts";
import { bytesAt } from "../../src/lib/packed_file.ts";
import type { Part } from "../../src/lib/packed_disk.ts";
import { MOST_PARTS } from "../../src/lib/packed_driver.ts";
import type { BlockDevice, Errnos } from "../../src/plugin.ts";

/** RFC 1952's header with one extra field and nothing else. */
const Member = struct("le", {
  magic: u16,
  method: u8,
  flags: u8,
  time: u32,
  extra: u8,
  system: u8,
  extraLength: u16,
  field: u16,
  fieldLength: u16,
  /** Bytes of all of the member, less one. */
  size: u16,
}, 18);
const MAGIC = 0x8b1f;
/** "BC". */
const FIELD = 0x4342;
const [FLAG_EXTRA, ITS_LENGTH] = [4, 6];
const MOST = 1 << 16;

/** The members of an image; undefined: it is not all of such. */
export function blocksOf(base: BlockDevice, errnos: Errnos): Part[] | undefined {
  const parts: Part[] = [];
  let start = 0;
  for (let at = 0; at < base.size;) {
    const header = bytesAt(base, at, Member.size, errnos);
    const packed = header && sizeOf(viewOf(header));
    const end = packed && bytesAt(base, at + packed - 4, 4, errnos);
    if (!end || parts.length === MOST_PARTS) return undefined;
    const length = viewOf(end).getUint32(0, true);
    if (length > MOST) return undefined;
    parts.push({ start, length, at, packed });
    start += length;
    at += packed;
  }
  return parts;
}
function sizeOf(d: DataView): number | undefined {
  const { get } = Member;
  const is = get.magic(d, 0) === MAGIC && get.flags(d, 0) === FLAG_EXTRA && get.extraLength(d, 0) === ITS_LENGTH &&
    get.field(d, 0) === FIELD && get.fieldLength(d, 0) === 2;
  const size = get.size(d, 0) + 1;
  return is && size > Member.size + 8 ? size : undefined;
}
