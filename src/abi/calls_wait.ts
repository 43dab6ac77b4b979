/** Rows of the system call table: pipes, waiting, locks, vectors. Sorted by number. */
import { fd, flags, TIME } from "./args.ts";
import type { Arg } from "./types.ts";
import { i32, inout, input, len, maybeInput, maybeOutput, off, output, pad, sys, value } from "./types.ts";

/** struct pollfd, struct kevent */
const POLLFD = 8;
const KEVENT = 40;
const nd = value("int", i32);
/** A set of `nd` bits in 32-bit words. */
const fdset: Arg<Uint8Array | undefined> = {
  ...inout("fd_set *", 0),
  size: "nd",
  bytes: (n) => (n > 0 ? ((n + 31) >>> 5) * 4 : 0),
  nullable: true,
};
const pollfds: Arg<Uint8Array> = { ...inout("struct pollfd *", 0), size: "nfds" };
const time = maybeInput("const struct timespec *", TIME);
const reads = { fd, iov: output("const struct iovec *", "iovcnt", { iovec: true }), iovcnt: len("iov") } as const;
const writes = { fd, iov: input("const struct iovec *", "iovcnt", { iovec: true }), iovcnt: len("iov") } as const;
const at = { PAD: pad(), offset: value("off_t", off) } as const;

export const waitCalls = {
  pipe: sys(42, () => ({
    doc: "A pipe: its end to read from, and its end to write to.",
    args: {},
    ret: "pair",
    errors: ["EMFILE"],
    host: ["pipe"],
  })),
  readv: sys(120, () => ({
    doc: "read into several pieces.",
    args: reads,
    ret: "ssize_t",
    errors: ["EBADF", "EINVAL"],
    host: ["readv"],
  })),
  writev: sys(121, () => ({
    doc: "write from several pieces.",
    args: writes,
    ret: "ssize_t",
    errors: ["EBADF", "EINVAL"],
    host: ["writev"],
  })),
  flock: sys(131, () => ({
    doc: "Lock a whole file, shared (1) or exclusive (2), or unlock it (8); 4: fail instead of waiting.",
    args: { fd, how: value("int", i32) },
    errors: ["EBADF", "EINVAL", "EAGAIN", "EINTR", "EOPNOTSUPP"],
    host: ["flock"],
  })),
  poll: sys(209, () => ({
    doc: "Wait until one of some descriptors is ready; milliseconds, -1 for ever.",
    args: { fds: pollfds, nfds: len("fds", POLLFD), timeout: value("int", i32) },
    errors: ["EINVAL", "EINTR"],
    host: ["poll"],
  })),
  preadv: sys(289, () => ({
    doc: "pread into several pieces.",
    args: { ...reads, ...at },
    ret: "ssize_t",
    errors: ["EBADF", "EINVAL", "ESPIPE"],
    host: ["preadv"],
  })),
  pwritev: sys(290, () => ({
    doc: "pwrite from several pieces.",
    args: { ...writes, ...at },
    ret: "ssize_t",
    errors: ["EBADF", "EINVAL", "ESPIPE"],
    host: ["pwritev"],
  })),
  kqueue: sys(344, () => ({ doc: "A queue of events.", args: {}, errors: ["EMFILE"] })),
  select: sys(417, () => ({
    cname: "__select50",
    doc: "Wait until one of some descriptors is ready to be read, written, or has an exception.",
    args: { nd, in: fdset, ou: fdset, ex: fdset, tv: maybeInput("struct timeval *", TIME) },
    errors: ["EBADF", "EINVAL", "EINTR"],
    host: ["select"],
  })),
  nanosleep: sys(430, () => ({
    cname: "__nanosleep50",
    doc: "Sleep; what was left when it was interrupted.",
    args: { rqtp: input("const struct timespec *", TIME), rmtp: maybeOutput("struct timespec *", TIME) },
    errors: ["EINVAL", "EINTR"],
    host: ["nanosleep"],
  })),
  kevent: sys(435, () => ({
    cname: "__kevent50",
    doc: "Change what a queue watches, and wait for its events.",
    args: {
      fd,
      changelist: maybeInput("const struct kevent *", "nchanges"),
      nchanges: len("changelist", KEVENT),
      eventlist: maybeOutput("struct kevent *", "nevents"),
      nevents: len("eventlist", KEVENT),
      timeout: time,
    },
    errors: ["EBADF", "EINVAL", "ENOENT", "EINTR", "ELOOP"],
    note: "EVFILT_READ, EVFILT_WRITE, EVFILT_VNODE and EVFILT_TIMER",
  })),
  pselect: sys(436, () => ({
    cname: "__pselect50",
    doc: "select with a timespec; there are no signals to mask.",
    args: { nd, in: fdset, ou: fdset, ex: fdset, ts: time, mask: time },
    errors: ["EBADF", "EINVAL", "EINTR"],
    host: ["pselect"],
  })),
  pollts: sys(437, () => ({
    cname: "__pollts50",
    doc: "poll with a timespec; there are no signals to mask.",
    args: { fds: pollfds, nfds: len("fds", POLLFD), ts: time, mask: time },
    errors: ["EINVAL", "EINTR"],
    host: ["ppoll"],
  })),
  pipe2: sys(453, () => ({
    doc: "pipe with O_CLOEXEC and O_NONBLOCK.",
    args: { fildes: output("int *", 8), flags },
    errors: ["EMFILE", "EINVAL"],
    host: ["pipe2"],
  })),
  kqueue1: sys(455, () => ({
    doc: "kqueue with O_CLOEXEC and O_NONBLOCK.",
    args: { flags },
    errors: ["EMFILE", "EINVAL"],
  })),
  clock_nanosleep: sys(477, () => ({
    doc: "Sleep by a clock, for a time or (flag 1) until one; the error is the result.",
    args: {
      clock_id: value("clockid_t", i32),
      flags,
      rqtp: input("const struct timespec *", TIME),
      rmtp: maybeOutput("struct timespec *", TIME),
    },
    errors: ["EINVAL", "EINTR"],
    host: ["clock_nanosleep"],
  })),
} as const;
