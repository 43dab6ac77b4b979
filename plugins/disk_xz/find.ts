/** Where the blocks of an image are: each stream has an index at its end, so they are found from the last on. */
import { bytesAt } from "../../src/lib/packed_file.ts";
import type { Part } from "../../src/lib/packed_disk.ts";
import { MOST_PARTS } from "../../src/lib/packed_driver.ts";
import { filling } from "../../src/lib/xz.ts";
import { type Indexed, parseFooter, parseIndex, STREAM_HEADER, streamCheck } from "../../src/lib/xz_format.ts";
import type { BlockDevice, Errnos } from "../../src/plugin.ts";

export interface Block extends Part {
  /** The number of its check. */
  readonly check: number;
}
interface Stream {
  readonly blocks: readonly Indexed[];
  readonly check: number;
  /** Where its blocks begin, and where it does itself. */
  readonly at: number;
  readonly begin: number;
}
const LARGEST_INDEX = 16 << 20;
/** Between streams there may be zeros, in fours; so many are looked over. */
const MOST_PADDING = 1 << 16;

/** The blocks in their order, or what is wrong with the image. */
export function blocksOf(base: BlockDevice, errnos: Errnos): Block[] | string {
  const streams: Stream[] = [];
  let count = 0;
  for (let end = base.size; end > 0;) {
    const stream = streamBefore(withoutPadding(base, end, errnos), base, errnos);
    if (typeof stream === "string") return stream;
    count += stream.blocks.length;
    if (count > MOST_PARTS || streams.length > MOST_PARTS) return `more than ${MOST_PARTS} blocks`;
    streams.push(stream);
    end = stream.begin;
  }
  return placed(streams.reverse());
}
function placed(streams: readonly Stream[]): Block[] | string {
  const blocks: Block[] = [];
  let start = 0;
  for (const { blocks: indexed, check, at: first } of streams) {
    let at = first;
    for (const { packed, unpacked } of indexed) {
      blocks.push({ start, length: unpacked, at, packed, check });
      start += unpacked;
      at += packed + filling(packed);
    }
  }
  return Number.isSafeInteger(start) ? blocks : "a disk of too many bytes";
}
function withoutPadding(base: BlockDevice, end: number, errnos: Errnos): number {
  const bytes = bytesAt(base, Math.max(0, end - MOST_PADDING), Math.min(end, MOST_PADDING), errnos)!;
  let zeros = 0;
  while (
    zeros + 4 <= bytes.length && bytes.subarray(bytes.length - zeros - 4, bytes.length - zeros).every((b) => b === 0)
  ) {
    zeros += 4;
  }
  return end - zeros;
}
/** The stream that ends there. */
function streamBefore(end: number, base: BlockDevice, errnos: Errnos): Stream | string {
  const footer = parseFooter(bytesAt(base, end - STREAM_HEADER, STREAM_HEADER, errnos) ?? new Uint8Array(0));
  if (!footer) return "cut short, or no xz image: it does not end as one";
  if (footer.index > LARGEST_INDEX) return `an index of ${footer.index} bytes`;
  const indexAt = end - STREAM_HEADER - footer.index;
  const bytes = bytesAt(base, indexAt, footer.index, errnos);
  const blocks = bytes && parseIndex(bytes, MOST_PARTS);
  if (!blocks) return "its index is damaged";
  const at = blocks.reduce((n, { packed }) => n - packed - filling(packed), indexAt);
  const begin = at - STREAM_HEADER;
  const check = streamCheck(bytesAt(base, begin, STREAM_HEADER, errnos));
  return check === footer.check ? { blocks, check, at, begin } : "its index does not fit what is before it";
}
