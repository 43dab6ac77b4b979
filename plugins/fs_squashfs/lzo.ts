/** LZO1X blocks (Linux: Documentation/staging/lzo.rst): no runtime has them. */
import { copyMatch } from "./match.ts";

/** What a match says of itself; `literals` follow it. */
interface Match {
  readonly length: number;
  readonly distance: number;
  readonly literals: number;
}
/** What the end is told by: a match at this distance. */
const END = 16384;
/** Literals copied before: this many or more are one state. */
const MANY = 4;
const SHORTEST_RUN = 3;

/** Unpack to `most` bytes at the most; undefined: it is damaged. */
export function unpackLzo(from: Uint8Array, most: number): Uint8Array | undefined {
  const out = new Uint8Array(most);
  const input = new Input(from);
  let n = 0;
  const literals = (count: number): boolean => {
    const bytes = input.take(count);
    if (!bytes || n + count > most) return false;
    out.set(bytes, n);
    n += count;
    return true;
  };
  let state = 0;
  if (from[0]! > 17) {
    state = Math.min(MANY, input.byte() - 17);
    if (!literals(from[0]! - 17)) return undefined;
  }
  for (;;) {
    const code = input.byte();
    if (code < 16 && state === 0) {
      if (!literals(SHORTEST_RUN + input.length(code, 15))) return undefined;
      state = MANY;
      continue;
    }
    const match = matchOf(input, code, state);
    if (match.distance === END && code >> 4 === 1) return input.isEmpty ? out.subarray(0, n) : undefined;
    if (!(match.distance <= n) || !(n + match.length <= most)) return undefined;
    copyMatch(out, n, match.distance, match.length);
    n += match.length;
    state = match.literals;
    if (!literals(state)) return undefined;
  }
}
function matchOf(input: Input, code: number, state: number): Match {
  if (code >= 64) {
    const length = code >= 128 ? 5 + (code >> 5 & 3) : 3 + (code >> 5 & 1);
    return { length, distance: input.byte() * 8 + (code >> 2 & 7) + 1, literals: code & 3 };
  }
  if (code >= 16) {
    const near = code >= 32;
    const bits = near ? 31 : 7;
    const length = 2 + input.length(code & bits, bits);
    const word = input.byte() + input.byte() * 256;
    const base = near ? 1 : END + ((code & 8) << 11);
    return { length, distance: base + (word >> 2), literals: word & 3 };
  }
  const [length, base] = state === MANY ? [3, 2049] : [2, 1];
  return { length, distance: input.byte() * 4 + (code >> 2) + base, literals: code & 3 };
}
class Input {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }
  get isEmpty(): boolean {
    return this.#at === this.#bytes.length;
  }
  /** NaN: there is none. */
  byte(): number {
    return this.#bytes[this.#at++] ?? NaN;
  }
  take(count: number): Uint8Array | undefined {
    if (!(count <= this.#bytes.length - this.#at)) return undefined;
    this.#at += count;
    return this.#bytes.subarray(this.#at - count, this.#at);
  }
  /** A length that is 0 goes on in further bytes: each of them that is 0 stands for 255. */
  length(told: number, most: number): number {
    if (told > 0) return told;
    let length = most;
    let byte = this.byte();
    for (; byte === 0; byte = this.byte()) length += 255;
    return length + byte;
  }
}
