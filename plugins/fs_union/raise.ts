/**
 * Copy-up: a lower file becomes an upper one before it is changed. It is made in a directory of its own, whole, and then
 * moved to its place: whenever that ends there is the old file or the new one.
 */
import { type Async, lastly, otherwise, then, times } from "../../src/lib/async.ts";
import type { Attr, Make, SetAttr, Sys, WholeVolume } from "../../src/plugin.ts";
import { WORK } from "./markers.ts";
import type { Node, Tree } from "./tree.ts";

/** Bytes a transfer; pieces of zeros are left out. */
const PIECE = 256 << 10;
/** Pieces after which others get their turn. */
const TURN = 64;

/** Whiteouts and their like. */
export const MARKER: Make = { mode: 0o600, uid: 0, gid: 0 };

export class Raiser {
  readonly #sys: Sys;
  readonly #tree: Tree;
  #work: unknown;
  #serial = 0;
  #last: Promise<unknown> | undefined;

  constructor(sys: Sys, tree: Tree) {
    this.#sys = sys;
    this.#tree = tree;
  }
  /** Do one thing to names after the other: at once when nothing else is under way. */
  alone<T>(work: () => Async<T>): Async<T> {
    const done = this.#last ? this.#last.then(work, work) : work();
    if (!(done instanceof Promise)) return done;
    const last = done.finally(() => {
      if (this.#last === last) this.#last = undefined;
    });
    last.catch(() => {}); // who asked for it hears of it
    this.#last = last;
    return done;
  }
  /** The upper file of a node, which is made if there is none. `keep`: bytes of it that are needed. */
  raise(node: Node, keep = Infinity): Async<unknown> {
    if (node.upper !== undefined) return node.upper;
    if (node.raising) return node.raising;
    const done = this.#raise(node, keep);
    if (!(done instanceof Promise)) return done;
    return (node.raising = done.finally(() => (node.raising = undefined)));
  }
  #raise(node: Node, keep: number): Async<unknown> {
    const { lower } = this.#tree;
    return then(
      node.removed ? undefined : this.raise(node.parent!),
      () =>
        then(
          lower.getattr(node.lower),
          (attr) => then(this.#workDirectory(), (work) => this.#copy(node, attr, keep, work)),
        ),
    );
  }
  /** Where files are made. What an earlier mount did not come to finish goes. */
  #workDirectory(): Async<unknown> {
    if (this.#work !== undefined) return this.#work;
    const { upper } = this.#tree;
    return this.alone(() => {
      if (this.#work !== undefined) return this.#work;
      return then(
        upper.lookup(upper.root, WORK),
        (there) =>
          then(
            there ?? upper.mkdir(upper.root, WORK, { mode: 0o700, uid: 0, gid: 0 }),
            (work) =>
              then(upper.getattr(work), ({ type }) => {
                if (type !== "dir") {
                  throw this.#sys.errno.EIO;
                }
                upper.active(work);
                this.#work = work;
                return then(there === undefined ? undefined : empty(upper, work, () => true), () => work);
              }),
          ),
      );
    });
  }
  /** Nothing is being copied any more: its place goes, too, unless somebody put something there. */
  end(): Async<void> {
    const { upper } = this.#tree;
    const work = this.#work;
    if (work === undefined) return;
    return quietly(() => lastly(() => upper.rmdir(upper.root, WORK, work), () => upper.inactive(work)));
  }
  /** A marker with a text, whole from the moment it is there. */
  mark(dir: unknown, marker: string, text: Uint8Array): Async<void> {
    const { upper } = this.#tree;
    return then(this.#workDirectory(), (work) => {
      const name = String(this.#serial++);
      return then(
        upper.create(work, name, MARKER),
        (made) =>
          then(
            upper.write(made, text, 0),
            () =>
              then(upper.fsync(made), () => this.alone(() => upper.rename(work, name, made, dir, marker, undefined))),
          ),
      );
    });
  }
  #copy(node: Node, attr: Attr, keep: number, work: unknown): Async<unknown> {
    const { upper } = this.#tree;
    const name = String(this.#serial++);
    return then(this.#make(node, attr, work, name), (made) => {
      upper.active(made);
      const undo = () => {
        void quietly(() => lastly(() => remove(upper, work, name, made), () => upper.inactive(made)));
      };
      const fill = () => then(this.#fill(node, attr, made, keep), () => this.#place(node, made, work, name));
      return then(otherwise(fill, undo), () => {
        // The tree holds it now.
        return then(upper.inactive(made), () => made);
      });
    });
  }
  #make({ lower: node }: Node, attr: Attr, work: unknown, name: string): Async<unknown> {
    const { upper, lower } = this.#tree;
    const { type, mode = type === "dir" ? 0o755 : 0o644, uid = 0, gid = 0, rdev = 0 } = attr;
    const make: Make = { mode, uid, gid };
    if (type === "file") return upper.create(work, name, make);
    if (type === "dir") return upper.mkdir(work, name, make);
    if (type === "link") return then(lower.readlink(node), (target) => upper.symlink(work, name, target, make));
    return upper.mknod(work, name, { ...make, type, rdev });
  }
  #fill({ lower: node }: Node, attr: Attr, made: unknown, keep: number): Async<void> {
    const { upper } = this.#tree;
    const data = attr.type === "file" ? this.#data(node, made, Math.min(attr.size, keep)) : undefined;
    return then(
      data,
      () =>
        then(
          this.#xattrs(node, made),
          () => then(this.#attributes(attr, made), () => attr.type === "file" ? upper.fsync(made) : undefined),
        ),
    );
  }
  #data(from: unknown, to: unknown, size: number): Async<void> {
    const { upper } = this.#tree;
    const piece = new Uint8Array(Math.min(PIECE, size));
    const copied = times(Math.ceil(size / PIECE), (i) => {
      const part = piece.subarray(0, Math.min(PIECE, size - i * PIECE));
      const turn = i % TURN === TURN - 1 ? this.#pause() : undefined;
      return then(turn, () => then(this.#read(from, part, i * PIECE), () => this.#write(to, part, i * PIECE)));
    });
    return then(
      copied,
      () => then(upper.getattr(to), (now) => now.size === size ? undefined : upper.setattr(to, { size })),
    );
  }
  #pause(): Promise<void> {
    return new Promise((resolve) => void this.#sys.callout(0, resolve));
  }
  #read(from: unknown, into: Uint8Array, offset: number): Async<void> {
    return then(this.#tree.lower.read(from, into, offset), (n) => {
      if (n === into.length) return;
      if (n === 0) throw this.#sys.errno.EIO; // shorter than it says
      return this.#read(from, into.subarray(n), offset + n);
    });
  }
  #write(to: unknown, part: Uint8Array, offset: number): Async<void> {
    if (part.every((byte) => byte === 0)) return;
    return then(this.#tree.upper.write(to, part, offset), (n) => {
      if (n < part.length) return this.#write(to, part.subarray(n), offset + n);
    });
  }
  #xattrs(from: unknown, to: unknown): Async<void> {
    const { upper, lower } = this.#tree;
    return this.#lenient(() =>
      then(lower.listxattr(from), (all) => {
        const names = [...all];
        return times(names.length, (i) =>
          this.#lenient(() =>
            then(lower.getxattr(from, names[i]!), (value) =>
              value && upper.setxattr(to, names[i]!, value))
          ));
      })
    );
  }
  /** What the upper file system can keep of a file's mode, owner, flags and times. */
  #attributes(attr: Attr, made: unknown): Async<void> {
    const { upper } = this.#tree;
    return then(upper.getattr(made), (now) => {
      const set = (...names: (keyof SetAttr)[]) => {
        const given = names.filter((name) => attr[name as keyof Attr] !== undefined);
        if (given.every((name) => attr[name as keyof Attr] === now[name as keyof Attr])) return;
        const change = Object.fromEntries(given.map((name) => [name, attr[name as keyof Attr]]));
        return this.#lenient(() => upper.setattr(made, change as SetAttr));
      };
      const mode = attr.type === "link" ? undefined : set("mode");
      return then(
        set("uid", "gid"),
        () =>
          then(
            mode,
            () => then(set("atime", "atimensec", "mtime", "mtimensec"), () => attr.flags ? set("flags") : undefined),
          ),
      );
    });
  }
  #lenient(work: () => Async<unknown>): Async<void> {
    const { EPERM, EOPNOTSUPP, EINVAL } = this.#sys.errno;
    const kept = (e: unknown): void => {
      if (e !== EPERM && e !== EOPNOTSUPP && e !== EINVAL) throw e;
    };
    try {
      const done = work();
      return done instanceof Promise ? done.then(() => {}, kept) : undefined;
    } catch (e) {
      return kept(e);
    }
  }
  /** Where it stands, or nowhere if its name went meanwhile. That is no change of the directory: its times stay. */
  #place(node: Node, made: unknown, work: unknown, name: string): Async<void> {
    const { upper } = this.#tree;
    return this.alone(() => {
      const adopt = () => {
        this.#tree.adopt(node, made);
        this.#tree.changes++;
      };
      if (node.removed) return then(upper.unlink(work, name, made), adopt);
      const dir = node.parent!.upper;
      return then(
        upper.getattr(dir),
        ({ mtime, mtimensec = 0 }) =>
          then(upper.rename(work, name, made, dir, node.name, undefined), () => {
            adopt();
            if (mtime !== undefined) return this.#lenient(() => upper.setattr(dir, { mtime, mtimensec }));
          }),
      );
    });
  }
}
/** Remove what is in a directory, and is `gone`; directories must be empty. */
export function empty(volume: WholeVolume, dir: unknown, gone: (name: string) => boolean): Async<void> {
  return then(volume.readdir(dir), (entries) => {
    const all = [...entries].filter(([name]) => gone(name));
    return times(all.length, (i) => {
      const [name, node] = all[i]!;
      return remove(volume, dir, name, node);
    });
  });
}
/** Remove a name, and what nobody holds: its room is given back. */
function remove(volume: WholeVolume, dir: unknown, name: string, node: unknown): Async<void> {
  volume.active(node);
  return lastly(
    () => then(volume.getattr(node), ({ type }) => volume[type === "dir" ? "rmdir" : "unlink"](dir, name, node)),
    () => volume.inactive(node),
  );
}
/** Clear up: what goes wrong is told by nobody, and the next mount does it. */
function quietly(work: () => Async<unknown>): Async<void> {
  try {
    const done = work();
    return done instanceof Promise ? done.then(() => {}, () => {}) : undefined;
  } catch {
    return undefined;
  }
}
