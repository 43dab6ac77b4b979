/** What the file tools share: files of the rump kernel and, behind `host:`, of the host, by one set of operations. */
import { errno, type SysError } from "../abi/errno.ts";
import { O_CREAT, O_RDONLY, O_TRUNC, O_WRONLY, S_IFDIR, S_IFLNK, S_IFMT, S_IFREG } from "../abi/flags.ts";
import { Stat, Timespec } from "../abi/structs.ts";
import { decodeName } from "../lib/text.ts";
import { viewOf } from "../lib/struct.ts";
import type { Host } from "../host/host.ts";
import { direntNames, fewEntries, smallFile, storeSmall } from "./batched.ts";
import type { Caller, SyncCalls } from "./client.ts";

/** Bytes moved at once. */
export const PIECE = 1 << 20;

export interface Info {
  readonly mode: number;
  readonly size: number;
  readonly uid: number;
  readonly gid: number;
  readonly nlink: number;
  readonly ino: number;
  readonly dev: number;
  readonly rdev: number;
  /** 512-byte blocks. */
  readonly blocks: number;
  readonly mtime: number;
  readonly mtimensec: number;
  readonly atime: number;
  readonly ctime: number;
  readonly flags: number;
}
export const isDir = (i: Info): boolean => (i.mode & S_IFMT) === S_IFDIR;
export const isLink = (i: Info): boolean => (i.mode & S_IFMT) === S_IFLNK;
export const isFile = (i: Info): boolean => (i.mode & S_IFMT) === S_IFREG;

/** A tree of files: the rump kernel's, or the host's. */
export interface Tree {
  /** `host:` or "". */
  readonly prefix: string;
  stat(path: string, follow: boolean): Info;
  list(path: string): string[];
  readlink(path: string): string;
  mkdir(path: string, mode: number): void;
  symlink(target: string, path: string): void;
  unlink(path: string): void;
  chmod(path: string, mode: number): void;
  utimes(path: string, atime: number, mtime: number): void;
  reader(path: string): { read(into: Uint8Array): number; close(): void };
  /** Make a file of a few bytes. */
  store(path: string, mode: number, bytes: Uint8Array): void;
  writer(path: string, mode: number): { write(from: Uint8Array): void; close(): void };
}
export function rumpStat(sys: SyncCalls, path: string, follow: boolean): Info {
  const raw = new Uint8Array(Stat.size);
  if (follow) sys.stat({ path, ub: raw });
  else sys.lstat({ path, ub: raw });
  return Stat.dump(viewOf(raw), 0);
}
const isName = (n: string) => n !== "." && n !== "..";
/** Names in a directory, without "." and "..". */
export function rumpList(sys: SyncCalls, path: string): string[] {
  return rumpEntries(sys, path).filter(isName);
}
export function rumpEntries(sys: SyncCalls, path: string): string[] {
  const fd = sys.open({ path, flags: O_RDONLY });
  const buf = new Uint8Array(64 << 10);
  const names: string[] = [];
  try {
    for (;;) {
      const n = sys.getdents({ fd, buf });
      if (n === 0) return names;
      names.push(...direntNames(buf, n));
    }
  } finally {
    sys.close({ fd });
  }
}
/** The same in one round trip where they are few. */
export const namesIn = (caller: Caller, path: string): string[] =>
  fewEntries(caller, path) ?? rumpEntries(caller.sys, path);
/** The same without "." and "..". */
export const childrenIn = (caller: Caller, path: string): string[] => namesIn(caller, path).filter(isName);
export function rumpUtimes(sys: SyncCalls, path: string, atime: number, mtime: number): void {
  const tptr = new Uint8Array(32);
  const d = viewOf(tptr);
  Timespec.set.sec(d, 0, atime);
  Timespec.set.sec(d, 16, mtime);
  sys.utimes({ path, tptr });
}
/** Write all of it. */
export function writeAll(sys: SyncCalls, fd: number, from: Uint8Array): void {
  for (let at = 0; at < from.length;) {
    const n = sys.write({ fd, buf: from.subarray(at, at + PIECE) });
    if (n === 0) throw errno.EIO;
    at += n;
  }
}
export function rumpTree(caller: Caller): Tree {
  const { sys } = caller;
  return {
    prefix: "",
    stat: (path, follow) => rumpStat(sys, path, follow),
    list: (path) => childrenIn(caller, path),
    readlink(path) {
      const buf = new Uint8Array(1024);
      return decodeName(buf.subarray(0, sys.readlink({ path, buf })));
    },
    mkdir: (path, mode) => void sys.mkdir({ path, mode }),
    symlink: (target, path) => void sys.symlink({ path: target, link: path }),
    unlink: (path) => void sys.unlink({ path }),
    chmod: (path, mode) => void sys.chmod({ path, mode }),
    utimes: (path, atime, mtime) => rumpUtimes(sys, path, atime, mtime),
    reader(path) {
      const whole = smallFile(caller, path);
      if (whole) return memoryReader(whole);
      const fd = sys.open({ path, flags: O_RDONLY });
      return { read: (buf) => sys.read({ fd, buf }), close: () => void sys.close({ fd }) };
    },
    store(path, mode, bytes) {
      if (storeSmall(caller, path, mode, bytes)) return;
      const file = this.writer(path, mode); // what is in the way of the rest is said there
      try {
        file.write(bytes);
      } finally {
        file.close();
      }
    },
    writer(path, mode) {
      const fd = sys.open({ path, flags: O_WRONLY | O_CREAT | O_TRUNC, mode });
      return { write: (from) => writeAll(sys, fd, from), close: () => void sys.close({ fd }) };
    },
  };
}
function memoryReader(bytes: Uint8Array): ReturnType<Tree["reader"]> {
  let at = 0;
  return {
    read(into) {
      const part = bytes.subarray(at, at + into.length);
      into.set(part);
      at += part.length;
      return part.length;
    },
    close: () => {},
  };
}
const modes = {
  file: S_IFREG,
  dir: S_IFDIR,
  link: S_IFLNK,
  chr: 0o020000,
  blk: 0o060000,
  fifo: 0o010000,
  sock: 0o140000,
} as const;
export function hostTree(host: Host): Tree {
  return {
    prefix: "host:",
    stat(path, follow) {
      const s = host.stat(path, follow);
      const mtime = Math.floor(s.mtime);
      const blocks = Math.ceil(s.size / 512);
      return {
        ...s,
        mode: modes[s.type] | s.mode,
        nlink: 1,
        rdev: 0,
        blocks,
        mtime,
        mtimensec: 0,
        atime: mtime,
        ctime: mtime,
        flags: 0,
      };
    },
    list: (path) => host.readdir(path),
    readlink: (path) => host.readlink(path),
    mkdir: (path, mode) => host.mkdir(path, mode),
    symlink: (target, path) => host.symlink(target, path),
    unlink: (path) => host.unlink(path),
    chmod: (path, mode) => host.chmod(path, mode),
    utimes: (path, atime, mtime) => host.utimes(path, atime, mtime),
    reader(path) {
      const file = host.open(path, {});
      let at = 0;
      return {
        read(into) {
          const n = file.pread(into, at);
          at += n;
          return n;
        },
        close: () => file.close(),
      };
    },
    store(path, mode, bytes) {
      const file = this.writer(path, mode);
      try {
        file.write(bytes);
      } finally {
        file.close();
      }
    },
    writer(path, mode) {
      const file = host.open(path, { write: true, create: true, truncate: true, mode });
      let at = 0;
      return {
        write: (from) => void (at += file.pwrite(from, at)),
        close: () => file.close(),
      };
    },
  };
}
/** Whether a failure says that nothing is there. */
export const isMissing = (e: unknown): boolean =>
  e === errno.ENOENT || (e as { code?: unknown } | undefined)?.code === "ENOENT";
/** The text of a failure as NetBSD's tools end their lines: host errors get the same words. */
export function words(e: unknown): string {
  const { code } = e as { code?: unknown };
  if (typeof code === "string" && Object.hasOwn(errno, code)) return (errno as Record<string, SysError>)[code]!.message;
  return e instanceof Error ? e.message : String(e);
}
export const basename = (path: string): string => {
  const trimmed = path.replace(/\/+$/, "");
  return trimmed.slice(trimmed.lastIndexOf("/") + 1) || "/";
};
export const join = (dir: string, name: string): string => (dir.endsWith("/") ? dir + name : `${dir}/${name}`);
