/** Unpacking xz: a block a piece at a time, and small streams in one. */
import { undoing } from "./bcj.ts";
import { Lzma, SLACK } from "./lzma.ts";
import { type Room, WholeWindow, type Window } from "./lzma_window.ts";
import { type Cursor, cursorOf, Lzma2 } from "./lzma2.ts";
import {
  type BlockHeader,
  checkOf,
  checkSize,
  headerSize,
  type Indexed,
  parseBlockHeader,
  parseFooter,
  parseIndex,
  STREAM_HEADER,
  streamCheck,
} from "./xz_format.ts";

/** The bytes of a block, one piece after the other. */
export class XzBlock {
  readonly #from: Counted;
  readonly #window: Room;
  readonly #lzma2: Lzma2;
  readonly #check;
  readonly #checkId: number;
  readonly #filters;
  readonly #header: BlockHeader;
  #unpacked = 0;
  #done = false;

  /** Read from behind its header. Undefined: it has filters that are not known. */
  static open(
    header: BlockHeader,
    checkId: number,
    from: Cursor,
    window: Room,
    lzma2 = new Lzma2(window),
  ): XzBlock | undefined {
    const filters = header.filters.map(({ id, properties }) => undoing(id, properties)).reverse();
    return filters.includes(undefined)
      ? undefined
      : new XzBlock(header, checkId, from, window, lzma2, filters as Filter[]);
  }
  private constructor(
    header: BlockHeader,
    checkId: number,
    from: Cursor,
    window: Room,
    lzma2: Lzma2,
    filters: readonly Filter[],
  ) {
    this.#header = header;
    this.#check = checkOf(checkId);
    this.#checkId = checkId;
    this.#from = new Counted(from);
    this.#window = window;
    this.#lzma2 = lzma2;
    this.#filters = filters;
    lzma2.reset(window);
  }
  /** Bytes of it all, without what fills it up; once all is read. */
  get size(): number {
    return this.#header.size + this.#from.count + checkSize(this.#checkId);
  }
  /** Bytes unpacked so far. */
  get unpacked(): number {
    return this.#unpacked;
  }
  /** The next bytes, at most 2 MiB, lent until the next call; none: that was all, and the check is right. Undefined: it is damaged. */
  next(): Uint8Array | undefined {
    while (!this.#done) {
      const made = this.#lzma2.chunk(this.#from);
      if (made === undefined) return undefined;
      this.#done = made === 0;
      const bytes = this.#filtered(this.#window.bytes.subarray(this.#window.at - made, this.#window.at));
      this.#unpacked += bytes.length;
      this.#check?.update(bytes);
      if (this.#done && !this.#complete()) return undefined;
      if (bytes.length > 0) return bytes;
    }
    return new Uint8Array(0);
  }
  #filtered(bytes: Uint8Array): Uint8Array {
    return this.#filters.reduce((b, undo) => undo(b, this.#done), bytes);
  }
  /** What follows the last chunk. */
  #complete(): boolean {
    const { packed, unpacked } = this.#header;
    if (packed !== undefined && packed !== this.#from.count) return false;
    if (unpacked !== undefined && unpacked !== this.#unpacked) return false;
    const fill = filling(this.#from.count);
    const rest = this.#from.source.take(fill + checkSize(this.#checkId));
    const digest = this.#check?.digest();
    return rest !== undefined && rest.subarray(0, fill).every((b) => b === 0) &&
      (digest?.every((b, i) => b === rest[fill + i]) ?? true);
  }
}
type Filter = (bytes: Uint8Array, last: boolean) => Uint8Array;
/** Blocks end at multiples of four bytes. */
export const filling = (size: number): number => -size & 3;

/** Counts what is taken. */
class Counted implements Cursor {
  readonly source: Cursor;
  count = 0;
  constructor(source: Cursor) {
    this.source = source;
  }
  take(n: number): Uint8Array | undefined {
    this.count += n;
    return this.source.take(n);
  }
}

/** Unpacks a stream that is whole, to `most` bytes at the most; undefined: it is damaged, or there are more. */
type UnpackWhole = (packed: Uint8Array, most: number) => Uint8Array | undefined;
/** What unpacks xz; its tables are used again for each stream, of which none goes on from another. */
export function xzUnpacker(): UnpackWhole {
  let lzma2: Lzma2 | undefined;
  return (packed, most) => {
    const window = new WholeWindow(most);
    return unpackXz(packed, window, lzma2 ??= new Lzma2(window));
  };
}
function unpackXz(packed: Uint8Array, window: WholeWindow, lzma2: Lzma2): Uint8Array | undefined {
  const from = cursorOf(packed);
  const check = streamCheck(from.take(STREAM_HEADER));
  if (check === undefined) return undefined;
  const blocks: Indexed[] = [];
  let all: Uint8Array | undefined;
  for (;;) {
    const first = packed[from.at];
    if (first === undefined) return undefined;
    if (first === 0) break;
    const header = parseBlockHeader(from.take(headerSize(first)) ?? packed.subarray(0, 0));
    const block = header && XzBlock.open(header, check, from, window, lzma2);
    const bytes = block && wholeBlock(block, header.filters.length > 0, window);
    if (!bytes) return undefined;
    blocks.push({ packed: block.size, unpacked: block.unpacked });
    all = all ? joined(all, bytes) : bytes;
  }
  const footer = parseFooter(packed.subarray(packed.length - STREAM_HEADER));
  const index = parseIndex(packed.subarray(from.at, packed.length - STREAM_HEADER), blocks.length);
  const same = footer?.check === check && footer.index === packed.length - STREAM_HEADER - from.at &&
    index?.length === blocks.length &&
    index.every((b, i) => b.packed === blocks[i]!.packed && b.unpacked === blocks[i]!.unpacked);
  return same ? all ?? new Uint8Array(0) : undefined;
}
/** Nothing is copied where there are no filters: the window has it all. */
function wholeBlock(block: XzBlock, filtered: boolean, window: Window): Uint8Array | undefined {
  const start = window.at;
  const pieces: Uint8Array[] = [];
  for (;;) {
    const bytes = block.next();
    if (!bytes) return undefined;
    if (bytes.length === 0) break;
    if (filtered) pieces.push(bytes);
  }
  return filtered ? pieces.reduce(joined, new Uint8Array(0)) : window.bytes.subarray(start, window.at);
}
function joined(a: Uint8Array, b: Uint8Array): Uint8Array {
  if (a.length === 0) return b;
  const both = new Uint8Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}

/** Properties, dictionary, size: what a file of LZMA alone begins with. */
const ALONE = 13;
/** Unpack LZMA alone (the format before xz), to `most` bytes at the most; undefined: it is damaged, or there are more. */
export function unpackLzma(packed: Uint8Array, most: number): Uint8Array | undefined {
  const lzma = new Lzma();
  if (packed.length < ALONE || !lzma.setProperties(packed[0]!)) return undefined;
  const d = new DataView(packed.buffer, packed.byteOffset, ALONE);
  const told = d.getUint32(9, true) === 0xffff_ffff ? undefined : d.getUint32(9, true) * 2 ** 32 + d.getUint32(5, true);
  if (told !== undefined && told > most) return undefined;
  lzma.reset();
  const input = new Uint8Array(packed.length - ALONE + SLACK);
  input.set(packed.subarray(ALONE));
  const window = new WholeWindow(told ?? most);
  const end = lzma.decode(window, input, 0, packed.length - ALONE, window.bytes.length);
  // A mark of the end may follow where the size is told, too.
  return end !== undefined && (told === undefined || window.at === told)
    ? window.bytes.subarray(0, window.at)
    : undefined;
}
