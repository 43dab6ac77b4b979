/** Directories that were read, kept while there is room; nodes somebody holds stay what they are when theirs is read again. */
import { type Async, then } from "./async.ts";

export class Directories<N> {
  readonly #most: number;
  readonly #key: (node: N) => number;
  readonly #held = new Map<number, N>();
  /** In the order of use. */
  readonly #read = new Map<number, Map<string, N>>();
  #kept = 0;

  /** `most`: entries kept, in all. `key`: one number a node. */
  constructor(most: number, key: (node: N) => number) {
    this.#most = most;
    this.#key = key;
  }
  /** Volume.active */
  hold(node: N): void {
    this.#held.set(this.#key(node), node);
  }
  /** Volume.inactive */
  release(node: N): void {
    const key = this.#key(node);
    if (this.#held.get(key) === node) this.#held.delete(key);
  }
  /** A directory's entries, read by `load` when they are not here. */
  entries(dir: N, load: () => Async<Map<string, N>>): Async<Map<string, N>> {
    const key = this.#key(dir);
    const cached = this.#read.get(key);
    if (!cached) return then(load(), (entries) => this.#insert(key, entries));
    this.#used(key, cached);
    return cached;
  }
  #insert(key: number, entries: Map<string, N>): Map<string, N> {
    // Two looks at once: the second one's nodes are those of the first.
    const before = this.#read.get(key);
    if (before) return before;
    for (const [name, node] of entries) {
      const held = this.#held.get(this.#key(node));
      if (held) entries.set(name, held);
    }
    this.#kept += entries.size;
    this.#used(key, entries);
    return entries;
  }
  #used(key: number, entries: Map<string, N>): void {
    this.#read.delete(key);
    this.#read.set(key, entries);
    for (const [oldest, { size }] of this.#read) {
      if (this.#kept <= this.#most || oldest === key) return;
      this.#read.delete(oldest);
      this.#kept -= size;
    }
  }
}
