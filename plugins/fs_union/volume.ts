/**
 * A union of two directories: the lower one is never changed, what is written is in the upper one. Every change is made of
 * steps that each leave what was there or what shall be: a whiteout comes before its name goes, and never goes itself.
 */
import { type Async, then } from "../../src/lib/async.ts";
import { encodeName } from "../../src/lib/text.ts";
import type { Attr, FileType, Make, SetAttr, Sys, Volume, WholeVolume } from "../../src/plugin.ts";
import { isLong, isMarker, LONG, OPAQUE, REDIRECT, whiteoutOf } from "./markers.ts";
import { empty, MARKER, Raiser } from "./raise.ts";
import { type Node, Tree } from "./tree.ts";

/** Numbers of files above this are folded: one bit more must fit. */
const MOST_INO = 2 ** 51;

class Union {
  readonly root: Node;
  readonly #sys: Sys;
  readonly #tree: Tree;
  readonly #raiser: Raiser;
  readonly #upper: WholeVolume;
  readonly #lower: WholeVolume;

  constructor(sys: Sys, upper: WholeVolume, lower: WholeVolume) {
    this.#sys = sys;
    this.#upper = upper;
    this.#lower = lower;
    this.#tree = new Tree(upper, lower, sys.errno);
    this.#raiser = new Raiser(sys, this.#tree);
    this.root = this.#tree.root;
  }
  get readOnly(): boolean {
    return this.#upper.readOnly ?? false;
  }
  get foldsCase(): boolean {
    return this.#upper.foldsCase || this.#lower.foldsCase || false;
  }
  getattr(node: Node): Async<Attr> {
    const layer = node.upper === undefined ? 0 : 1;
    return then(layer ? this.#upper.getattr(node.upper) : this.#lower.getattr(node.lower), (attr) => {
      node.ino ??= (attr.ino % MOST_INO) * 2 + layer;
      // How many directories are in a directory nobody has counted: 1 says so.
      const nlink = attr.type === "dir" ? 1 : node.removed && !layer ? 0 : attr.nlink ?? 1;
      return { ...attr, ino: node.ino, nlink };
    });
  }
  lookup(dir: Node, name: string): Async<Node | undefined> {
    this.#tree.trim();
    return this.#tree.lookup(dir, name);
  }
  readdir(dir: Node): Async<[string, Node][]> {
    this.#tree.trim();
    return this.#tree.list(dir);
  }
  active(node: Node): void {
    this.#tree.active(node);
  }
  inactive(node: Node): Async<void> {
    return this.#tree.inactive(node);
  }

  /** What is asked of a file that is not changed by it. */
  #ask<T>(node: Node, ask: (volume: WholeVolume, node: unknown) => Async<T>): Async<T> {
    return node.upper === undefined ? ask(this.#lower, node.lower) : ask(this.#upper, node.upper);
  }
  readlink(node: Node): Async<string> {
    return this.#ask(node, (v, n) => v.readlink(n));
  }
  read(node: Node, into: Uint8Array, offset: number): Async<number> {
    return this.#ask(node, (v, n) => v.read(n, into, offset));
  }
  seek(node: Node, offset: number, hole: boolean): Async<number> {
    return this.#ask(node, (v, n) => v.seek(n, offset, hole));
  }
  getxattr(node: Node, name: string): Async<Uint8Array | undefined> {
    return this.#ask(node, (v, n) => v.getxattr(n, name));
  }
  listxattr(node: Node): Async<Iterable<string>> {
    return this.#ask(node, (v, n) => v.listxattr(n));
  }
  ioctl(node: Node, command: number, data: Uint8Array): Async<Uint8Array> {
    return then(
      data.length > 0 ? this.#raiser.raise(node) : undefined,
      () => this.#ask(node, (v, n) => v.ioctl(n, command, data)),
    );
  }
  fsync(node: Node): Async<void> {
    return node.upper === undefined ? undefined : this.#upper.fsync(node.upper);
  }

  write(node: Node, from: Uint8Array, offset: number): Async<number> {
    return then(this.#raiser.raise(node), (upper) => this.#upper.write(upper, from, offset));
  }
  setattr(node: Node, change: SetAttr): Async<void> {
    return then(this.#raiser.raise(node, change.size), (upper) => this.#upper.setattr(upper, change));
  }
  setxattr(node: Node, name: string, value: Uint8Array): Async<void> {
    return then(this.#raiser.raise(node), (upper) => this.#upper.setxattr(upper, name, value));
  }
  removexattr(node: Node, name: string): Async<boolean> {
    return then(this.getxattr(node, name), (there) => {
      if (there === undefined) return false;
      return then(this.#raiser.raise(node), (upper) => this.#upper.removexattr(upper, name));
    });
  }
  allocate(node: Node, offset: number, length: number, keepSize: boolean): Async<void> {
    return then(this.#raiser.raise(node), (upper) => this.#upper.allocate(upper, offset, length, keepSize));
  }
  punch(node: Node, offset: number, length: number): Async<void> {
    return then(this.#raiser.raise(node), (upper) => this.#upper.punch(upper, offset, length));
  }

  /** Make something in a directory. */
  #made(dir: Node, name: string, make: (dir: unknown) => Async<unknown>): Async<Node> {
    this.#checkName(name);
    return then(this.#raiser.raise(dir), (upper) =>
      this.#raiser.alone(() =>
        then(make(upper), (node) => {
          this.#tree.changes++;
          return this.#tree.above(dir, name, node);
        })
      ));
  }
  #checkName(name: string): void {
    if (isMarker(name)) throw this.#sys.errno.EINVAL;
  }
  create(dir: Node, name: string, make: Make): Async<Node> {
    return this.#made(dir, name, (upper) => this.#upper.create(upper, name, make));
  }
  mkdir(dir: Node, name: string, make: Make): Async<Node> {
    return this.#made(dir, name, (upper) => this.#upper.mkdir(upper, name, make));
  }
  mknod(dir: Node, name: string, make: Make & { readonly type: FileType; readonly rdev: number }): Async<Node> {
    return this.#made(dir, name, (upper) => this.#upper.mknod(upper, name, make));
  }
  symlink(dir: Node, name: string, target: string, make: Make): Async<Node> {
    return this.#made(dir, name, (upper) => this.#upper.symlink(upper, name, target, make));
  }
  link(node: Node, dir: Node, name: string): Async<void> {
    return then(
      this.#raiser.raise(node),
      (file) => then(this.#made(dir, name, (upper) => then(this.#upper.link(file, upper, name), () => file)), () => {}),
    );
  }

  /** Hide a name of the lower directory, if it has it. */
  #hide(dir: Node, name: string): Async<void> {
    return then(this.#tree.covers(dir, name), (covers) => {
      if (!covers) return;
      return then(
        this.#raiser.raise(dir),
        (upper) =>
          then(
            isLong(name) ? this.#markLong(upper, name) : this.#mark(upper, whiteoutOf(name)),
            () =>
              then(this.#tree.merged(dir), ({ hidden }) => {
                hidden.add(name);
              }),
          ),
      );
    });
  }
  /** The same by a marker whose text is the name. */
  #markLong(dir: unknown, name: string, i = 0): Async<void> {
    return then(
      this.#upper.lookup(dir, LONG + i),
      (there) =>
        there === undefined ? this.#raiser.mark(dir, LONG + i, encodeName(name)) : this.#markLong(dir, name, i + 1),
    );
  }
  /** A marker that is there for good; its node. */
  #mark(dir: unknown, name: string): Async<unknown> {
    return this.#raiser.alone(() =>
      then(this.#upper.lookup(dir, name), (there) => there ?? this.#upper.create(dir, name, MARKER))
    );
  }
  unlink(dir: Node, name: string, node: Node): Async<void> {
    return then(
      node.raising?.catch(() => {}),
      () => then(this.#hide(dir, name), () => this.#remove(dir, name, node, "unlink")),
    );
  }
  rmdir(dir: Node, name: string, node: Node): Async<void> {
    return then(
      this.#mustBeEmpty(node),
      () => then(this.#hide(dir, name), () => then(this.#clear(node), () => this.#remove(dir, name, node, "rmdir"))),
    );
  }
  #remove(dir: Node, name: string, node: Node, how: "unlink" | "rmdir"): Async<void> {
    return this.#raiser.alone(() =>
      then(node.upper === undefined ? undefined : this.#upper[how](dir.upper, name, node.upper), () => {
        this.#tree.lost(node);
      })
    );
  }
  #mustBeEmpty(node: Node): Async<void> {
    return then(this.#tree.list(node), ({ length }) => {
      if (length > 0) throw this.#sys.errno.ENOTEMPTY;
    });
  }
  /** The markers of a directory that is seen as empty, and will go. */
  #clear(node: Node): Async<void> {
    return node.upper === undefined ? undefined : empty(this.#upper, node.upper, isMarker);
  }

  rename(from: Node, fromName: string, node: Node, to: Node, toName: string, target?: Node): Async<void> {
    this.#checkName(toName);
    return then(
      this.#movable(from, fromName, node),
      (isDir) =>
        then(
          this.#raiser.raise(to),
          () =>
            then(isDir ? this.#free(node, to, toName, target) : undefined, () =>
              this.#move(from, fromName, node, to, toName, target)),
        ),
    );
  }
  /** See to it that a directory that comes to a name is not merged with what the lower directory has by that name. */
  #free(node: Node, to: Node, name: string, target: Node | undefined): Async<void> {
    return then(target && this.#mustBeEmpty(target), () => {
      // It is empty with or without the lower one, whose whiteouts can go then.
      if (target?.upper !== undefined) return then(this.#hide(to, name), () => this.#clear(target));
      if (node.lower !== undefined) return; // it says itself where its lower one is
      return then(
        this.#tree.covers(to, name),
        (covers) => covers ? then(this.#mark(node.upper, OPAQUE), () => {}) : undefined,
      );
    });
  }
  #move(from: Node, fromName: string, node: Node, to: Node, toName: string, target?: Node): Async<void> {
    return this.#raiser.alone(() =>
      then(this.#upper.rename(from.upper, fromName, node.upper, to.upper, toName, target?.upper), () => {
        if (target) this.#tree.lost(target);
        this.#tree.move(node, to, toName);
        this.#tree.changes++;
      })
    );
  }
  /** What a file needs to leave its place: to be an upper one, and that nothing of it is seen there. True: a directory. */
  #movable(dir: Node, name: string, node: Node): Async<boolean> {
    return then(
      this.#raiser.raise(node),
      (upper) =>
        then(
          this.#upper.getattr(upper),
          ({ type }) =>
            then(type === "dir" ? this.#redirect(node) : undefined, () =>
              then(this.#hide(dir, name), () => type === "dir")),
        ),
    );
  }
  /** Say where a directory's lower one is, wherever it goes. */
  #redirect(node: Node): Async<void> {
    return then(this.#tree.merged(node), ({ path }) => {
      if (node.lower === undefined) return;
      return then(
        this.#upper.lookup(node.upper, REDIRECT),
        (there) => there === undefined ? this.#raiser.mark(node.upper, REDIRECT, encodeName(path)) : undefined,
      );
    });
  }
  exchange(from: Node, fromName: string, to: Node, toName: string): Async<void> {
    return then(this.#tree.lookup(from, fromName), (a) =>
      then(this.#tree.lookup(to, toName), (b) => {
        if (!a || !b) throw this.#sys.errno.ENOENT;
        return then(this.#movable(from, fromName, a), () =>
          then(this.#movable(to, toName, b), () =>
            this.#raiser.alone(() =>
              then(this.#upper.exchange(from.upper, fromName, to.upper, toName), () => {
                this.#tree.move(a, to, toName);
                this.#tree.move(b, from, fromName);
                this.#tree.changes++;
              })
            )));
      }));
  }

  statfs() {
    return this.#upper.statfs();
  }
  sync(): Async<void> {
    return this.#upper.sync();
  }
  update(): void {}
  unmount(): Async<void> {
    return then(
      this.readOnly ? undefined : this.#raiser.end(),
      () => then(this.#tree.clear(), () => then(this.#upper.unmount(), () => this.#lower.unmount())),
    );
  }
}
/** The union of two directories that were lent: it gives them back when it is unmounted. */
export const union = (sys: Sys, upper: WholeVolume, lower: WholeVolume): Volume<Node> => new Union(sys, upper, lower);
