/** Open vnodes: what a descriptor on a file or directory does (NetBSD: vn_fileops). */
import { errno } from "../abi/errno.ts";
import { modeOfType, NOTE_ATTRIB, NOTE_EXTEND, NOTE_WRITE, O_SYNC } from "../abi/flags.ts";
import { Dirent } from "../abi/structs.ts";
import { then } from "../lib/async.ts";
import { encodeName } from "../lib/text.ts";
import { viewOf } from "../lib/struct.ts";
import type { File, Fileops } from "../kern/file.ts";
import type { Locks } from "../kern/locks.ts";
import type { Lwp } from "../kern/proc.ts";
import type { Async, Attr } from "../plugin.ts";
import { changeable, fillStat } from "./access.ts";
import type { Mount, Vnode } from "./mount.ts";

/** A directory entry as getdents(2) gives it. */
interface Entry {
  readonly name: string;
  readonly node: unknown;
}
/** The largest offset files may have (off_t that a number holds). */
const MAX_OFFSET = Number.MAX_SAFE_INTEGER;

/** The open file of a vnode; `held` until closed. */
export class VnodeFile implements Fileops {
  readonly seekable = true;
  readonly vnode: Vnode;
  readonly isDir: boolean;
  /** What getdents lists: taken when it reads from the start. */
  #snapshot: Entry[] | undefined;

  readonly #name: string;

  /** `name`: the last part of the path it was opened by. */
  constructor(vnode: Vnode, isDir: boolean, name: string) {
    this.vnode = vnode.hold();
    this.#name = name;
    this.isDir = isDir;
  }
  read(_file: File, into: Uint8Array, offset: number): Async<number> {
    if (this.isDir) throw errno.EISDIR;
    const { mount, node } = this.vnode;
    return mount.volume.read(node, into, offset);
  }
  write(file: File, from: Uint8Array, offset: number): Async<number> {
    if (offset + from.length > MAX_OFFSET) throw errno.EFBIG;
    const { mount, node } = this.vnode;
    const done = writeTo(this.vnode, from, offset);
    return file.flags & O_SYNC ? then(done, (n) => then(mount.volume.fsync(node), () => n)) : done;
  }
  events(happened: (note: number) => void): () => void {
    return this.vnode.mount.listen(this.vnode.node, happened);
  }
  locks(): Locks {
    return this.vnode.mount.locksOn(this.vnode.node);
  }
  unlock(owner: object): void {
    this.vnode.mount.unlock(this.vnode.node, owner);
  }
  about() {
    return { type: this.isDir ? "dir" : "file", mount: this.vnode.mount.info.on, name: this.#name };
  }
  stat(_file: File, into: Uint8Array): Async<void> {
    const { mount, node } = this.vnode;
    const attr = mount.volume.getattr(node);
    return attr instanceof Promise ? attr.then((a) => fillStat(into, a, mount.dev)) : fillStat(into, attr, mount.dev);
  }
  size(): Async<number> {
    const { mount, node } = this.vnode;
    return then(mount.volume.getattr(node), (a) => a.size);
  }
  truncate(_file: File, length: number): Async<void> {
    const { mount, node } = this.vnode;
    const volume = mount.writable();
    return then(volume.getattr(node), (attr) => {
      changeable(attr);
      return then(volume.setattr(node, { size: length }), () => mount.happened(node, NOTE_ATTRIB));
    });
  }
  sync(): Async<void> {
    const { mount, node } = this.vnode;
    return mount.readOnly ? undefined : mount.volume.fsync(node);
  }
  close(): Async<void> {
    return this.vnode.release();
  }

  /** Entries from the file's offset that fit, as struct dirent; the offset counts entries. */
  getdents(file: File, into: Uint8Array): Async<number> {
    if (!this.isDir) throw errno.EINVAL;
    const list = file.offset === 0 || !this.#snapshot ? this.#list() : this.#snapshot;
    return then(list, (entries) => {
      this.#snapshot = entries;
      return this.#fill(file, entries, into);
    });
  }
  #list(): Async<Entry[]> {
    const { mount, node } = this.vnode;
    return then(mount.volume.readdir(node), (entries) => {
      const list: Entry[] = [{ name: ".", node }, { name: "..", node: parentOf(this.vnode) }];
      for (const [name, child] of entries) list.push({ name, node: child });
      return list;
    });
  }
  #fill(file: File, entries: readonly Entry[], into: Uint8Array): Async<number> {
    const view = viewOf(into);
    let at = 0;
    const put = ({ name }: Entry, attr: { ino: number; type: keyof typeof modeOfType }): boolean => {
      const size = putDirent(into, view, at, name, attr.ino, modeOfType[attr.type] >> 12);
      at += size;
      if (size > 0) file.offset++;
      return size > 0;
    };
    const more = (): Async<number> => {
      for (;;) {
        const entry = entries[file.offset];
        if (!entry) return at;
        const attr = this.#attr(entry);
        if (attr instanceof Promise) return attr.then((a) => (skip(a) || put(entry, a) ? more() : full(at)));
        if (!skip(attr) && !put(entry, attr)) return full(at);
      }
    };
    const skip = (attr: Attr | undefined): attr is undefined => {
      if (!attr) file.offset++;
      return !attr;
    };
    return more();
  }
  /** What an entry is; undefined when it went since the listing began. */
  #attr({ node }: Entry): Async<Attr | undefined> {
    const gone = (e: unknown): undefined => {
      if (e !== errno.ENOENT) throw e;
    };
    try {
      const attr = this.vnode.mount.volume.getattr(node);
      return attr instanceof Promise ? attr.catch(gone) : attr;
    } catch (e) {
      return gone(e);
    }
  }
}
/** Not even one entry fits. */
function full(at: number): number {
  if (at === 0) throw errno.EINVAL;
  return at;
}
/** The node ".." shows: the root of a mount shows itself, its inode is what a listing needs. */
function parentOf({ mount, node }: Vnode): unknown {
  return mount.place(node)?.dir ?? node;
}
function putDirent(into: Uint8Array, view: DataView, at: number, name: string, ino: number, type: number): number {
  const bytes = encodeName(name);
  const size = (Dirent.size + bytes.length + 1 + 7) & ~7;
  if (at + size > into.length) return 0;
  Dirent.set.fileno(view, at, ino);
  Dirent.set.reclen(view, at, size);
  Dirent.set.namlen(view, at, bytes.length);
  Dirent.set.type(view, at, type);
  into.fill(0, at + Dirent.size + bytes.length, at + size);
  into.set(bytes, at + Dirent.size);
  return size;
}

/** Write, and tell whoever wants to know. */
export function writeTo({ mount, node }: Vnode, from: Uint8Array, offset: number): Async<number> {
  const volume = mount.writable();
  if (mount.isHeard(node)) return heardWrite(mount, node, from, offset);
  const done = volume.write(node, from, offset);
  if (mount.observers.size === 0) return done;
  return then(done, (n) => {
    mount.happened(node, NOTE_WRITE);
    return n;
  });
}
/** Somebody wants to know whether it grows. */
function heardWrite(mount: Mount, node: unknown, from: Uint8Array, offset: number): Async<number> {
  return then(mount.volume.getattr(node), ({ size }) =>
    then(mount.volume.write(node, from, offset), (n) => {
      mount.happened(node, offset + n > size ? NOTE_WRITE | NOTE_EXTEND : NOTE_WRITE);
      return n;
    }));
}

/** The vnode behind a descriptor; EINVAL when something else is. */
export function vnodeOf(lwp: Lwp, fd: number): Vnode {
  const { ops } = lwp.proc.files.get(fd);
  if (!(ops instanceof VnodeFile)) throw errno.EINVAL;
  return ops.vnode;
}
/** The directory behind a descriptor, for the *at(2) calls. */
export function dirOf(lwp: Lwp, fd: number): Vnode {
  const { ops } = lwp.proc.files.get(fd);
  if (!(ops instanceof VnodeFile) || !ops.isDir) throw errno.ENOTDIR;
  return ops.vnode;
}
