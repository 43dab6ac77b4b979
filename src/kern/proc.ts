/** Processes and lwps: one process per client, an lwp per call under way. */
import type { Async } from "../plugin.ts";
import { then } from "../lib/async.ts";
import { errno, type SysError } from "../abi/errno.ts";
import { Descriptors } from "./file.ts";

/** Who somebody is (kauth_cred). */
export interface Cred {
  readonly uid: number;
  readonly euid: number;
  readonly gid: number;
  readonly egid: number;
  readonly groups: readonly number[];
}
export const root: Cred = { uid: 0, euid: 0, gid: 0, egid: 0, groups: [0] };

/** A call that waits; see wait.ts. */
export interface Sleeper {
  readonly lwp: Lwp;
  interrupt(e: SysError): void;
}

/** Looks at a call and its arguments before it is made; throws errno for one that may not be. */
export type Guard = (name: string, args: Readonly<Record<string, unknown>>) => void;

/** A process: descriptors, credentials, directories. */
export class Proc {
  readonly pid: number;
  ppid: number;
  /** When it came: milliseconds since 1970. */
  started = 0;
  /** Program name, for listings. */
  comm: string;
  cred: Cred;
  umask = 0o022;
  /** What it may call; undefined: everything. */
  guard: Guard | undefined;
  readonly files: Descriptors;
  readonly sleepers = new Set<Sleeper>();
  /** It ends, or becomes another program: its calls must end, and none may begin to wait. */
  draining = false;
  /** Current and root directory: the file system layer's own, opaque here (struct cwdinfo). */
  cwdi: unknown;
  /** Run when the process ends, last first. */
  readonly atExit: (() => Async<void>)[] = [];
  constructor(pid: number, ppid: number, comm: string, cred: Cred, files = new Descriptors()) {
    this.files = files;
    // POSIX: closing any descriptor of a file gives up all the process's locks on it.
    files.closing = (file) => file.ops.unlock?.(this);
    this.pid = pid;
    this.ppid = ppid;
    this.comm = comm;
    this.cred = cred;
  }
  /** What waits ends with EINTR. */
  drain(): void {
    this.draining = true;
    for (const sleeper of [...this.sleepers]) sleeper.interrupt(errno.EINTR);
  }
}

/** The one who calls. */
export class Lwp {
  readonly proc: Proc;
  /** Times it sleeps now (wait.ts). */
  #asleep = 0;
  #outstanding: ((change: 1 | -1) => void) | undefined;
  constructor(proc: Proc) {
    this.proc = proc;
  }
  /** Its call is outstanding, which `tell` counts while it is awake: what it sleeps for comes from the kernel itself. */
  counted(tell: (change: 1 | -1) => void): void {
    if (this.#asleep === 0) tell(1);
    this.#outstanding = tell;
  }
  /** Its call is done. */
  uncounted(): void {
    if (this.#asleep === 0) this.#outstanding?.(-1);
    this.#outstanding = undefined;
  }
  /** It falls asleep (1), or wakes up (-1). */
  sleeps(change: 1 | -1): void {
    this.#asleep += change;
    if (this.#asleep === (change > 0 ? 1 : 0)) this.#outstanding?.(change > 0 ? -1 : 1);
  }
}

const MAX_PID = 30_000;
/** All processes of a kernel. Pid 1 is the kernel's own (rump: proc0's child that clients are forked off). */
export class ProcTable {
  readonly #procs = new Map<number, Proc>();
  #next = 1;

  create(comm: string, cred: Cred = root, parent?: Proc): Proc {
    while (this.#procs.has(this.#next)) this.#next = this.#next >= MAX_PID ? 2 : this.#next + 1;
    const proc = new Proc(this.#next++, parent?.pid ?? 1, comm, cred, parent?.files.copy());
    proc.umask = parent?.umask ?? proc.umask;
    proc.guard = parent?.guard;
    this.#procs.set(proc.pid, proc);
    return proc;
  }
  /** End a process: what it waits for ends, its files are closed, its directories left. */
  exit(proc: Proc): Async<void> {
    this.#procs.delete(proc.pid);
    proc.drain();
    return then(
      proc.files.closeAll(),
      () => proc.atExit.splice(0).reduceRight<Async<void>>((d, f) => then(d, f), undefined),
    );
  }
  get(pid: number): Proc | undefined {
    return this.#procs.get(pid);
  }
  get size(): number {
    return this.#procs.size;
  }
  [Symbol.iterator](): Iterator<Proc> {
    return this.#procs.values();
  }
}
