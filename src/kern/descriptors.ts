/** System calls on descriptors, whatever is behind them (NetBSD: kern_descrip.c, sys_generic.c, vfs_syscalls.c lseek). */
import { errno } from "../abi/errno.ts";
import {
  F_CLOSEM,
  F_DUPFD,
  F_DUPFD_CLOEXEC,
  F_GETFD,
  F_GETFL,
  F_GETLK,
  F_MAXFD,
  F_SETFD,
  F_SETFL,
  F_SETLK,
  F_SETLKW,
  FD_CLOEXEC,
  FIOCLEX,
  FIONBIO,
  FIONCLEX,
  O_APPEND,
  O_CLOEXEC,
  O_NONBLOCK,
  SEEK_CUR,
  SEEK_END,
  SEEK_SET,
} from "../abi/flags.ts";
import { then } from "../lib/async.ts";
import { viewOf } from "../lib/struct.ts";
import type { Async } from "../plugin.ts";
import type { Handlers } from "./dispatch.ts";
import { type File, MAX_FILES } from "./file.ts";
import { recordLock, wholeLock } from "./locks.ts";
import type { Lwp } from "./proc.ts";
import type { Callout } from "./wait.ts";

function readable(lwp: Lwp, fd: number): File {
  const file = lwp.proc.files.get(fd);
  if (!file.readable) throw errno.EBADF;
  return file;
}
function writable(lwp: Lwp, fd: number): File {
  const file = lwp.proc.files.get(fd);
  if (!file.writable) throw errno.EBADF;
  return file;
}
function seekable(file: File, offset: number): void {
  if (!file.ops.seekable) throw errno.ESPIPE;
  if (offset < 0) throw errno.EINVAL;
}
function readAt(lwp: Lwp, file: File, into: Uint8Array, offset: number): Async<number> {
  if (!file.ops.read) throw errno.EOPNOTSUPP;
  return file.ops.read(file, into, offset, lwp);
}
function writeAt(lwp: Lwp, file: File, from: Uint8Array, offset: number): Async<number> {
  if (!file.ops.write) throw errno.EOPNOTSUPP;
  return file.ops.write(file, from, offset, lwp);
}
const advance = (file: File, offset: number) => (n: number): number => {
  file.offset = offset + n;
  return n;
};

type Vectors = "readv" | "writev" | "preadv" | "pwritev";
type Moves = "read" | "write" | "pread" | "pwrite" | "lseek";
type Calls =
  | Vectors
  | Moves
  | "fstat"
  | "ftruncate"
  | "fsync"
  | "fdatasync"
  | "ioctl"
  | "fsync_range"
  | "posix_fadvise";
const transfers: Handlers<Calls> = {
  read(lwp, { fd, buf }) {
    const file = readable(lwp, fd);
    const { offset } = file;
    return then(readAt(lwp, file, buf, offset), advance(file, offset));
  },
  write(lwp, { fd, buf }) {
    const file = writable(lwp, fd);
    const start = file.flags & O_APPEND && file.ops.size ? file.ops.size(file) : file.offset;
    return then(start, (offset) => then(writeAt(lwp, file, buf, offset), advance(file, offset)));
  },
  pread(lwp, { fd, buf, offset }) {
    const file = readable(lwp, fd);
    seekable(file, offset);
    return readAt(lwp, file, buf, offset);
  },
  pwrite(lwp, { fd, buf, offset }) {
    const file = writable(lwp, fd);
    seekable(file, offset);
    return writeAt(lwp, file, buf, offset);
  },
  lseek(lwp, { fd, offset, whence }) {
    const file = lwp.proc.files.get(fd);
    if (!file.ops.seekable) throw errno.ESPIPE;
    return then(seekBase(file, whence), (base) => {
      const to = base + offset;
      if (to < 0 || !Number.isSafeInteger(to)) throw errno.EINVAL;
      return then(file.ops.seek?.(file, to), () => (file.offset = to));
    });
  },
  fstat(lwp, { fd, sb }) {
    const file = lwp.proc.files.get(fd);
    if (!file.ops.stat) throw errno.EOPNOTSUPP;
    return then(file.ops.stat(file, sb), () => 0);
  },
  ftruncate(lwp, { fd, length }) {
    const file = lwp.proc.files.get(fd);
    // As recorded: EINVAL, not EBADF, for one that is open for reading only.
    if (length < 0 || !file.writable || !file.ops.truncate) throw errno.EINVAL;
    return then(file.ops.truncate(file, length), () => 0);
  },
  fsync: (lwp, { fd }) => sync(lwp.proc.files.get(fd), false),
  fdatasync: (lwp, { fd }) => sync(lwp.proc.files.get(fd), true),
  fsync_range(lwp, { fd, start, length }) {
    if (start < 0 || length < 0) throw errno.EINVAL;
    return sync(lwp.proc.files.get(fd), false);
  },
  posix_fadvise(lwp, { fd, advice }) {
    if (!lwp.proc.files.find(fd)) return errno.EBADF.errno;
    return advice < 0 || advice > MAX_ADVICE ? errno.EINVAL.errno : 0;
  },
  ioctl(lwp, { fd, com, data }) {
    const { files } = lwp.proc;
    const file = files.get(fd);
    switch (com) {
      case FIOCLEX:
      case FIONCLEX:
        files.setFlags(fd, com === FIOCLEX ? FD_CLOEXEC : 0);
        return 0;
      case FIONBIO:
        file.flags = viewOf(data!).getInt32(0, true) === 0 ? file.flags & ~O_NONBLOCK : file.flags | O_NONBLOCK;
        return 0;
      default:
        if (!file.ops.ioctl) throw errno.ENOTTY;
        return file.ops.ioctl(file, com, data, lwp);
    }
  },
  readv: (lwp, { fd, iov }) => transfers.read(lwp, { fd, buf: iov }),
  writev: (lwp, { fd, iov }) => transfers.write(lwp, { fd, buf: iov }),
  preadv: (lwp, { fd, iov, offset }) => transfers.pread(lwp, { fd, buf: iov, offset }),
  pwritev: (lwp, { fd, iov, offset }) => transfers.pwrite(lwp, { fd, buf: iov, offset }),
};
/** POSIX_FADV_NOREUSE */
const MAX_ADVICE = 5;
function seekBase(file: File, whence: number): Async<number> {
  switch (whence) {
    case SEEK_SET:
      return 0;
    case SEEK_CUR:
      return file.offset;
    case SEEK_END:
      return file.ops.size?.(file) ?? 0;
    default:
      throw errno.EINVAL;
  }
}
function sync(file: File, dataOnly: boolean): Async<number> {
  if (!file.ops.sync) throw errno.EINVAL;
  return then(file.ops.sync(file, dataOnly), () => 0);
}

const table = (callout: Callout): Handlers<"close" | "dup" | "dup2" | "dup3" | "fcntl" | "flock"> => ({
  close: (lwp, { fd }) => then(lwp.proc.files.remove(fd), () => 0),
  dup: ({ proc: { files } }, { fd }) => files.install(files.get(fd)),
  dup2(lwp, { from, to }) {
    const file = lwp.proc.files.get(from);
    if (from === to) return to;
    return then(lwp.proc.files.place(to, file), () => to);
  },
  dup3(lwp, { from, to, flags }) {
    const file = lwp.proc.files.get(from);
    if (from === to || flags & ~(O_CLOEXEC | O_NONBLOCK)) throw errno.EINVAL;
    return then(lwp.proc.files.place(to, file, (flags & O_CLOEXEC) !== 0), () => to);
  },
  flock: (lwp, { fd, how }) => wholeLock(lwp, lwp.proc.files.get(fd), how, callout),
  fcntl: (lwp, { fd, cmd, arg = 0, lock }) => {
    const { files } = lwp.proc;
    const file = files.get(fd);
    switch (cmd) {
      case F_GETLK:
      case F_SETLK:
      case F_SETLKW:
        if (!lock) throw errno.EFAULT;
        return recordLock(lwp, file, cmd, lock, callout);
      case F_DUPFD:
      case F_DUPFD_CLOEXEC:
        if (arg < 0 || arg >= MAX_FILES) throw errno.EINVAL;
        return files.install(file, cmd === F_DUPFD_CLOEXEC, arg);
      case F_GETFD:
        return files.getFlags(fd);
      case F_SETFD:
        files.setFlags(fd, arg);
        return 0;
      case F_GETFL:
        return file.flags;
      case F_SETFL:
        file.flags = (file.flags & ~SETTABLE) | (arg & SETTABLE);
        return 0;
      case F_CLOSEM:
        return then(files.closeAll(fd), () => 0);
      case F_MAXFD:
        return Math.max(-1, ...[...files].map(([n]) => n));
      default:
        throw errno.EINVAL;
    }
  },
});
/** What F_SETFL changes. */
const SETTABLE = O_APPEND | O_NONBLOCK;

export const descriptorSyscalls = (callout: Callout): Handlers<Calls | keyof ReturnType<typeof table>> => ({
  ...transfers,
  ...table(callout),
});
