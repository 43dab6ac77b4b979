/** Socket addresses of Linux programs as NetBSD's, and back: there a length and a family of 8 bits begin them, here a family of 16. */
import { errno } from "../abi/errno.ts";
import * as BSD from "../abi/flags.ts";
import { viewOf } from "../lib/struct.ts";

/** Linux's numbers (linux/socket.h). */
export const AF = { UNSPEC: 0, INET: 2, INET6: 10 } as const;
const IN = 16;
const IN6 = 28;
/** Longest a program may give (struct sockaddr_storage). */
export const MAX_SOCKADDR = 128;
/** A struct sockaddr_in6 without its scope, as old programs give it. */
const OLD_IN6 = 24;

/** NetBSD's number of a family; undefined: one that is not known here. */
export const familyOf = (linux: number): number | undefined =>
  linux === AF.INET ? BSD.AF_INET : linux === AF.INET6 ? BSD.AF_INET6 : undefined;

/** Throws EINVAL: too short; EAFNOSUPPORT. */
export function toBsd(linux: Uint8Array): Uint8Array {
  if (linux.length < 2) throw errno.EINVAL;
  const family = viewOf(linux).getUint16(0, true);
  if (family === AF.UNSPEC) return headed(linux, IN, BSD.AF_UNSPEC);
  if (family === AF.INET) return headed(linux, IN, BSD.AF_INET, IN);
  if (family === AF.INET6) return headed(linux, IN6, BSD.AF_INET6, OLD_IN6);
  throw errno.EAFNOSUPPORT;
}
function headed(linux: Uint8Array, length: number, family: number, least = 2): Uint8Array {
  if (linux.length < least) throw errno.EINVAL;
  const bytes = new Uint8Array(length);
  bytes.set(linux.subarray(0, length));
  bytes[0] = length;
  bytes[1] = family;
  return bytes;
}

/** One of the kernel's; no address is one of no family. */
export function toLinux(bsd: Uint8Array): Uint8Array {
  const family = bsd[1] ?? BSD.AF_UNSPEC;
  const linux = family === BSD.AF_INET6 ? AF.INET6 : family === BSD.AF_INET ? AF.INET : AF.UNSPEC;
  const bytes = new Uint8Array(linux === AF.INET6 ? IN6 : IN);
  if (linux === AF.UNSPEC) return bytes;
  bytes.set(bsd.subarray(0, bytes.length));
  viewOf(bytes).setUint16(0, linux, true);
  return bytes;
}
