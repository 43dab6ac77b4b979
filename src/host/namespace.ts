/**
 * File systems only this process and what it starts see (mount_namespaces(7)). Mounting needs a place: where there is none
 * a memory file system covers the directory it would be in, with everything that is there bound into it, so that the host
 * itself is not changed.
 */
import { check, errnoName, hostError } from "./errors.ts";
import { cstring, raw, result } from "./ffi.ts";
import { late } from "./late.ts";
import { O_DIRECTORY, O_NOFOLLOW } from "./open_flags.ts";

// linux/mount.h, sched.h
const MS_NOSUID = 2;
const MS_NODEV = 4;
const MS_BIND = 4096;
const MS_REC = 16384;
const MS_SLAVE = 1 << 19;
const MNT_DETACH = 2;
const CLONE_NEWNS = 0x20000;
const O_PATH = 0o10000000;
const O_CLOEXEC = 0o2000000;
const O_RDWR = 2;
const O_CREAT = 0o100;
const O_NONBLOCK = 0o4000;
/** Entries a covered directory may have: each becomes a mount. */
const MOST = 1024;
const S_IFREG = 0o100000;
const S_IFDIR = 0o040000;

const fs = () => late("fs");
function mount(source: string, target: string, type: string, flags: number, data = ""): void {
  const r = result(raw.mount(cstring(source), cstring(target), cstring(type), flags, cstring(data)));
  if (r < 0) throw hostError(errnoName(-r), target);
}

/** From now on mounts are this thread's and its children's own; those the host makes or takes away later are seen. */
export function unshareMounts(): void {
  check(result(raw.unshare(CLONE_NEWNS)), "a mount name space of its own");
  mount("none", "/", "none", MS_REC | MS_SLAVE);
}

/** See to it that something can be mounted at `path`. Throws HostError. */
export function mountPoint(path: string, type: "dir" | "file"): void {
  if (raw.access(cstring(path), 0) === 0) return;
  const parts = path.slice(1).split("/");
  let n = 0;
  while (n < parts.length && isDirectory(`/${parts.slice(0, n + 1).join("/")}`)) n++;
  const there = `/${parts.slice(0, n).join("/")}`;
  if (there === "/") newRoot();
  else cover(there);
  const parent = path.slice(0, path.lastIndexOf("/"));
  if (parent !== "") fs().mkdirSync(parent, { recursive: true });
  if (type === "dir") fs().mkdirSync(path, { recursive: true });
  else emptyFile(path);
}
function isDirectory(path: string): boolean {
  try {
    return fs().statSync(path).isDirectory();
  } catch {
    return false;
  }
}
function emptyFile(path: string): void {
  raw.close(check(result(raw.open(cstring(path), O_RDWR | O_CREAT | O_CLOEXEC, 0o644)), path));
}
/** What a directory looks like, for the one that takes its place. */
function looks(path: string): string {
  const { mode, uid, gid } = fs().statSync(path);
  return `mode=${(mode & 0o7777).toString(8)},uid=${uid},gid=${gid}`;
}
/** An empty directory over `path`; when the owner has no name in our user name space, of our own. */
function memory(path: string, like: string): void {
  try {
    mount("tmpfs", path, "tmpfs", MS_NOSUID | MS_NODEV, like);
  } catch {
    mount("tmpfs", path, "tmpfs", MS_NOSUID | MS_NODEV, "mode=755");
  }
}
/** Put every entry of one directory into another. */
function bindAll(from: string, to: string): void {
  const entries = fs().readdirSync(from, { withFileTypes: true });
  if (entries.length > MOST) throw hostError("E2BIG", `${to}: more than ${MOST} entries`);
  for (const entry of entries) {
    const [source, target] = [`${from}/${entry.name}`, `${to}/${entry.name}`];
    if (entry.isSymbolicLink()) {
      fs().symlinkSync(fs().readlinkSync(source), target);
      continue;
    }
    if (entry.isDirectory()) fs().mkdirSync(target);
    else emptyFile(target);
    mount(source, target, "none", MS_BIND | MS_REC);
  }
}
/** Cover a directory with a copy of itself that can be added to. */
function cover(path: string): void {
  const fd = check(result(raw.open(cstring(path), O_PATH | O_DIRECTORY | O_CLOEXEC, 0)), path);
  try {
    memory(path, looks(path));
    bindAll(`/proc/self/fd/${fd}`, path);
  } finally {
    raw.close(fd);
  }
}
/** The same for the root, which cannot be covered: it is exchanged. */
function newRoot(): void {
  const here = fs().readdirSync("/", { withFileTypes: true });
  const place = here.find((e) => e.isDirectory() && e.name !== "proc");
  if (!place) throw hostError("ENOTDIR", "/");
  const stage = `/${place.name}`;
  memory(stage, looks("/"));
  fs().mkdirSync(`${stage}/.old`, 0o700);
  check(result(raw.pivot_root(cstring(stage), cstring(`${stage}/.old`))), "a root of its own");
  check(result(raw.chdir(cstring("/"))), "/");
  bindAll("/.old", "");
  check(result(raw.umount2(cstring("/.old"), MNT_DETACH)), "/.old");
  fs().rmdirSync("/.old");
}

/**
 * Cover an empty directory of /proc by one in memory, with an empty directory `net`, and in `proc` what /proc is without
 * what covers it: as long as the whole of it is somewhere, containers may mount it anew. Throws HostError.
 */
export function stageProc(stage: string): void {
  if (isDirectory(`${stage}/proc`)) return; // one of another, whose program we are
  memory(stage, "mode=755");
  for (const name of ["net", "proc"]) fs().mkdirSync(`${stage}/${name}`);
  try {
    mount("/proc", `${stage}/proc`, "none", MS_BIND);
  } catch {
    // It is covered in part already by who may do more than we, and then no container could either.
  }
}
/** Cover files and links (not directories) by links with these targets, which are made in `stage`. Throws HostError. */
export function mountLinks(stage: string, links: Readonly<Record<string, string>>): void {
  for (const [path, target] of Object.entries(links)) {
    const link = `${stage}/${fs().readdirSync(stage).length}`; // nothing is ever removed there
    fs().symlinkSync(target, link);
    bindOver(link, path);
  }
}
/** By descriptors: no link is followed. */
function bindOver(from: string, to: string): void {
  const fds: number[] = [];
  try {
    for (const path of [from, to]) {
      fds.push(check(result(raw.open(cstring(path), O_PATH | O_NOFOLLOW | O_CLOEXEC, 0)), path));
    }
    const [source, target] = fds.map((fd) => `/proc/self/fd/${fd}`);
    mount(source!, target!, "none", MS_BIND);
  } finally {
    for (const fd of fds) raw.close(fd);
  }
}

/**
 * Mount FUSE at `path`, whose root is a directory or a file; the descriptor for who serves it. `checked`: the kernel keeps
 * to modes and owners. Throws HostError.
 */
export function mountFuse(path: string, type: "dir" | "file", source: string, checked = false): number {
  const fd = check(result(raw.open(cstring("/dev/fuse"), O_RDWR | O_CLOEXEC | O_NONBLOCK, 0)), "/dev/fuse");
  const mode = type === "dir" ? S_IFDIR : S_IFREG;
  const ids = `user_id=${raw.getuid()},group_id=${raw.getgid()}${checked ? ",default_permissions" : ""}`;
  try {
    mount(source, path, "fuse.rump", MS_NOSUID | MS_NODEV, `fd=${fd},rootmode=${mode.toString(8)},${ids},allow_other`);
  } catch (e) {
    raw.close(fd);
    throw e;
  }
  return fd;
}
