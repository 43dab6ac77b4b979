/** Who is on a fast bus: a table in its file of link addresses, and the processes they live in. */
import type { SharedFile } from "../../src/plugin.ts";

/** Words: where the table begins, of one entry, and entries. Each is a process number (0: free) and a link address. */
const TABLE = 64 >>> 2;
const ENTRY = 32 >>> 2;
const MOST = 124;

/** See the head of this file. */
export class Members {
  readonly #file: SharedFile;
  #mine = -1;
  /** Where the last one was found that was asked for. */
  #last = TABLE;

  constructor(file: SharedFile) {
    this.#file = file;
  }
  /** The bus is locked. False: the table is full. */
  join(mac: Uint8Array): boolean {
    const { words, pid } = this.#file;
    for (let at = TABLE; at < TABLE + MOST * ENTRY; at += ENTRY) {
      const owner = Atomics.load(words, at);
      if (owner !== 0 && this.#file.alive(owner)) continue;
      Atomics.store(words, at + 1, low(mac, 0));
      Atomics.store(words, at + 2, high(mac, 0));
      Atomics.store(words, at, pid);
      this.#mine = at;
      return true;
    }
    return false;
  }
  leave(): void {
    if (this.#mine >= 0) Atomics.store(this.#file.words, this.#mine, 0);
    this.#mine = -1;
  }
  /** Whether the link address at the beginning of a frame is a member's. */
  has(frame: Uint8Array): boolean {
    const [a, b] = [low(frame, 0), high(frame, 0)];
    if (this.#is(this.#last, a, b)) return true;
    for (let at = TABLE; at < TABLE + MOST * ENTRY; at += ENTRY) {
      if (!this.#is(at, a, b)) continue;
      this.#last = at;
      return true;
    }
    return false;
  }
  #is(at: number, a: number, b: number): boolean {
    const { words } = this.#file;
    return words[at] !== 0 && words[at + 1] === a && words[at + 2] === b;
  }
}
const low = (b: Uint8Array, at: number) => b[at]! | (b[at + 1]! << 8) | (b[at + 2]! << 16) | (b[at + 3]! << 24);
const high = (b: Uint8Array, at: number) => b[at + 4]! | (b[at + 5]! << 8);
