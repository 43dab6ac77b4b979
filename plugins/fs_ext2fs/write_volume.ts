/** The ext2fs volume that is written, too. */
import type { FileType, Make, SetAttr, StatFs, Sys } from "../../src/plugin.ts";
import { FL_APPEND, FL_IMMUTABLE, FL_NODUMP, Inode, Super } from "../../src/wire/ext2.ts";
import { devicePointers, putTime, withFlags } from "./attributes.ts";
import { put32 } from "./bytes.ts";
import { compat, roCompat } from "./features.ts";
import { Files } from "./files.ts";
import { ioctl } from "./ioctl.ts";
import { Lives } from "./lives.ts";
import { Names } from "./names.ts";
import type { Node } from "./node.ts";
import { Pointers } from "./pointers.ts";
import { Space } from "./space.ts";
import type { Store } from "./store.ts";
import { ReadVolume } from "./volume.ts";
import { WriteBack } from "./writeback.ts";
import { XattrWriter } from "./xattr_write.ts";
import { encodeName } from "../../src/lib/text.ts";

/** Most names of a file, as Linux's ext2 has it. */
const MAX_LINKS = 32_000;
/** Before files could be larger. */
const LARGE = 2 ** 31 - 1;
const S_ISGID = 0o2000;
/** Flags lsattr(1) shows that chattr(1) may change. */
const CHANGEABLE = FL_APPEND | FL_IMMUTABLE | FL_NODUMP | 0x8f;
type Making = Make & { readonly type: FileType; readonly rdev: number };

export class WriteVolume extends ReadVolume {
  override readonly readOnly = false;
  readonly #space: Space;
  readonly #back: WriteBack;
  readonly #files: Files;
  readonly #names: Names;
  readonly #writer: XattrWriter;
  readonly #lives: Lives;

  constructor(sys: Sys, store: Store, readOnly: boolean) {
    super(sys, store);
    this.#space = new Space(store);
    this.#back = new WriteBack(sys, store, this.#space, readOnly);
    const pointers = new Pointers(store, this.#space, this.#back);
    const dynamic = Super.get.revision(this.superView(), 0) > 0;
    this.#files = new Files(store, this.#space, pointers, this.#back, dynamic ? Infinity : LARGE);
    this.#names = new Names(store, pointers, this.#back);
    this.#writer = new XattrWriter(store, this.xattrs, pointers, this.#back);
    this.#lives = new Lives(sys, store, {
      inodes: this.inodes,
      space: this.#space,
      back: this.#back,
      files: this.#files,
      xattrs: this.#writer,
    });
    if (this.#back.wasDirty) store.health.say("was not unmounted cleanly: e2fsck checks it");
    if (!readOnly) this.#lives.reclaim();
  }
  override statfs(): StatFs {
    const { free, freeInodes } = this.#space;
    const all = super.statfs();
    const within = Math.min(free, all.blocks);
    return {
      ...all,
      free: within,
      available: Math.max(0, within - this.store.l.reserved),
      filesFree: freeInodes,
    };
  }

  // Data

  write(node: Node, from: Uint8Array, offset: number): number {
    this.loaded(node);
    const n = this.#files.write(node, from, offset);
    this.#grown(node);
    this.#stamp(node);
    return n;
  }
  /** Files beyond 2 GiB are told of in the superblock. */
  #grown(node: Node): void {
    if (node.size <= LARGE || Super.get.roCompat(this.superView(), 0) & roCompat.large_file) return;
    const d = this.#back.superView(true);
    Super.set.roCompat(d, 0, Super.get.roCompat(d, 0) | roCompat.large_file);
  }
  setattr(node: Node, change: SetAttr): void {
    this.loaded(node);
    this.#back.dirty();
    if (change.size !== undefined) this.#resize(node, change.size);
    const d = node.view;
    const { get, set } = Inode;
    if (change.mode !== undefined) set.mode(d, 0, (get.mode(d, 0) & 0xf000) | (change.mode & 0o7777));
    for (const who of ["uid", "gid"] as const) {
      const id = change[who];
      if (id === undefined) continue;
      set[`${who}Low`](d, 0, id & 0xffff);
      set[`${who}High`](d, 0, id >>> 16);
    }
    if (change.flags !== undefined) set.flags(d, 0, withFlags(node.flags, change.flags));
    for (const which of ["atime", "mtime"] as const) {
      const sec = change[which];
      if (sec !== undefined) putTime(node, which, sec, change[`${which}nsec`] ?? 0);
    }
    this.#touch(node, "ctime");
    this.#back.inode(node);
  }
  #resize(node: Node, size: number): void {
    if (node.isDir) throw this.sys.errno.EISDIR;
    try {
      this.#files.resize(node, size);
    } finally {
      this.#grown(node);
      this.#stamp(node);
    }
  }
  allocate(node: Node, offset: number, length: number, keepSize: boolean): void {
    this.loaded(node);
    if (keepSize && offset + length > node.size) throw this.sys.errno.EOPNOTSUPP; // blocks behind the end are damage
    try {
      this.#files.allocate(node, offset, offset + length);
    } finally {
      this.#grown(node);
      this.#stamp(node);
    }
  }
  punch(node: Node, offset: number, length: number): void {
    this.loaded(node);
    try {
      this.#files.punch(node, offset, offset + length);
    } finally {
      this.#stamp(node);
    }
  }
  #touch(node: Node, ...which: readonly ("atime" | "mtime" | "ctime" | "birthtime")[]): void {
    const ms = this.sys.now();
    const sec = Math.floor(ms / 1000);
    for (const w of which) putTime(node, w, sec, Math.floor((ms - sec * 1000) * 1e6));
  }
  /** Its data, or its entries, changed. */
  #stamp(node: Node): void {
    this.#touch(node, "mtime", "ctime");
    this.#back.inode(node);
  }

  // Names

  #make(dir: Node, name: string, make: Making, begin?: (node: Node) => void): Node {
    this.#names.bytesOf(name);
    const index = this.dir(dir);
    this.#back.dirty();
    const isDir = make.type === "dir";
    const group = dir.mode & S_ISGID;
    const mode = make.mode | (group && isDir ? S_ISGID : 0);
    const gid = group ? Inode.get.gidLow(dir.view, 0) + Inode.get.gidHigh(dir.view, 0) * 0x1_0000 : make.gid;
    const node = this.#lives.born(dir, { ...make, mode, gid }, dir === this.root);
    try {
      this.#touch(node, "atime", "mtime", "ctime", ...node.has("birthtimeExtra") ? ["birthtime" as const] : []);
      begin?.(node);
      this.#back.inode(node);
      this.#names.add(dir, index, name, node, make.type);
    } catch (e) {
      this.#lives.end(node);
      throw e;
    }
    if (isDir) {
      dir.links++;
      this.moved(node, dir);
    }
    this.#stamp(dir);
    return node;
  }
  create(dir: Node, name: string, make: Make): Node {
    return this.#make(dir, name, { ...make, type: "file", rdev: 0 });
  }
  mkdir(dir: Node, name: string, make: Make): Node {
    if (dir.links >= MAX_LINKS) throw this.sys.errno.EMLINK;
    return this.#make(dir, name, { ...make, type: "dir", rdev: 0 }, (node) => this.#names.begin(node, dir));
  }
  mknod(dir: Node, name: string, make: Making): Node {
    return this.#make(dir, name, make, (node) => {
      if (make.type !== "chr" && make.type !== "blk") return;
      const [short, long] = devicePointers(make.rdev);
      put32(node.raw, Inode.at.block, short);
      put32(node.raw, Inode.at.block + 4, long);
    });
  }
  symlink(dir: Node, name: string, target: string, make: Make): Node {
    const bytes = encodeName(target);
    if (bytes.length >= this.store.l.blockSize) throw this.sys.errno.ENAMETOOLONG;
    return this.#make(dir, name, { ...make, mode: 0o777, type: "link", rdev: 0 }, (node) => {
      if (bytes.length >= 60) this.#files.write(node, bytes, 0);
      else {
        node.raw.set(bytes, Inode.at.block);
        node.size = bytes.length;
      }
    });
  }
  link(node: Node, dir: Node, name: string): void {
    if (this.loaded(node).links >= MAX_LINKS) throw this.sys.errno.EMLINK;
    this.#names.bytesOf(name);
    const index = this.dir(dir);
    this.#back.dirty();
    this.#names.add(dir, index, name, node, node.type!);
    this.#back.orphans.delete(node);
    this.#counted(node, 1);
    this.#stamp(dir);
  }
  /** It has so many names more. */
  #counted(node: Node, n: number): void {
    node.links = Math.max(0, node.links + n);
    this.#touch(node, "ctime");
    this.#back.inode(node);
    if (node.links === 0) this.#back.orphans.add(node);
  }
  unlink(dir: Node, name: string, node: Node): void {
    this.loaded(node);
    this.#back.dirty();
    this.#names.remove(dir, this.dir(dir), name, node.links > 1);
    this.#counted(node, -1);
    this.#stamp(dir);
  }
  rmdir(dir: Node, name: string, node: Node): void {
    this.#mustBeEmpty(node);
    this.#back.dirty();
    this.#names.remove(dir, this.dir(dir), name, false);
    this.#gone(node, dir);
    this.#stamp(dir);
  }
  #mustBeEmpty(node: Node): void {
    const index = this.dir(node);
    if (index.damaged) throw this.sys.errno.EIO;
    if (index.names.size > 0) throw this.sys.errno.ENOTEMPTY;
  }
  /** A directory lost its name in another. */
  #gone(node: Node, dir: Node): void {
    this.#counted(node, -node.links);
    dir.links = Math.max(2, dir.links - 1);
    this.moved(node, undefined);
  }
  rename(from: Node, fromName: string, node: Node, to: Node, toName: string, target: Node | undefined): void {
    this.#names.bytesOf(toName);
    const [source, into] = [this.dir(from), this.dir(to)];
    this.loaded(node);
    if (target && this.loaded(target).isDir) this.#mustBeEmpty(target);
    if (node.isDir && from !== to && to.links >= MAX_LINKS) throw this.sys.errno.EMLINK;
    if (source.damaged) throw this.sys.errno.EIO;
    this.#back.dirty();
    if (target) {
      this.#names.replace(to, into, toName, node, node.type!);
      this.#back.replaced = true;
    } else this.#names.add(to, into, toName, node, node.type!);
    const { blockSize } = this.store.l;
    const blockOf = (at: number) => Math.floor(at / blockSize);
    const together = from === to && blockOf(source.names.get(fromName)!.at) === blockOf(into.names.get(toName)!.at);
    this.#names.remove(from, source, fromName, !together);
    if (target?.isDir) this.#gone(target, to);
    else if (target) this.#counted(target, -1);
    this.#moves(node, from, to);
    this.#counted(node, 0);
    this.#stamp(from);
    if (from !== to) this.#stamp(to);
  }
  /** A directory's ".." and the counts of those it was and is in. */
  #moves(node: Node, from: Node, to: Node): void {
    if (!node.isDir || from === to) return;
    this.#names.dotdot(node, to);
    from.links = Math.max(2, from.links - 1);
    to.links++;
    this.moved(node, to);
  }
  /** In a crash each has one of the two names, or a third. */
  exchange(from: Node, fromName: string, to: Node, toName: string): void {
    const [a, b] = [this.lookup(from, fromName), this.lookup(to, toName)];
    if (!a || !b) throw this.sys.errno.ENOENT;
    if (a === b) return;
    const [one, two] = [this.dir(from), this.dir(to)];
    for (const node of [a, b]) this.loaded(node);
    this.#back.dirty();
    const meanwhile = unused(two.names);
    this.#names.add(to, two, meanwhile, b, b.type!);
    const settled = () => {
      this.#back.fsync();
      this.#back.dirty();
    };
    settled();
    this.#names.replace(to, two, toName, a, a.type!);
    settled();
    this.#names.replace(from, one, fromName, b, b.type!);
    settled();
    this.#names.remove(to, two, meanwhile, false);
    this.#moves(a, from, to);
    this.#moves(b, to, from);
    for (const node of new Set([a, b])) this.#counted(node, 0);
    for (const dir of new Set([from, to])) this.#stamp(dir);
  }
  /** The last holder of a file without a name went: its room goes. */
  inactive(node: Node): void {
    if (!this.#back.orphans.has(node) || this.#back.readOnly) return;
    this.#back.dirty();
    this.#lives.end(node);
  }

  // Attributes

  setxattr(node: Node, name: string, value: Uint8Array): void {
    this.#changeXattr(node, name, value);
    if (this.store.l.compat & compat.ext_attr) return;
    const d = this.#back.superView(true);
    Super.set.compat(d, 0, Super.get.compat(d, 0) | compat.ext_attr);
  }
  removexattr(node: Node, name: string): boolean {
    if (this.getxattr(node, name) === undefined) return false;
    this.#changeXattr(node, name, undefined);
    return true;
  }
  #changeXattr(node: Node, name: string, value: Uint8Array | undefined): void {
    this.#writer.set(this.loaded(node), name, value);
    this.#touch(node, "ctime");
    this.#back.inode(node);
  }
  override ioctl(node: Node, command: number, data: Uint8Array): Uint8Array {
    return ioctl(this.sys, this.store.l, command, data, this.loaded(node), (flags) => {
      this.#back.dirty();
      Inode.set.flags(node.view, 0, ((node.flags & ~CHANGEABLE) | (flags & CHANGEABLE)) >>> 0);
      this.#counted(node, 0);
    });
  }

  // Writing back

  sync(): void {
    this.#back.sync();
  }
  fsync(_node: Node): void {
    this.#back.fsync();
  }
  /** mount -u: read-only or not. */
  update(_options: unknown, readOnly: boolean): void {
    if (readOnly) this.sync();
    this.#back.readOnly = readOnly;
  }
  unmount(): void {
    try {
      this.sync();
    } finally {
      this.#back.stop();
      this.store.buffers.forget(0, Infinity);
    }
  }
}
/** A name that is not there. */
function unused(names: ReadonlyMap<string, unknown>): string {
  let n = 1;
  while (names.has(`.exchange.${n}`)) n++;
  return `.exchange.${n}`;
}
