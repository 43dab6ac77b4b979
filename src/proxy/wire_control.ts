/**
 * Requests of our own wire that are no system calls: [reqno, word, ...]. `prefork` and `exec` hand a process on
 * (rumpclient(3)), `cancel` interrupts one call that waits.
 */
import { errno, type SysError } from "../abi/errno.ts";
import type { Lwp } from "../kern/proc.ts";
import { interrupt } from "../kern/wait.ts";
import { then } from "../lib/async.ts";
import type { Async } from "../plugin.ts";
import { type Connection, MAX_COMM } from "./connection.ts";

/** What comes back, or why nothing does. */
type Outcome = Async<unknown>;

export class Controls {
  readonly #c: Connection;
  /** Calls that wait, by their number. */
  readonly #waiting = new Map<number, Lwp>();

  constructor(connection: Connection) {
    this.#c = connection;
  }
  /** A call has begun to wait; until `done` it can be cancelled. */
  waits(reqno: number, lwp: Lwp): void {
    this.#waiting.set(reqno, lwp);
  }
  done(reqno: number): void {
    this.#waiting.delete(reqno);
  }
  /** The answer's items behind its number: an errno, and on success a value. */
  run(word: string, arg: unknown): Async<readonly [number, unknown?]> {
    try {
      const outcome = this.#perform(word, arg);
      return then(outcome, (value) => [0, value ?? null] as const);
    } catch (e) {
      return [(e as SysError).errno ?? errno.EIO.errno];
    }
  }
  #perform(word: string, arg: unknown): Outcome {
    switch (word) {
      case "prefork":
        return this.#prefork();
      case "exec":
        return this.#exec(arg);
      case "cancel":
        return this.#cancel(arg);
      default:
        throw errno.ENOSYS;
    }
  }
  /** A cookie: whoever says hello with it in time is a child of this process. */
  #prefork(): Uint8Array {
    if (this.#c.inExec) throw errno.EBUSY;
    const cookie = this.#c.server.prefork(this.#c.proc!);
    if (!cookie) throw errno.EAGAIN;
    return cookie;
  }
  #exec(comm: unknown): Async<void> {
    if (typeof comm !== "string" || comm.length > MAX_COMM) throw errno.EINVAL;
    if (this.#c.inExec) throw errno.EBUSY;
    return this.#c.exec(comm);
  }
  /** 1 when there was such a call: it ends with EINTR, unless it was about to end anyway. */
  #cancel(reqno: unknown): number {
    const lwp = this.#waiting.get(reqno as number);
    if (!lwp) return 0;
    interrupt(lwp);
    return 1;
  }
}
