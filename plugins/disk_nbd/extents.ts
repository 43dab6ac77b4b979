/** What a server says of where its disk has data (NBD_CMD_BLOCK_STATUS, base:allocation): asked for ahead, and kept. */
import { viewOf } from "../../src/lib/struct.ts";

/** To where a stretch of the disk goes that begins where the one before ends, and whether it is zeros. */
interface Extent {
  readonly end: number;
  readonly zeros: boolean;
}
/** Flag of an extent: it reads as zeros. */
const NBD_STATE_ZERO = 2;
/** Bytes that are asked about at once. */
const AHEAD = 1 << 30;
/** Questions for one answer of ours: who says little each time is not asked for ever. */
const MOST = 1024;

/** A chunk of NBD_REPLY_TYPE_BLOCK_STATUS about what begins at `start`. Throws for what is none of the context `id`. */
export function extentsOf(bytes: Uint8Array, start: number, id: number): Extent[] {
  const d = viewOf(bytes);
  if (bytes.length < 12 || bytes.length % 8 !== 4 || d.getUint32(0) !== id) throw new Error("a status of no sense");
  let end = start;
  return Array.from({ length: (bytes.length - 4) / 8 }, (_, n) => {
    end += d.getUint32(4 + 8 * n);
    return { end, zeros: (d.getUint32(8 + 8 * n) & NBD_STATE_ZERO) !== 0 };
  });
}

export class Extents {
  readonly #size: number;
  readonly #block: number;
  readonly #ask: (offset: number, length: number) => readonly Extent[] | undefined;
  /** From #start on; those before #at end before what was asked for last. */
  #known: readonly Extent[] = [];
  #start = 0;
  #at = 0;

  /** `ask`: the server, about whole blocks; undefined: it cannot say. */
  constructor(
    { size, least }: { readonly size: number; readonly least: number },
    ask: (offset: number, length: number) => readonly Extent[] | undefined,
  ) {
    [this.#size, this.#block, this.#ask] = [size, least, ask];
  }
  /** The disk was changed. */
  forget(): void {
    [this.#known, this.#at] = [[], 0];
  }
  /** The first byte at or after `offset` that is not known to be zero. */
  next(offset: number): number {
    let at = offset;
    for (let asked = 0; at < this.#size;) {
      const extent = this.#covering(at);
      if (extent && !extent.zeros) return at;
      if (extent) at = extent.end;
      else if (asked++ >= MOST || !this.#learn(at)) return at;
    }
    return this.#size;
  }
  #covering(offset: number): Extent | undefined {
    if (offset < (this.#known[this.#at - 1]?.end ?? this.#start)) this.#at = 0;
    if (offset < this.#start) return undefined;
    while (this.#at < this.#known.length && this.#known[this.#at]!.end <= offset) this.#at++;
    return this.#known[this.#at];
  }
  /** Ask about what is from there on; whether that told anything of it. */
  #learn(offset: number): boolean {
    const start = offset - offset % this.#block;
    const known = this.#ask(start, Math.min(AHEAD, this.#size - start));
    if (!known) return false;
    [this.#known, this.#start, this.#at] = [known, start, 0];
    return (known.at(-1)?.end ?? 0) > offset;
  }
}
