/**
 * A host directory or file as a volume (rump's etfs types `dir` and `reg`), with the host's permissions: what the host does
 * not let us do is refused. Nothing that is a link, or becomes one, leads out of it; devices, fifos and sockets in it are
 * not opened.
 */
import { errno, type ErrnoName, SysError } from "../abi/errno.ts";
import type { Held, HostNames } from "../lib/host_names.ts";
import type { Attr, FileType, Make, SetAttr, StatFs, Volume } from "../plugin.ts";

/** The host calls it is made of; `Host` has them. */
export interface HostFiles {
  readonly uid: number;
  open(path: string, how: { write?: boolean; create?: boolean; exclusive?: boolean; mode?: number }): {
    readonly size: number;
    pread(into: Uint8Array, offset: number): number;
    pwrite(from: Uint8Array, offset: number): number;
    truncate(size: number): void;
    punch(offset: number, length: number): boolean;
    fdatasync(): void;
    close(): void;
  };
  held(path: string): Held;
  readonly names: HostNames;
}

/** A file by where it stands; the root has no parent. */
interface Node {
  parent: Node | undefined;
  name: string;
  /** Other names it was given meanwhile. */
  readonly also: { readonly parent: Node; readonly name: string }[];
  readonly children: Map<string, Node>;
  held: boolean;
  /** Which file of the host it is, once that is known: another one that takes its name is another node. */
  ino: number | undefined;
  /** What it was when its last name went: it lives on in the open file. */
  gone?: Attr;
}
type Open = ReturnType<HostFiles["open"]>;
/** Host files kept open for reading and writing. */
const MAX_OPEN = 64;
/** Files remembered though nobody holds them. */
const MOST = 65_536;
/** The attributes anybody may set on his files: others are the host's own. */
const USER = "user.";
const KEEP = 0xffff_ffff;

export interface HostfsOptions {
  readonly readOnly?: boolean;
}
class HostVolume implements Volume<Node> {
  readonly root: Node = node(undefined, "");
  readonly label: string;
  readonly readOnly: boolean;
  /** The host's programs change it as well. */
  readonly changing = true;
  readonly validSeconds = 1;
  readonly #host: HostFiles;
  readonly #calls: HostNames;
  readonly #held: Held;
  readonly #open = new Map<Node, Open>();
  /** Those without holder and children, the longest so first. */
  readonly #idle = new Set<Node>();

  constructor(host: HostFiles, path: string, { readOnly = false }: HostfsOptions) {
    this.#host = host;
    this.#calls = host.names;
    this.label = path;
    this.readOnly = readOnly;
    this.#held = host.held(path);
  }
  /**
   * Do something to what stands where a node is. Its name may be another object's by now, a link's out of the directory
   * that was lent: none is followed.
   */
  #on<T>(node: Node, work: (path: string) => T): T {
    return this.#held.beneath(namesOf(node), work);
  }
  #at<T>(dir: Node, name: string, work: (path: string) => T): T {
    return this.#on(dir, (path) => work(`${path}/${name}`));
  }
  #child(dir: Node, name: string, ino?: number): Node {
    const known = dir.children.get(name);
    if (known && (ino === undefined || known.ino === undefined || known.ino === ino)) {
      known.ino ??= ino;
      return known;
    }
    if (known) this.#replaced(dir, name, known);
    const made = node(dir, name);
    made.ino = ino;
    dir.children.set(name, made);
    this.#idle.delete(dir);
    this.#idle.add(made);
    return made;
  }
  /** The host has another file by that name: who has the old one open keeps it. */
  #replaced(dir: Node, name: string, old: Node): void {
    dir.children.delete(name);
    this.#idle.delete(old);
    const { ino } = old;
    if (!old.held || old.also.length > 0 || !this.#open.has(old)) this.#forget(old);
    else if (ino !== undefined) old.gone = { ino, type: "file", size: 0 };
  }
  active(node: Node): void {
    node.held = true;
    this.#idle.delete(node);
  }
  inactive(node: Node): void {
    node.held = false;
    if (node.gone) this.#forget(node);
    else this.#rest(node);
  }
  #rest(node: Node): void {
    if (!node.held && node.children.size === 0 && node.also.length === 0 && node.parent) this.#idle.add(node);
  }
  /** Forget some that nobody asks for; not in the call that gave them. */
  #trim(): void {
    for (const old of this.#idle) {
      if (this.#idle.size <= MOST) return;
      this.#idle.delete(old);
      this.#forget(old);
      if (old.parent!.children.get(old.name) === old) old.parent!.children.delete(old.name);
      this.#rest(old.parent!);
    }
  }
  #forget(node: Node): void {
    this.#open.get(node)?.close();
    this.#open.delete(node);
  }
  /** A file is about to lose its last name: open, it can be used until nobody holds it. */
  #keep(node: Node): void {
    const was = this.getattr(node);
    if (was.type === "file") this.#file(node, false);
    node.gone = was;
  }
  /** Do what takes a name away; when it fails, nothing has changed. */
  #lose(dir: Node, name: string, work: () => void): void {
    const node = dir.children.get(name);
    const keeps = node && node.also.length === 0 && !node.gone;
    if (keeps) this.#keep(node);
    try {
      work();
    } catch (e) {
      if (keeps) delete node.gone;
      throw e;
    }
    dir.children.delete(name);
    if (node) otherPlace(node, dir, name);
  }
  #file(node: Node, write: boolean): Open {
    const had = this.#open.get(node);
    if (had) return had;
    if (node.gone) throw errno.EIO;
    return this.#opened(
      node,
      this.#on(node, (path) => {
        if (this.#calls.attr(path).type !== "file") throw errno.EOPNOTSUPP;
        return openEither(this.#host, path, write, this.readOnly);
      }),
    );
  }
  /** It stays open; not too many do. */
  #opened(node: Node, file: Open): Open {
    if (this.#open.size >= MAX_OPEN) {
      for (const old of this.#open.keys()) {
        if (old.gone) continue;
        this.#forget(old);
        break;
      }
    }
    this.#open.set(node, file);
    return file;
  }
  /** Make something at a name, with mode and owner, whatever the umask is and we are; its node. */
  #made(dir: Node, name: string, make: Make | undefined, work: (path: string) => void): Node {
    return translated(() => {
      this.#at(dir, name, work);
      const old = dir.children.get(name); // it is there no more
      if (old) this.#replaced(dir, name, old);
      const made = this.#child(dir, name);
      if (make) this.#on(made, (path) => this.#owned(path, make));
      return made;
    });
  }
  #owned(path: string, { mode, uid, gid }: Make): void {
    const now = this.#calls.attr(path);
    if (this.#host.uid === 0 && (now.uid !== uid || now.gid !== gid)) this.#calls.chown(path, uid, gid);
    if (now.type !== "link" && now.mode !== mode) this.#calls.chmod(path, mode);
  }

  getattr(node: Node): Attr {
    if (node.gone) return { ...node.gone, nlink: 0, size: this.#open.get(node)?.size ?? node.gone.size };
    return translated(() => this.#on(node, this.#calls.attr));
  }
  lookup(dir: Node, name: string): Node | undefined {
    this.#trim();
    try {
      const { ino } = this.#held.beneath([...namesOf(dir), name], this.#calls.attr);
      return this.#child(dir, name, ino);
    } catch (e) {
      if ((e as { code?: string }).code === "ENOENT") return undefined;
      throw toErrno(e);
    }
  }
  readdir(dir: Node): Iterable<readonly [string, Node]> {
    this.#trim();
    return translated(() =>
      this.#on(dir, (path) => this.#calls.names(path)).map((name) => [name, this.#child(dir, name)] as const)
    );
  }
  readlink(node: Node): string {
    return translated(() => this.#at(node.parent!, node.name, this.#calls.readlink));
  }
  read(node: Node, into: Uint8Array, offset: number): number {
    return translated(() => this.#file(node, false).pread(into, offset));
  }
  write(node: Node, from: Uint8Array, offset: number): number {
    return translated(() => this.#file(node, true).pwrite(from, offset));
  }
  punch(node: Node, offset: number, length: number): void {
    translated(() => {
      if (!this.#file(node, true).punch(offset, length)) throw errno.EOPNOTSUPP;
    });
  }
  setattr(node: Node, change: SetAttr): void {
    translated(() => {
      if (change.size !== undefined) this.#file(node, true).truncate(change.size);
      if (!node.gone) this.#on(node, (path) => setattr(this.#calls, path, change));
    });
  }
  create(dir: Node, name: string, make: Make): Node {
    const how = { write: true, create: true, exclusive: true, mode: make.mode };
    let file: Open | undefined;
    try {
      const made = this.#made(dir, name, make, (path) => void (file = this.#host.open(path, how)));
      this.#opened(made, file!); // who makes it is about to write it
      return made;
    } catch (e) {
      file?.close();
      throw e;
    }
  }
  mkdir(dir: Node, name: string, make: Make): Node {
    return this.#made(dir, name, make, (path) => this.#calls.mkdir(path, make.mode));
  }
  symlink(dir: Node, name: string, target: string, make: Make): Node {
    return this.#made(dir, name, make, (path) => this.#calls.symlink(target, path));
  }
  /** Devices of the host are nothing a rump kernel should make. */
  mknod(dir: Node, name: string, make: Make & { readonly type: FileType }): Node {
    if (make.type !== "fifo") throw errno.EPERM;
    return this.#made(dir, name, make, (path) => this.#calls.mkfifo(path, make.mode));
  }
  link(node: Node, dir: Node, name: string): void {
    translated(() => this.#on(node, (from) => this.#at(dir, name, (path) => this.#calls.link(from, path))));
    node.also.push({ parent: dir, name });
    dir.children.set(name, node);
    this.#idle.delete(node);
    this.#idle.delete(dir);
  }
  unlink(dir: Node, name: string): void {
    translated(() => this.#lose(dir, name, () => this.#at(dir, name, this.#calls.unlink)));
  }
  rmdir(dir: Node, name: string): void {
    translated(() => this.#lose(dir, name, () => this.#at(dir, name, this.#calls.rmdir)));
  }
  rename(from: Node, fromName: string, node: Node, to: Node, toName: string): void {
    const move = () => this.#at(from, fromName, (old) => this.#at(to, toName, (path) => this.#calls.rename(old, path)));
    if (to.children.get(toName) === node) return;
    translated(() => this.#lose(to, toName, move));
    from.children.delete(fromName);
    node.also.push({ parent: to, name: toName });
    otherPlace(node, from, fromName);
    to.children.set(toName, node);
  }
  /** Attributes of the host's own are neither shown nor set. */
  getxattr(node: Node, name: string): Uint8Array | undefined {
    return name.startsWith(USER) ? translated(() => this.#on(node, (p) => this.#calls.getxattr(p, name))) : undefined;
  }
  setxattr(node: Node, name: string, value: Uint8Array): void {
    if (!name.startsWith(USER)) throw errno.EOPNOTSUPP;
    translated(() => this.#on(node, (path) => this.#calls.setxattr(path, name, value)));
  }
  removexattr(node: Node, name: string): boolean {
    return name.startsWith(USER) && translated(() => this.#on(node, (path) => this.#calls.removexattr(path, name)));
  }
  listxattr(node: Node): Iterable<string> {
    return translated(() => this.#on(node, this.#calls.listxattr)).filter((name) => name.startsWith(USER));
  }
  statfs(): StatFs {
    return translated(() => this.#calls.statfs(this.#held.path));
  }
  fsync(node: Node): void {
    translated(() => this.#open.get(node)?.fdatasync());
  }
  sync(): void {
    translated(() => this.#open.forEach((f) => f.fdatasync()));
  }
  unmount(): void {
    for (const node of [...this.#open.keys()]) this.#forget(node);
    this.#held.close();
  }
}
/** The volume of `path` of the host, which it stays whatever becomes of that name. A host failure becomes the errno of the same name. */
export const hostfs = (host: HostFiles, path: string, how: HostfsOptions = {}): Volume<Node> =>
  new HostVolume(host, path, how);

const node = (parent: Node | undefined, name: string): Node => ({
  parent,
  name,
  also: [],
  children: new Map(),
  held: parent === undefined,
  ino: undefined,
});
/** From the directory that was lent down to a node. */
function namesOf(node: Node): string[] {
  const names: string[] = [];
  for (let at = node; at.parent; at = at.parent) names.unshift(at.name);
  return names;
}
/** A name of a file went: it stands where another one is, if it has one. */
function otherPlace(node: Node, dir: Node, name: string): void {
  if (node.parent === dir && node.name === name) {
    const next = node.also.pop();
    if (next) [node.parent, node.name] = [next.parent, next.name];
    return;
  }
  const at = node.also.findIndex((place) => place.parent === dir && place.name === name);
  if (at >= 0) node.also.splice(at, 1);
}
/** For writing when the host lets us, so that one descriptor serves both. */
function openEither(host: HostFiles, path: string, write: boolean, readOnly: boolean): Open {
  if (readOnly) return host.open(path, {});
  try {
    return host.open(path, { write: true });
  } catch (e) {
    if (write) throw e;
    return host.open(path, {});
  }
}
function setattr(calls: HostNames, path: string, change: SetAttr): void {
  const { mode, uid, gid, flags, atime, atimensec = 0, mtime, mtimensec = 0 } = change;
  if (flags !== undefined) throw errno.EOPNOTSUPP;
  if (mode !== undefined) calls.chmod(path, mode);
  if (uid !== undefined || gid !== undefined) calls.chown(path, uid ?? KEEP, gid ?? KEEP);
  if (atime === undefined && mtime === undefined) return;
  calls.utimes(
    path,
    atime === undefined ? atime : [atime, atimensec],
    mtime === undefined ? mtime : [mtime, mtimensec],
  );
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
