/** Unpacked blocks that are kept, and the memory of those that are not any more. */

/** What keeping a block takes beside its bytes: an image may be made of empty ones. */
const EACH = 128;

export interface Unpacked {
  readonly bytes: Uint8Array;
  /** Where the next block begins. */
  readonly next: number;
  /** What it lies in, if that may be used again. */
  readonly memory?: Uint8Array;
}
/** Blocks by where they begin, the least used going first. */
export class Kept {
  readonly #most: number;
  readonly #gone: (block: Unpacked) => void;
  #size = 0;
  readonly #blocks = new Map<number, Unpacked>();

  /** `most`: bytes kept; `gone` is told of what is not any more. */
  constructor(most: number, gone: (block: Unpacked) => void = () => {}) {
    this.#most = most;
    this.#gone = gone;
  }
  get(at: number): Unpacked | undefined {
    const block = this.#blocks.get(at);
    if (!block) return undefined;
    this.#blocks.delete(at);
    this.#blocks.set(at, block);
    return block;
  }
  add(at: number, block: Unpacked): Unpacked {
    if (this.#blocks.has(at)) return block;
    this.#blocks.set(at, block);
    this.#size += sizeOf(block);
    for (const [oldest, other] of this.#blocks) {
      if (this.#size <= this.#most || oldest === at) break;
      this.#blocks.delete(oldest);
      this.#size -= sizeOf(other);
      this.#gone(other);
    }
    return block;
  }
}
const sizeOf = ({ bytes, memory }: Unpacked) => (memory ?? bytes).length + EACH;

/** Memory to be used again, all of one size: new memory costs as much as unpacking to it. */
export class Pool {
  readonly #free: Uint8Array[] = [];

  take(size: number): Uint8Array {
    return this.#free.pop() ?? new Uint8Array(size);
  }
  give(memory: Uint8Array): void {
    if (this.#free.length < MOST_FREE) this.#free.push(memory);
  }
}
const MOST_FREE = 4;
