/**
 * Path lookup (NetBSD: namei(9)): symbolic links, "." and "..", mount points, permissions. Runs at once as long as the
 * drivers do, and goes on by promise from the first one that does not.
 */
import { errno } from "../abi/errno.ts";
import { AT_FDCWD } from "../abi/flags.ts";
import { then } from "../lib/async.ts";
import type { Lwp } from "../kern/proc.ts";
import type { Async, FileType } from "../plugin.ts";
import { access, EXECUTE } from "./access.ts";
import { type Known, type Mount, Vnode } from "./mount.ts";

/** Symbolic links followed in one lookup (MAXSYMLINKS). */
const MAX_LINKS = 32;
/** Longest name, in UTF-16 units; drivers that count bytes look again. */
const MAX_NAME = 255;
/** Longest path with its end mark, also after links were put in. */
const MAX_PATH = 1024;

/** A process's directories (struct cwdinfo): held. */
export interface Cwdi {
  cwd: Vnode;
  root: Vnode;
}
/** The directories of the calling process; ENOSYS in a kernel without file systems cannot happen here. */
export const cwdiOf = (lwp: Lwp): Cwdi => lwp.proc.cwdi as Cwdi;

/** What a path leads to. */
export interface Found {
  /** Directory the last name is in; the file itself when the path ends in "/", "." or "..". */
  readonly dir: Vnode;
  /** The last name: "" for the root, "." and ".." as they stand. */
  readonly name: string;
  /** What is there; undefined: nothing (the directory is there). */
  readonly vnode: Vnode | undefined;
  readonly type: FileType | undefined;
  /** The path ends in a slash: only a directory will do. */
  readonly slash: boolean;
}

/** A lookup under way. `mount`, `node`: where it is; always a directory until the last name. */
interface Walk {
  readonly lwp: Lwp;
  readonly root: Vnode;
  mount: Mount;
  node: unknown;
  type: FileType;
  /** What is still to be looked up, and from where in it. */
  path: string;
  at: number;
  links: number;
  readonly follow: boolean;
}

/** Where a relative path begins: the current directory, or an open one's. */
export type DirOf = (lwp: Lwp, fd: number) => Vnode;

/** Look a path up. `follow`: a symbolic link at the end, too. Throws ENOENT, ENOTDIR, ELOOP, EACCES, ENAMETOOLONG. */
export function namei(lwp: Lwp, path: string, follow: boolean, start?: Vnode): Async<Found> {
  if (path === "") throw errno.ENOENT;
  if (path.length >= MAX_PATH) throw errno.ENAMETOOLONG;
  const { cwd, root } = cwdiOf(lwp);
  const from = path.charCodeAt(0) === SLASH ? root : start ?? cwd;
  const walk: Walk = { lwp, root, mount: from.mount, node: from.node, type: "dir", path, at: 0, links: 0, follow };
  return onward(walk);
}
/** The file of a path, or ENOENT. */
export function lookup(lwp: Lwp, path: string, follow = true, start?: Vnode): Async<Vnode> {
  return then(namei(lwp, path, follow, start), existing);
}
/** What was found, or ENOENT; ENOTDIR for "file/". */
export function existing(found: Found): Vnode {
  if (!found.vnode) throw errno.ENOENT;
  if (found.slash && found.type !== "dir") throw errno.ENOTDIR;
  return found.vnode;
}
/** The directory that relative paths of an *at(2) call begin at. */
export function startOf(lwp: Lwp, fd: number, path: string, dirOf: DirOf): Vnode | undefined {
  return fd === AT_FDCWD || path.startsWith("/") ? undefined : dirOf(lwp, fd);
}

const SLASH = 47;

/** Take names off the path until it is used up or somebody has to be waited for. */
function onward(w: Walk): Async<Found> {
  for (;;) {
    while (w.path.charCodeAt(w.at) === SLASH) w.at++;
    if (w.at >= w.path.length) return { dir: here(w), name: "", vnode: here(w), type: w.type, slash: true };
    const end = w.path.indexOf("/", w.at);
    const name = end < 0 ? w.path.slice(w.at) : w.path.slice(w.at, end);
    w.at = end < 0 ? w.path.length : end;
    if (name.length > MAX_NAME) throw errno.ENAMETOOLONG;
    const step = enter(w, name);
    if (step instanceof Promise) return step.then((found) => found ?? onward(w));
    if (step) return step;
  }
}
const here = (w: Walk) => new Vnode(w.mount, w.node);
const atEnd = (w: Walk) => {
  for (let i = w.at; i < w.path.length; i++) if (w.path.charCodeAt(i) !== SLASH) return false;
  return true;
};

/** One name: go there, or be done. */
function enter(w: Walk, name: string): Async<Found | undefined> {
  const may = search(w);
  if (may instanceof Promise) return may.then(() => step(w, name));
  return step(w, name);
}
/** The search permission of the directory we are in. */
function search(w: Walk): Async<void> {
  const { cred } = w.lwp.proc;
  if (cred.euid === 0) return undefined;
  const attr = w.mount.volume.getattr(w.node);
  return then(attr, (a) => access(a, cred, EXECUTE));
}
function step(w: Walk, name: string): Async<Found | undefined> {
  if (name === ".") return dot(w, name);
  if (name === "..") return dotdot(w, name);
  const known = w.mount.lookup(w.node, name);
  return known instanceof Promise ? known.then((k) => arrive(w, name, k)) : arrive(w, name, known);
}
function dot(w: Walk, name: string): Found | undefined {
  if (!atEnd(w)) return undefined;
  return { dir: here(w), name, vnode: here(w), type: "dir", slash: w.at < w.path.length };
}
function dotdot(w: Walk, name: string): Async<Found | undefined> {
  if (!confined(w)) throw errno.ENOENT;
  // Out of a mount's root into what it covers, unless that is the process's root.
  while (w.node === w.mount.volume.root && w.mount.covered && !isRoot(w)) {
    w.node = w.mount.covered.node;
    w.mount = w.mount.covered.mount;
  }
  const place = isRoot(w) ? undefined : w.mount.place(w.node);
  if (place) w.node = place.dir;
  return dot(w, name);
}
/** Deepest tree that is climbed. */
const DEPTH = 4096;
/**
 * Whether the process's root is above where it stands: it is not when the directory was moved out while the process was
 * in it, and then ".." would lead past the root it may not leave.
 */
function confined({ root, mount, node }: Walk): boolean {
  if (!root.mount.covered && root.node === root.mount.volume.root) return true;
  for (let i = 0; i < DEPTH; i++) {
    if (node === root.node && mount === root.mount) return true;
    const up = node === mount.volume.root ? mount.covered : { mount, node: mount.place(node)?.dir };
    if (up?.node === undefined) return false;
    ({ mount, node } = up as Vnode);
  }
  return false;
}
const isRoot = (w: Walk) => w.node === w.root.node && w.mount === w.root.mount;

function arrive(w: Walk, name: string, known: Known | undefined): Async<Found | undefined> {
  const last = atEnd(w);
  const slash = last && w.at < w.path.length;
  if (!known) {
    if (!last) throw errno.ENOENT;
    return { dir: here(w), name, vnode: undefined, type: undefined, slash };
  }
  if (known.type === "link" && (!last || w.follow || slash)) return followLink(w, known.node);
  if (last) return finish(w, name, known, slash);
  if (known.type !== "dir") throw errno.ENOTDIR;
  w.mount.seen(known.node, w.node, name);
  down(w, known);
  return undefined;
}
/** Stand on a file, on what is mounted there. */
function down(w: Walk, known: Known): void {
  w.node = known.node;
  w.type = known.type;
  for (let over = w.mount.covers.get(w.node); over; over = w.mount.covers.get(w.node)) {
    w.mount = over;
    w.node = over.volume.root;
  }
}
function finish(w: Walk, name: string, known: Known, slash: boolean): Found {
  const dir = here(w);
  if (known.type === "dir") w.mount.seen(known.node, w.node, name);
  down(w, known);
  return { dir, name, vnode: here(w), type: known.type, slash };
}

function followLink(w: Walk, node: unknown): Async<Found | undefined> {
  if (++w.links > MAX_LINKS) throw errno.ELOOP;
  return then(w.mount.volume.readlink(node), (target) => {
    if (target === "") throw errno.ENOENT;
    const path = target + w.path.slice(w.at);
    if (path.length >= MAX_PATH) throw errno.ENAMETOOLONG;
    w.path = path;
    w.at = 0;
    w.type = "dir";
    if (target.charCodeAt(0) === SLASH) {
      w.node = w.root.node;
      w.mount = w.root.mount;
    }
    return undefined;
  });
}
