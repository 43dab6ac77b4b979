/**
 * Directories of the host that are lent to a kernel, and the calls on what is in them: what their volume sees of the host. Names
 * may be of any bytes (text.ts); what fails throws an Error whose `code` is the host's errno name.
 */
import type { Attr, StatFs } from "./volume.ts";

/** Seconds since 1970, and nanoseconds within. */
export type HostTime = readonly [sec: number, nsec: number];

/** A directory or file that stays the same one, whatever becomes of its name or is mounted over it. */
export interface Held {
  /** Stands for it until it is closed. */
  readonly path: string;
  /**
   * Do something to what `names` lead to, each one a name in the one before and none a symbolic link but the last, which is
   * not followed. `work` gets a path that stands for that very object (a name may be put behind a directory's) and is good
   * until it returns. Where there is no O_PATH the names are joined.
   */
  beneath<T>(names: readonly string[], work: (path: string) => T): T;
  close(): void;
}
/** What is done to what a path of the host stands for, links followed: one that `Held` gave stands for the very object, a link or not. */
export interface HostNames {
  attr(path: string): Attr;
  names(path: string): string[];
  mkdir(path: string, mode: number): void;
  mkfifo(path: string, mode: number): void;
  symlink(target: string, path: string): void;
  link(from: string, to: string): void;
  unlink(path: string): void;
  rmdir(path: string): void;
  rename(from: string, to: string): void;
  readlink(path: string): string;
  chmod(path: string, mode: number): void;
  chown(path: string, uid: number, gid: number): void;
  /** What is left out stays. */
  utimes(path: string, atime: HostTime | undefined, mtime: HostTime | undefined): void;
  statfs(path: string): StatFs;
  getxattr(path: string, name: string): Uint8Array | undefined;
  setxattr(path: string, name: string, value: Uint8Array): void;
  removexattr(path: string, name: string): boolean;
  listxattr(path: string): string[];
}
