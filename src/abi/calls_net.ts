/** Rows of the system call table: sockets. Sorted by number. */
import { fd, flags } from "./args.ts";
import { MMSGHDR, MSGHDR } from "./structs.ts";
import { type Arg, i32, inout, input, len, maybeInput, maybeOutput, output, sys, value } from "./types.ts";

const int = value("int", i32);
/** A `socklen_t *`: the room for an address going in, its length coming out. */
const room: Arg<Uint8Array | undefined> = { ...inout("unsigned int *", 4), nullable: true };
/** How much of it there is, the length says. */
const COUNTED = { filled: "all" } as const;
const nameOf = { fdes: fd, asa: maybeOutput("struct sockaddr *", "alen", COUNTED), alen: room } as const;
const to = { s: fd, name: input("const struct sockaddr *", "namelen"), namelen: len("name") } as const;
/** Where struct msghdr has the pointer and the length of each of its parts; lengths and flags come back in it. */
const NAME = { at: "msg", member: { pointer: MSGHDR.name, length: MSGHDR.namelen } } as const;
const IOV = { at: "msg", member: { pointer: MSGHDR.iov, length: MSGHDR.iovlen }, iovec: true } as const;
const CONTROL = { at: "msg", member: { pointer: MSGHDR.control, length: MSGHDR.controllen } } as const;
/** The same of each struct mmsghdr. */
const many = (told: number) => ({ each: { size: MMSGHDR.size, told } });
const EACH_IOV = { ...IOV, at: "mmsg", member: { ...IOV.member, ...many(MMSGHDR.length) } } as const;
const EACH_NAME = { ...NAME, at: "mmsg", member: { ...NAME.member, ...many(MSGHDR.namelen) } } as const;
const EACH_CONTROL = { ...CONTROL, at: "mmsg", member: { ...CONTROL.member, ...many(MSGHDR.controllen) } } as const;
/** A vector that goes in and comes out as far as the result counts. */
const mmsg: Arg<Uint8Array> = { ...inout("struct mmsghdr *", 0), size: "vlen", filled: "ret" };
const moving = ["EBADF", "ENOTSOCK", "ENOTCONN", "EAGAIN", "EINTR"] as const;
const sending = [...moving, "EPIPE", "EDESTADDRREQ", "EISCONN", "EMSGSIZE", "ENOBUFS"] as const;

export const netCalls = {
  recvmsg: sys(27, () => ({
    doc: "Receive a message, where it came from, and what came with it.",
    args: {
      s: fd,
      msg: inout("struct msghdr *", MSGHDR.size),
      name: maybeOutput("void *", "msg", { ...NAME, ...COUNTED }),
      iov: output("struct iovec *", "msg", IOV),
      control: maybeOutput("void *", "msg", { ...CONTROL, ...COUNTED }),
      flags,
    },
    ret: "ssize_t",
    errors: moving,
    host: ["recvmsg"],
  })),
  sendmsg: sys(28, () => ({
    doc: "Send a message, to an address, with descriptors or other things beside it.",
    args: {
      s: fd,
      msg: input("const struct msghdr *", MSGHDR.size),
      name: maybeInput("const void *", "msg", NAME),
      iov: input("const struct iovec *", "msg", IOV),
      control: maybeInput("const void *", "msg", CONTROL),
      flags,
    },
    ret: "ssize_t",
    errors: sending,
    host: ["sendmsg"],
  })),
  recvfrom: sys(29, () => ({
    doc: "Receive, and learn from where.",
    args: {
      s: fd,
      buf: output("void *", "len"),
      len: len("buf"),
      flags,
      from: maybeOutput("struct sockaddr *", "fromlenaddr", COUNTED),
      fromlenaddr: room,
    },
    ret: "ssize_t",
    errors: moving,
    host: ["recvfrom", "recv"],
  })),
  accept: sys(30, () => ({
    doc: "Take a connection that has come.",
    args: { s: fd, name: maybeOutput("struct sockaddr *", "anamelen", COUNTED), anamelen: room },
    errors: ["EBADF", "ENOTSOCK", "EINVAL", "EOPNOTSUPP", "ECONNABORTED", "EMFILE", "EAGAIN", "EINTR"],
    host: ["accept"],
  })),
  getpeername: sys(31, () => ({
    doc: "The other end's address.",
    args: nameOf,
    errors: ["EBADF", "ENOTSOCK", "ENOTCONN"],
    host: ["getpeername"],
  })),
  getsockname: sys(32, () => ({
    doc: "A socket's own address.",
    args: nameOf,
    errors: ["EBADF", "ENOTSOCK"],
    host: ["getsockname"],
  })),
  connect: sys(98, () => ({
    doc: "Connect a socket to an address.",
    args: to,
    errors: ["EBADF", "ENOTSOCK", "EISCONN", "EINPROGRESS", "EALREADY", "ECONNREFUSED", "EAFNOSUPPORT", "EINTR"],
    host: ["connect"],
  })),
  bind: sys(104, () => ({
    doc: "Give a socket its address.",
    args: to,
    errors: ["EBADF", "ENOTSOCK", "EINVAL", "EADDRINUSE", "EADDRNOTAVAIL", "EAFNOSUPPORT", "EROFS"],
    host: ["bind"],
  })),
  setsockopt: sys(105, () => ({
    doc: "Change an option of a socket.",
    args: {
      s: fd,
      level: int,
      name: int,
      val: maybeInput("const void *", "valsize"),
      valsize: len("val"),
    },
    errors: ["EBADF", "ENOTSOCK", "ENOPROTOOPT", "EINVAL"],
    host: ["setsockopt"],
  })),
  listen: sys(106, () => ({
    doc: "Let connections come to a socket.",
    args: { s: fd, backlog: int },
    errors: ["EBADF", "ENOTSOCK", "EOPNOTSUPP", "EINVAL"],
    host: ["listen"],
  })),
  getsockopt: sys(118, () => ({
    doc: "An option of a socket.",
    args: { s: fd, level: int, name: int, val: maybeOutput("void *", "avalsize", COUNTED), avalsize: room },
    errors: ["EBADF", "ENOTSOCK", "ENOPROTOOPT"],
    host: ["getsockopt"],
  })),
  sendto: sys(133, () => ({
    doc: "Send, to an address where the socket is not connected.",
    args: {
      s: fd,
      buf: input("const void *", "len"),
      len: len("buf"),
      flags,
      to: maybeInput("const struct sockaddr *", "tolen"),
      tolen: len("to"),
    },
    ret: "ssize_t",
    errors: sending,
    host: ["sendto", "send"],
  })),
  shutdown: sys(134, () => ({
    doc: "End receiving (0), sending (1) or both (2).",
    args: { s: fd, how: int },
    errors: ["EBADF", "ENOTSOCK", "ENOTCONN", "EINVAL"],
    host: ["shutdown"],
  })),
  socketpair: sys(135, () => ({
    doc: "Two sockets that are each other's end.",
    args: { domain: int, type: int, protocol: int, rsv: output("int *", 8) },
    errors: ["EAFNOSUPPORT", "EPROTOTYPE", "EPROTONOSUPPORT", "EOPNOTSUPP", "EMFILE"],
    host: ["socketpair"],
  })),
  socket: sys(394, () => ({
    cname: "__socket30",
    doc: "A socket of an address family.",
    args: { domain: int, type: int, protocol: int },
    errors: ["EAFNOSUPPORT", "EPROTOTYPE", "EPROTONOSUPPORT", "EMFILE"],
    host: ["socket"],
    note: "AF_LOCAL",
  })),
  paccept: sys(456, () => ({
    doc: "accept with SOCK_CLOEXEC and SOCK_NONBLOCK; there are no signals to mask.",
    args: {
      s: fd,
      name: maybeOutput("struct sockaddr *", "anamelen", COUNTED),
      anamelen: room,
      mask: maybeInput("const sigset_t *", 16),
      flags,
    },
    errors: ["EBADF", "ENOTSOCK", "EINVAL", "EOPNOTSUPP", "ECONNABORTED", "EMFILE", "EAGAIN", "EINTR"],
    host: ["accept4"],
  })),
  recvmmsg: sys(475, () => ({
    doc: "Receive messages, as many as there is room for; before the time is up, if one is given.",
    args: {
      s: fd,
      mmsg,
      iov: output("struct iovec *", "mmsg", { ...EACH_IOV, ...COUNTED }),
      name: output("void *", "mmsg", { ...EACH_NAME, ...COUNTED }),
      control: output("void *", "mmsg", { ...EACH_CONTROL, ...COUNTED }),
      vlen: len("mmsg", MMSGHDR.size),
      flags,
      timeout: maybeInput("struct timespec *", 16),
    },
    errors: moving,
    host: ["recvmmsg"],
  })),
  sendmmsg: sys(476, () => ({
    doc: "Send messages, up to the first that cannot be.",
    args: {
      s: fd,
      mmsg,
      iov: input("const struct iovec *", "mmsg", EACH_IOV),
      name: input("const void *", "mmsg", EACH_NAME),
      control: input("const void *", "mmsg", EACH_CONTROL),
      vlen: len("mmsg", MMSGHDR.size),
      flags,
    },
    errors: sending,
    host: ["sendmmsg"],
  })),
} as const;
