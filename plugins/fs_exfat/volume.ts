/** A mounted exFAT volume, for reading. */
import { type Async, then } from "../../src/lib/async.ts";
import { Directories } from "../../src/lib/directories.ts";
import type { Attr, MountRequest, StatFs, Volume } from "../../src/plugin.ts";
import type { Clusters, Run } from "./clusters.ts";
import { type Entries, ENTRY, type FileSet, parseEntries, type Stream } from "./entries.ts";
import type { ExfatOptions } from "./options.ts";
import { upcased } from "./upcase.ts";

export interface Node {
  readonly ino: number;
  readonly stream: Stream;
  /** Left out: the root. */
  readonly set?: FileSet;
  runs?: readonly Run[];
}
const READ_ONLY = 1;
const DIRECTORY = 0x10;
/** Entries of directories kept in memory, in all; bytes a directory may have. */
const KEPT = 100_000;
const LARGEST_DIRECTORY = 64 << 20;

export interface Parts {
  readonly clusters: Clusters;
  readonly request: MountRequest<ExfatOptions>;
  readonly root: Node;
  readonly upper: Uint16Array;
  /** Clusters free. */
  readonly free: number;
  damaged(what: string): void;
}
/** A directory's entries, and where the first byte of each set is. */
export async function readEntries(clusters: Clusters, dir: Node): Promise<Entries & { readonly runs: readonly Run[] }> {
  const runs = dir.runs ??= await clusters.runs(dir.stream);
  const size = runs.reduce((sum, { count }) => sum + count, 0) * clusters.layout.clusterSize;
  if (size > LARGEST_DIRECTORY) clusters.fail(`a directory of ${size} bytes at cluster ${dir.stream.first}`);
  const bytes = new Uint8Array(Math.min(size, dir.stream.size));
  await clusters.read(runs, bytes, 0);
  return { ...parseEntries(bytes), runs };
}

export class ExfatVolume implements Volume<Node> {
  readonly root: Node;
  readonly readOnly = true;
  readonly foldsCase = true;
  readonly #p: Parts;
  readonly #directories = new Directories<Node>(KEPT, ({ ino }) => ino);
  /** Of directories that were read: nodes by the upper case of their names. */
  readonly #folded = new WeakMap<ReadonlyMap<string, Node>, Map<string, Node>>();

  constructor(parts: Parts) {
    this.#p = parts;
    this.root = parts.root;
    this.#directories.hold(this.root);
  }
  getattr({ ino, stream, set }: Node): Attr {
    const { options, over } = this.#p.request;
    const isDir = !set || (set.attributes & DIRECTORY) !== 0;
    const mask = (isDir ? options.dmask : options.fmask) ?? options.umask ?? 0o022;
    const mode = (set && set.attributes & READ_ONLY ? 0o555 : 0o777) & ~mask;
    const size = stream.size === Infinity ? this.#p.clusters.layout.clusterSize : stream.size;
    const owner = { uid: options.uid ?? over.uid, gid: options.gid ?? over.gid };
    return { ino, type: isDir ? "dir" : "file", size, mode, ...owner, ...set && timesOf(set) };
  }
  lookup(dir: Node, name: string): Async<Node | undefined> {
    return then(this.#entries(dir), (entries) => {
      const exact = entries.get(name);
      if (exact) return exact;
      const { upper } = this.#p;
      let folded = this.#folded.get(entries);
      if (!folded) {
        folded = new Map([...entries].map(([other, node]) => [upcased(other, upper), node]));
        this.#folded.set(entries, folded);
      }
      return folded.get(upcased(name, upper));
    });
  }
  readdir(dir: Node): Async<Iterable<readonly [string, Node]>> {
    return this.#entries(dir);
  }
  async read(node: Node, into: Uint8Array, offset: number): Promise<number> {
    const { clusters } = this.#p;
    const n = Math.min(into.length, node.stream.size - offset);
    if (n <= 0) return 0;
    const written = Math.max(0, Math.min(n, node.set!.valid - offset));
    if (written > 0) {
      node.runs ??= await clusters.runs(node.stream);
      await clusters.read(node.runs, into.subarray(0, written), offset);
    }
    into.fill(0, written, n);
    return n;
  }
  statfs(): StatFs {
    const { clusterSize, clusters } = this.#p.clusters.layout;
    return { blockSize: clusterSize, blocks: clusters, free: this.#p.free, nameMax: 255 };
  }
  active(node: Node): void {
    this.#directories.hold(node);
  }
  inactive(node: Node): void {
    if (node !== this.root) this.#directories.release(node);
  }
  #entries(dir: Node): Async<ReadonlyMap<string, Node>> {
    return this.#directories.entries(dir, () => this.#load(dir));
  }
  async #load(dir: Node): Promise<Map<string, Node>> {
    const { clusters, damaged } = this.#p;
    const { files, damage, runs } = await readEntries(clusters, dir);
    for (const what of damage) damaged(`directory at cluster ${dir.stream.first}: ${what}`);
    const entries = new Map<string, Node>();
    for (const set of files) {
      const ino = clusters.position(runs, set.at) / ENTRY;
      if (!entries.has(set.name)) entries.set(set.name, { ino, stream: set, set });
    }
    return entries;
  }
}
function timesOf({ birthtime, mtime, atime }: FileSet): Partial<Attr> {
  const part = (t: number) => [Math.floor(t), Math.round((t - Math.floor(t)) * 100) * 10_000_000] as const;
  const [[b, bn], [m, mn]] = [part(birthtime), part(mtime)];
  return {
    birthtime: b,
    birthtimensec: bn,
    mtime: m,
    mtimensec: mn,
    ctime: m,
    ctimensec: mn,
    atime: Math.floor(atime),
  };
}
