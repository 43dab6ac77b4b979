/**
 * The files of a kernel as one of its processes sees them, as a volume the host mounts: what may be done is what that process
 * may do, through mount points, within its root directory. Others change the files as well; the host's kernel is told at once.
 */
import { errno } from "../abi/errno.ts";
import { O_APPEND, O_CREAT, O_RDONLY, O_RDWR, O_TRUNC, S_IFIFO, S_IFREG, UTIME_OMIT } from "../abi/flags.ts";
import { modeOfType } from "../abi/flags.ts";
import { Lwp, type Proc } from "../kern/proc.ts";
import type { Callout } from "../kern/wait.ts";
import { missing, then } from "../lib/async.ts";
import { decodeNames } from "../lib/text.ts";
import type { Async, Attr, FileType, Make, SetAttr, StatFs, Volume } from "../plugin.ts";
import { access, READ } from "../vfs/access.ts";
import { change, chmod, chown, type Times, truncate, utimes } from "../vfs/attributes.ts";
import { writeTo } from "../vfs/file.ts";
import { type Mount, Vnode } from "../vfs/mount.ts";
import { lookup, namei } from "../vfs/namei.ts";
import { renamePaths, rmdirAt, unlinkAt } from "../vfs/names.ts";
import { linkAt, makeAt, mkdirAt, mknodAt, openData, symlinkAt } from "../vfs/open.ts";
import { allocate, get, list, punch, remove, set } from "../vfs/xattr.ts";
import { HOST_OPEN, inward, Numbers, outward, ownerHere, type Owners, ownerThere, refuseOwn } from "./owners.ts";
import { ProcessLocks } from "./process_locks.ts";
import { ProcessNews } from "./process_news.ts";
import { type ProcessNode, ProcessNodes } from "./process_nodes.ts";
import { LONG } from "./reply.ts";
import type { Opens } from "./server.ts";

/** How a process's files are seen. */
export interface View {
  readonly proc: Proc;
  /** Where the root directory is seen on the host, for links with absolute targets; undefined: nowhere. */
  readonly prefix: string | undefined;
  readonly owners: Owners;
  /** Wall clock, milliseconds. */
  readonly now: () => number;
  /** Call when what is done now is done. */
  soon(fn: () => void): void;
  readonly callout: Callout;
  /** Whether all changes of a mount's files are told of: not where they are another mount's as well. */
  tells(mount: Mount): boolean;
}

/** Seconds what is told is true where others' changes are not told of: mounts over others, drivers that answer later. */
const BRIEF = 1;
const ATTRIBUTES = 64 << 10;

/** See the head of this file. `news` is to be one of the kernel's observers, and its `changed` to tell the mount it is in. */
export class ProcessVolume implements Volume<ProcessNode>, Opens {
  readonly root: ProcessNode;
  readonly locks: ProcessLocks;
  readonly news: ProcessNews;
  readonly changing = true;
  readonly readOnly = false;
  readonly #view: View;
  readonly #lwp: Lwp;
  readonly #nodes = new ProcessNodes();
  readonly #numbers = new Numbers();

  /** `root`: the file that is the root here. */
  constructor(view: View, root: Vnode) {
    this.#view = view;
    this.#lwp = new Lwp(view.proc);
    this.locks = new ProcessLocks(view.proc, view.callout);
    this.root = this.#nodes.get(root);
    this.news = new ProcessNews(this.#nodes, this.root, (fn) => view.soon(fn));
  }
  /** Do something as the process, if it may. */
  #call<T>(name: string, args: Readonly<Record<string, unknown>>, work: () => T): T {
    this.#view.proc.guard?.(name, args);
    this.news.ours++;
    try {
      return work();
    } finally {
      this.news.ours--;
    }
  }

  active(node: ProcessNode): void {
    this.#nodes.hold(node);
  }
  inactive(node: ProcessNode): Async<void> {
    node.opened = node.writers = 0;
    return this.#nodes.release(node);
  }
  seconds(node: ProcessNode): number {
    return node.mount.volume.validSeconds ?? (node.exact ? LONG : BRIEF);
  }

  // What files are

  getattr(node: ProcessNode): Async<Attr> {
    return this.#call("lstat", {}, () => this.#attr(node));
  }
  #attr(node: ProcessNode): Async<Attr> {
    const { mount, node: of } = node.vnode;
    const attr = mount.volume.getattr(of);
    node.exact = node.told = !(attr instanceof Promise) && this.#view.tells(mount);
    return attr instanceof Promise ? attr.then((a) => this.#outside(node, a)) : this.#outside(node, attr);
  }
  #outside(node: ProcessNode, a: Attr): Attr {
    return {
      ...a,
      ino: this.#numbers.of(node.mount.dev, a.ino),
      ...ownerHere(this.#view.owners, a.uid ?? 0, a.gid ?? 0),
      mtimensec: node.nanoseconds(a),
    };
  }
  lookup(dir: ProcessNode, name: string): Async<ProcessNode | undefined> {
    this.news.telling(dir);
    return this.#call(
      "lstat",
      {},
      () => then(namei(this.#lwp, name, false, dir.vnode), ({ vnode }) => vnode && this.#nodes.get(vnode)),
    );
  }
  readdir(dir: ProcessNode): Async<Iterable<readonly [string, ProcessNode]>> {
    const { mount, node } = dir.vnode;
    this.news.telling(dir);
    return this.#call(
      "getdents",
      {},
      () => then(this.#mayRead(dir), () => then(mount.volume.readdir(node), (names) => this.#listed(mount, names))),
    );
  }
  #mayRead(dir: ProcessNode): Async<void> {
    const { mount, node } = dir.vnode;
    const { cred } = this.#view.proc;
    if (cred.euid === 0) return undefined;
    return then(mount.volume.getattr(node), (a) => access(a, cred, READ));
  }
  #listed(mount: Mount, names: Iterable<readonly [string, unknown]>): [string, ProcessNode][] {
    return Array.from(names, ([name, node]) => {
      let at = new Vnode(mount, node);
      for (let over = mount.covers.get(node); over; over = over.covers.get(over.volume.root)) at = over.root;
      return [name, this.#nodes.get(at)];
    });
  }
  readlink(node: ProcessNode): Async<string> {
    const { mount, node: of } = node.vnode;
    return this.#call(
      "readlink",
      {},
      () => then(mount.volume.readlink(of), (target) => outward(target, this.#view.prefix)),
    );
  }
  statfs(node: ProcessNode = this.root): Async<StatFs> {
    return this.#call("statvfs1", {}, () => node.vnode.mount.volume.statfs());
  }

  // Their data

  open(node: ProcessNode, flags: number): Async<boolean> {
    const inside = (flags & HOST_OPEN.ACCMODE) | (flags & HOST_OPEN.TRUNC ? O_TRUNC : 0) |
      (flags & HOST_OPEN.APPEND ? O_APPEND : 0);
    const { vnode } = node;
    return this.#call(
      "open",
      { flags: inside },
      () =>
        then(vnode.mount.volume.getattr(vnode.node), (a) =>
          then(openData(this.#lwp, vnode, a, inside), () => {
            this.#count(node, flags, 1);
            // What is not told of may have changed as well.
            const same = node.exact ? !node.stale : vnode.mount.volume.validSeconds !== 0 && node.isSame(a);
            node.stale = false;
            return same;
          })),
    );
  }
  #count(node: ProcessNode, flags: number, by: 1 | -1): void {
    node.opened = Math.max(0, node.opened + by);
    if ((flags & HOST_OPEN.ACCMODE) !== O_RDONLY) node.writers = Math.max(0, node.writers + by);
  }
  /** A directory is opened to be listed. Undefined: the host's kernel must not keep a listing; true: the one it has is good. */
  opendir(node: ProcessNode): boolean | undefined {
    const same = !node.stale;
    node.stale = false;
    return node.exact ? same : undefined;
  }
  release(node: ProcessNode, flags: number): Async<void> {
    this.#count(node, flags, -1);
  }
  read(node: ProcessNode, into: Uint8Array, offset: number): Async<number> {
    const { mount, node: of } = node.vnode;
    return this.#call("pread", {}, () => mount.volume.read(of, into, offset));
  }
  write(node: ProcessNode, from: Uint8Array, offset: number): Async<number> {
    return this.#call("pwrite", {}, () => writeTo(node.vnode, from, offset));
  }
  allocate(node: ProcessNode, offset: number, length: number, keepSize: boolean): Async<void> {
    if (keepSize) throw errno.EOPNOTSUPP;
    return this.#call("posix_fallocate", {}, () => allocate(node.vnode, offset, length));
  }
  punch(node: ProcessNode, offset: number, length: number): Async<void> {
    return this.#call("fdiscard", {}, () => punch(node.vnode, offset, length));
  }
  fsync(node: ProcessNode): Async<void> {
    const { mount, node: of } = node.vnode;
    return this.#call("fsync", {}, () => (mount.readOnly ? undefined : mount.volume.fsync(of)));
  }
  sync(): Async<void> {
    return this.#call("sync", {}, () => this.root.vnode.mount.sync());
  }

  // Changing what they are

  setattr(node: ProcessNode, { mode, uid, gid, size, ...times }: SetAttr): Async<void> {
    const { vnode } = node;
    const steps: (() => Async<unknown>)[] = [];
    if (uid !== undefined || gid !== undefined) {
      const owner = ownerThere(this.#view.owners, uid, gid);
      steps.push(() => this.#call("lchown", {}, () => change(this.#lwp, vnode, chown(owner.uid, owner.gid))));
    }
    if (mode !== undefined) steps.push(() => this.#call("lchmod", {}, () => change(this.#lwp, vnode, chmod(mode))));
    if (size !== undefined) steps.push(() => this.#call("truncate", {}, () => this.#cut(node, size)));
    if (times.atime !== undefined || times.mtime !== undefined) {
      steps.push(() =>
        this.#call("utimensat", {}, () => change(this.#lwp, vnode, utimes(timesOf(times), this.#view.now())))
      );
    }
    return steps.reduce<Async<void>>((done, step) => then(done, () => then(step(), () => undefined)), undefined);
  }
  /** Who has it open for writing may cut it whatever its mode. */
  #cut(node: ProcessNode, size: number): Async<unknown> {
    return node.writers > 0 ? change(this.#lwp, node.vnode, () => ({ size })) : truncate(this.#lwp, node.vnode, size);
  }

  create(dir: ProcessNode, name: string, make: Make, flags: number = HOST_OPEN.EXCL): Async<ProcessNode> {
    return this.#call(
      "open",
      { flags: O_CREAT | O_RDWR },
      () =>
        then(namei(this.#lwp, name, false, dir.vnode), (found) => {
          if (found.vnode) return this.#made(this.#nodes.get(found.vnode), flags);
          const made = makeAt(
            this.#lwp,
            found,
            make.mode,
            ({ mount, node }, how) =>
              then(mount.volume.create(node, name, how), (n) => this.#nodes.get(new Vnode(mount, n))),
          );
          return then(made, (node) => then(this.#give(node, make), () => (this.#count(node, flags, 1), node)));
        }),
    );
  }
  /** Somebody else was first. */
  #made(node: ProcessNode, flags: number): Async<ProcessNode> {
    if (flags & HOST_OPEN.EXCL) throw errno.EEXIST;
    return then(this.open(node, flags), () => node);
  }
  /** A file made for somebody else than the process is given to them. */
  #give(node: ProcessNode, { uid, gid }: Make): Async<unknown> {
    const { cred } = this.#view.proc;
    const owner = ownerThere(this.#view.owners, uid, gid);
    if (cred.euid !== 0 || (owner.uid === cred.euid && owner.gid === cred.egid)) return undefined;
    return change(this.#lwp, node.vnode, chown(owner.uid, owner.gid));
  }
  /** A file without content: made, given to who asked. */
  #make(
    dir: ProcessNode,
    name: string,
    how: Make,
    call: string,
    make: (start: Vnode) => Async<unknown>,
  ): Async<ProcessNode> {
    return this.#call(
      call,
      {},
      () =>
        then(make(dir.vnode), () =>
          then(lookup(this.#lwp, name, false, dir.vnode), (vnode) => {
            const node = this.#nodes.get(vnode);
            return then(this.#give(node, how), () => node);
          })),
    );
  }
  mkdir(dir: ProcessNode, name: string, make: Make): Async<ProcessNode> {
    return this.#make(dir, name, make, "mkdir", (start) => mkdirAt(this.#lwp, name, make.mode, start));
  }
  symlink(dir: ProcessNode, name: string, target: string, make: Make): Async<ProcessNode> {
    return this.#make(
      dir,
      name,
      make,
      "symlink",
      (start) => symlinkAt(this.#lwp, inward(target, this.#view.prefix), name, start),
    );
  }
  mknod(dir: ProcessNode, name: string, make: Make & { type: FileType; rdev: number }): Async<ProcessNode> {
    const { type, mode, rdev } = make;
    const kind = type === "fifo" ? S_IFIFO : modeOfType[type] ?? S_IFREG;
    const call = type === "fifo" ? "mkfifo" : "mknod";
    return this.#make(dir, name, make, call, (start) => mknodAt(this.#lwp, name, kind | mode, rdev, start));
  }
  link(node: ProcessNode, dir: ProcessNode, name: string): Async<void> {
    return this.#call("link", {}, () => then(linkAt(this.#lwp, node.vnode, name, dir.vnode), () => undefined));
  }
  unlink(dir: ProcessNode, name: string): Async<void> {
    return this.#call("unlink", {}, () => then(unlinkAt(this.#lwp, name, dir.vnode), () => undefined));
  }
  rmdir(dir: ProcessNode, name: string): Async<void> {
    return this.#call("rmdir", {}, () => then(rmdirAt(this.#lwp, name, dir.vnode), () => undefined));
  }
  rename(from: ProcessNode, name: string, _node: ProcessNode, to: ProcessNode, toName: string): Async<void> {
    const [start, end] = [from.vnode, to.vnode];
    return this.#call("rename", {}, () => then(renamePaths(this.#lwp, name, toName, start, end), () => undefined));
  }

  getxattr(node: ProcessNode, name: string): Async<Uint8Array | undefined> {
    refuseOwn(name);
    const value = new Uint8Array(ATTRIBUTES);
    const found = this.#call(
      "lgetxattr",
      {},
      () => missing(() => get(name, value)(node.vnode, this.#lwp), (n) => value.subarray(0, n), errno.ENOATTR),
    );
    return found;
  }
  setxattr(node: ProcessNode, name: string, value: Uint8Array): Async<void> {
    refuseOwn(name);
    return this.#call("lsetxattr", {}, () => then(set(name, value, 0)(node.vnode, this.#lwp), () => undefined));
  }
  removexattr(node: ProcessNode, name: string): Async<boolean> {
    const done = this.#call(
      "lremovexattr",
      {},
      () => missing(() => remove(name)(node.vnode, this.#lwp), () => true, errno.ENOATTR),
    );
    return then(done, (was) => was ?? false);
  }
  listxattr(node: ProcessNode): Async<Iterable<string>> {
    const names = new Uint8Array(ATTRIBUTES);
    return this.#call("llistxattr", {}, () =>
      then(
        list(names)(node.vnode, this.#lwp),
        (n) => decodeNames(names.subarray(0, n)),
      ));
  }
}

const timesOf = ({ atime, atimensec = 0, mtime, mtimensec = 0 }: SetAttr): Times => [
  atime === undefined ? [0, UTIME_OMIT] : [atime, atimensec],
  mtime === undefined ? [0, UTIME_OMIT] : [mtime, mtimensec],
];
