/** Constants of NetBSD's ABI with their C names: fcntl.h, stat.h, fstypes.h, unistd.h, sysctl.h, reboot.h, module.h. */

// fcntl.h: open(2)
export const O_RDONLY = 0;
export const O_WRONLY = 1;
export const O_RDWR = 2;
export const O_ACCMODE = 3;
export const O_NONBLOCK = 4;
export const O_APPEND = 8;
export const O_SHLOCK = 0x10;
export const O_EXLOCK = 0x20;
export const O_SYNC = 0x80;
export const O_NOFOLLOW = 0x100;
export const O_CREAT = 0x200;
export const O_TRUNC = 0x400;
export const O_EXCL = 0x800;
export const O_DSYNC = 0x1_0000;
export const O_DIRECT = 0x8_0000;
export const O_DIRECTORY = 0x20_0000;
export const O_CLOEXEC = 0x40_0000;
export const O_REGULAR = 0x200_0000;

export const FD_CLOEXEC = 1;
export const F_DUPFD = 0;
export const F_GETFD = 1;
export const F_SETFD = 2;
export const F_GETFL = 3;
export const F_SETFL = 4;
export const F_CLOSEM = 10;
export const F_MAXFD = 11;
export const F_DUPFD_CLOEXEC = 12;

// fcntl.h: the *at(2) calls
export const AT_FDCWD = -100;
export const AT_EACCESS = 0x100;
export const AT_SYMLINK_NOFOLLOW = 0x200;
export const AT_SYMLINK_FOLLOW = 0x400;
export const AT_REMOVEDIR = 0x800;

export const SEEK_SET = 0;
export const SEEK_CUR = 1;
export const SEEK_END = 2;

// unistd.h: access(2), pathconf(2)
export const R_OK = 4;
export const W_OK = 2;
export const X_OK = 1;
export const F_OK = 0;
export const PC_LINK_MAX = 1;
export const PC_NAME_MAX = 4;
export const PC_PATH_MAX = 5;
export const PC_PIPE_BUF = 6;
export const PC_CHOWN_RESTRICTED = 7;
export const PC_NO_TRUNC = 8;
export const PC_SYNC_IO = 10;
export const PC_FILESIZEBITS = 11;
export const PC_SYMLINK_MAX = 12;
export const PC_2_SYMLINKS = 13;

// stat.h
export const S_IFMT = 0o170000;
export const S_IFIFO = 0o010000;
export const S_IFCHR = 0o020000;
export const S_IFDIR = 0o040000;
export const S_IFBLK = 0o060000;
export const S_IFREG = 0o100000;
export const S_IFLNK = 0o120000;
export const S_IFSOCK = 0o140000;
export const S_ISUID = 0o4000;
export const S_ISGID = 0o2000;
export const S_ISVTX = 0o1000;
export const UTIME_NOW = 0x3fff_ffff;
export const UTIME_OMIT = 0x3fff_fffe;
/** chflags(2): user and super-user flags. */
export const UF_NODUMP = 1;
export const UF_IMMUTABLE = 2;
export const UF_APPEND = 4;
export const SF_ARCHIVED = 0x1_0000;
export const SF_IMMUTABLE = 0x2_0000;
export const SF_APPEND = 0x4_0000;

// sys/fstypes.h: mount(2) flags
export const MNT_RDONLY = 1;
export const MNT_SYNCHRONOUS = 2;
export const MNT_NOEXEC = 4;
export const MNT_NOSUID = 8;
export const MNT_NODEV = 0x10;
export const MNT_UNION = 0x20;
export const MNT_ASYNC = 0x40;
export const MNT_LOCAL = 0x1000;
export const MNT_ROOTFS = 0x4000;
export const MNT_NOCOREDUMP = 0x8000;
export const MNT_UPDATE = 0x1_0000;
export const MNT_RELATIME = 0x2_0000;
export const MNT_RELOAD = 0x4_0000;
export const MNT_FORCE = 0x8_0000;
export const MNT_IGNORE = 0x10_0000;
export const MNT_GETARGS = 0x40_0000;
export const MNT_LOG = 0x200_0000;
export const MNT_NOATIME = 0x400_0000;
export const MNT_SYMPERM = 0x2000_0000;
export const MNT_NODEVMTIME = 0x4000_0000;
/** getvfsstat(2), statvfs1(2). */
export const ST_WAIT = 1;
export const ST_NOWAIT = 2;

// sys/sysctl.h
export const CTL_KERN = 1;
export const CTL_VM = 2;
export const CTL_VFS = 3;
export const CTL_NET = 4;
export const CTL_DEBUG = 5;
export const CTL_HW = 6;
export const CTL_MACHDEP = 7;
export const CTL_USER = 8;
export const CTL_DDB = 9;
export const CTL_PROC = 10;
export const CTL_VENDOR = 11;
export const CTL_EMUL = 12;
export const CTL_SECURITY = 13;
export const CTL_QUERY = -2;
export const CTL_DESCRIBE = -7;
export const CTL_EOL = -1;
export const CTLTYPE_NODE = 1;
export const CTLTYPE_INT = 2;
export const CTLTYPE_STRING = 3;
export const CTLTYPE_QUAD = 4;
export const CTLTYPE_STRUCT = 5;
export const CTLTYPE_BOOL = 6;
export const CTLFLAG_READWRITE = 0x70;
export const CTLFLAG_PERMANENT = 0x200;
/** Not in `sysctl -a`. */
export const CTLFLAG_HIDDEN = 0x8000;
export const SYSCTL_VERS_1 = 0x100_0000;

// sys/reboot.h
export const RB_NOSYNC = 4;
export const RB_HALT = 8;
export const RB_DUMP = 0x100;

// sys/module.h: modctl(2) commands
export const MODCTL_LOAD = 0;
export const MODCTL_UNLOAD = 1;
export const MODCTL_STAT = 2;
export const MODCTL_EXISTS = 3;

/** Types in struct dirent (DT_*) and struct stat (S_IFMT >> 12) are the same numbers. */
export const modeOfType = {
  fifo: S_IFIFO,
  chr: S_IFCHR,
  dir: S_IFDIR,
  blk: S_IFBLK,
  file: S_IFREG,
  link: S_IFLNK,
  sock: S_IFSOCK,
} as const;

/** makedev(3), major(3), minor(3) as NetBSD packs a dev_t. */
export const makedev = (major: number, minor: number): number =>
  (((major << 8) & 0x000f_ff00) | ((minor << 12) & 0xfff0_0000) | (minor & 0xff)) >>> 0;
export const major = (dev: number): number => (dev & 0x000f_ff00) >>> 8;
export const minor = (dev: number): number => ((dev & 0xfff0_0000) >>> 12) | (dev & 0xff);

/** sys/poll.h */
export const POLLIN = 1;
export const POLLPRI = 2;
export const POLLOUT = 4;
export const POLLERR = 8;
export const POLLHUP = 0x10;
export const POLLNVAL = 0x20;
export const POLLRDNORM = 0x40;
export const POLLRDBAND = 0x80;
export const POLLWRNORM = POLLOUT;
/** sys/fcntl.h: record locks, flock(2) */
export const F_GETLK = 7;
export const F_SETLK = 8;
export const F_SETLKW = 9;
export const F_RDLCK = 1;
export const F_UNLCK = 2;
export const F_WRLCK = 3;
export const LOCK_SH = 1;
export const LOCK_EX = 2;
export const LOCK_NB = 4;
export const LOCK_UN = 8;
/** sys/event.h */
export const EVFILT_READ = 0;
export const EVFILT_WRITE = 1;
export const EVFILT_VNODE = 3;
export const EVFILT_TIMER = 6;
/** What becomes of a file, for EVFILT_VNODE. */
export const NOTE_DELETE = 1;
export const NOTE_WRITE = 2;
export const NOTE_EXTEND = 4;
export const NOTE_ATTRIB = 8;
export const NOTE_LINK = 0x10;
export const NOTE_RENAME = 0x20;
export const EV_ADD = 1;
export const EV_DELETE = 2;
export const EV_ENABLE = 4;
export const EV_DISABLE = 8;
export const EV_ONESHOT = 0x10;
export const EV_CLEAR = 0x20;
export const EV_ERROR = 0x4000;
export const EV_EOF = 0x8000;
/** sys/filio.h */
export const FIOCLEX = 0x2000_6601;
export const FIONCLEX = 0x2000_6602;
/** sys/ttycom.h: terminal settings. */
export const TIOCGETA = 0x402c_7413;
export const FIONREAD = 0x4004_667f;
export const FIONBIO = 0x8004_667e;
export const FIOASYNC = 0x8004_667d;
/** sys/socket.h */
export const AF_UNSPEC = 0;
export const AF_LOCAL = 1;
export const AF_INET = 2;
/** Interfaces as addresses (struct sockaddr_dl), and the routing socket. */
export const AF_LINK = 18;
export const AF_INET6 = 24;
export const AF_ROUTE = 34;
export const SOCK_STREAM = 1;
export const SOCK_DGRAM = 2;
export const SOCK_RAW = 3;
export const SOCK_SEQPACKET = 5;
export const SOCK_CLOEXEC = 0x1000_0000;
export const SOCK_NONBLOCK = 0x2000_0000;
export const SOCK_NOSIGPIPE = 0x4000_0000;
export const SOL_SOCKET = 0xffff;
/** Options that are bits, of those a socket has. */
export const SO_ACCEPTCONN = 0x0002;
export const SO_REUSEADDR = 0x0004;
export const SO_KEEPALIVE = 0x0008;
export const SO_DONTROUTE = 0x0010;
export const SO_BROADCAST = 0x0020;
export const SO_USELOOPBACK = 0x0040;
export const SO_LINGER = 0x0080;
export const SO_OOBINLINE = 0x0100;
export const SO_REUSEPORT = 0x0200;
export const SO_NOSIGPIPE = 0x0800;
export const SO_TIMESTAMP = 0x2000;
export const SO_DEBUG = 0x0001;
/** Options that have a value. */
export const SO_SNDBUF = 0x1001;
export const SO_RCVBUF = 0x1002;
export const SO_SNDLOWAT = 0x1003;
export const SO_RCVLOWAT = 0x1004;
export const SO_ERROR = 0x1007;
export const SO_ACCEPTFILTER = 0x1000;
export const SO_OVERFLOWED = 0x1009;
export const SO_TYPE = 0x1008;
export const SO_SNDTIMEO = 0x100b;
export const SO_RCVTIMEO = 0x100c;
export const MSG_OOB = 0x0001;
export const MSG_PEEK = 0x0002;
export const MSG_EOR = 0x0008;
export const MSG_TRUNC = 0x0010;
export const MSG_CTRUNC = 0x0020;
export const MSG_WAITALL = 0x0040;
export const MSG_DONTWAIT = 0x0080;
export const MSG_BCAST = 0x0100;
export const MSG_MCAST = 0x0200;
export const MSG_NOSIGNAL = 0x0400;
export const MSG_CMSG_CLOEXEC = 0x0800;
export const MSG_WAITFORONE = 0x2000;
export const SCM_RIGHTS = 1;
/** net/if.h IFF_*: what an interface is, and is told to be. */
export const IFF = {
  UP: 0x0001,
  BROADCAST: 0x0002,
  DEBUG: 0x0004,
  LOOPBACK: 0x0008,
  POINTOPOINT: 0x0010,
  RUNNING: 0x0040,
  NOARP: 0x0080,
  PROMISC: 0x0100,
  ALLMULTI: 0x0200,
  SIMPLEX: 0x0800,
  LINK0: 0x1000,
  LINK1: 0x2000,
  LINK2: 0x4000,
  MULTICAST: 0x8000,
} as const;
export const SCM_TIMESTAMP = 8;
/** sys/un.h: options of AF_LOCAL sockets, at level 0. */
export const LOCAL_PEEREID = 3;
