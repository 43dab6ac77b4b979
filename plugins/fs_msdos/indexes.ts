/**
 * Directories in memory: read when somebody looks into them, dropped again, oldest use first, when there are too many names.
 * What somebody holds stays, and so do the directories that lead to it.
 */
import type { Sys } from "../../src/plugin.ts";
import type { Directory } from "./dir.ts";
import type { Inodes } from "../../src/lib/dos_inodes.ts";
import type { Node } from "./node.ts";
import type { Store } from "./store.ts";
import type { WriteBack } from "./writeback.ts";

/** Names in memory, half a KiB each; one directory can have more. Tests have them fewer. */
export const limits = { names: 32_768 };
/** The directories last used stay: a path that is being walked goes through them. */
const RECENT = 8;
/** Directories that turn out to be in use before a search for others is given up. */
const MOST_IN_USE = 64;

export class Indexes {
  readonly #sys: Sys;
  readonly #store: Store;
  readonly #inodes: Inodes;
  readonly #back: WriteBack;
  readonly #read: (node: Node) => Directory;
  /** By last use. */
  readonly #loaded = new Set<Node>();
  #last: Node | undefined;
  #names = 0;
  #trimming = false;

  /** `read` makes a directory's index, or throws. */
  constructor(sys: Sys, store: Store, inodes: Inodes, back: WriteBack, read: (node: Node) => Directory) {
    this.#sys = sys;
    this.#store = store;
    this.#inodes = inodes;
    this.#back = back;
    this.#read = read;
  }
  /** A directory's index. */
  of(node: Node): Directory {
    if (node !== this.#last || !node.dir) this.#use(node);
    return node.dir!;
  }
  #use(node: Node): void {
    if (this.#last?.dir) this.#count(this.#last.dir);
    const dir = (node.dir ??= this.#read(node));
    this.#loaded.delete(node);
    this.#loaded.add(node);
    this.#last = node;
    this.#count(dir);
  }
  #count(dir: Directory): void {
    this.#names += dir.size - dir.counted;
    dir.counted = dir.size;
    if (this.#names <= limits.names || this.#trimming) return;
    this.#trimming = true;
    // Not now: who asked for this one may have found others that nobody holds yet.
    this.#sys.callout(0, () => this.#trim());
  }
  #trim(): void {
    this.#trimming = false;
    // On damaged ground it is remembered who was seen with which clusters.
    if (this.#back.holdsNames || this.#store.fat.survey.crossings.size > 0) return;
    let inUse = 0;
    const old = [...this.#loaded].slice(0, -RECENT);
    for (const node of old) {
      if (this.#names <= (limits.names * 3) / 4 || inUse > MOST_IN_USE) return;
      if (this.#mayGo(node)) this.#drop(node);
      else {
        inUse++;
        this.#loaded.delete(node);
        this.#loaded.add(node);
      }
    }
  }
  #mayGo({ dir, deleted }: Node): boolean {
    if (deleted) return false; // it was put together, not read
    for (const child of dir!.nodes()) if (child.held || child.dir) return false;
    return true;
  }
  #drop(node: Node): void {
    for (const child of node.dir!.nodes()) this.#forget(child);
    this.gone(node);
  }
  #forget(child: Node): void {
    child.forgotten = true;
    this.#store.forget(child);
    this.#inodes.forget(child);
  }
  /** It has no index any more, or is no directory any more. */
  gone(node: Node): void {
    if (!this.#loaded.delete(node)) return;
    this.#names -= node.dir!.counted;
    node.dir = undefined;
  }
}
