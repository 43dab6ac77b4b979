/** What is served: a row per opcode. A hole answers ENOSYS, which tells the kernel not to ask again. */
import { errno } from "../abi/errno.ts";
import { S_IFMT } from "../abi/flags.ts";
import { then } from "../lib/async.ts";
import type { FullVolume } from "../vfs/defaults.ts";
import type { Async, FileType, Make, SetAttr } from "../plugin.ts";
import {
  FATTR_ATIME,
  FATTR_ATIME_NOW,
  FATTR_GID,
  FATTR_KILL_SUIDGID,
  FATTR_MODE,
  FATTR_MTIME,
  FATTR_MTIME_NOW,
  FATTR_SIZE,
  FATTR_UID,
  FOPEN_DIRECT_IO,
  FOPEN_KEEP_CACHE,
  InHeader,
  OpenOut,
  OUT_HEADER,
  ReadIn,
  RENAME_EXCHANGE,
  RENAME_NOREPLACE,
  SetattrIn,
  WRITE_KILL_SUIDGID,
} from "../wire/fuse.ts";
import { encodeName } from "../lib/text.ts";
import type { Known } from "./nodes.ts";
import { killPrivileges } from "./privileges.ts";
import { attrReply, entryReply, fromLinuxDev, negativeReply } from "./reply.ts";
import type { Request } from "./request.ts";
import { fallocate, getxattr, ioctl, listxattr, lseek, removexattr, setxattr, statfs, tmpfile } from "./ops_misc.ts";
import { listingFlags, readdir } from "./ops_list.ts";
import { flush, getlk, release, setlk } from "./ops_lock.ts";
import type { FuseServer } from "./server.ts";

/** What an operation sees: the request, and its node. It gives the size of the reply's body, or NO_REPLY. */
export interface Context {
  readonly server: FuseServer;
  readonly req: Request;
  readonly known: Known;
  readonly node: unknown;
  readonly volume: FullVolume;
}
/** Answers a request: the length of the reply, or NO_REPLY. Throws errno. */
export type Op = (c: Context) => Async<number>;
export const NO_REPLY = -1;

/** Where a request's body begins. */
export const BODY = InHeader.size;

/** The name at `at` of a request, and where what follows begins. EINVAL: it is none. */
export function name(c: Context, at: number): { readonly name: string; readonly end: number } {
  const found = c.req.name(at);
  if (!found || found.name === "" || found.name.includes("/")) throw errno.EINVAL;
  return found;
}
/** The volume, unless it is mounted read-only. */
export const writable = (c: Context): FullVolume => c.server.mount.writable();

/** How what a request makes is to be: its mode, and the owner who asks. */
export const make = (c: Context, mode: number): Make => ({ mode: mode & 0o7777, uid: c.req.uid, gid: c.req.gid });

/** Tell the kernel of a node that a name leads to. */
function entry(c: Context, name: string, node: unknown): Async<number> {
  return then(c.volume.getattr(node), (a) => {
    const known = c.server.nodes.found(node, name);
    return entryReply(c.req, known.id, a, c.server.validity(known, name));
  });
}
/** The node of a name in the request's directory. */
function child(c: Context, dir: unknown, name: string): Async<unknown> {
  return then(c.volume.lookup(dir, name), (node) => {
    if (node === undefined) throw errno.ENOENT;
    return node;
  });
}
/** A made file's entry; the directory's names are known to have changed. */
function made(c: Context, name: string, node: Async<unknown>): Async<number> {
  return then(node, (n) => {
    c.server.mount.changed(c.node, name);
    return entry(c, name, n);
  });
}
function lookup(c: Context): Async<number> {
  const { name: wanted } = name(c, BODY);
  c.server.nodes.asked();
  return then(c.volume.lookup(c.node, wanted), (node) => {
    if (node !== undefined) return entry(c, wanted, node);
    if (c.volume.foldsCase) throw errno.ENOENT; // another spelling may appear: not to be remembered
    return negativeReply(c.req, c.server.seconds(c.node));
  });
}
/** A name went: its node is told when nobody knows it any more, and other spellings are no longer true. */
function removed(c: Context, dir: unknown, name: string, node: unknown): Async<number> {
  const { mount, nodes } = c.server;
  mount.changed(dir, name);
  const known = nodes.of(node);
  if (known?.aliased) c.server.forgetNames();
  if (known) return 0;
  mount.hold(node);
  return then(mount.release(node), () => 0);
}

function remove(which: "unlink" | "rmdir"): Op {
  return (c) => {
    const { name: gone } = name(c, BODY);
    const volume = writable(c);
    return then(child(c, c.node, gone), (node) =>
      then(volume.getattr(node), ({ type }) => {
        if (which === "rmdir" && type !== "dir") throw errno.ENOTDIR;
        if (which === "unlink" && type === "dir") throw errno.EISDIR;
        return then(volume[which](c.node, gone, node), () => removed(c, c.node, gone, node));
      }));
  };
}

function rename(c: Context, at: number, flags: number): Async<number> {
  const from = name(c, BODY + at);
  const to = name(c, from.end);
  const dir = c.server.nodes.get(readId(c, BODY));
  if (!dir) throw errno.ENOENT;
  if (flags & ~(RENAME_NOREPLACE | RENAME_EXCHANGE)) throw errno.EINVAL;
  const volume = writable(c);
  return then(child(c, c.node, from.name), (node) =>
    then(volume.lookup(dir.node, to.name), (there) => {
      if (flags & RENAME_EXCHANGE) return exchange(c, from.name, dir.node, to.name, there);
      if (there !== undefined && flags & RENAME_NOREPLACE) throw errno.EEXIST;
      const target = there === node ? undefined : there;
      const moved = volume.rename(c.node, from.name, node, dir.node, to.name, target);
      return then(moved, () => {
        c.server.mount.changed(c.node, from.name);
        const known = c.server.nodes.of(node);
        if (known?.aliased) c.server.forgetNames();
        if (known) known.name = to.name;
        return target === undefined ? 0 : removed(c, dir.node, to.name, target);
      });
    }));
}
function exchange(c: Context, from: string, dir: unknown, to: string, there: unknown): Async<number> {
  if (there === undefined) throw errno.ENOENT;
  const { mount } = c.server;
  return then(c.volume.exchange(c.node, from, dir, to), () => {
    mount.changed(c.node, from);
    mount.changed(dir, to);
    return 0;
  });
}
const readId = (c: Context, at: number) => InHeader.get.nodeid(c.req.in.view, at - InHeader.at.nodeid);

function setattr(c: Context): Async<number> {
  const d = c.req.in.view;
  const { get } = SetattrIn;
  const valid = get.valid(d, BODY);
  const change: Record<string, number> = {};
  if (valid & FATTR_MODE) change.mode = get.mode(d, BODY) & 0o7777;
  if (valid & FATTR_UID) change.uid = get.uid(d, BODY);
  if (valid & FATTR_GID) change.gid = get.gid(d, BODY);
  if (valid & FATTR_SIZE) change.size = get.size(d, BODY);
  if (valid & FATTR_ATIME) setTime(c, change, "atime", (valid & FATTR_ATIME_NOW) !== 0);
  if (valid & FATTR_MTIME) setTime(c, change, "mtime", (valid & FATTR_MTIME_NOW) !== 0);
  return then(
    chownable(c, change),
    () =>
      then(
        unprivileged(c, valid),
        () => then(c.volume.getattr(c.node), (a) => attrReply(c.req, a, c.server.seconds(c.node))),
      ),
  );
}
/** What is given away or cut loses its privileges. */
function unprivileged(c: Context, valid: number): Async<void> {
  const given = valid & (FATTR_UID | FATTR_GID);
  if (given || valid & FATTR_SIZE) return killPrivileges(c, given !== 0 || (valid & FATTR_KILL_SUIDGID) !== 0);
}
/** Programs know EPERM for an owner that cannot be set; NetBSD says EINVAL there. */
function chownable(c: Context, change: Record<string, number>): Async<void> {
  if (Object.keys(change).length === 0) return undefined;
  try {
    return writable(c).setattr(c.node, change as SetAttr);
  } catch (e) {
    if (e === errno.EINVAL && (change.uid !== undefined || change.gid !== undefined)) throw errno.EPERM;
    throw e;
  }
}
function setTime(c: Context, change: Record<string, number>, which: "atime" | "mtime", now: boolean): void {
  const d = c.req.in.view;
  const ms = c.server.now();
  // A time before 1970 comes as a large unsigned number.
  const at = BODY + SetattrIn.at[which];
  change[which] = now ? Math.floor(ms / 1000) : Number(d.getBigInt64(at, true));
  change[`${which}nsec`] = now ? Math.floor((ms % 1000) * 1e6) : SetattrIn.get[`${which}nsec`](d, BODY);
}

function create(c: Context): Async<number> {
  const mode = c.req.in.view.getUint32(BODY + 4, true);
  const { name: wanted } = name(c, BODY + 16);
  const { opens } = c.server;
  const flags = c.req.in.view.getUint32(BODY, true);
  const node = opens
    ? opens.create(c.node, wanted, make(c, mode), flags)
    : writable(c).create(c.node, wanted, make(c, mode));
  return then(made(c, wanted, node), (n) => n + openReply(c.req, OUT_HEADER + n, 0, FOPEN_KEEP_CACHE));
}
/** Where nobody cares: ENOSYS once, then files open without asking. */
function open(c: Context): Async<number> {
  const { opens } = c.server;
  if (!opens) throw errno.ENOSYS;
  return then(opens.open(c.node, c.req.in.view.getUint32(BODY, true)), (same) => {
    if (!same) c.server.forgetAttributes(c.known.id);
    if (opens.direct) return openReply(c.req, OUT_HEADER, c.server.serial(), FOPEN_DIRECT_IO);
    return openReply(c.req, OUT_HEADER, 0, same ? FOPEN_KEEP_CACHE : 0);
  });
}
/** Write struct fuse_open_out; its length. */
export function openReply(req: Request, at: number, fh: number, flags: number): number {
  OpenOut.set.fh(req.out.view, at, fh);
  OpenOut.set.openFlags(req.out.view, at, flags);
  OpenOut.set.pad(req.out.view, at, 0);
  return OpenOut.size;
}
const fileTypes: Readonly<Record<number, FileType>> = { 1: "fifo", 2: "chr", 6: "blk", 8: "file", 12: "sock" };
function mknod(c: Context): Async<number> {
  const d = c.req.in.view;
  const [mode, rdev] = [d.getUint32(BODY, true), d.getUint32(BODY + 4, true)];
  const { name: wanted } = name(c, BODY + 16);
  const type = fileTypes[(mode & S_IFMT) >> 12];
  if (!type) throw errno.EINVAL;
  const volume = writable(c);
  if (type === "file") return made(c, wanted, volume.create(c.node, wanted, make(c, mode)));
  return made(c, wanted, volume.mknod(c.node, wanted, { ...make(c, mode), type, rdev: fromLinuxDev(rdev) }));
}
function symlink(c: Context): Async<number> {
  const link = name(c, BODY);
  const target = c.req.name(link.end);
  if (!target) throw errno.EINVAL;
  return made(c, link.name, linked(() => writable(c).symlink(c.node, link.name, target.name, make(c, 0o777))));
}
/** A driver without links: EPERM is what Linux's programs know from such file systems. */
function linked<T>(work: () => T): T {
  try {
    return work();
  } catch (e) {
    throw e === errno.EOPNOTSUPP ? errno.EPERM : e;
  }
}
function link(c: Context): Async<number> {
  const from = c.server.nodes.get(readId(c, BODY));
  const { name: wanted } = name(c, BODY + 8);
  if (!from) throw errno.ENOENT;
  const done = linked(() => writable(c).link(from.node, c.node, wanted));
  return made(c, wanted, then(done, () => from.node));
}

function read(c: Context): Async<number> {
  const d = c.req.in.view;
  const size = Math.min(ReadIn.get.size(d, BODY), c.req.capacity - OUT_HEADER);
  const into = c.req.out.bytes.subarray(OUT_HEADER, OUT_HEADER + size);
  const offset = ReadIn.get.offset(d, BODY);
  const { direct } = c.server.opens ?? {};
  const done = direct ? direct.read(ReadIn.get.fh(d, BODY), c.node, into, offset) : c.volume.read(c.node, into, offset);
  return then(done, (n) => {
    c.server.bytesRead += n;
    return n;
  });
}
function write(c: Context): Async<number> {
  const d = c.req.in.view;
  const size = ReadIn.get.size(d, BODY);
  const at = BODY + ReadIn.size;
  if (at + size > c.req.length) throw errno.EINVAL;
  const volume = writable(c);
  const killed = killPrivileges(c, (ReadIn.get.flags(d, BODY) & WRITE_KILL_SUIDGID) !== 0);
  const data = c.req.in.bytes.subarray(at, at + size);
  const done = then(killed, () => volume.write(c.node, data, ReadIn.get.offset(d, BODY)));
  return then(done, (n) => {
    c.server.bytesWritten += n;
    c.req.out.words[4] = n;
    c.req.out.words[5] = 0;
    return 8;
  });
}

/** Bytes of a link's target that Linux takes: a path's, without its NUL (PATH_MAX). */
const LONGEST_TARGET = 4095;

/** By opcode (enum fuse_opcode). FORGET, INIT, INTERRUPT, BATCH_FORGET and DESTROY are the server's own. */
export const ops: Readonly<Record<number, Op>> = {
  1: lookup,
  3: (c) => then(c.volume.getattr(c.node), (a) => attrReply(c.req, a, c.server.seconds(c.node))),
  4: setattr,
  5: (c) =>
    then(c.volume.readlink(c.node), (target) => {
      const bytes = encodeName(target);
      if (bytes.length > LONGEST_TARGET) throw errno.ENAMETOOLONG;
      c.req.out.bytes.set(bytes, OUT_HEADER);
      return bytes.length;
    }),
  6: symlink,
  8: mknod,
  9: (c) => {
    const { name: wanted } = name(c, BODY + 8);
    const mode = c.req.in.view.getUint32(BODY, true);
    return then(made(c, wanted, writable(c).mkdir(c.node, wanted, make(c, mode))), (n) => {
      seen(c, wanted);
      return n;
    });
  },
  10: remove("unlink"),
  11: remove("rmdir"),
  12: (c) => rename(c, 8, 0),
  13: link,
  14: open,
  15: read,
  16: write,
  17: statfs,
  18: release,
  20: (c) => then(c.server.mount.readOnly ? undefined : c.volume.fsync(c.node), () => 0),
  21: setxattr,
  22: getxattr,
  23: listxattr,
  24: removexattr,
  25: flush,
  27: (c) =>
    openReply(
      c.req,
      OUT_HEADER,
      c.server.serial(),
      listingFlags(c),
    ),
  28: readdir(false),
  29: (c) => {
    c.server.listings.delete(ReadIn.get.fh(c.req.in.view, BODY));
    return 0;
  },
  30: (c) => then(c.server.mount.sync(), () => 0),
  31: getlk,
  32: setlk(false),
  33: setlk(true),
  35: create,
  39: ioctl,
  43: fallocate,
  44: readdir(true),
  45: (c) => rename(c, 16, c.req.in.view.getUint32(BODY + 8, true)),
  46: lseek,
  50: (c) => then(c.server.mount.sync(), () => 0),
  51: tmpfile,
};
/** A new directory's place, for "..". */
function seen(c: Context, name: string): void {
  void then(c.volume.lookup(c.node, name), (node) => {
    if (node !== undefined) c.server.mount.seen(node, c.node, name);
  });
}
