/** The claims on what programs expect of a file system, over a mount of the host, with node:fs. */
import * as fs from "node:fs";
import type { Capability, Posix, Stat } from "../../src/conformance/claim.ts";
import { posixCases } from "../../src/conformance/fs.ts";
import { register } from "./fs.ts";

/**
 * The claims through the host's system calls, for a mount: `dir` gives an empty directory on it (called inside the
 * tests, so that the mount may be made in a `before`).
 */
export function conformanceOnPath(
  title: string,
  dir: () => string | Promise<string>,
  lacks: readonly Capability[] = [],
): void {
  register(title, posixCases(lacks, async () => ({ p: hostPosix, dir: await dir() })));
}

type Callback<T> = (e: Error | null, value?: T) => void;
/** A callback function of node:fs as a promise: calls on a mount served by this process must not block it. */
const wait = <T>(start: (done: Callback<T>) => void): Promise<T> =>
  new Promise((resolve, reject) => start((e, value) => (e ? reject(e) : resolve(value as T))));

const typeOf = (s: fs.Stats): Stat["type"] =>
  s.isFile() ? "file" : s.isDirectory() ? "dir" : s.isSymbolicLink() ? "link" : s.isFIFO() ? "fifo" : "other";
const statOf = (s: fs.Stats): Stat => ({
  type: typeOf(s),
  size: s.size,
  mode: s.mode & 0o7777,
  ino: s.ino,
  nlink: s.nlink,
  atime: s.atimeMs / 1000,
  mtime: s.mtimeMs / 1000,
});

/** node:fs as the claims see it. */
export const hostPosix: Posix<number> = {
  open: (path, how) => wait((done) => fs.open(path, how, 0o644, done)),
  close: (fd) => wait((done) => fs.close(fd, done)),
  async read(fd, n, at) {
    const into = new Uint8Array(n);
    return into.subarray(0, await wait<number>((done) => fs.read(fd, into, 0, n, at ?? null, done)));
  },
  write: (fd, bytes, at) => wait((done) => fs.write(fd, bytes, 0, bytes.length, at ?? null, done)),
  ftruncate: (fd, size) => wait((done) => fs.ftruncate(fd, size, done)),
  fsync: (fd) => wait((done) => fs.fsync(fd, done)),
  fstat: async (fd) => statOf(await wait<fs.Stats>((done) => fs.fstat(fd, done))),
  stat: async (path) => statOf(await wait<fs.Stats>((done) => fs.stat(path, done))),
  lstat: async (path) => statOf(await wait<fs.Stats>((done) => fs.lstat(path, done))),
  truncate: (path, size) => wait((done) => fs.truncate(path, size, done)),
  readdir: (path) => wait((done) => fs.readdir(path, done)),
  mkdir: (path, mode = 0o755) => wait((done) => fs.mkdir(path, { mode }, (e) => done(e))),
  rmdir: (path) => wait((done) => fs.rmdir(path, done)),
  unlink: (path) => wait((done) => fs.unlink(path, done)),
  rename: (from, to) => wait((done) => fs.rename(from, to, done)),
  link: (path, to) => wait((done) => fs.link(path, to, done)),
  symlink: (target, path) => wait((done) => fs.symlink(target, path, done)),
  readlink: (path) => wait((done) => fs.readlink(path, done)),
  chmod: (path, mode) => wait((done) => fs.chmod(path, mode, done)),
  utimes: (path, atime, mtime) => wait((done) => fs.utimes(path, atime, mtime, done)),
};
