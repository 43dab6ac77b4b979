/** Files of a rump kernel elsewhere, known by their numbers there, and the names that lead to them. */
import { errno } from "../abi/errno.ts";
import { Stat } from "../abi/structs.ts";
import { modeOfType, S_IFMT } from "../abi/flags.ts";
import { viewOf } from "../lib/struct.ts";
import { ownerHere, type Owners } from "../fuse/owners.ts";
import type { Attr, FileType } from "../plugin.ts";

/** Where a file stands: a name in a directory. */
interface Place {
  readonly dir: RemoteNode;
  readonly name: string;
}

/** One file there. Its names may be taken away by others at any time; its numbers tell whether it is still the same. */
export class RemoteNode {
  /** Device and number, as one word. */
  readonly key: string;
  readonly isDir: boolean;
  /** The path of a root; else the names known, the last one the one to go by. */
  readonly #root: string | undefined;
  #places: Place[] = [];
  /** When it was made. */
  #born = "";
  #foreign = false;
  /** Descriptors there, for reading and for writing; -1: none. They may be the same one. */
  reading = -1;
  writing = -1;
  /** Openings here that read and that write. */
  readers = 0;
  writers = 0;
  /** What was learned with its name, for the question that follows; and until when that may be told. */
  fresh: Attr | undefined;
  freshUntil = 0;
  /** Time and size its data had when somebody here last looked. */
  seen = "";

  constructor(key: string, isDir: boolean, root?: string) {
    this.key = key;
    this.isDir = isDir;
    this.#root = root;
  }
  /** Whether a struct stat is of it; a root is whatever its path leads to. */
  is(stat: Uint8Array): boolean {
    const d = viewOf(stat);
    const born = `${Stat.get.birthtime(d, 0)}.${Stat.get.birthtimensec(d, 0)}`;
    const known = keyOf(d) === this.key && (!this.#foreign || this.#born === born);
    if (known) [this.#born, this.#foreign] = [born, false];
    return known || this.#root !== undefined;
  }
  /** The server is another one: what was learned means nothing any more, and its numbers may be those of another file. */
  forget(): void {
    this.reading = this.writing = -1;
    this.fresh = undefined;
    this.seen = "";
    this.#foreign = true;
  }
  /** It was found by a name. */
  at(dir: RemoteNode, name: string): void {
    const had = this.#places.findIndex((p) => p.dir === dir && p.name === name);
    if (had >= 0 && had === this.#places.length - 1) return;
    if (had >= 0) this.#places.splice(had, 1);
    this.#places.push({ dir, name });
  }
  /** A name does not lead to it any more. */
  lost(dir: RemoteNode, name: string): void {
    this.#places = this.#places.filter((p) => p.dir !== dir || p.name !== name);
  }
  /** Throws ESTALE for what has no name left. */
  get path(): string {
    return this.#from(0) || "/";
  }
  /** "" for the root directory; `depth`: how many names are below it. */
  #from(depth: number): string {
    if (this.#root !== undefined) return this.#root === "/" ? "" : this.#root;
    const place = this.#places.at(-1);
    // Directories that others have moved may seem to be within each other.
    if (!place || depth > DEEPEST) throw errno.ESTALE;
    return `${place.dir.#from(depth + 1)}/${place.name}`;
  }
  /** Path of a name in it. */
  child(name: string): string {
    return `${this.#from(0)}/${name}`;
  }
  /** Any descriptor there; -1: none. */
  get fd(): number {
    return this.reading >= 0 ? this.reading : this.writing;
  }
}
/** A path is no longer than 4096 bytes. */
const DEEPEST = 2048;

const typeNames = new Map(Object.entries(modeOfType).map(([name, mode]) => [mode as number, name as FileType]));
const BLOCK = 512;

/** What distinguishes files there. */
export const keyOf = (d: DataView): string => `${Stat.get.dev(d, 0)}:${Stat.get.ino(d, 0)}`;
/** struct stat there as attributes here. `number`: the file's number among all that are seen through one mount. */
export function attrOf(bytes: Uint8Array, number: (dev: number, ino: number) => number, owners: Owners): Attr {
  const s = Stat.dump(viewOf(bytes), 0);
  const type = typeNames.get(s.mode & S_IFMT) ?? "file";
  return {
    ino: number(s.dev, s.ino),
    type,
    size: s.size,
    mode: type === "link" ? 0o777 : s.mode & 0o7777,
    nlink: s.nlink,
    ...ownerHere(owners, s.uid, s.gid),
    rdev: s.rdev,
    allocated: s.blocks * BLOCK,
    blockSize: s.blksize,
    atime: s.atime,
    atimensec: s.atimensec,
    mtime: s.mtime,
    mtimensec: s.mtimensec,
    ctime: s.ctime,
    ctimensec: s.ctimensec,
  };
}
