/** LZMA2: chunks of LZMA or of bytes as they are (xz-file-format.txt, 5.3.1; Linux: lib/xz/xz_dec_lzma2.c tells of the chunks). */
import { Lzma, SLACK } from "./lzma.ts";
import type { Room } from "./lzma_window.ts";

/** Compressed bytes, one after the other. */
export interface Cursor {
  /** The next `count` bytes, lent until the next call; undefined: there are not so many. */
  take(count: number): Uint8Array | undefined;
}
/** Compressed bytes in memory. */
export function cursorOf(bytes: Uint8Array): Cursor & { readonly at: number } {
  let at = 0;
  return {
    take(count) {
      if (count > bytes.length - at) return undefined;
      at += count;
      return bytes.subarray(at - count, at);
    },
    get at() {
      return at;
    },
  };
}

/** Bytes one chunk makes, at the most. */
export const MOST_CHUNK = 2 << 20;
const MOST_PACKED = 1 << 16;
/** The first byte of a chunk. */
const END = 0;
const RAW_RESET = 1;
const RAW = 2;
const PACKED = 0x80;
/** What a packed one begins with, in its bits 5 and 6: anew with a new state, with new properties, with a new dictionary. */
const NEW_STATE = 1;
const NEW_PROPERTIES = 2;
const NEW_DICTIONARY = 3;

export class Lzma2 {
  #window: Room;
  readonly #lzma = new Lzma();
  readonly #input = new Uint8Array(MOST_PACKED + SLACK);
  /** The least that the next packed chunk must begin with anew; of a raw one: a dictionary. */
  #needs = NEW_DICTIONARY;

  constructor(window: Room) {
    this.#window = window;
  }
  /** Begin anew, with another block, in a window. */
  reset(window: Room): void {
    this.#window = window;
    this.#needs = NEW_DICTIONARY;
  }
  /**
   * Unpack a chunk behind what the window has. The bytes it made; 0: there was none, but the end. Undefined: it is damaged, or
   * the window has no room for it.
   */
  chunk(from: Cursor): number | undefined {
    const control = from.take(1)?.[0];
    if (control === END) return 0;
    if (control === undefined) return undefined;
    if (control < PACKED) return control <= RAW ? this.#raw(control, from) : undefined;
    const header = from.take(4);
    if (!header) return undefined;
    const size = ((control & 0x1f) << 16 | header[0]! << 8 | header[1]!) + 1;
    const packed = (header[2]! << 8 | header[3]!) + 1;
    const begins = control >> 5 & 3;
    if (begins < this.#needs || !this.#begin(begins, from)) return undefined;
    const input = from.take(packed);
    if (!input || !this.#window.room(size)) return undefined;
    this.#input.set(input);
    const w = this.#window;
    const to = w.at + size;
    const end = this.#lzma.decode(w, this.#input, 0, packed, to);
    return end === packed && w.at === to && this.#lzma.rest === 0 ? size : undefined;
  }
  #begin(what: number, from: Cursor): boolean {
    if (what === NEW_DICTIONARY) this.#newDictionary();
    if (what >= NEW_PROPERTIES) {
      const byte = from.take(1)?.[0];
      if (byte === undefined || !this.#lzma.setProperties(byte)) return false;
    }
    if (what >= NEW_STATE) this.#lzma.reset();
    this.#needs = 0;
    return true;
  }
  #newDictionary(): void {
    const w = this.#window;
    w.start = w.at;
    w.origin = w.at & 15;
  }
  #raw(control: number, from: Cursor): number | undefined {
    if (control === RAW_RESET) {
      this.#newDictionary();
      this.#needs = NEW_PROPERTIES;
    } else if (this.#needs === NEW_DICTIONARY) return undefined;
    const header = from.take(2);
    const size = header && (header[0]! << 8 | header[1]!) + 1;
    const bytes = size && from.take(size);
    if (!bytes || !this.#window.room(size)) return undefined;
    const w = this.#window;
    w.bytes.set(bytes, w.at);
    w.at += size;
    return size;
  }
}
