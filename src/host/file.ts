/** Files and disks of the host by FFI: a transfer is one system call into the caller's memory. */
import { errno } from "../abi/errno.ts";
import type { BlockDevice } from "../plugin.ts";
import { directFile, openedDirect } from "./direct_file.ts";
import { check, hostErrno, hostError } from "./errors.ts";
import { cstring, darwin, pin, raw, result } from "./ffi.ts";
import type { Host, HostFile, HostStat, Pinned } from "./host.ts";
import { O_DIRECT, O_DIRECTORY, O_NOFOLLOW } from "./open_flags.ts";

/** fcntl.h of Linux; Darwin's where it differs. */
export interface OpenFlags {
  readonly CREAT: number;
  readonly EXCL: number;
  readonly TRUNC: number;
  readonly CLOEXEC: number;
  /** O_NOFOLLOW | O_NONBLOCK. */
  readonly PLAIN: number;
}
export const linuxFlags: OpenFlags = {
  CREAT: 0o100,
  EXCL: 0o200,
  TRUNC: 0o1000,
  CLOEXEC: 0o2000000,
  PLAIN: O_NOFOLLOW | 0o4000,
};
export const darwinFlags: OpenFlags = { CREAT: 0x200, EXCL: 0x800, TRUNC: 0x400, CLOEXEC: 0x1000000, PLAIN: 0x104 };

/** O_TMPFILE, which has O_DIRECTORY in it. */
const TMPFILE = 0o20000000 | O_DIRECTORY;
const AT_FDCWD = -100;
const AT_SYMLINK_FOLLOW = 0x400;
const SEEK_END = 2;
const SEEK_DATA = 3;
const FALLOC_FL_KEEP_SIZE = 1;
const FALLOC_FL_PUNCH_HOLE = 2;
const F_SETLK = 6;
const F_GETLK = 5;
/** Locks of an open file, not of its process: they stay when another descriptor of the same file is closed. */
const F_OFD_GETLK = 36;
const F_OFD_SETLK = 37;
/**
 * Such locks have no process number. A lock of the other kind, this far behind what it stands for, tells it, as long as its
 * process has closed no other descriptor of the file.
 */
const MARK = 2 ** 52;
const F_RDLCK = 0;
const F_WRLCK = 1;
const F_UNLCK = 2;
/** struct flock of Linux on 64 bits: type and whence (s16), start and length (s64), pid (s32). */
let lockMemory: Pinned | undefined;
const SYNC_FILE_RANGE_WRITE = 2;
/** Writes from this length on that follow each other are sent to the disk by pieces of BEHIND bytes, so far. */
const SEQUENTIAL = 64 << 10;
const BEHIND = 8 << 20;
/** Transfers are cut at what an int result can tell. */
const MOST = 0x7ffff000;

class OpenFile implements HostFile {
  readonly fd: number;
  readonly writable: boolean;
  readonly type: HostFile["type"];
  #size: number;
  /** Written in one go, and not yet sent to the disk: [from, to). */
  #from = 0;
  #to = 0;

  constructor(fd: number, writable: boolean, type: HostFile["type"], size: number) {
    this.fd = fd;
    this.writable = writable;
    this.type = type;
    this.#size = size;
  }
  get size(): number {
    return this.#size;
  }
  pread(into: Uint8Array, offset: number): number {
    let done = check(result(raw.pread(this.fd, into, Math.min(into.length, MOST), offset)));
    // One call is all it takes, save at signals and for the huge.
    while (done < into.length && done > 0) {
      const part = into.subarray(done);
      const n = check(result(raw.pread(this.fd, part, Math.min(part.length, MOST), offset + done)));
      if (n === 0) break;
      done += n;
    }
    return done;
  }
  pwrite(from: Uint8Array, offset: number): number {
    let done = 0;
    while (done < from.length) {
      const part = done === 0 ? from : from.subarray(done);
      const n = check(result(raw.pwrite(this.fd, part, Math.min(part.length, MOST), offset + done)));
      if (n === 0) break;
      done += n;
    }
    if (offset + done > this.#size) this.#size = offset + done;
    if (done >= SEQUENTIAL && !darwin) this.#writeBehind(offset, offset + done);
    return done;
  }
  /**
   * Somebody writes on and on: the disk begins while the rest comes, and the flush at the end waits for less (256 MiB with
   * fsync: 1.2x as fast). The other way round, POSIX_FADV_WILLNEED before sequential reads, cost a third of their speed.
   */
  #writeBehind(from: number, to: number): void {
    if (from !== this.#to) this.#from = from;
    this.#to = to;
    if (to - this.#from < BEHIND) return;
    raw.sync_file_range(this.fd, this.#from, to - this.#from, SYNC_FILE_RANGE_WRITE); // advice: it may fail
    this.#from = to;
  }
  truncate(size: number): void {
    check(result(raw.ftruncate(this.fd, size)));
    this.#size = size;
  }
  punch(offset: number, length: number): boolean {
    const r = result(raw.fallocate(this.fd, FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE, offset, length));
    if (r === -EOPNOTSUPP) return false;
    check(r);
    return true;
  }
  fdatasync(): void {
    check(result(raw.fdatasync(this.fd)));
  }
  lock(exclusive: boolean, start: number, length: number): { readonly pid: number } | undefined {
    const type = exclusive ? F_WRLCK : F_RDLCK;
    const r = this.#flock(F_OFD_SETLK, type, start, length || MARK - start); // they would meet
    if (r === -EAGAIN || r === -EACCES) return { pid: this.#marked(start, length) };
    check(r);
    this.#flock(F_SETLK, type, MARK + start, length); // a help, which it can do without
    return undefined;
  }
  holder(start: number, length: number, exclusive = false): { readonly pid: number } | undefined {
    check(this.#flock(F_OFD_GETLK, exclusive ? F_RDLCK : F_WRLCK, start, length || MARK - start));
    return lockHolder() && { pid: this.#marked(start, length) };
  }
  #marked(start: number, length: number): number {
    const r = this.#flock(F_GETLK, F_WRLCK, MARK + start, length);
    return r < 0 ? 0 : Math.max(0, lockHolder()?.pid ?? 0);
  }
  #flock(command: number, type: number, start: number, length: number): number {
    if (darwin) throw hostError("ENOSYS", "locks are not supported on darwin"); // struct flock is another there
    const { view, address } = (lockMemory ??= pin(32));
    view.setInt16(0, type, true);
    view.setInt16(2, 0, true);
    view.setBigInt64(8, BigInt(start), true);
    view.setBigInt64(16, BigInt(length), true);
    view.setInt32(24, 0, true);
    return result(raw.fcntl(this.fd, command, address));
  }
  link(path: string): void {
    const from = cstring(`/proc/self/fd/${this.fd}`);
    check(result(raw.linkat(AT_FDCWD, from, AT_FDCWD, cstring(path), AT_SYMLINK_FOLLOW)), path);
  }
  nextData(offset: number): number {
    const at = Number(result(raw.lseek(this.fd, offset, SEEK_DATA))); // Deno gives a BigInt for a long
    return at >= 0 ? at : at === -ENXIO ? -1 : offset;
  }
  close(): void {
    check(result(raw.close(this.fd)));
  }
}
const ENXIO = 6;
const EAGAIN = 11;
const EACCES = 13;
const EOPNOTSUPP = 95;

/** Who F_GETLK found. */
function lockHolder(): { readonly pid: number } | undefined {
  const { view } = lockMemory!;
  return view.getInt16(0, true) === F_UNLCK ? undefined : { pid: view.getInt32(24, true) };
}

/** Open a host file. Sizes of block devices are found by seeking to the end. */
export function openFile(
  path: string,
  how: Parameters<Host["open"]>[1],
  flags: OpenFlags,
  stat: (path: string) => HostStat,
): HostFile {
  const bits = (how.write ? 2 : 0) | flags.CLOEXEC | (how.create ? flags.CREAT : 0) |
    (how.exclusive ? flags.EXCL : 0) | (how.truncate ? flags.TRUNC : 0) | (how.plain ? flags.PLAIN : 0) |
    (how.unnamed ? TMPFILE : 0) | (how.direct ? O_DIRECT : 0);
  if (how.direct && darwin) throw hostError("ENOSYS", "O_DIRECT is not supported on darwin");
  const opened = result(raw.open(cstring(path), bits, how.mode ?? 0o666));
  const fd = how.direct ? openedDirect(opened) : check(opened);
  const { type } = stat(`/dev/fd/${fd}`);
  const size = type === "file" || type === "blk" ? Number(result(raw.lseek(fd, 0, SEEK_END))) : 0;
  const kind = type === "blk" || type === "chr" || type === "dir" ? type : "file";
  const file = new OpenFile(fd, how.write ?? false, kind, Math.max(0, size));
  return how.direct ? directFile(file) : file;
}

/** [offset, offset+length) of an open file as a disk. Reading past its end is EIO; so is any failure but a full host disk. */
export function fileDisk(
  file: HostFile,
  name: string,
  how: { readonly offset?: number | undefined; readonly length?: number | undefined },
): BlockDevice & { readonly file: HostFile } {
  const start = how.offset ?? 0;
  let size = how.length ?? Math.max(0, file.size - start);
  const inside = (bytes: Uint8Array, offset: number) => {
    if (offset < 0 || offset + bytes.length > size) throw errno.EIO;
  };
  return {
    name,
    blockSize: 1,
    get size() {
      return size;
    },
    file,
    read(into, offset) {
      inside(into, offset);
      let done: number;
      try {
        done = file.pread(into, start + offset);
      } catch {
        throw errno.EIO;
      }
      if (done < into.length) throw errno.EIO;
    },
    nextData(offset) {
      const at = file.type === "file" ? file.nextData(start + offset) : start + offset;
      return at < 0 ? size : Math.min(at - start, size);
    },
    ...(file.writable ? { write: writer(file, start, inside) } : {}),
    ...(file.writable && !darwin ? { discard: discarder(file, start, () => size) } : {}),
    ...(file.writable && file.type === "file" && how.length === undefined
      ? {
        resize(bytes: number) {
          attempt(() => file.truncate(start + bytes));
          size = bytes;
        },
      }
      : {}),
    flush() {
      if (file.writable && file.type !== "chr") attempt(() => file.fdatasync());
    },
    close: () => file.close(),
  };
}
function writer(
  file: HostFile,
  start: number,
  inside: (b: Uint8Array, o: number) => void,
): (from: Uint8Array, offset: number) => void {
  return (from, offset) => {
    inside(from, offset);
    if (attempt(() => file.pwrite(from, start + offset)) < from.length) throw errno.EIO;
  };
}
/** A hole in the file; where its file system makes none, nothing happens. */
function discarder(file: HostFile, start: number, size: () => number): (offset: number, length: number) => void {
  let able = true;
  return (offset, length) => {
    if (offset < 0 || offset + length > size()) throw errno.EIO;
    if (able && length > 0) able = attempt(() => file.punch(start + offset, length));
  };
}
function attempt<T>(fn: () => T): T {
  try {
    return fn();
  } catch (e) {
    const cause = hostErrno(e);
    throw cause === errno.ENOSPC || cause === errno.EFBIG || cause === errno.EDQUOT ? errno.ENOSPC : errno.EIO;
  }
}

/** ioctl(2) on what is at a path, opened for it. */
export function ioctlAt(path: string, command: number, data: Uint8Array): void {
  const fd = check(result(raw.open(cstring(path), darwin ? darwinFlags.CLOEXEC : linuxFlags.CLOEXEC, 0)));
  try {
    const memory = pin(data.length);
    memory.bytes.set(data);
    check(result(raw.ioctl(fd, command, memory.address)));
    data.set(memory.bytes);
  } finally {
    raw.close(fd);
  }
}
