/** A file in memory: the two entries that tell of it, and what was found out about it. */
import { viewOf } from "../../src/lib/struct.ts";
import { ATTR_DIRECTORY } from "../../src/wire/fat.ts";
import type { Run } from "./clusters.ts";
import { ALLOCATES, ENTRY, FILE, FileEntry, NO_CHAIN, STREAM, type Stream, StreamEntry } from "./entries.ts";
import type { Index } from "./directory.ts";

export class Node implements Stream {
  ino = 0;
  /** Left out: the root, or a file without a name. */
  parent: Node | undefined;
  /** As it is shown; what stands in the set is the same but for what no name may have. */
  name: string;
  /** First entry of its set in the directory, how many there are, and where the first is: a byte of the volume. */
  slot = 0;
  slots = 0;
  position = 0;
  /** Where the file's entry and the stream's are: a directory's files share its bytes as they were when it was read. */
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly at: number;
  /** Benign entries behind the name. */
  extra: Uint8Array = NOTHING;
  /** Its clusters; left out: not looked for yet. */
  runs: Run[] | undefined;
  /** All of them are marked as taken. */
  checked = false;
  /** Who holds it: the kernel, files below it, its own index. */
  refs = 0;
  held = false;
  index: Index | undefined;

  constructor(name: string, bytes: Uint8Array, view = viewOf(bytes), at = 0) {
    this.name = name;
    this.bytes = bytes;
    this.view = view;
    this.at = at;
  }
  /** The two entries. */
  get raw(): Uint8Array {
    return this.bytes.subarray(this.at, this.at + 2 * ENTRY);
  }
  get attributes(): number {
    return FileEntry.get.attributes(this.view, this.at);
  }
  set attributes(bits: number) {
    FileEntry.set.attributes(this.view, this.at, bits);
  }
  get isDir(): boolean {
    return (this.attributes & ATTR_DIRECTORY) !== 0;
  }
  get first(): number {
    return StreamEntry.get.first(this.view, this.at + ENTRY);
  }
  get isContiguous(): boolean {
    return (StreamEntry.get.flags(this.view, this.at + ENTRY) & NO_CHAIN) !== 0;
  }
  /** Where its clusters begin (0: it has none), and whether they follow one another. */
  place(first: number, isContiguous: boolean): void {
    StreamEntry.set.first(this.view, this.at + ENTRY, first);
    StreamEntry.set.flags(this.view, this.at + ENTRY, ALLOCATES | (first !== 0 && isContiguous ? NO_CHAIN : 0));
  }
  get size(): number {
    return StreamEntry.get.size(this.view, this.at + ENTRY);
  }
  set size(n: number) {
    StreamEntry.set.size(this.view, this.at + ENTRY, n);
  }
  /** Bytes that were written; zeros follow. */
  get valid(): number {
    return Math.min(StreamEntry.get.valid(this.view, this.at + ENTRY), this.size);
  }
  set valid(n: number) {
    StreamEntry.set.valid(this.view, this.at + ENTRY, n);
  }
}
const NOTHING = new Uint8Array(0);

/** A new file without clusters. */
export function newNode(name: string, attributes: number): Node {
  const raw = new Uint8Array(2 * ENTRY);
  raw[0] = FILE;
  raw[ENTRY] = STREAM;
  const node = new Node(name, raw);
  node.attributes = attributes;
  node.place(0, false);
  return node;
}
