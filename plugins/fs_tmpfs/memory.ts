/** A file system in memory: what tmpfs and rumpfs share. Everything POSIX has, within a limit of bytes and of files. */
import { nameBytes } from "../../src/lib/text.ts";
import type { Attr, FileType, Make, SetAttr, Sys, Volume } from "../../src/plugin.ts";
import { FileData, type Room } from "./data.ts";

/** How one differs from the other. */
export interface MemoryOptions {
  /** Bytes of file data; 0: no limit. */
  readonly size: number;
  /** A file may be longer than the volume is large: holes take nothing. */
  readonly holes: boolean;
  /** Longest file, bytes; 0: no limit. */
  readonly fileSize: number;
  /** Files, directories and all; 0: no limit. */
  readonly nodes: number;
  readonly root: Make;
  /** Whether a directory's link count tells how many directories are in it (rumpfs: always 2). */
  readonly countLinks: boolean;
  /** What a file's room is rounded up to when shown. */
  readonly unit: number;
  /** Bytes a directory shows, by its number of entries. */
  readonly dirSize: (entries: number) => number;
  readonly label: string;
}

/** An inode. */
export interface Node {
  readonly ino: number;
  readonly type: FileType;
  mode: number;
  uid: number;
  gid: number;
  readonly rdev: number;
  nlink: number;
  flags: number;
  atime: number;
  mtime: number;
  ctime: number;
  readonly birthtime: number;
  readonly data: FileData | undefined;
  readonly entries: Map<string, Node> | undefined;
  readonly target: string;
  xattrs: Map<string, Uint8Array> | undefined;
}

const MAX_NAME = 255;
const PAGE = 4096;
const MAX_SIZE = Number.MAX_SAFE_INTEGER;
/** About what a file takes of the kernel's memory beside its data. */
const NODE_BYTES = 512;
/** Times are kept in milliseconds with a fraction, and in whole seconds and nanoseconds when somebody set them. */
type Clock = "atime" | "mtime";

class Memory implements Volume<Node> {
  readonly root: Node;
  readonly label: string;
  readonly #sys: Sys;
  readonly #options: MemoryOptions;
  readonly #exact = new WeakMap<Node, Partial<Record<Clock, readonly [sec: number, nsec: number]>>>();
  #used = 0;
  #files = 0;
  #ino = 2;
  readonly #room: Room;

  constructor(sys: Sys, options: MemoryOptions) {
    this.#sys = sys;
    this.#options = options;
    this.label = options.label;
    this.#room = {
      take: (n) => {
        if (n > 0 && options.size > 0 && this.#used + n > options.size) throw sys.errno.ENOSPC;
        sys.memory.take(n);
        this.#used += n;
      },
      give: (n) => {
        sys.memory.give(n);
        this.#used -= n;
      },
    };
    this.root = this.#node("dir", options.root, 0, "");
  }

  getattr(node: Node): Attr {
    const { data, entries } = node;
    const size = data ? data.size : entries ? this.#options.dirSize(entries.size) : node.target.length;
    const exact = this.#exact.get(node);
    const [atime, atimensec] = exact?.atime ?? split(node.atime);
    const [mtime, mtimensec] = exact?.mtime ?? split(node.mtime);
    const [ctime, ctimensec] = split(node.ctime);
    const [birthtime, birthtimensec] = split(node.birthtime);
    return {
      ino: node.ino,
      type: node.type,
      size,
      mode: node.mode,
      nlink: node.nlink,
      uid: node.uid,
      gid: node.gid,
      rdev: node.rdev,
      allocated: this.#rounded(data ? Math.min(size, data.held) : size),
      blockSize: PAGE,
      flags: node.flags,
      atime,
      atimensec,
      mtime,
      mtimensec,
      ctime,
      ctimensec,
      birthtime,
      birthtimensec,
    };
  }
  #rounded(bytes: number): number {
    const { unit } = this.#options;
    return Math.ceil(bytes / unit) * unit;
  }
  lookup(dir: Node, name: string): Node | undefined {
    const node = dir.entries!.get(name);
    if (!node) this.#checkName(name);
    return node;
  }
  readdir(dir: Node): Iterable<readonly [string, Node]> {
    return dir.entries!;
  }
  readlink(node: Node): string {
    return node.target;
  }
  read(node: Node, into: Uint8Array, offset: number): number {
    return node.data!.read(into, offset);
  }
  seek(node: Node, offset: number, hole: boolean): number {
    return node.data!.seek(offset, hole);
  }
  write(node: Node, from: Uint8Array, offset: number): number {
    this.#fits(node, offset + from.length);
    const n = node.data!.write(from, offset);
    this.#touch(node);
    return n;
  }
  setattr(node: Node, change: SetAttr): void {
    if (change.size !== undefined) {
      this.#fits(node, change.size);
      node.data!.resize(change.size);
      this.#touch(node);
    }
    if (change.mode !== undefined) node.mode = change.mode;
    if (change.uid !== undefined) node.uid = change.uid;
    if (change.gid !== undefined) node.gid = change.gid;
    if (change.flags !== undefined) node.flags = change.flags;
    for (const which of ["atime", "mtime"] as const) {
      const sec = change[which];
      if (sec !== undefined) {
        this.#exact.set(node, { ...this.#exact.get(node), [which]: [sec, change[`${which}nsec`] ?? 0] });
      }
    }
    node.ctime = this.#sys.now();
  }
  create(dir: Node, name: string, make: Make): Node {
    return this.#enter(dir, name, this.#node("file", make, 0, ""));
  }
  mkdir(dir: Node, name: string, make: Make): Node {
    return this.#enter(dir, name, this.#node("dir", make, 0, ""));
  }
  mknod(dir: Node, name: string, make: Make & { readonly type: FileType; readonly rdev: number }): Node {
    return this.#enter(dir, name, this.#node(make.type, make, make.rdev, ""));
  }
  symlink(dir: Node, name: string, target: string, make: Make): Node {
    return this.#enter(dir, name, this.#node("link", { ...make, mode: 0o755 }, 0, target));
  }
  link(node: Node, dir: Node, name: string): void {
    if (node.nlink >= 32767) throw this.#sys.errno.EMLINK;
    this.#checkName(name);
    node.nlink++;
    node.ctime = this.#sys.now();
    dir.entries!.set(name, node);
    this.#touch(dir);
  }
  unlink(dir: Node, name: string, node: Node): void {
    dir.entries!.delete(name);
    node.nlink--;
    node.ctime = this.#sys.now();
    this.#touch(dir);
  }
  rmdir(dir: Node, name: string, node: Node): void {
    if (node.entries!.size > 0) throw this.#sys.errno.ENOTEMPTY;
    dir.entries!.delete(name);
    node.nlink = 0;
    this.#links(dir, -1);
    this.#touch(dir);
  }
  rename(from: Node, fromName: string, node: Node, to: Node, toName: string, target: Node | undefined): void {
    this.#checkName(toName);
    if (target?.entries) this.rmdir(to, toName, target);
    else if (target) this.unlink(to, toName, target);
    from.entries!.delete(fromName);
    to.entries!.set(toName, node);
    if (node.entries && from !== to) {
      this.#links(from, -1);
      this.#links(to, 1);
    }
    node.ctime = this.#sys.now();
    this.#touch(from);
    this.#touch(to);
  }
  exchange(from: Node, fromName: string, to: Node, toName: string): void {
    const [a, b] = [from.entries!.get(fromName), to.entries!.get(toName)];
    if (!a || !b) throw this.#sys.errno.ENOENT;
    from.entries!.set(fromName, b);
    to.entries!.set(toName, a);
    const moved = (a.entries ? 1 : 0) - (b.entries ? 1 : 0);
    this.#links(from, -moved);
    this.#links(to, moved);
    this.#touch(from);
    this.#touch(to);
  }
  allocate(node: Node, offset: number, length: number, keepSize: boolean): void {
    this.#fits(node, offset + length);
    node.data!.reserve(offset, length);
    if (!keepSize && offset + length > node.data!.size) node.data!.size = offset + length;
    this.#touch(node);
  }
  punch(node: Node, offset: number, length: number): void {
    node.data!.punch(offset, length);
    this.#touch(node);
  }
  getxattr(node: Node, name: string): Uint8Array | undefined {
    return node.xattrs?.get(name);
  }
  setxattr(node: Node, name: string, value: Uint8Array): void {
    const old = node.xattrs?.get(name);
    this.#room.take(value.length + name.length - (old ? old.length + name.length : 0));
    (node.xattrs ??= new Map()).set(name, value);
    node.ctime = this.#sys.now();
  }
  removexattr(node: Node, name: string): boolean {
    const old = node.xattrs?.get(name);
    if (!old) return false;
    this.#room.give(old.length + name.length);
    node.ctime = this.#sys.now();
    return node.xattrs!.delete(name);
  }
  listxattr(node: Node): Iterable<string> {
    return node.xattrs?.keys() ?? [];
  }
  statfs() {
    const { size, nodes } = this.#options;
    const used = Math.ceil(this.#used / PAGE);
    const blocks = size > 0 ? Math.floor(size / PAGE) : used;
    // Without a limit of its own there is no free room to promise: what is used is all there is.
    const free = Math.max(0, blocks - used);
    const { memory } = this.#sys;
    return {
      blockSize: PAGE,
      blocks,
      free,
      available: Math.min(free, Math.max(0, Math.floor((memory.limit - memory.used) / PAGE))),
      files: nodes > 0 ? nodes : this.#files,
      filesFree: nodes > 0 ? nodes - this.#files : 0,
    };
  }
  /** The last holder went: what has no name is gone. */
  inactive(node: Node): void {
    if (node.nlink > 0 || node.flags === GONE) return;
    node.data?.free();
    for (const name of [...node.xattrs?.keys() ?? []]) this.removexattr(node, name);
    node.flags = GONE;
    this.#room.give(node.target.length);
    this.#forget();
  }
  /** A file less. */
  #forget(): void {
    this.#files--;
    this.#sys.memory.give(NODE_BYTES);
  }
  unmount(): void {
    this.#sys.memory.give(this.#used + this.#files * NODE_BYTES);
    this.#used = this.#files = 0;
  }
  update(): void {}

  #node(type: FileType, make: Make, rdev: number, target: string): Node {
    const { nodes } = this.#options;
    if (nodes > 0 && this.#files >= nodes) throw this.#sys.errno.ENOSPC;
    this.#room.take(target.length);
    try {
      this.#sys.memory.take(NODE_BYTES);
    } catch (e) {
      this.#room.give(target.length);
      throw e;
    }
    this.#files++;
    const now = this.#sys.now();
    return {
      ino: this.#ino++,
      type,
      mode: make.mode,
      uid: make.uid,
      gid: make.gid,
      rdev,
      nlink: type === "dir" ? 2 : 1,
      flags: 0,
      atime: now,
      mtime: now,
      ctime: now,
      birthtime: now,
      data: type === "file" ? new FileData(this.#room) : undefined,
      entries: type === "dir" ? new Map() : undefined,
      target,
      xattrs: undefined,
    };
  }
  #enter(dir: Node, name: string, node: Node): Node {
    try {
      this.#checkName(name);
    } catch (e) {
      this.#room.give(node.target.length);
      this.#forget();
      throw e;
    }
    dir.entries!.set(name, node);
    if (node.entries) this.#links(dir, 1);
    this.#touch(dir);
    return node;
  }
  #links(dir: Node, n: number): void {
    if (this.#options.countLinks) dir.nlink += n;
  }
  #touch(node: Node): void {
    node.mtime = node.ctime = this.#sys.now();
    const exact = this.#exact.get(node);
    if (exact?.mtime) this.#exact.set(node, exact.atime ? { atime: exact.atime } : {});
  }
  #checkName(name: string): void {
    // A unit is three bytes at most: short names need not be measured.
    if (name.length * 3 > MAX_NAME && nameBytes(name) > MAX_NAME) throw this.#sys.errno.ENAMETOOLONG;
  }
  /** Refuse before anything is done what could never fit. */
  #fits(node: Node, end: number): void {
    const { size, holes, fileSize } = this.#options;
    if (end > (fileSize || MAX_SIZE)) throw this.#sys.errno.EFBIG;
    if (!holes && size > 0 && end > node.data!.size && end > size) throw this.#sys.errno.ENOSPC;
  }
}
/** Flags of a node that is gone. */
const GONE = -1;

function split(ms: number): readonly [number, number] {
  const sec = Math.floor(ms / 1000);
  return [sec, Math.floor((ms - sec * 1000) * 1e6)];
}

/** A fresh, empty volume. */
export function memoryVolume(sys: Sys, options: MemoryOptions): Volume<Node> {
  return new Memory(sys, options);
}
