/** Numbers of files: where the short entry stands, in slots, when it is first seen; a file keeps its number while it is in memory. */
import { SLOT } from "./dir.ts";
import type { Node } from "./node.ts";

/** Beyond all places. */
const FIRST = 2 ** 40;

export class Inodes {
  /** Numbers of files that stand elsewhere now, or nowhere: their places' new files get others. */
  readonly #astray = new Set<number>();
  #next = FIRST;

  /** The number of a file whose short entry stands at a byte of the volume. */
  of(position: number): number {
    const ino = position / SLOT;
    return this.#astray.has(ino) ? this.#next++ : ino;
  }
  /** A file left its place. */
  moved(node: Node): void {
    this.#astray.add(node.ino);
  }
  /** A file leaves memory. */
  forget(node: Node): void {
    this.#astray.delete(node.ino);
  }
}
