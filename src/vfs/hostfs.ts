/** A host directory or file as a volume (rump's etfs types `dir` and `reg`). */
import { errno, type ErrnoName, SysError } from "../abi/errno.ts";
import type { Attr, FileType, Make, SetAttr, Volume } from "../plugin.ts";

/** The host calls it is made of; `Host` has them. */
export interface HostFiles {
  open(path: string, how: { write?: boolean; create?: boolean; exclusive?: boolean; plain?: boolean; mode?: number }): {
    readonly size: number;
    pread(into: Uint8Array, offset: number): number;
    pwrite(from: Uint8Array, offset: number): number;
    truncate(size: number): void;
    fdatasync(): void;
    close(): void;
  };
  stat(
    path: string,
    follow?: boolean,
  ): { type: FileType; size: number; mode: number; uid: number; gid: number; mtime: number; ino: number };
  beneath<T>(root: string, names: readonly string[], work: (path: string) => T): T;
  readdir(path: string): string[];
  readlink(path: string): string;
  mkdir(path: string, mode: number): void;
  unlink(path: string): void;
  rmdir(path: string): void;
  rename(from: string, to: string): void;
  symlink(target: string, path: string): void;
  chmod(path: string, mode: number): void;
  utimes(path: string, atime: number, mtime: number): void;
}

/** A file by where it stands; the root has no parent. */
interface Node {
  parent: Node | undefined;
  name: string;
  readonly children: Map<string, Node>;
  /** What it was when its last name went: it lives on in the open file. */
  gone?: Attr;
}
type Open = ReturnType<HostFiles["open"]>;
/** Host files kept open for reading and writing. */
const MAX_OPEN = 64;

class HostVolume implements Volume<Node> {
  readonly root: Node = { parent: undefined, name: "", children: new Map() };
  readonly label: string;
  readonly #host: HostFiles;
  readonly #open = new Map<Node, Open>();

  constructor(host: HostFiles, path: string) {
    this.#host = host;
    this.label = path;
  }
  /**
   * Do something to what stands where a node is. Its name may be another object's by now, a link's out of the directory
   * that was lent: none is followed.
   */
  #on<T>(node: Node, work: (path: string) => T): T {
    return node.parent ? this.#host.beneath(this.label, namesOf(node), work) : work(this.label);
  }
  #at<T>(dir: Node, name: string, work: (path: string) => T): T {
    return this.#host.beneath(this.label, namesOf(dir), (path) => work(`${path}/${name}`));
  }
  #child(dir: Node, name: string): Node {
    let node = dir.children.get(name);
    if (!node) dir.children.set(name, node = { parent: dir, name, children: new Map() });
    return node;
  }
  #forget(node: Node): void {
    this.#open.get(node)?.close();
    this.#open.delete(node);
  }
  /** A file is about to lose its name: open, it can be used until nobody holds it. */
  #keep(node: Node | undefined): void {
    if (!node || node.gone) return;
    const was = this.getattr(node);
    if (was.type === "file") this.#file(node, false);
    node.gone = was;
  }
  /** Do what takes a name away; when it fails, nothing has changed. */
  #lose(dir: Node, name: string, work: () => void): void {
    const node = dir.children.get(name);
    this.#keep(node);
    try {
      work();
    } catch (e) {
      if (node) delete node.gone;
      throw e;
    }
    dir.children.delete(name);
  }
  inactive(node: Node): void {
    if (node.gone) this.#forget(node);
  }
  #file(node: Node, write: boolean): Open {
    const had = this.#open.get(node);
    if (had) return had;
    if (node.gone) throw errno.EIO;
    const oldest = [...this.#open.keys()].find((n) => !n.gone);
    if (this.#open.size >= MAX_OPEN && oldest) this.#forget(oldest);
    const opened = node.parent
      ? this.#at(node.parent, node.name, (path) => openEither(this.#host, path, write))
      : openEither(this.#host, this.label, write, false);
    this.#open.set(node, opened);
    return opened;
  }
  /** Do something to a name of a directory, and give its node. */
  #made(dir: Node, name: string, work: (path: string) => void): Node {
    return translated(() => {
      this.#at(dir, name, work);
      return this.#child(dir, name);
    });
  }

  getattr(node: Node): Attr {
    if (node.gone) return { ...node.gone, nlink: 0, size: this.#open.get(node)?.size ?? node.gone.size };
    return translated(() => attr(this.#on(node, (path) => this.#host.stat(path))));
  }
  lookup(dir: Node, name: string): Node | undefined {
    try {
      this.#at(dir, name, (path) => this.#host.stat(path, false));
      return this.#child(dir, name);
    } catch (e) {
      if ((e as { code?: string }).code === "ENOENT") return undefined;
      throw toErrno(e);
    }
  }
  readdir(dir: Node): Iterable<readonly [string, Node]> {
    return translated(() =>
      this.#on(dir, (path) => this.#host.readdir(path)).map((name) => [name, this.#child(dir, name)] as const)
    );
  }
  readlink(node: Node): string {
    return translated(() => this.#at(node.parent!, node.name, (path) => this.#host.readlink(path)));
  }
  read(node: Node, into: Uint8Array, offset: number): number {
    return translated(() => this.#file(node, false).pread(into, offset));
  }
  write(node: Node, from: Uint8Array, offset: number): number {
    return translated(() => this.#file(node, true).pwrite(from, offset));
  }
  setattr(node: Node, change: SetAttr): void {
    translated(() => {
      if (node.gone) {
        if (change.size !== undefined) this.#file(node, true).truncate(change.size);
        return;
      }
      this.#on(node, (path) => {
        if (this.#host.stat(path).type === "link") throw errno.EOPNOTSUPP;
        setattr(this.#host, path, change, () => this.#file(node, true));
      });
    });
  }
  create(dir: Node, name: string, { mode }: Make): Node {
    const how = { write: true, create: true, exclusive: true, mode };
    return this.#made(dir, name, (path) => this.#host.open(path, how).close());
  }
  mkdir(dir: Node, name: string, { mode }: Make): Node {
    return this.#made(dir, name, (path) => this.#host.mkdir(path, mode));
  }
  symlink(dir: Node, name: string, target: string): Node {
    return this.#made(dir, name, (path) => this.#host.symlink(target, path));
  }
  unlink(dir: Node, name: string): void {
    translated(() => this.#lose(dir, name, () => this.#at(dir, name, (path) => this.#host.unlink(path))));
  }
  rmdir(dir: Node, name: string): void {
    translated(() => this.#lose(dir, name, () => this.#at(dir, name, (path) => this.#host.rmdir(path))));
  }
  rename(from: Node, fromName: string, node: Node, to: Node, toName: string): void {
    const move = () => this.#at(from, fromName, (old) => this.#at(to, toName, (path) => this.#host.rename(old, path)));
    if (to.children.get(toName) === node) return;
    translated(() => this.#lose(to, toName, move));
    from.children.delete(fromName);
    node.parent = to;
    node.name = toName;
    to.children.set(toName, node);
  }
  fsync(node: Node): void {
    translated(() => this.#open.get(node)?.fdatasync());
  }
  sync(): void {
    translated(() => this.#open.forEach((f) => f.fdatasync()));
  }
  unmount(): void {
    for (const node of [...this.#open.keys()]) this.#forget(node);
  }
}
/** The volume of `path` of the host. A host failure becomes the errno of the same name. */
export const hostfs = (host: HostFiles, path: string): Volume<Node> => new HostVolume(host, path);

/** From the directory that was lent down to a node. */
function namesOf(node: Node): string[] {
  const names: string[] = [];
  for (let at = node; at.parent; at = at.parent) names.unshift(at.name);
  return names;
}
/** For writing when the host lets us, so that one descriptor serves both. */
function openEither(host: HostFiles, path: string, write: boolean, plain = true): Open {
  try {
    return host.open(path, { write: true, plain });
  } catch (e) {
    if (write) throw e;
    return host.open(path, { plain });
  }
}
function attr(s: ReturnType<HostFiles["stat"]>): Attr {
  return { ino: s.ino, type: s.type, size: s.size, mode: s.mode, uid: s.uid, gid: s.gid, mtime: Math.floor(s.mtime) };
}
function setattr(host: HostFiles, path: string, change: SetAttr, file: () => Open): void {
  if (change.size !== undefined) file().truncate(change.size);
  if (change.mode !== undefined) host.chmod(path, change.mode);
  if (change.uid !== undefined || change.gid !== undefined) throw errno.EPERM;
  if (change.flags !== undefined) throw errno.EOPNOTSUPP;
  if (change.atime === undefined && change.mtime === undefined) return;
  const { mtime } = host.stat(path);
  host.utimes(path, change.atime ?? mtime, change.mtime ?? mtime);
}
function toErrno(e: unknown): SysError {
  if (e instanceof SysError) return e;
  const code = (e as { code?: unknown }).code;
  return typeof code === "string" && Object.hasOwn(errno, code) ? errno[code as ErrnoName] : errno.EIO;
}
function translated<T>(fn: () => T): T {
  try {
    return fn();
  } catch (e) {
    throw toErrno(e);
  }
}
