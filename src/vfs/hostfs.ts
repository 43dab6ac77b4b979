/** A host directory or file as a volume (rump's etfs types `dir` and `reg`). */
import { errno, type ErrnoName, SysError } from "../abi/errno.ts";
import type { Attr, FileType, Make, SetAttr, Volume } from "../plugin.ts";

/** The host calls it is made of; `Host` has them. */
export interface HostFiles {
  open(path: string, how: { write?: boolean; create?: boolean; exclusive?: boolean; mode?: number }): {
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
  #path(node: Node): string {
    return node.parent ? `${this.#path(node.parent)}/${node.name}` : this.label;
  }
  #at(dir: Node, name: string): string {
    return `${this.#path(dir)}/${name}`;
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
  #removed(dir: Node, name: string): void {
    const node = dir.children.get(name);
    if (node) this.#forget(node);
    dir.children.delete(name);
  }
  #file(node: Node, write: boolean): Open {
    const had = this.#open.get(node);
    if (had) return had;
    const oldest = this.#open.keys().next();
    if (this.#open.size >= MAX_OPEN && !oldest.done) this.#forget(oldest.value);
    const opened = openEither(this.#host, this.#path(node), write);
    this.#open.set(node, opened);
    return opened;
  }
  /** Do something to a name of a directory, and give its node. */
  #made(dir: Node, name: string, work: (path: string) => void): Node {
    return translated(() => {
      work(this.#at(dir, name));
      return this.#child(dir, name);
    });
  }

  getattr(node: Node): Attr {
    return translated(() => attr(this.#host.stat(this.#path(node), node.parent === undefined)));
  }
  lookup(dir: Node, name: string): Node | undefined {
    try {
      this.#host.stat(this.#at(dir, name), false);
      return this.#child(dir, name);
    } catch (e) {
      if ((e as { code?: string }).code === "ENOENT") return undefined;
      throw toErrno(e);
    }
  }
  readdir(dir: Node): Iterable<readonly [string, Node]> {
    return translated(() => this.#host.readdir(this.#path(dir)).map((name) => [name, this.#child(dir, name)] as const));
  }
  readlink(node: Node): string {
    return translated(() => this.#host.readlink(this.#path(node)));
  }
  read(node: Node, into: Uint8Array, offset: number): number {
    return translated(() => this.#file(node, false).pread(into, offset));
  }
  write(node: Node, from: Uint8Array, offset: number): number {
    return translated(() => this.#file(node, true).pwrite(from, offset));
  }
  setattr(node: Node, change: SetAttr): void {
    translated(() => {
      const path = this.#path(node);
      // The host's calls follow links, out of the directory that was lent.
      if (node.parent && this.#host.stat(path, false).type === "link") throw errno.EOPNOTSUPP;
      setattr(this.#host, path, change, () => this.#file(node, true));
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
    translated(() => this.#host.unlink(this.#at(dir, name)));
    this.#removed(dir, name);
  }
  rmdir(dir: Node, name: string): void {
    translated(() => this.#host.rmdir(this.#at(dir, name)));
    this.#removed(dir, name);
  }
  rename(from: Node, fromName: string, node: Node, to: Node, toName: string): void {
    translated(() => this.#host.rename(this.#at(from, fromName), this.#at(to, toName)));
    this.#removed(to, toName);
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

/** For writing when the host lets us, so that one descriptor serves both. */
function openEither(host: HostFiles, path: string, write: boolean): Open {
  try {
    return host.open(path, { write: true });
  } catch (e) {
    if (write) throw e;
    return host.open(path, {});
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
