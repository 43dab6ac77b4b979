/** The merged tree: which upper and lower file a name stands for, one node for each as long as anybody may hold it. */
import { type Async, then, times } from "../../src/lib/async.ts";
import { decodeName } from "../../src/lib/text.ts";
import type { Errnos, WholeVolume } from "../../src/plugin.ts";
import { hiddenBy, isMarker, LONG, MAX_PATH, namesIn, OPAQUE, REDIRECT } from "./markers.ts";

/** A file of the union. Of directories both may be there, which is what merging means; else the upper one counts. */
export interface Node {
  upper: unknown;
  lower: unknown;
  /** Its number, from the first look on: it stays when the file is copied up. */
  ino: number | undefined;
  parent: Node | undefined;
  name: string;
  /** Those of its files that are in the lower directory only, as far as they are known. */
  readonly below: Map<string, Node>;
  /** Nodes whose parent it is. */
  kids: number;
  held: boolean;
  /** Its name is gone. */
  removed: boolean;
  dir: Async<Merged> | undefined;
  raising: Promise<unknown> | undefined;
}
/** What is known of a directory. */
export interface Merged {
  /** The lower directory's path from the lower root; meaningless without one. */
  readonly path: string;
  /** Names of the lower directory that are hidden. */
  readonly hidden: Set<string>;
}
/** Nodes that are remembered though nobody holds them. */
const MOST = 16_384;
/** Times a lookup is begun again because names changed meanwhile. */
const PATIENCE = 1000;

export class Tree {
  readonly upper: WholeVolume;
  readonly lower: WholeVolume;
  readonly root: Node;
  readonly #errno: Errnos;
  readonly #byUpper = new Map<unknown, Node>();
  readonly #all = new Set<Node>();
  /** Those without holder and kids, the longest so first. */
  readonly #idle = new Set<Node>();
  /** Counts changes of names: what was looked up during one is looked up again. */
  changes = 0;

  constructor(upper: WholeVolume, lower: WholeVolume, errno: Errnos) {
    this.upper = upper;
    this.lower = lower;
    this.#errno = errno;
    this.root = this.#made(undefined, "", upper.root, lower.root);
  }
  #made(parent: Node | undefined, name: string, upper: unknown, lower: unknown): Node {
    const node: Node = {
      upper,
      lower,
      ino: undefined,
      parent,
      name,
      below: new Map(),
      kids: 0,
      held: parent === undefined,
      removed: false,
      dir: undefined,
      raising: undefined,
    };
    if (upper !== undefined) this.adopt(node, upper);
    if (lower !== undefined) this.lower.active(lower);
    if (parent) {
      parent.kids++;
      this.#idle.delete(parent);
      this.#idle.add(node);
    }
    this.#all.add(node);
    return node;
  }
  /** A file has an upper one from now on. */
  adopt(node: Node, upper: unknown): void {
    node.upper = upper;
    this.upper.active(upper);
    this.#byUpper.set(upper, node);
    if (node.parent?.below.get(node.name) === node) node.parent.below.delete(node.name);
  }
  /** The node of a file of the upper directory. */
  above(parent: Node, name: string, upper: unknown): Node {
    return this.#byUpper.get(upper) ?? this.#made(parent, name, upper, undefined);
  }
  /** The node of a file of the lower directory that has no upper one. */
  beneath(parent: Node, name: string, lower: unknown): Node {
    const known = parent.below.get(name);
    if (known && known.lower === lower) return known;
    const node = this.#made(parent, name, undefined, lower);
    parent.below.set(name, node);
    return node;
  }
  /** A file has another place. */
  move(node: Node, parent: Node, name: string): void {
    const from = node.parent;
    parent.kids++;
    [node.parent, node.name] = [parent, name];
    if (!from) return;
    from.kids--;
    this.#rest(from);
  }
  /** A file lost its last name, or one of several: nothing is remembered of it once nobody holds it. */
  lost(node: Node): void {
    node.removed = true;
    const { parent, name } = node;
    if (parent?.below.get(name) === node) parent.below.delete(name);
    this.changes++;
  }
  active(node: Node): void {
    node.held = true;
    this.#idle.delete(node);
  }
  inactive(node: Node): Async<void> {
    node.held = node === this.root;
    return node.removed && node.kids === 0 ? this.#drop(node) : this.#rest(node);
  }
  #rest(node: Node): void {
    if (!node.held && node.kids === 0 && this.#all.has(node)) this.#idle.add(node);
  }
  /** Forget some that nobody asks for; not in the call that gave them. */
  trim(): void {
    for (const node of this.#idle) {
      if (this.#idle.size <= MOST) return;
      if (!node.raising) void this.#drop(node);
    }
  }
  #drop(node: Node): Async<void> {
    const { parent, upper, lower } = node;
    this.#idle.delete(node);
    if (!this.#all.delete(node)) return;
    if (parent?.below.get(node.name) === node) parent.below.delete(node.name);
    if (parent) {
      parent.kids--;
      this.#rest(parent);
    }
    if (this.#byUpper.get(upper) === node) this.#byUpper.delete(upper);
    return then(
      lower === undefined ? undefined : this.lower.inactive(lower),
      () => upper === undefined ? undefined : this.upper.inactive(upper),
    );
  }
  /** All of them: the union is unmounted. */
  clear(): Async<void> {
    const all = [...this.#all];
    return times(all.length, (i) => this.#drop(all[i]!));
  }

  /** What a directory's markers say, and which lower directory it is merged with: found out once. */
  merged(node: Node): Async<Merged> {
    if (node.dir) return node.dir;
    const found = node.upper === undefined ? this.#lowerOnly(node) : this.#markers(node);
    node.dir = found;
    if (found instanceof Promise) found.then((m) => (node.dir = m), () => (node.dir = undefined));
    return found;
  }
  #lowerOnly(node: Node): Async<Merged> {
    return then(this.lowerPath(node), (path) => ({ path, hidden: new Set() }));
  }
  /** The path of a node that is where the lower tree has it. */
  lowerPath({ parent, name }: Node): Async<string> {
    return parent ? then(this.merged(parent), ({ path }) => join(path, name)) : "";
  }
  #markers(node: Node): Async<Merged> {
    return then(this.upper.readdir(node.upper), (entries) => {
      const markers = new Map([...entries].filter(([name]) => isMarker(name)));
      const hidden = new Set([...markers.keys()].map(hiddenBy).filter((n) => n !== undefined));
      const long = [...markers].filter(([name]) => name.startsWith(LONG));
      const named = times(long.length, (i) => then(this.#textOf(long[i]![1]), (name) => void hidden.add(name)));
      return then(named, () => this.#merge(node, markers, hidden));
    });
  }
  #merge(node: Node, markers: ReadonlyMap<string, unknown>, hidden: Set<string>): Async<Merged> {
    const redirect = markers.get(REDIRECT);
    if (markers.has(OPAQUE)) return this.#opaque(node, hidden);
    if (redirect !== undefined) return this.#redirected(node, redirect, hidden);
    return then(
      node.lower === undefined ? this.#beneathParent(node) : undefined,
      () => then(this.lowerPath(node), (path) => ({ path, hidden })),
    );
  }
  #opaque(node: Node, hidden: Set<string>): Async<Merged> {
    const { lower } = node;
    node.lower = undefined;
    return then(lower === undefined ? undefined : this.lower.inactive(lower), () => ({ path: "", hidden }));
  }
  /** The lower directory of the same name, unless it is hidden or none. */
  #beneathParent(node: Node): Async<void> {
    const { parent, name } = node;
    if (!parent) return;
    return then(this.merged(parent), ({ hidden }) => {
      if (parent.lower === undefined || hidden.has(name)) return;
      return then(this.lower.lookup(parent.lower, name), (lower) => this.#mergeWith(node, lower));
    });
  }
  #mergeWith(node: Node, lower: unknown): Async<void> {
    if (lower === undefined) return;
    return then(this.lower.getattr(lower), ({ type }) => {
      if (type !== "dir") return;
      this.lower.active(lower);
      node.lower = lower;
    });
  }
  #redirected(node: Node, marker: unknown, hidden: Set<string>): Async<Merged> {
    return then(this.#textOf(marker), (path) => {
      const names = namesIn(path, this.#errno);
      if (node.lower !== undefined) return { path, hidden };
      return then(this.#walk(names), (lower) => then(this.#mergeWith(node, lower), () => ({ path, hidden })));
    });
  }
  #textOf(marker: unknown): Async<string> {
    return then(this.upper.getattr(marker), ({ type, size }) => {
      if (type !== "file" || size > MAX_PATH) throw this.#errno.EIO;
      const text = new Uint8Array(size);
      return then(this.upper.read(marker, text, 0), (n) => decodeName(text.subarray(0, n)));
    });
  }
  #walk(names: readonly string[]): Async<unknown> {
    let at: unknown = this.lower.root;
    return then(
      times(names.length, (i) => {
        if (at === undefined) return;
        return then(this.lower.lookup(at, names[i]!), (next) => void (at = next));
      }),
      () => at,
    );
  }

  lookup(dir: Node, name: string, again = 0): Async<Node | undefined> {
    if (isMarker(name)) return undefined;
    const { changes } = this;
    return then(
      this.merged(dir),
      ({ hidden }) =>
        then(dir.upper === undefined ? undefined : this.upper.lookup(dir.upper, name), (upper) => {
          if (upper !== undefined) return this.above(dir, name, upper);
          if (dir.lower === undefined || hidden.has(name)) return undefined;
          return then(this.lower.lookup(dir.lower, name), (lower) => {
            if (changes !== this.changes && again < PATIENCE) return this.lookup(dir, name, again + 1);
            return lower === undefined ? undefined : this.beneath(dir, name, lower);
          });
        }),
    );
  }
  /** Whether the lower directory has a name that is seen, or would be without the upper file of that name. */
  covers(dir: Node, name: string): Async<boolean> {
    return then(this.merged(dir), ({ hidden }) => {
      if (dir.lower === undefined || hidden.has(name)) return false;
      return then(this.lower.lookup(dir.lower, name), (lower) => lower !== undefined);
    });
  }
  /** Every name once: the upper directory's, then what else the lower one has. */
  list(dir: Node): Async<[string, Node][]> {
    return then(
      this.merged(dir),
      ({ hidden }) =>
        then(dir.upper === undefined ? [] : this.upper.readdir(dir.upper), (upper) => {
          const list: [string, Node][] = [];
          for (const [name, node] of upper) if (!isMarker(name)) list.push([name, this.above(dir, name, node)]);
          if (dir.lower === undefined) return list;
          const names = new Set(list.map(([name]) => name));
          return then(this.lower.readdir(dir.lower), (lower) => {
            for (const [name, node] of lower) {
              if (names.has(name) || hidden.has(name) || isMarker(name)) continue;
              list.push([name, this.beneath(dir, name, node)]);
            }
            return list;
          });
        }),
    );
  }
}
const join = (dir: string, name: string) => (dir === "" ? name : `${dir}/${name}`);
