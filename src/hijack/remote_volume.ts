/**
 * The files of a rump kernel elsewhere as a volume: every operation is a system call there. Others change them, too, so
 * nothing is remembered but which file a number means.
 */
import { errno, errnoOf } from "../abi/errno.ts";
import {
  AT_FDCWD,
  AT_SYMLINK_NOFOLLOW,
  modeOfType,
  O_CREAT,
  O_EXCL,
  O_NONBLOCK,
  O_RDONLY,
  O_RDWR,
  O_TRUNC,
} from "../abi/flags.ts";
import { Stat, Statvfs } from "../abi/structs.ts";
import { HOST_OPEN, inward, Numbers, outward, type Owners, ownerThere, refuseOwn } from "../fuse/owners.ts";
import type { Opens } from "../fuse/server.ts";
import { lastly, missing, then } from "../lib/async.ts";
import { viewOf } from "../lib/struct.ts";
import { decodeName, decodeNames } from "../lib/text.ts";
import type { Async, Attr, FileType, Make, SetAttr, StatFs, Volume } from "../plugin.ts";
import type { BatchCalls, Later } from "../proxy/batch.ts";
import { isDirectory, namesIn, type RemoteCalls, timesOf, versionOf } from "./remote_calls.ts";
import { attrOf, keyOf, RemoteNode } from "./remote_nodes.ts";
import { counted, OpenFiles } from "./remote_open.ts";

export interface RemoteOptions {
  /** The directory or file there that is the root here. */
  readonly root: string;
  /** Where the root directory there is seen here, for links with absolute targets; undefined: nowhere. */
  readonly prefix: string | undefined;
  readonly owners: Owners;
  readonly now: () => number;
}

/** What came with a name is true for the question that follows it at once. */
const MOMENT_MS = 10;
/** A long listing is told of piece by piece. */
const LISTED_MS = 500;
const LISTING = 64 << 10;
/** Names asked about in one round trip. */
const MANY = 60;

export class RemoteVolume implements Volume<RemoteNode>, Opens {
  readonly root: RemoteNode;
  readonly #remote: RemoteCalls;
  readonly #options: RemoteOptions;
  readonly #files: OpenFiles;
  readonly #numbers = new Numbers();
  /** Files somebody here knows of. */
  readonly #known = new Map<string, WeakRef<RemoteNode>>();
  readonly #gone = new FinalizationRegistry((key: string) => {
    if (!this.#known.get(key)?.deref()) this.#known.delete(key);
  });

  /** `stat`: struct stat of the root. */
  constructor(remote: RemoteCalls, stat: Uint8Array, options: RemoteOptions) {
    this.#remote = remote;
    this.#options = options;
    this.#files = new OpenFiles(remote);
    this.root = new RemoteNode(keyOf(viewOf(stat)), isDirectory(stat), options.root);
    this.#known.set(this.root.key, new WeakRef(this.root));
  }
  get #sys(): RemoteCalls["sys"] {
    return this.#remote.sys;
  }
  #attr(stat: Uint8Array): Attr {
    return attrOf(stat, this.#numbers.of, this.#options.owners);
  }
  /** The node a struct stat is of, found by a name. */
  #node(stat: Uint8Array, dir: RemoteNode, name: string, freshMs: number = MOMENT_MS): RemoteNode {
    const key = keyOf(viewOf(stat));
    let node = this.#known.get(key)?.deref();
    if (!node?.is(stat) || node.isDir !== isDirectory(stat)) {
      node = new RemoteNode(key, isDirectory(stat));
      node.is(stat);
      this.#known.set(key, new WeakRef(node));
      this.#gone.register(node, key);
    }
    node.at(dir, name);
    node.fresh = this.#attr(stat);
    node.freshUntil = this.#options.now() + freshMs;
    return node;
  }
  /** The server is another one. */
  forget(): void {
    for (const ref of this.#known.values()) ref.deref()?.forget();
  }

  getattr(node: RemoteNode): Async<Attr> {
    const { fresh } = node;
    node.fresh = undefined;
    if (fresh && this.#options.now() < node.freshUntil) return fresh;
    const stat = new Uint8Array(Stat.size);
    const asked = node.fd >= 0
      ? this.#sys.fstat({ fd: node.fd, sb: stat })
      : this.#sys.lstat({ path: node.path, ub: stat });
    return then(asked, () => {
      if (!node.is(stat)) throw errno.ESTALE;
      return this.#attr(stat);
    });
  }
  lookup(dir: RemoteNode, name: string): Async<RemoteNode | undefined> {
    const stat = new Uint8Array(Stat.size);
    return missing(
      () => this.#sys.lstat({ path: dir.child(name), ub: stat }),
      () => this.#node(stat, dir, name),
      errno.ENOENT,
    );
  }
  readdir(dir: RemoteNode): Async<Iterable<readonly [string, RemoteNode]>> {
    const first = new Uint8Array(LISTING);
    const opened = this.#remote.batch((b) => {
      const fd = b.open({ path: dir.path, flags: O_RDONLY | O_NONBLOCK });
      return { fd, n: b.getdents({ fd, buf: first }) };
    });
    return then(opened, ({ fd, n }) => {
      const descriptor = fd.value;
      const names = lastly(
        () => this.#names(descriptor, first, n.value, []),
        () => this.#sys.close({ fd: descriptor }),
      );
      return then(names, (all) => this.#nodes(dir, all, 0, []));
    });
  }
  #names(fd: number, buf: Uint8Array, n: number, names: string[]): Async<string[]> {
    names.push(...namesIn(buf, n));
    if (n === 0) return names;
    return then(this.#sys.getdents({ fd, buf }), (more) => this.#names(fd, buf, more, names));
  }
  /** What the names of a directory are; those that went meanwhile are left out. */
  #nodes(
    dir: RemoteNode,
    names: readonly string[],
    from: number,
    list: [string, RemoteNode][],
  ): Async<[string, RemoteNode][]> {
    if (from >= names.length) return list;
    const stats = this.#remote.batch((b) =>
      names.slice(from, from + MANY).map((name) => {
        const ub = new Uint8Array(Stat.size);
        return { name, ub, done: b.lstat({ path: dir.child(name), ub }) };
      })
    );
    return then(stats, (all) => {
      for (const { name, ub, done } of all) if (!done.error) list.push([name, this.#node(ub, dir, name, LISTED_MS)]);
      return this.#nodes(dir, names, from + MANY, list);
    });
  }
  readlink(node: RemoteNode): Async<string> {
    const buf = new Uint8Array(4096);
    return then(
      this.#sys.readlink({ path: node.path, buf }),
      (n) => outward(decodeName(buf.subarray(0, n)), this.#options.prefix),
    );
  }
  read(node: RemoteNode, into: Uint8Array, offset: number): Async<number> {
    return then(this.#files.descriptor(node, "reading"), (fd) => this.#sys.pread({ fd, buf: into, offset }));
  }
  write(node: RemoteNode, from: Uint8Array, offset: number): Async<number> {
    node.fresh = undefined;
    return then(this.#files.descriptor(node, "writing"), (fd) => this.#sys.pwrite({ fd, buf: from, offset }));
  }
  open(node: RemoteNode, flags: number): Async<boolean> {
    if (flags & HOST_OPEN.TRUNC) node.fresh = undefined;
    return this.#files.open(node, flags);
  }
  release(node: RemoteNode, flags: number): Async<void> {
    return this.#files.release(node, flags);
  }
  inactive(node: RemoteNode): Async<void> {
    return this.#files.close(node);
  }

  /** What is open is changed by its descriptor: it need not have a name any more. */
  setattr(node: RemoteNode, change: SetAttr): Async<void> {
    node.fresh = undefined;
    const file = node.fd >= 0 ? { fd: node.fd } : { path: node.path };
    const done = this.#remote.batch((b) => this.#changes(b, file, node.writing, change));
    return then(done, (calls) => calls.forEach((call) => void call.value));
  }
  #changes(
    b: BatchCalls,
    file: { readonly fd: number } | { readonly path: string },
    writing: number,
    { mode, uid, gid, size, ...times }: SetAttr,
  ): Later[] {
    const calls: Later[] = [];
    if (uid !== undefined || gid !== undefined) {
      const owner = ownerThere(this.#options.owners, uid, gid);
      calls.push("fd" in file ? b.fchown({ ...file, ...owner }) : b.lchown({ ...file, ...owner }));
    }
    if (mode !== undefined) calls.push("fd" in file ? b.fchmod({ ...file, mode }) : b.lchmod({ ...file, mode }));
    if (size !== undefined) {
      if (writing >= 0) calls.push(b.ftruncate({ fd: writing, length: size }));
      else if ("path" in file) calls.push(b.truncate({ ...file, length: size }));
      else throw errno.EINVAL;
    }
    if (times.atime !== undefined || times.mtime !== undefined) {
      const tptr = timesOf(times);
      const flag = AT_SYMLINK_NOFOLLOW;
      calls.push("fd" in file ? b.futimens({ ...file, tptr }) : b.utimensat({ fd: AT_FDCWD, ...file, tptr, flag }));
    }
    return calls;
  }

  create(dir: RemoteNode, name: string, { mode, uid, gid }: Make, flags: number = HOST_OPEN.EXCL): Async<RemoteNode> {
    const stat = new Uint8Array(Stat.size);
    const how = O_RDWR | O_CREAT | O_NONBLOCK | (flags & HOST_OPEN.EXCL ? O_EXCL : 0) |
      (flags & HOST_OPEN.TRUNC ? O_TRUNC : 0);
    const made = this.#remote.batch((b) => {
      const fd = b.open({ path: dir.child(name), flags: how, mode });
      this.#give(uid, gid, (owner) => b.fchown({ fd, ...owner }));
      return { fd, done: b.fstat({ fd, sb: stat }) };
    });
    return then(made, ({ fd, done }) => {
      const descriptor = fd.value;
      void done.value;
      const node = this.#node(stat, dir, name);
      node.seen = versionOf(stat);
      counted(node, flags, 1);
      return then(this.#files.keep(node, descriptor, { read: node.reading < 0, write: true }), () => node);
    });
  }
  /** A file made for somebody else than who we are there is given to them. */
  #give(uid: number, gid: number, chown: (owner: { uid: number; gid: number }) => unknown): void {
    const { there } = this.#options.owners;
    const owner = ownerThere(this.#options.owners, uid, gid);
    if (there.uid === 0 && (owner.uid !== there.uid || owner.gid !== there.gid)) chown(owner);
  }
  /** A file without content: made, given to who asked, looked at. */
  #made(
    dir: RemoteNode,
    name: string,
    { uid, gid }: Make,
    make: (b: BatchCalls, path: string) => Later,
  ): Async<RemoteNode> {
    const ub = new Uint8Array(Stat.size);
    const path = dir.child(name);
    const calls = this.#remote.batch((b) => {
      const done = [make(b, path)];
      this.#give(uid, gid, (owner) => done.push(b.lchown({ path, ...owner })));
      return [...done, b.lstat({ path, ub })];
    }, { stop: true });
    return then(calls, (all) => {
      for (const call of all) void call.value;
      return this.#node(ub, dir, name);
    });
  }
  mkdir(dir: RemoteNode, name: string, make: Make): Async<RemoteNode> {
    return this.#made(dir, name, make, (b, path) => b.mkdir({ path, mode: make.mode }));
  }
  symlink(dir: RemoteNode, name: string, target: string, make: Make): Async<RemoteNode> {
    return this.#made(dir, name, make, (b, link) => b.symlink({ path: inward(target, this.#options.prefix), link }));
  }
  mknod(dir: RemoteNode, name: string, make: Make & { type: FileType; rdev: number }): Async<RemoteNode> {
    const { type, mode, rdev: dev } = make;
    return this.#made(
      dir,
      name,
      make,
      (b, path) => type === "fifo" ? b.mkfifo({ path, mode }) : b.mknod({ path, mode: modeOfType[type] | mode, dev }),
    );
  }
  link(node: RemoteNode, dir: RemoteNode, name: string): Async<void> {
    node.fresh = undefined;
    return then(this.#sys.link({ path: node.path, link: dir.child(name) }), () => node.at(dir, name));
  }
  unlink(dir: RemoteNode, name: string, node: RemoteNode): Async<void> {
    node.fresh = undefined;
    return then(this.#sys.unlink({ path: dir.child(name) }), () => node.lost(dir, name));
  }
  rmdir(dir: RemoteNode, name: string, node: RemoteNode): Async<void> {
    return then(this.#sys.rmdir({ path: dir.child(name) }), () => node.lost(dir, name));
  }
  rename(
    from: RemoteNode,
    name: string,
    node: RemoteNode,
    to: RemoteNode,
    toName: string,
    target?: RemoteNode,
  ): Async<void> {
    node.fresh = undefined;
    return then(this.#sys.rename({ from: from.child(name), to: to.child(toName) }), () => {
      target?.lost(to, toName);
      node.lost(from, name);
      node.at(to, toName);
    });
  }

  allocate(node: RemoteNode, pos: number, len: number, keepSize: boolean): Async<void> {
    if (keepSize) throw errno.EOPNOTSUPP;
    node.fresh = undefined;
    return then(
      this.#files.descriptor(node, "writing"),
      (fd) => then(this.#sys.posix_fallocate({ fd, pos, len }), (e) => failing(e)),
    );
  }
  punch(node: RemoteNode, pos: number, len: number): Async<void> {
    return then(
      this.#files.descriptor(node, "writing"),
      (fd) => then(this.#sys.fdiscard({ fd, pos, len }), () => undefined),
    );
  }
  fsync(node: RemoteNode): Async<void> {
    if (node.isDir) return this.sync();
    return then(this.#files.descriptor(node, "reading"), (fd) => then(this.#sys.fsync({ fd }), () => undefined));
  }
  sync(): Async<void> {
    return then(this.#sys.sync(), () => undefined);
  }
  statfs(node: RemoteNode = this.root): Async<StatFs> {
    const buf = new Uint8Array(Statvfs.size);
    return then(this.#sys.statvfs1({ path: node.path, buf, flags: 0 }), () => {
      const s = Statvfs.dump(viewOf(buf), 0);
      return {
        blockSize: s.frsize,
        blocks: s.blocks,
        free: s.bfree,
        available: s.bavail,
        files: s.files,
        filesFree: s.ffree,
        nameMax: s.namemax,
      };
    });
  }

  getxattr(node: RemoteNode, name: string): Async<Uint8Array | undefined> {
    refuseOwn(name);
    const value = new Uint8Array(LISTING);
    return missing(
      () => this.#sys.lgetxattr({ path: node.path, name, value }),
      (n) => value.subarray(0, n),
      errno.ENOATTR,
    );
  }
  setxattr(node: RemoteNode, name: string, value: Uint8Array): Async<void> {
    refuseOwn(name);
    return then(this.#sys.lsetxattr({ path: node.path, name, value, flags: 0 }), () => undefined);
  }
  removexattr(node: RemoteNode, name: string): Async<boolean> {
    const gone = missing(() => this.#sys.lremovexattr({ path: node.path, name }), () => true, errno.ENOATTR);
    return then(gone, (yes) => yes ?? false);
  }
  listxattr(node: RemoteNode): Async<Iterable<string>> {
    const list = new Uint8Array(LISTING);
    return then(
      this.#sys.llistxattr({ path: node.path, list }),
      (n) => decodeNames(list.subarray(0, n)),
    );
  }
}

function failing(e: number): void {
  if (e !== 0) throw errnoOf(e);
}
