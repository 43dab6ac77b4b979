/** LZMA: a range coder of bits with adaptive probabilities, and matches within what came before (LZMA SDK, lzma-specification.txt). */
import type { Window } from "./lzma_window.ts";

/** Bytes that must be there (and may be anything) behind the end of input: no symbol takes more. */
export const SLACK = 64;

// Where which probabilities are.
const IS_REP = 12 << 4;
const IS_REP0 = IS_REP + 12;
const IS_REP1 = IS_REP0 + 12;
const IS_REP2 = IS_REP1 + 12;
const IS_REP0_LONG = IS_REP2 + 12;
const SLOTS = IS_REP0_LONG + (12 << 4);
const SPECIAL = SLOTS + (4 << 6);
const ALIGN = SPECIAL + 128;
const LENGTHS = ALIGN + 16;
const LENGTH_MID = 2 + (16 << 3);
const LENGTH_HIGH = LENGTH_MID + (16 << 3);
const REP_LENGTHS = LENGTHS + LENGTH_HIGH + 256;
const LITERALS = REP_LENGTHS + LENGTH_HIGH + 256;
const EACH_LITERAL = 0x300;
const MOST_LITERAL_BITS = 4;
const EVEN = 1024;
const SHORTEST_MATCH = 2;
/** Matches longer than this are copied in one. */
const LONG = 32;
/** The distance that says that this is the end. */
const END = -1;

export class Lzma {
  readonly #p = new Uint16Array(LITERALS + (EACH_LITERAL << MOST_LITERAL_BITS));
  /** Bits of the byte before, of the position, for literals; and of the position for everything else. */
  #lc = 0;
  #lp = 0;
  #pb = 0;
  #state = 0;
  #rep0 = 0;
  #rep1 = 0;
  #rep2 = 0;
  #rep3 = 0;
  /** What is left of the coder's number; none where the input ends. */
  rest = 0;

  /** Properties, as a byte has all three of them; false: there are none like that, or more than LZMA2 allows. */
  setProperties(byte: number): boolean {
    if (byte >= 9 * 5 * 5) return false;
    this.#lc = byte % 9;
    this.#lp = Math.floor(byte / 9) % 5;
    this.#pb = Math.floor(byte / 45);
    return this.#lc + this.#lp <= MOST_LITERAL_BITS;
  }
  /** Forget everything that was learned. */
  reset(): void {
    this.#p.fill(EVEN, 0, LITERALS + (EACH_LITERAL << this.#lc + this.#lp));
    this.#state =
      this.#rep0 =
      this.#rep1 =
      this.#rep2 =
      this.#rep3 =
        0;
  }
  /**
   * Unpack input of [at, end) into the window, up to `to`; SLACK bytes more of input must be there. The place behind the last
   * byte taken; undefined: it is damaged. It may end before `to` when the input says so.
   *
   * One function, and each bit written out in it: the coder's two numbers stay in registers, which makes it a quarter faster
   * than methods for bits and trees of bits (67 MB/s instead of 53; liblzma's, made of macros the same way, has 76).
   */
  // deno-lint-ignore rump/functions -- see above
  decode(window: Window, input: Uint8Array, at: number, end: number, to: number): number | undefined {
    const p = this.#p;
    const { bytes, start, origin } = window;
    const lc = this.#lc;
    const literalMask = (1 << this.#lp) - 1;
    const mask = (1 << this.#pb) - 1;
    let state = this.#state;
    let rep0 = this.#rep0;
    let rep1 = this.#rep1;
    let rep2 = this.#rep2;
    let rep3 = this.#rep3;
    let n = window.at;
    // Both are of 32 bits without sign.
    let range = -1;
    let code = input[at + 1]! << 24 | input[at + 2]! << 16 | input[at + 3]! << 8 | input[at + 4]!;
    if (input[at] !== 0 || end - at < 5) return undefined;
    at += 5;
    while (n < to) {
      if (at > end) return undefined;
      const position = n - origin;
      const context = position & mask;
      if (range >>> 24 === 0) {
        range <<= 8;
        code = code << 8 | input[at++]!;
      }
      let i = (state << 4) + context;
      let probability = p[i]!;
      let bound = Math.imul(range >>> 11, probability);
      if (code >>> 0 < bound >>> 0) {
        range = bound;
        p[i] = probability + (2048 - probability >> 5);
        const before = n > start ? bytes[n - 1]! : 0;
        const literals = LITERALS + EACH_LITERAL * (((position & literalMask) << lc) + (before >> 8 - lc));
        let symbol = 1;
        if (state >= 7) {
          // What follows the last match is unlike what followed its original: both are looked at, as long as they agree.
          let original = bytes[n - rep0 - 1]!;
          let same = 0x100;
          do {
            original <<= 1;
            const bit = original & same;
            if (range >>> 24 === 0) {
              range <<= 8;
              code = code << 8 | input[at++]!;
            }
            i = literals + same + bit + symbol;
            probability = p[i]!;
            bound = Math.imul(range >>> 11, probability);
            if (code >>> 0 < bound >>> 0) {
              range = bound;
              p[i] = probability + (2048 - probability >> 5);
              symbol <<= 1;
              same &= ~bit;
            } else {
              range = range - bound | 0;
              code = code - bound | 0;
              p[i] = probability - (probability >> 5);
              symbol = symbol << 1 | 1;
              same &= bit;
            }
          } while (same !== 0 && symbol < 0x100);
        }
        while (symbol < 0x100) {
          if (range >>> 24 === 0) {
            range <<= 8;
            code = code << 8 | input[at++]!;
          }
          i = literals + symbol;
          probability = p[i]!;
          bound = Math.imul(range >>> 11, probability);
          if (code >>> 0 < bound >>> 0) {
            range = bound;
            p[i] = probability + (2048 - probability >> 5);
            symbol <<= 1;
          } else {
            range = range - bound | 0;
            code = code - bound | 0;
            p[i] = probability - (probability >> 5);
            symbol = symbol << 1 | 1;
          }
        }
        bytes[n++] = symbol;
        state = state < 4 ? 0 : state < 10 ? state - 3 : state - 6;
        continue;
      }
      range = range - bound | 0;
      code = code - bound | 0;
      p[i] = probability - (probability >> 5);

      let lengths = REP_LENGTHS;
      if (range >>> 24 === 0) {
        range <<= 8;
        code = code << 8 | input[at++]!;
      }
      i = IS_REP + state;
      probability = p[i]!;
      bound = Math.imul(range >>> 11, probability);
      if (code >>> 0 < bound >>> 0) {
        range = bound;
        p[i] = probability + (2048 - probability >> 5);
        lengths = LENGTHS;
        rep3 = rep2;
        rep2 = rep1;
        rep1 = rep0;
      } else {
        range = range - bound | 0;
        code = code - bound | 0;
        p[i] = probability - (probability >> 5);
        // No byte is there yet to be repeated.
        if (n === start) return undefined;
        if (range >>> 24 === 0) {
          range <<= 8;
          code = code << 8 | input[at++]!;
        }
        i = IS_REP0 + state;
        probability = p[i]!;
        bound = Math.imul(range >>> 11, probability);
        if (code >>> 0 < bound >>> 0) {
          range = bound;
          p[i] = probability + (2048 - probability >> 5);
          if (range >>> 24 === 0) {
            range <<= 8;
            code = code << 8 | input[at++]!;
          }
          i = IS_REP0_LONG + (state << 4) + context;
          probability = p[i]!;
          bound = Math.imul(range >>> 11, probability);
          if (code >>> 0 < bound >>> 0) {
            range = bound;
            p[i] = probability + (2048 - probability >> 5);
            if (rep0 >= n - start) return undefined;
            bytes[n] = bytes[n - rep0 - 1]!;
            n++;
            state = state < 7 ? 9 : 11;
            continue;
          }
          range = range - bound | 0;
          code = code - bound | 0;
          p[i] = probability - (probability >> 5);
        } else {
          range = range - bound | 0;
          code = code - bound | 0;
          p[i] = probability - (probability >> 5);
          if (range >>> 24 === 0) {
            range <<= 8;
            code = code << 8 | input[at++]!;
          }
          i = IS_REP1 + state;
          probability = p[i]!;
          bound = Math.imul(range >>> 11, probability);
          let distance = rep1;
          if (code >>> 0 < bound >>> 0) {
            range = bound;
            p[i] = probability + (2048 - probability >> 5);
          } else {
            range = range - bound | 0;
            code = code - bound | 0;
            p[i] = probability - (probability >> 5);
            if (range >>> 24 === 0) {
              range <<= 8;
              code = code << 8 | input[at++]!;
            }
            i = IS_REP2 + state;
            probability = p[i]!;
            bound = Math.imul(range >>> 11, probability);
            distance = rep2;
            if (code >>> 0 < bound >>> 0) {
              range = bound;
              p[i] = probability + (2048 - probability >> 5);
            } else {
              range = range - bound | 0;
              code = code - bound | 0;
              p[i] = probability - (probability >> 5);
              distance = rep3;
              rep3 = rep2;
            }
            rep2 = rep1;
          }
          rep1 = rep0;
          rep0 = distance;
        }
      }

      let tree = lengths + 2 + (context << 3);
      let limit = 8;
      let length = SHORTEST_MATCH - 8;
      if (range >>> 24 === 0) {
        range <<= 8;
        code = code << 8 | input[at++]!;
      }
      i = lengths;
      probability = p[i]!;
      bound = Math.imul(range >>> 11, probability);
      if (code >>> 0 < bound >>> 0) {
        range = bound;
        p[i] = probability + (2048 - probability >> 5);
      } else {
        range = range - bound | 0;
        code = code - bound | 0;
        p[i] = probability - (probability >> 5);
        if (range >>> 24 === 0) {
          range <<= 8;
          code = code << 8 | input[at++]!;
        }
        i = lengths + 1;
        probability = p[i]!;
        bound = Math.imul(range >>> 11, probability);
        if (code >>> 0 < bound >>> 0) {
          range = bound;
          p[i] = probability + (2048 - probability >> 5);
          tree = lengths + LENGTH_MID + (context << 3);
          length = SHORTEST_MATCH + 8 - 8;
        } else {
          range = range - bound | 0;
          code = code - bound | 0;
          p[i] = probability - (probability >> 5);
          tree = lengths + LENGTH_HIGH;
          limit = 256;
          length = SHORTEST_MATCH + 16 - 256;
        }
      }
      let branch = 1;
      do {
        if (range >>> 24 === 0) {
          range <<= 8;
          code = code << 8 | input[at++]!;
        }
        i = tree + branch;
        probability = p[i]!;
        bound = Math.imul(range >>> 11, probability);
        if (code >>> 0 < bound >>> 0) {
          range = bound;
          p[i] = probability + (2048 - probability >> 5);
          branch <<= 1;
        } else {
          range = range - bound | 0;
          code = code - bound | 0;
          p[i] = probability - (probability >> 5);
          branch = branch << 1 | 1;
        }
      } while (branch < limit);
      length += branch;

      if (lengths === REP_LENGTHS) state = state < 7 ? 8 : 11;
      else {
        state = state < 7 ? 7 : 10;
        tree = SLOTS + ((length < 6 ? length - SHORTEST_MATCH : 3) << 6);
        branch = 1;
        do {
          if (range >>> 24 === 0) {
            range <<= 8;
            code = code << 8 | input[at++]!;
          }
          i = tree + branch;
          probability = p[i]!;
          bound = Math.imul(range >>> 11, probability);
          if (code >>> 0 < bound >>> 0) {
            range = bound;
            p[i] = probability + (2048 - probability >> 5);
            branch <<= 1;
          } else {
            range = range - bound | 0;
            code = code - bound | 0;
            p[i] = probability - (probability >> 5);
            branch = branch << 1 | 1;
          }
        } while (branch < 64);
        const slot = branch - 64;
        rep0 = slot;
        if (slot >= 4) {
          let bits = (slot >> 1) - 1;
          rep0 = (2 | slot & 1) << bits;
          tree = SPECIAL + rep0 - slot;
          if (slot >= 14) {
            tree = ALIGN;
            let high = 0;
            for (bits -= 4; bits > 0; bits--) {
              if (range >>> 24 === 0) {
                range <<= 8;
                code = code << 8 | input[at++]!;
              }
              range >>>= 1;
              code = code - range | 0;
              const borrow = code >> 31;
              code = code + (range & borrow) | 0;
              high = (high << 1) + borrow + 1;
            }
            rep0 = rep0 + (high << 4) | 0;
            bits = 4;
          }
          branch = 1;
          for (let bit = 0; bit < bits; bit++) {
            if (range >>> 24 === 0) {
              range <<= 8;
              code = code << 8 | input[at++]!;
            }
            i = tree + branch;
            probability = p[i]!;
            bound = Math.imul(range >>> 11, probability);
            if (code >>> 0 < bound >>> 0) {
              range = bound;
              p[i] = probability + (2048 - probability >> 5);
              branch <<= 1;
            } else {
              range = range - bound | 0;
              code = code - bound | 0;
              p[i] = probability - (probability >> 5);
              branch = branch << 1 | 1;
              rep0 = rep0 + (1 << bit) | 0;
            }
          }
          if (rep0 === END) break;
          if (rep0 < 0) return undefined;
        }
      }
      if (rep0 >= n - start || n + length > to) return undefined;
      const from = n - rep0 - 1;
      if (length > LONG && rep0 >= length - 1) bytes.copyWithin(n, from, from + length);
      else if (length > LONG && rep0 === 0) bytes.fill(bytes[from]!, n, n + length);
      else for (let k = 0; k < length; k++) bytes[n + k] = bytes[from + k]!;
      n += length;
    }
    if (range >>> 24 === 0) code = code << 8 | input[at++]!;
    window.at = n;
    [this.#state, this.#rep0, this.#rep1, this.#rep2, this.#rep3] = [state, rep0, rep1, rep2, rep3];
    this.rest = code;
    return at > end ? undefined : at;
  }
}
