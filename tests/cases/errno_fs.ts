/**
 * What system calls answer on a file system, as recorded on a real NetBSD rump kernel (7.99.34), in our own words. A row:
 * call, arguments, and the answer: a number, or an errno. Per file system where they differ; `ours` with a reason where
 * the recording is a bug we do not copy.
 */
import type { ErrnoName } from "../../src/abi/errno.ts";
import { O_CREAT, O_DIRECTORY, O_EXCL, O_NOFOLLOW, O_RDONLY, O_RDWR, O_TRUNC, O_WRONLY } from "../../src/abi/flags.ts";

export type FsName = "rumpfs" | "tmpfs" | "msdos";
type Answer = number | ErrnoName;
export interface Step {
  readonly call: string;
  readonly args: Record<string, unknown>;
  readonly answer: Answer | Partial<Record<FsName, Answer>>;
  /** Keep the result as `fd` of later steps. */
  readonly keep?: boolean;
  /** Why we answer something else than the recording. */
  readonly ours?: string;
}
const CR = O_CREAT | O_RDWR;
const text = (s: string) => new TextEncoder().encode(s);
const room = (n: number) => new Uint8Array(n);
const LONG = "n".repeat(255);
const LONGER = "n".repeat(256);
/** Stands for the descriptor kept last. */
export const FD = "kept descriptor";

const open = (path: string, flags: number, answer: Step["answer"], keep = false): Step => ({
  call: "open",
  args: { path, flags, mode: 0o644 },
  answer,
  keep,
});
const path1 = (call: string) => (path: string, answer: Step["answer"], ours?: string): Step => ({
  call,
  args: { path },
  answer,
  ...(ours ? { ours } : {}),
});
const unlink = path1("unlink");
const rmdir = path1("rmdir");
const mkdir = (path: string, answer: Step["answer"]): Step => ({ call: "mkdir", args: { path, mode: 0o755 }, answer });
const rename = (from: string, to: string, answer: Step["answer"], ours?: string): Step => ({
  call: "rename",
  args: { from, to },
  answer,
  ...(ours ? { ours } : {}),
});
const onFd = (call: string, args: Record<string, unknown>, answer: Step["answer"], ours?: string): Step => ({
  call,
  args: { fd: FD, ...args },
  answer,
  ...(ours ? { ours } : {}),
});
const path2 = (call: string) => (path: string, link: string, answer: Step["answer"]): Step => ({
  call,
  args: { path, link },
  answer,
});
const link = path2("link");
const symlink = path2("symlink");
const stat = (path: string, answer: Step["answer"]): Step => ({ call: "stat", args: { path, ub: room(152) }, answer });
const noLinks = (posix: Answer, fat: Answer): Step["answer"] => ({ rumpfs: posix, tmpfs: posix, msdos: fat });
const HUGE = 2 ** 40;

/** In order, in an empty file system that is the current directory. */
export const steps: readonly Step[] = [
  open("a", CR, 3, true),
  onFd("close", {}, 0),
  onFd("close", {}, "EBADF"),
  open("a", CR | O_EXCL, "EEXIST"),
  open("nosuch", O_RDONLY, "ENOENT"),
  open("nodir/x", CR, "ENOENT"),
  open("a/x", CR, "ENOTDIR"),
  open("", O_RDONLY, "ENOENT"),
  open(".", O_RDWR, "EISDIR"),
  open("a/", O_RDONLY, "ENOTDIR"),
  open("a", O_RDONLY | O_DIRECTORY, "ENOTDIR"),
  open(LONG, CR, 3, true),
  onFd("close", {}, 0),
  // Recorded on msdos: ENOENT, it cannot find a name of 255 again.
  unlink(LONG, 0, "a name of 255 works on FAT, too"),
  open(LONGER, CR, "ENAMETOOLONG"),
  open(LONGER, O_RDONLY, "ENAMETOOLONG"),
  open("f", CR, 3, true),
  onFd("write", { buf: text("hello world") }, 11),
  onFd("lseek", { offset: 0, whence: 0 }, 0),
  onFd("read", { buf: room(5) }, 5),
  onFd("pread", { buf: room(100), offset: 6 }, 5),
  onFd("pread", { buf: room(100), offset: 100 }, 0, "rumpfs was recorded to give 100 bytes past the end"),
  onFd("pread", { buf: room(10), offset: -1 }, "EINVAL"),
  onFd("lseek", { offset: 0, whence: 2 }, 11),
  onFd("lseek", { offset: -5, whence: 0 }, "EINVAL"),
  onFd("lseek", { offset: 1, whence: 9 }, "EINVAL"),
  onFd("lseek", { offset: 100000, whence: 0 }, 100000),
  onFd("write", { buf: text("X") }, 1),
  onFd("pread", { buf: room(16), offset: 50000 }, 16),
  onFd("ftruncate", { length: 5 }, 0),
  onFd("ftruncate", { length: 20 }, 0),
  onFd("pread", { buf: room(64), offset: 0 }, 20),
  onFd("ftruncate", { length: -1 }, "EINVAL"),
  onFd("pwrite", { buf: text("x"), offset: HUGE }, { tmpfs: "ENOSPC", msdos: "EFBIG" }),
  onFd("ftruncate", { length: HUGE }, { tmpfs: "ENOSPC", msdos: "ENOSPC" }),
  onFd("ftruncate", { length: 2 ** 32 - 1 }, { tmpfs: "ENOSPC", msdos: "ENOSPC" }),
  onFd("ftruncate", { length: 2 ** 32 }, { tmpfs: "ENOSPC", msdos: "ENOSPC" }),
  onFd("ftruncate", { length: 20 }, 0),
  onFd("fsync", {}, 0),
  onFd("fdatasync", {}, 0),
  onFd("fchmod", { mode: 0o600 }, 0),
  onFd("fchown", { uid: 5, gid: 6 }, noLinks(0, "EINVAL")),
  onFd("ioctl", { com: 0x402c7413, data: room(44) }, "ENOTTY", "rumpfs was recorded with EOPNOTSUPP"),
  { call: "dup2", args: { from: FD, to: 40 }, answer: 40 },
  { call: "dup2", args: { from: FD, to: -1 }, answer: "EBADF" },
  { call: "dup2", args: { from: FD, to: 100000 }, answer: "EBADF" },
  onFd("fcntl", { cmd: 3 }, 2),
  onFd("close", {}, 0),
  open("f", O_RDONLY, 3, true),
  onFd("write", { buf: text("z") }, "EBADF"),
  onFd("ftruncate", { length: 0 }, "EINVAL"),
  onFd("close", {}, 0),
  open("f", O_WRONLY, 3, true),
  onFd("read", { buf: room(1) }, "EBADF"),
  onFd("close", {}, 0),
  open("a", O_WRONLY | O_TRUNC, 3, true),
  onFd("close", {}, 0),
  mkdir("d", 0),
  mkdir("d", "EEXIST"),
  mkdir("a", "EEXIST"),
  mkdir("no/d", "ENOENT"),
  mkdir("a/d", "ENOTDIR"),
  mkdir("d/", "EEXIST"),
  mkdir("e/", 0),
  rmdir("e", 0),
  mkdir(".", "EEXIST"),
  mkdir("d/..", "EEXIST"),
  mkdir("d/s", 0),
  rmdir("d", "ENOTEMPTY"),
  rmdir("a", "ENOTDIR"),
  rmdir("nosuch", "ENOENT"),
  rmdir(".", "EINVAL", "tmpfs was recorded with EBUSY for its root; the name is what is wrong"),
  rmdir("d/.", "EINVAL"),
  rmdir("d/s/..", "ENOTEMPTY"),
  unlink("d", "EPERM"),
  unlink("nosuch", "ENOENT"),
  unlink("a/b", "ENOTDIR"),
  unlink("a/", "ENOTDIR"),
  open("d", O_RDONLY, 3, true),
  onFd("read", { buf: room(512) }, "EISDIR", "msdos was recorded to give raw entries"),
  onFd("write", { buf: text("x") }, "EBADF"),
  onFd("getdents", { buf: room(4) }, "EINVAL", "tmpfs was recorded to give 0, which means the end"),
  onFd("close", {}, 0),
  open("a", O_RDONLY, 3, true),
  onFd("getdents", { buf: room(4096) }, "EINVAL"),
  onFd("close", {}, 0),
  rename("a", "b", 0),
  rename("nosuch", "b", "ENOENT"),
  rename("b", "b", 0),
  rename("b", "d", "EISDIR"),
  rename("d", "b", "ENOTDIR"),
  rename("d", "d/s/x", "EINVAL"),
  rename("d", "d/x", "EINVAL"),
  rename("d/s", "s2", 0),
  mkdir("full", 0),
  mkdir("full/x", 0),
  rename("d", "full", "ENOTEMPTY"),
  rename("full", "d", 0),
  rename("b", "nodir/x", "ENOENT"),
  rename("b", "b/c", "ENOTDIR"),
  rename(".", "q", "EINVAL"),
  rename("d", "..", "EINVAL", "recorded EOPNOTSUPP: rumpfs there had no rename at all"),
  rename("s2", "/other", { tmpfs: "EXDEV", msdos: "EXDEV" }, "recorded EOPNOTSUPP for the same reason"),
  open("ovr", CR, 3, true),
  onFd("close", {}, 0),
  rename("b", "ovr", 0),
  stat("b", "ENOENT"),
  rename("ovr", "OVR", 0),
  stat("ovr", noLinks("ENOENT", 0)),
  stat("OVR", 0),
  rename("OVR", "b", 0),
  link("b", "hard", noLinks(0, "EOPNOTSUPP")),
  link("b", "hard", noLinks("EEXIST", "EOPNOTSUPP")),
  link("d", "harddir", "EPERM"),
  link("nosuch", "h2", "ENOENT"),
  link("b", "/xdev", { tmpfs: "EXDEV", msdos: "EXDEV" }),
  symlink("b", "sym", noLinks(0, "EOPNOTSUPP")),
  symlink("b", "sym", noLinks("EEXIST", "EOPNOTSUPP")),
  symlink("", "symempty", noLinks(0, "EOPNOTSUPP")),
  { call: "readlink", args: { path: "sym", buf: room(100) }, answer: noLinks(1, "ENOENT") },
  { call: "readlink", args: { path: "sym", buf: room(0) }, answer: noLinks(0, "ENOENT") },
  { call: "readlink", args: { path: "b", buf: room(100) }, answer: "EINVAL" },
  { call: "lstat", args: { path: "sym", ub: room(152) }, answer: noLinks(0, "ENOENT") },
  symlink("loop", "loop", noLinks(0, "EOPNOTSUPP")),
  open("loop", O_RDONLY, noLinks("ELOOP", "ENOENT")),
  open("sym", O_RDONLY | O_NOFOLLOW, noLinks("EFTYPE", "ENOENT")),
  symlink("nowhere", "dang", noLinks(0, "EOPNOTSUPP")),
  open("dang", O_RDONLY, "ENOENT"),
  open("dang", CR, 3, true),
  onFd("close", {}, 0),
  mkdir("dang2", 0),
  { call: "mkfifo", args: { path: "fifo", mode: 0o644 }, answer: noLinks(0, "EOPNOTSUPP") },
  { call: "mknod", args: { path: "nod", mode: 0o020644, dev: 0x202 }, answer: noLinks(0, "EOPNOTSUPP") },
  { call: "chmod", args: { path: "b", mode: 0o400 }, answer: 0 },
  { call: "chmod", args: { path: "nosuch", mode: 0o400 }, answer: "ENOENT" },
  { call: "chmod", args: { path: "b", mode: 0o7777 }, answer: 0 },
  { call: "chown", args: { path: "b", uid: 100, gid: 100 }, answer: noLinks(0, "EINVAL") },
  { call: "lchown", args: { path: "sym", uid: 100, gid: 100 }, answer: noLinks(0, "ENOENT") },
  { call: "access", args: { path: "b", flags: 0 }, answer: 0 },
  { call: "access", args: { path: "b", flags: 4 }, answer: 0 },
  { call: "access", args: { path: "nosuch", flags: 0 }, answer: "ENOENT" },
  { call: "access", args: { path: "b", flags: 99 }, answer: "EINVAL" },
  { call: "truncate", args: { path: "b", length: 10 }, answer: 0 },
  { call: "truncate", args: { path: "d", length: 10 }, answer: "EISDIR" },
  { call: "truncate", args: { path: "nosuch", length: 1 }, answer: "ENOENT" },
  { call: "chflags", args: { path: "b", flags: 2 }, answer: 0 },
  unlink("b", noLinks("EPERM", 0)),
  { call: "chflags", args: { path: "b", flags: 0 }, answer: noLinks(0, "ENOENT") },
  { call: "pathconf", args: { path: "b", name: 4 }, answer: noLinks(255, "ENOENT") },
  { call: "pathconf", args: { path: "b", name: 1 }, answer: noLinks(32767, "ENOENT") },
  { call: "pathconf", args: { path: "b", name: 3 }, answer: noLinks("EINVAL", "ENOENT") },
  { call: "pathconf", args: { path: "b", name: 99 }, answer: noLinks("EINVAL", "ENOENT") },
  { call: "statvfs1", args: { path: "d", buf: room(2256), flags: 1 }, answer: 0 },
  { call: "fsync", args: { fd: 77 }, answer: "EBADF" },
  open("unl", CR, 3, true),
  onFd("write", { buf: text("abc") }, 3),
  unlink("unl", 0),
  onFd("pread", { buf: room(10), offset: 0 }, 3),
  onFd("pwrite", { buf: text("d"), offset: 3 }, 1),
  onFd("close", {}, 0),
  open("unl", O_RDONLY, "ENOENT"),
];

/** Names and whether a file of that name can be made; FAT drops trailing dots and blanks and ignores case. */
export const names: readonly (readonly [name: string, fat: "ok" | ErrnoName])[] = [
  ["a:b", "ok"],
  ["a*b", "ok"],
  ["a?b", "ok"],
  ['a"b', "ok"],
  ["a<b", "ok"],
  ["a|b", "ok"],
  ["a\\b", "ok"],
  ["trail.", "ok"],
  ["trail ", "EEXIST"],
  ["  lead", "ok"],
  ["CON", "ok"],
  ["nul.txt", "ok"],
  [".hidden", "ok"],
  ["..x", "ok"],
  ["MixedCase.Txt", "ok"],
  ["MIXEDCASE.TXT", "EEXIST"],
  ["long name with spaces.extension", "ok"],
  ["a.b.c.d", "ok"],
  ["ABCDEFGH.EXT", "ok"],
  ["abcdefghi.txt", "ok"],
  ["h\u00e9llo.txt", "ok"],
  ["tab\tname", "ok"],
  ["new\nline", "ok"],
];
