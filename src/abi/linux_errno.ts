/** NetBSD's errors as Linux numbers them (asm-generic/errno.h); those not here have the same number. */
import { errno, type ErrnoName, SysError } from "./errno.ts";

const differing: Partial<Record<ErrnoName, number>> = {
  EDEADLK: 35,
  EAGAIN: 11,
  EINPROGRESS: 115,
  EALREADY: 114,
  ENOTSOCK: 88,
  EDESTADDRREQ: 89,
  EMSGSIZE: 90,
  EPROTOTYPE: 91,
  ENOPROTOOPT: 92,
  EPROTONOSUPPORT: 93,
  ESOCKTNOSUPPORT: 94,
  EOPNOTSUPP: 95,
  ENOTSUP: 95,
  EPFNOSUPPORT: 96,
  EAFNOSUPPORT: 97,
  EADDRINUSE: 98,
  EADDRNOTAVAIL: 99,
  ENETDOWN: 100,
  ENETUNREACH: 101,
  ENETRESET: 102,
  ECONNABORTED: 103,
  EISCONN: 106,
  ENOTCONN: 107,
  ESHUTDOWN: 108,
  ETOOMANYREFS: 109,
  ETIMEDOUT: 110,
  ECONNREFUSED: 111,
  ECONNRESET: 104,
  ENOBUFS: 105,
  ELOOP: 40,
  ENAMETOOLONG: 36,
  EHOSTDOWN: 112,
  EHOSTUNREACH: 113,
  ENOTEMPTY: 39,
  EUSERS: 87,
  EDQUOT: 122,
  ESTALE: 116,
  ENOLCK: 37,
  ENOSYS: 38,
  EFTYPE: 22,
  EOVERFLOW: 75,
  EILSEQ: 84,
  ECANCELED: 125,
  EBADMSG: 74,
  ENOATTR: 61,
  EPROTO: 71,
};
/** The highest number both share. */
const SHARED = 34;
const table = new Map<SysError, number>(
  Object.values(errno).map((e) => [e, differing[e.code] ?? (e.errno <= SHARED ? e.errno : errno.EIO.errno)]),
);

/** Linux's number; what is no SysError is EIO. */
export function linuxErrno(e: unknown): number {
  return (e instanceof SysError ? table.get(e) : undefined) ?? errno.EIO.errno;
}
