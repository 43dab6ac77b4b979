/** A host directory or file as a volume (rump's etfs types `dir` and `reg`). */
import { errno, type ErrnoName, SysError } from "../abi/errno.ts";
import type { Attr, FileType, SetAttr, StatFs, Sys, Volume } from "../plugin.ts";

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

/** The volume of `root`, a host path. A host failure becomes the errno of the same name. */
export function hostfs(host: HostFiles, _sys: Sys, root: string): Volume<Node> {
  const top: Node = { parent: undefined, name: "", children: new Map() };
  const open = new Map<Node, Open>();
  const pathOf = (node: Node): string => (node.parent ? `${pathOf(node.parent)}/${node.name}` : root);
  const at = (dir: Node, name: string) => `${pathOf(dir)}/${name}`;
  const child = (dir: Node, name: string): Node => {
    let node = dir.children.get(name);
    if (!node) dir.children.set(name, node = { parent: dir, name, children: new Map() });
    return node;
  };
  const forget = (node: Node) => {
    open.get(node)?.close();
    open.delete(node);
  };
  const file = (node: Node, write: boolean): Open => {
    const had = open.get(node);
    if (had) return had;
    const oldest = open.keys().next();
    if (open.size >= MAX_OPEN && !oldest.done) forget(oldest.value);
    const opened = openEither(host, pathOf(node), write);
    open.set(node, opened);
    return opened;
  };
  const removed = (dir: Node, name: string) => {
    const node = dir.children.get(name);
    if (node) forget(node);
    dir.children.delete(name);
  };
  const attempt = <T>(fn: () => T): T => translated(fn);
  return {
    root: top,
    label: root,
    getattr: (node) => attempt(() => attr(host.stat(pathOf(node), node.parent === undefined))),
    lookup(dir, name) {
      try {
        host.stat(at(dir, name), false);
        return child(dir, name);
      } catch (e) {
        if ((e as { code?: string }).code === "ENOENT") return undefined;
        throw toErrno(e);
      }
    },
    readdir: (dir) => attempt(() => host.readdir(pathOf(dir)).map((name) => [name, child(dir, name)] as const)),
    readlink: (node) => attempt(() => host.readlink(pathOf(node))),
    read: (node, into, offset) => attempt(() => file(node, false).pread(into, offset)),
    write: (node, from, offset) => attempt(() => file(node, true).pwrite(from, offset)),
    setattr: (node, change) => attempt(() => setattr(host, pathOf(node), change, () => file(node, true))),
    create: (dir, name, { mode }) =>
      attempt(() => {
        host.open(at(dir, name), { write: true, create: true, exclusive: true, mode }).close();
        return child(dir, name);
      }),
    mkdir: (dir, name, { mode }) =>
      attempt(() => {
        host.mkdir(at(dir, name), mode);
        return child(dir, name);
      }),
    symlink: (dir, name, target) =>
      attempt(() => {
        host.symlink(target, at(dir, name));
        return child(dir, name);
      }),
    unlink: (dir, name) =>
      attempt(() => {
        host.unlink(at(dir, name));
        removed(dir, name);
      }),
    rmdir: (dir, name) =>
      attempt(() => {
        host.rmdir(at(dir, name));
        removed(dir, name);
      }),
    rename: (from, fromName, node, to, toName) =>
      attempt(() => {
        host.rename(at(from, fromName), at(to, toName));
        removed(to, toName);
        from.children.delete(fromName);
        node.parent = to;
        node.name = toName;
        to.children.set(toName, node);
      }),
    statfs: (): StatFs => ({ blockSize: 4096, blocks: 0, free: 0 }),
    fsync: (node) => attempt(() => open.get(node)?.fdatasync()),
    sync: () => attempt(() => open.forEach((f) => f.fdatasync())),
    unmount: () => [...open.keys()].forEach(forget),
  };
}

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
