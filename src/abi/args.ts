/** Arguments many rows of the system call table share. */
import { type Arg, i32, u32, value } from "./types.ts";

export const fd: Arg<number> = value("int", i32);
export const mode: Arg<number> = value("mode_t", u32);
export const uid: Arg<number> = value("uid_t", u32);
export const gid: Arg<number> = value("gid_t", u32);
export const flags: Arg<number> = value("int", i32);
/** Errors of looking a path up, and of changing what it leads to. */
export const lookup = ["ENOENT", "ENOTDIR", "EACCES", "ELOOP", "ENAMETOOLONG"] as const;
export const change = [...lookup, "EROFS", "EPERM"] as const;
/** size of struct stat, struct statvfs, struct timespec[2], struct timespec */
export const STAT = 152;
export const STATVFS = 2256;
export const TIMES = 32;
export const TIME = 16;
