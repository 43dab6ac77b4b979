/**
 * What files are and hold, by FFI (Linux): node:fs would be loaded for nothing else by a server or mount, and costs it 1.8 ms of its
 * start under Bun. statx(2) has one layout on all machines (linux/stat.h struct statx).
 */
import { encodeName } from "../lib/text.ts";
import type { Attr } from "../plugin.ts";
import { check, hostError } from "./errors.ts";
import { cstring, darwin, pin, raw, result, views } from "./ffi.ts";
import { late } from "./late.ts";
import type { HostStat, Pinned } from "./host.ts";

const AT_FDCWD = -100;
const AT_SYMLINK_NOFOLLOW = 0x100;
/**
 * STATX_BASIC_STATS and the time of birth: without the latter the kernel answers for a FUSE mount out of its cache, also
 * when the process behind it is dead (with it: ENOTCONN).
 */
const ALL = 0xfff;
const PATH_MAX = 4096;
const types: Readonly<Record<number, HostStat["type"]>> = {
  0o010000: "fifo",
  0o020000: "chr",
  0o040000: "dir",
  0o060000: "blk",
  0o100000: "file",
  0o120000: "link",
  0o140000: "sock",
};
const typeOf = (mode: number) => types[mode & 0o170000] ?? "file";
let memory: Pinned | undefined;

/** Throws HostError. */
function statx(path: string, follow: boolean): HostStat {
  const { view } = (memory ??= pin(PATH_MAX));
  const flags = follow ? 0 : AT_SYMLINK_NOFOLLOW;
  check(result(raw.statx(AT_FDCWD, cstring(path), flags, ALL, memory.address)));
  const mode = view.getUint16(28, true);
  return {
    type: typeOf(mode),
    size: Number(view.getBigUint64(40, true)),
    allocated: Number(view.getBigUint64(48, true)) * 512,
    mode: mode & 0o7777,
    uid: view.getUint32(20, true),
    gid: view.getUint32(24, true),
    mtime: Number(view.getBigInt64(112, true)) + view.getUint32(120, true) / 1e9,
    ino: Number(view.getBigUint64(32, true)),
    dev: deviceNumber(view.getUint32(136, true), view.getUint32(140, true)),
  };
}
/** All of it, of what is at a path itself, as a driver tells it. Throws HostError. */
export function hostAttr(path: string): Attr {
  if (darwin) return nodeAttr(path);
  const { view } = (memory ??= pin(PATH_MAX));
  check(result(raw.statx(AT_FDCWD, encodeName(`${path}\0`), 0, ALL, memory.address)));
  const mode = view.getUint16(28, true);
  const sec = (at: number) => Number(view.getBigInt64(at, true));
  const nsec = (at: number) => view.getUint32(at + 8, true);
  return {
    type: typeOf(mode),
    mode: mode & 0o7777,
    nlink: view.getUint32(16, true),
    uid: view.getUint32(20, true),
    gid: view.getUint32(24, true),
    ino: Number(view.getBigUint64(32, true)),
    size: Number(view.getBigUint64(40, true)),
    allocated: Number(view.getBigUint64(48, true)) * 512,
    blockSize: view.getUint32(4, true),
    rdev: deviceNumber(view.getUint32(128, true), view.getUint32(132, true)),
    atime: sec(64),
    atimensec: nsec(64),
    birthtime: sec(80),
    birthtimensec: nsec(80),
    ctime: sec(96),
    ctimensec: nsec(96),
    mtime: sec(112),
    mtimensec: nsec(112),
  };
}
function nodeAttr(path: string): Attr {
  const s = late("fs").lstatSync(path);
  const time = (ms: number) => Math.floor(ms / 1000);
  const { size, uid, gid, ino, nlink, rdev } = s;
  return {
    ...{ type: typeOf(s.mode), mode: s.mode & 0o7777, size, uid, gid, ino, nlink, rdev },
    ...{ atime: time(s.atimeMs), mtime: time(s.mtimeMs), ctime: time(s.ctimeMs) },
  };
}
/** As node:fs tells it, for machines without statx. */
function nodeStat(path: string, follow: boolean): HostStat {
  const s = follow ? late("fs").statSync(path) : late("fs").lstatSync(path);
  const { size, uid, gid, ino, dev } = s;
  return {
    type: typeOf(s.mode),
    size,
    allocated: s.blocks * 512,
    mode: s.mode & 0o7777,
    uid,
    gid,
    mtime: s.mtimeMs / 1000,
    ino,
    dev,
  };
}
/** What a file, or with `follow` what it leads to, is. Throws HostError, or node:fs's error of the same code. */
export const hostStat: (path: string, follow: boolean) => HostStat = darwin ? nodeStat : statx;

/** As stat(2) tells it: makedev(3) of 32 bits. */
const deviceNumber = (major: number, minor: number) =>
  ((minor & 0xff) | ((major & 0xfff) << 8) | ((minor & ~0xff) << 12)) >>> 0;

/** Where a symbolic link leads; undefined: it is none, or not there. */
export function linkTarget(path: string): string | undefined {
  const { address, bytes } = (memory ??= pin(PATH_MAX));
  const n = Number(result(raw.readlink(cstring(path), address, PATH_MAX)));
  return n < 0 ? undefined : new TextDecoder().decode(bytes.subarray(0, n));
}

/** The path without links in it. Throws HostError. */
export function realpath(path: string): string {
  const { address, bytes } = (memory ??= pin(PATH_MAX));
  const found = Number(raw.realpath(cstring(path), address)) !== 0;
  check(result(found ? 0 : -1));
  return new TextDecoder().decode(bytes.subarray(0, bytes.indexOf(0)));
}

const CHUNK = 64 << 10;
const EINTR = -4;
/** Everything in a file, also where its size does not tell how much there is (/proc, a pipe). Throws HostError; EFBIG beyond `most`. */
export function readWhole(path: string, most = Infinity): Uint8Array {
  const fd = check(result(raw.open(cstring(path), O_CLOEXEC, 0)));
  try {
    return join(pieces(fd, most));
  } finally {
    raw.close(fd);
  }
}
const O_CLOEXEC = 0o2000000;
function pieces(fd: number, most: number): Uint8Array[] {
  const parts: Uint8Array[] = [];
  for (let size = 0; size <= most; size += parts.at(-1)?.length ?? 0) {
    const part = new Uint8Array(CHUNK);
    const n = result(views.read(fd, part, CHUNK));
    if (n === 0) return parts;
    parts.push(part.subarray(0, n === EINTR ? 0 : check(n)));
  }
  throw hostError("EFBIG");
}
function join(parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((n, part) => n + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** Write into a file there is, in one call: a setting in /sys. Throws HostError. */
export function writeOver(path: string, text: string): void {
  const fd = check(result(raw.open(cstring(path), O_CLOEXEC | O_WRONLY, 0)));
  const bytes = new TextEncoder().encode(text);
  const n = result(views.write(fd, bytes, bytes.length));
  raw.close(fd);
  check(n);
}
const O_WRONLY = 1;
