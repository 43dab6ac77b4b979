/** Files of the host that are memory of several processes at a time: what plugins see of them. */
import type { Watcher } from "./streams.ts";

/**
 * A file mapped into memory (mmap(2), MAP_SHARED). Whoever may write the file may write anything into the memory at any time:
 * read once, then check what was read. Little-endian, as all machines we run on.
 */
export interface SharedFile {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  /** The same memory, for Atomics, which order what is written into `bytes` before and after. */
  readonly words: Int32Array;
  /** Write a word by a system call (pwrite(2)): all who watch the file are woken. */
  poke(offset: number, word: number): void;
  /**
   * What wakes this process alone: two words, to be left where the others find them, the first not 0. Undefined: it has
   * none, a poke does. `ring` wakes who has such a number; false: nobody has, of those that can be reached from here.
   */
  readonly bell: readonly [low: number, high: number] | undefined;
  ring(low: number, high: number): boolean;
  /** Ask a watcher, one a file, whenever the file was poked, and then until the loop is about to sleep. */
  watch(watcher: Watcher): void;
  /** The watcher has something to do, or something to come soon: ask it without a poke, until the loop is about to sleep. */
  awake(): void;
  /** What tells this process from the others; whether one of them is there (one of another machine or container is not). */
  readonly pid: number;
  alive(pid: number): boolean;
  /** The memory must not be touched afterwards. */
  close(): void;
}

/** Makes the file (0644, zeros) where there is none. EFTYPE: it is not `size` bytes long, or no file. Throws errno. */
export type OpenSharedFile = (path: string, size: number) => SharedFile;
