/** What a kernel tells of itself to drivers that show it: kernfs, procfs. */

/** A value of a sysctl variable. */
export type SysctlValue = number | string | boolean | bigint | Uint8Array;
export interface FileView {
  readonly fd: number;
  /** file, dir, pipe, socket, kqueue, ... */
  readonly type: string;
  /** The name it was opened by, and where its file system is mounted. */
  readonly name?: string;
  readonly mount?: string;
}
export interface ProcessView {
  readonly pid: number;
  readonly ppid: number;
  /** Program name. */
  readonly comm: string;
  readonly uid: number;
  readonly euid: number;
  readonly gid: number;
  readonly egid: number;
  readonly groups: readonly number[];
  /** When it came: milliseconds since 1970. */
  readonly started: number;
  /** Calls of it that sleep. */
  readonly sleeping: number;
  files(): Iterable<FileView>;
  /** Whole paths of its directories; undefined: it has none, or they have no name any more. */
  readonly cwd: string | undefined;
  readonly root: string | undefined;
}
export interface MountView {
  readonly from: string;
  readonly on: string;
  readonly type: string;
  readonly readOnly: boolean;
}
export interface KernelView {
  /** A sysctl variable's value; undefined: there is none. */
  get(name: string): SysctlValue | undefined;
  /** ENOENT, EPERM for one that cannot be changed, EINVAL. */
  set(name: string, value: SysctlValue): void;
  processes(): readonly ProcessView[];
  process(pid: number): ProcessView | undefined;
  mounts(): readonly MountView[];
  /** The log's last lines. */
  log(): readonly string[];
  /** The process whose call is being made: known until something is waited for, and of this kernel's own processes. */
  caller(): number | undefined;
}
