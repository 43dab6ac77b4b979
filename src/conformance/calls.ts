/** System calls of a kernel in this process as the claims see them. */
import {
  AT_FDCWD,
  modeOfType,
  O_APPEND,
  O_CREAT,
  O_DIRECTORY,
  O_EXCL,
  O_RDONLY,
  O_RDWR,
  O_TRUNC,
  O_WRONLY,
  S_IFDIR,
  S_IFIFO,
  S_IFLNK,
  S_IFMT,
  S_IFREG,
} from "../abi/flags.ts";
import { Dirent, Stat as StatLayout } from "../abi/structs.ts";
import type { Calls } from "../kern/dispatch.ts";
import { decodeName } from "../lib/text.ts";
import type { How, Posix, Stat } from "./claim.ts";

const flagsOf: Readonly<Record<How, number>> = {
  "r": O_RDONLY,
  "r+": O_RDWR,
  "w": O_WRONLY | O_CREAT | O_TRUNC,
  "w+": O_RDWR | O_CREAT | O_TRUNC,
  "wx": O_WRONLY | O_CREAT | O_EXCL,
  "a": O_WRONLY | O_CREAT | O_APPEND,
  "a+": O_RDWR | O_CREAT | O_APPEND,
};
const typeOf: Readonly<Record<number, Stat["type"]>> = {
  [S_IFREG]: "file",
  [S_IFDIR]: "dir",
  [S_IFLNK]: "link",
  [S_IFIFO]: "fifo",
};
/** What a filled struct stat says. */
export function readStat(raw: Uint8Array): Stat {
  const d = new DataView(raw.buffer, raw.byteOffset, raw.length);
  const { get } = StatLayout;
  return {
    type: typeOf[get.mode(d, 0) & S_IFMT] ?? "other",
    size: get.size(d, 0),
    mode: get.mode(d, 0) & 0o7777,
    ino: get.ino(d, 0),
    nlink: get.nlink(d, 0),
    atime: get.atime(d, 0) + get.atimensec(d, 0) / 1e9,
    mtime: get.mtime(d, 0) + get.mtimensec(d, 0) / 1e9,
  };
}
export interface Entry {
  readonly name: string;
  readonly ino: number;
  /** DT_*: S_IFMT >> 12. */
  readonly type: number;
}
/** The records of a getdents(2) buffer. */
export function readEntries(raw: Uint8Array): Entry[] {
  const d = new DataView(raw.buffer, raw.byteOffset, raw.length);
  const entries: Entry[] = [];
  for (let at = 0; at < raw.length; at += Dirent.get.reclen(d, at)) {
    const start = at + Dirent.size;
    entries.push({
      name: decodeName(raw.slice(start, start + Dirent.get.namlen(d, at))),
      ino: Dirent.get.fileno(d, at),
      type: Dirent.get.type(d, at),
    });
  }
  return entries;
}
/** All entries of a directory, "." and ".." too, read through a buffer of this size. */
export async function list(sys: Calls, path: string, size = 4096): Promise<Entry[]> {
  const fd = await sys.open({ path, flags: O_RDONLY | O_DIRECTORY });
  try {
    const buf = new Uint8Array(size);
    const all: Entry[] = [];
    for (;;) {
      const n = await sys.getdents({ fd, buf });
      if (n === 0) return all;
      all.push(...readEntries(buf.subarray(0, n)));
    }
  } finally {
    await sys.close({ fd });
  }
}
/** DT_* of a file type. */
export const dirType = (type: keyof typeof modeOfType): number => modeOfType[type] >> 12;

/** Two timespecs. */
function times(atime: number, mtime: number): Uint8Array {
  const raw = new Uint8Array(32);
  const d = new DataView(raw.buffer);
  for (const [i, t] of [atime, mtime].entries()) {
    const sec = Math.floor(t);
    d.setBigInt64(i * 16, BigInt(sec), true);
    d.setBigInt64(i * 16 + 8, BigInt(Math.round((t - sec) * 1e9)), true);
  }
  return raw;
}
/** The calls of a process as the claims use them. */
export function callsPosix(sys: Calls): Posix<number> {
  const done = async (work: number | Promise<number>) => void (await work);
  const told = async (fill: (ub: Uint8Array) => number | Promise<number>) => {
    const ub = new Uint8Array(StatLayout.size);
    await fill(ub);
    return readStat(ub);
  };
  return {
    open: async (path, how) => await sys.open({ path, flags: flagsOf[how], mode: 0o644 }),
    close: async (fd) => await done(sys.close({ fd })),
    async read(fd, n, at) {
      const buf = new Uint8Array(n);
      return buf.subarray(0, await (at === undefined ? sys.read({ fd, buf }) : sys.pread({ fd, buf, offset: at })));
    },
    write: async (fd, buf, at) =>
      await (at === undefined ? sys.write({ fd, buf }) : sys.pwrite({ fd, buf, offset: at })),
    ftruncate: async (fd, length) => await done(sys.ftruncate({ fd, length })),
    fsync: async (fd) => await done(sys.fsync({ fd })),
    fstat: (fd) => told((sb) => sys.fstat({ fd, sb })),
    stat: (path) => told((ub) => sys.stat({ path, ub })),
    lstat: (path) => told((ub) => sys.lstat({ path, ub })),
    truncate: async (path, length) => await done(sys.truncate({ path, length })),
    readdir: async (path) => (await list(sys, path)).map((e) => e.name).filter((n) => n !== "." && n !== ".."),
    mkdir: async (path, mode = 0o755) => await done(sys.mkdir({ path, mode })),
    rmdir: async (path) => await done(sys.rmdir({ path })),
    unlink: async (path) => await done(sys.unlink({ path })),
    rename: async (from, to) => await done(sys.rename({ from, to })),
    link: async (path, link) => await done(sys.link({ path, link })),
    symlink: async (path, link) => await done(sys.symlink({ path, link })),
    async readlink(path) {
      const buf = new Uint8Array(1024);
      return decodeName(buf.slice(0, await sys.readlink({ path, buf })));
    },
    chmod: async (path, mode) => await done(sys.chmod({ path, mode })),
    utimes: async (path, atime, mtime) =>
      await done(sys.utimensat({ fd: AT_FDCWD, path, tptr: times(atime, mtime), flag: 0 })),
  };
}
