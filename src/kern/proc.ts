/** Processes and lwps: one process per client, an lwp per call under way. */
import type { Async } from "../plugin.ts";
import { then } from "../lib/async.ts";
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

/** A process: descriptors, credentials, directories. */
export class Proc {
  readonly pid: number;
  readonly ppid: number;
  /** Program name, for listings. */
  comm: string;
  cred: Cred;
  umask = 0o022;
  readonly files = new Descriptors();
  /** Current and root directory: the file system layer's own, opaque here (struct cwdinfo). */
  cwdi: unknown;
  /** Run when the process ends, last first. */
  readonly atExit: (() => Async<void>)[] = [];
  constructor(pid: number, ppid: number, comm: string, cred: Cred) {
    this.pid = pid;
    this.ppid = ppid;
    this.comm = comm;
    this.cred = cred;
  }
}

/** The one who calls. */
export class Lwp {
  readonly proc: Proc;
  constructor(proc: Proc) {
    this.proc = proc;
  }
}

/** All processes of a kernel. Pid 1 is the kernel's own (rump: proc0's child that clients are forked off). */
export class ProcTable {
  readonly #procs = new Map<number, Proc>();
  #next = 1;

  create(comm: string, cred: Cred = root, ppid = 1): Proc {
    while (this.#procs.has(this.#next)) this.#next = this.#next >= 30_000 ? 2 : this.#next + 1;
    const proc = new Proc(this.#next++, ppid, comm, cred);
    this.#procs.set(proc.pid, proc);
    return proc;
  }
  /** End a process: close its files, leave its directories. */
  exit(proc: Proc): Async<void> {
    this.#procs.delete(proc.pid);
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
