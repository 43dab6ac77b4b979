/** Frames of an image (RFC 8878), found by the headers of their blocks, whatever these hold. */
import { bytesAt } from "../../src/lib/packed_file.ts";
import type { Part } from "../../src/lib/packed_disk.ts";
import { MOST_PARTS } from "../../src/lib/packed_driver.ts";
import { viewOf } from "../../src/lib/struct.ts";
import { blockSize, frameHeader, SKIPPABLE } from "../../src/lib/zstd.ts";
import type { BlockDevice, Errnos } from "../../src/plugin.ts";

export interface Frames {
  readonly frames: readonly Part[];
  /** All of them tell how long they are, unpacked. */
  readonly sized: boolean;
}
/** Blocks of one image, of 1 KiB at least: where there are more, it is none that anybody made for use. */
const MOST_BLOCKS = 1 << 24;
const HEADER = 18;

/** The frames, or what is wrong with the image. */
export function framesOf(base: BlockDevice, errnos: Errnos): Frames | string {
  const frames: Part[] = [];
  let [start, sized, blocks] = [0, true, 0];
  for (let at = 0; at < base.size;) {
    const bytes = bytesAt(base, at, Math.min(HEADER, base.size - at), errnos)!;
    const d = viewOf(bytes);
    if (bytes.length >= 8 && (d.getUint32(0, true) & 0xffff_fff0) >>> 0 === SKIPPABLE) {
      at += 8 + d.getUint32(4, true);
      continue;
    }
    const header = frameHeader(bytes);
    if (!header) return `what is at byte ${at} is no frame`;
    let end: number | undefined = at + header.size;
    for (let last = false; !last; blocks++) {
      const block: Uint8Array | undefined = bytesAt(base, end, 3, errnos);
      if (!block) return CUT;
      if (blocks > MOST_BLOCKS) return `more than ${MOST_BLOCKS} blocks`;
      last = (block[0]! & 1) !== 0;
      end += blockSize(block);
    }
    end += header.checked ? 4 : 0;
    if (end > base.size) return CUT;
    if (frames.length === MOST_PARTS) return `more than ${MOST_PARTS} frames`;
    frames.push({ start, length: header.content ?? 0, at, packed: end - at });
    start += header.content ?? 0;
    sized &&= header.content !== undefined;
    at = end;
  }
  return Number.isSafeInteger(start) ? { frames, sized } : "a disk of too many bytes";
}
const CUT = "cut short";
