/** A block's bytes, one piece after the other. */
import { SlidingWindow } from "../../src/lib/lzma_window.ts";
import { MOST_CHUNK } from "../../src/lib/lzma2.ts";
import type { Pieces } from "../../src/lib/packed_disk.ts";
import type { Opening } from "../../src/lib/packed_driver.ts";
import { PackedFile } from "../../src/lib/packed_file.ts";
import { filling, XzBlock } from "../../src/lib/xz.ts";
import { headerSize, parseBlockHeader } from "../../src/lib/xz_format.ts";
import type { Block } from "./find.ts";

/** Bytes a window may have: what `xz -9` makes, and twice that. */
const LARGEST_WINDOW = 128 << 20;

/** Unpack a block from its start. Throws EIO. */
export function blockPieces({ base, sys, log }: Opening, { at, length, packed, check }: Block): Pieces {
  const { EIO } = sys.errno;
  const file = new PackedFile(base, at, at + packed + filling(packed), sys.errno);
  const first = file.peek()[0];
  const header = first ? parseBlockHeader(file.take(headerSize(first)) ?? new Uint8Array(0)) : undefined;
  if (!header) throw EIO;
  const dictionary = Math.min(header.dictionary, length);
  if (dictionary > LARGEST_WINDOW) {
    log(`a dictionary of ${dictionary} bytes: at most ${LARGEST_WINDOW} are allowed`);
    throw EIO;
  }
  const block = XzBlock.open(header, check, file, new SlidingWindow(dictionary, Math.min(MOST_CHUNK, length)));
  if (!block) {
    log(`filters ${header.filters.map(({ id }) => id).join(", ")} are not all known`);
    throw EIO;
  }
  return {
    next() {
      const bytes = block.next();
      if (!bytes || bytes.length === 0 && (block.size !== packed || block.unpacked !== length)) throw EIO;
      return bytes;
    },
  };
}
