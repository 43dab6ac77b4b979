/**
 * A volume of a driver that thinks in paths, as FUSE's high-level interface and node:fs have them: nodes are made here, one
 * for each file as long as anybody may hold it. A removed or replaced file that is still open gets a hidden name until it
 * is closed, where the driver can rename.
 */
import type { Errnos } from "../plugin.ts";
import { type Async, then } from "./async.ts";
import type { Attr, FileType, Make, SetAttr, StatFs, Volume } from "./volume.ts";

/** `ino` may be left out: it is made of the path. */
export type PathAttr = Omit<Attr, "ino"> & { readonly ino?: number };
/** Operations by path: "" is the root, others as "dir/file". What is left out fails as it does for a `Volume`. */
export interface PathDriver {
  /** `undefined`: there is no such file. */
  getattr(path: string): Async<PathAttr | undefined>;
  /** Names in a directory, each once, without "." and "..". */
  readdir(path: string): Async<Iterable<string>>;
  readlink?(path: string): Async<string>;
  read?(path: string, into: Uint8Array, offset: number): Async<number>;
  write?(path: string, from: Uint8Array, offset: number): Async<number>;
  setattr?(path: string, change: SetAttr): Async<void>;
  create?(path: string, make: Make): Async<void>;
  mkdir?(path: string, make: Make): Async<void>;
  mknod?(path: string, make: Make & { readonly type: FileType; readonly rdev: number }): Async<void>;
  symlink?(path: string, target: string, make: Make): Async<void>;
  unlink?(path: string): Async<void>;
  /** Remove an empty directory, else ENOTEMPTY. */
  rmdir?(path: string): Async<void>;
  /** Move a file or directory; a file, or an empty directory, that stands there is replaced. */
  rename?(from: string, to: string): Async<void>;
  getxattr?(path: string, name: string): Async<Uint8Array | undefined>;
  setxattr?(path: string, name: string, value: Uint8Array): Async<void>;
  removexattr?(path: string, name: string): Async<boolean>;
  listxattr?(path: string): Async<Iterable<string>>;
  fsync?(path: string): Async<void>;
  statfs?(): Async<StatFs>;
  sync?(): Async<void>;
  unmount?(): Async<void>;
  readonly readOnly?: boolean;
  readonly changing?: boolean;
  readonly validSeconds?: number;
  readonly label?: string;
}

/** A file that was seen. */
export interface PathNode {
  parent: PathNode | undefined;
  name: string;
  readonly children: Map<string, PathNode>;
  held: boolean;
  /** Its number, by the path it was first seen at: it stays when it is moved. */
  readonly ino: number;
  /** Its name is gone: it has one of ours until it is closed. */
  hidden: boolean;
}
/** Nodes that are remembered though nobody holds them. */
const MOST = 65_536;
const HIDDEN = ".rump_hidden_";

const pathOf = ({ parent, name }: PathNode): string => (parent?.parent ? `${pathOf(parent)}/${name}` : name);

/** 52 bits of a text (FNV-1a, twice). */
function numberOf(text: string): number {
  let [a, b] = [0x811c9dc5, 0x01234567];
  for (let i = 0; i < text.length; i++) {
    a = Math.imul(a ^ text.charCodeAt(i), 0x01000193);
    b = Math.imul(b ^ text.charCodeAt(i), 0x01000193) + 0x9e3779b9 | 0;
  }
  return (a >>> 6) * 2 ** 26 + (b >>> 6) + 2;
}

class PathVolume {
  readonly root: PathNode = node(undefined, "", 1);
  readonly #driver: PathDriver;
  readonly #errno: Errnos;
  /** Those without holder and children, the longest so first. */
  readonly #idle = new Set<PathNode>();
  /** Who has a number: a file that was moved away keeps it from the next one there. */
  readonly #numbers = new Map<number, PathNode>();
  #serial = 0;

  constructor(driver: PathDriver, errno: Errnos) {
    this.#driver = driver;
    this.#errno = errno;
  }
  /** The node of a name; it is known that there is one. */
  at(parent: PathNode, name: string): PathNode {
    const known = parent.children.get(name);
    if (known) return known;
    let ino = numberOf(join(pathOf(parent), name));
    while (this.#numbers.has(ino)) ino++;
    const made = node(parent, name, ino);
    this.#numbers.set(ino, made);
    parent.children.set(name, made);
    this.#idle.delete(parent);
    this.#idle.add(made);
    return made;
  }
  /** Forget some that nobody asks for; not in the call that gave them. */
  trim(): void {
    for (const old of this.#idle) {
      if (this.#idle.size <= MOST) return;
      this.#drop(old);
    }
  }
  #drop(n: PathNode): void {
    this.#idle.delete(n);
    const { parent } = n;
    if (parent?.children.get(n.name) !== n) return;
    parent.children.delete(n.name);
    if (!n.held) this.#numbers.delete(n.ino);
    this.#rest(parent);
  }
  #rest(n: PathNode): void {
    if (!n.held && n.children.size === 0 && n !== this.root) this.#idle.add(n);
  }
  active(n: PathNode): void {
    n.held = true;
    this.#idle.delete(n);
    if (n.parent && !n.hidden && !n.parent.children.has(n.name)) n.parent.children.set(n.name, n);
  }
  inactive(n: PathNode): Async<void> {
    n.held = false;
    if (n.parent && n.parent.children.get(n.name) !== n) this.#numbers.delete(n.ino);
    if (!n.hidden) return this.#rest(n);
    const path = pathOf(n);
    this.#drop(n);
    return this.#driver.unlink!(path);
  }
  lookup(dir: PathNode, name: string): Async<PathNode | undefined> {
    this.trim();
    if (name.startsWith(HIDDEN)) return undefined;
    const parts = pathOf(dir);
    return then(this.#driver.getattr(join(parts, name)), (a) => (a ? this.at(dir, name) : undefined));
  }
  getattr(n: PathNode): Async<Attr> {
    return then(this.#driver.getattr(pathOf(n)), (a) => {
      if (!a) throw this.#errno.ENOENT;
      return { ...a, ino: a.ino ?? n.ino, ...(n.hidden ? { nlink: 0 } : {}) };
    });
  }
  readdir(dir: PathNode): Async<[string, PathNode][]> {
    this.trim();
    return then(
      this.#driver.readdir(pathOf(dir)),
      (names) => [...names].filter((name) => !name.startsWith(HIDDEN)).map((name) => [name, this.at(dir, name)]),
    );
  }
  /** Something is made at a name. */
  make(dir: PathNode, name: string, work: (path: string) => Async<void>): Async<PathNode> {
    return then(work(join(pathOf(dir), name)), () => this.at(dir, name));
  }
  unlink(dir: PathNode, name: string, n: PathNode): Async<void> {
    if (n.held && this.#driver.rename) return this.#hide(n);
    return then(this.#driver.unlink!(join(pathOf(dir), name)), () => this.#drop(n));
  }
  rmdir(dir: PathNode, name: string, n: PathNode): Async<void> {
    return then(this.#driver.rmdir!(join(pathOf(dir), name)), () => this.#drop(n));
  }
  /** What is open keeps its bytes under a name nobody sees. */
  #hide(n: PathNode): Async<void> {
    const name = `${HIDDEN}${this.#serial++}`;
    return then(this.#driver.rename!(pathOf(n), join(pathOf(n.parent!), name)), () => {
      this.#move(n, n.parent!, name);
      n.hidden = true;
    });
  }
  #move(n: PathNode, to: PathNode, name: string): void {
    const from = n.parent!;
    from.children.delete(n.name);
    [n.parent, n.name] = [to, name];
    to.children.set(name, n);
    this.#idle.delete(to);
    this.#rest(from);
  }
  rename(
    _fromDir: PathNode,
    _fromName: string,
    n: PathNode,
    to: PathNode,
    name: string,
    target?: PathNode,
  ): Async<void> {
    const dir = target && target.children.size > 0;
    const away = target?.held && !dir && target !== n ? this.#hideFile(target) : undefined;
    return then(away, () =>
      then(this.#driver.rename!(pathOf(n), join(pathOf(to), name)), () => {
        if (target && !target.hidden) this.#drop(target);
        this.#move(n, to, name);
      }));
  }
  /** Directories are replaced as they are: nothing can be made in them any more. */
  #hideFile(n: PathNode): Async<void> {
    return then(this.getattr(n), ({ type }) => (type === "dir" ? undefined : this.#hide(n)));
  }
}
const join = (dir: string, name: string) => (dir === "" ? name : `${dir}/${name}`);
const node = (parent: PathNode | undefined, name: string, ino: number): PathNode => ({
  parent,
  name,
  children: new Map(),
  held: false,
  ino,
  hidden: false,
});

/** Operations that take a file first, and are the driver's with its path. */
const onFiles = [
  "readlink",
  "read",
  "write",
  "setattr",
  "getxattr",
  "setxattr",
  "removexattr",
  "listxattr",
  "fsync",
] as const;
/** Operations that make something at a name. */
const making = ["create", "mkdir", "mknod", "symlink"] as const;
const wholes = ["statfs", "sync", "unmount"] as const;
type Operation = (...args: never[]) => unknown;

/** The volume of a path-style driver. */
export function pathVolume(errno: Errnos, driver: PathDriver): Volume<PathNode> {
  const v = new PathVolume(driver, errno);
  const ops: Record<string, unknown> = {};
  const own = (name: string) => (driver as unknown as Record<string, Operation | undefined>)[name]?.bind(driver);
  for (const name of onFiles) {
    const op = own(name);
    if (op) ops[name] = (n: PathNode, ...args: never[]) => op(pathOf(n) as never, ...args);
  }
  for (const name of making) {
    const op = own(name) as ((path: string, ...args: never[]) => Async<void>) | undefined;
    if (op) ops[name] = (dir: PathNode, at: string, ...a: never[]) => v.make(dir, at, (path) => op(path, ...a));
  }
  for (const name of wholes) if (own(name)) ops[name] = own(name);
  for (const name of ["unlink", "rmdir", "rename"] as const) if (own(name)) ops[name] = v[name].bind(v);
  for (const name of ["readOnly", "changing", "validSeconds", "label"] as const) {
    if (driver[name] !== undefined) ops[name] = driver[name];
  }
  return {
    root: v.root,
    getattr: (n) => v.getattr(n),
    lookup: (dir, name) => v.lookup(dir, name),
    readdir: (dir) => v.readdir(dir),
    active: (n) => v.active(n),
    inactive: (n) => v.inactive(n),
    ...ops,
  };
}
