/** Numbers of files on FAT and exFAT: where the entry stands, in entries, when it is first seen; a file keeps its number while it is in memory. */

/** Bytes of an entry. */
const ENTRY = 32;
/** Beyond all places. */
const FIRST = 2 ** 40;

export class Inodes {
  /** Numbers of files that stand elsewhere now, or nowhere: their places' new files get others. */
  readonly #astray = new Set<number>();
  #next = FIRST;

  /** The number of a file whose entry stands at a byte of the volume. */
  of(position: number): number {
    const ino = position / ENTRY;
    return this.#astray.has(ino) ? this.#next++ : ino;
  }
  /** A file left its place. */
  moved(node: { readonly ino: number }): void {
    this.#astray.add(node.ino);
  }
  /** A file leaves memory. */
  forget(node: { readonly ino: number }): void {
    this.#astray.delete(node.ino);
  }
}
