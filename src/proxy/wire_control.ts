/**
 * Requests of our own wire that are no system calls: [reqno, word, ...]. `prefork` and `exec` hand a process on
 * (rumpclient(3)), `cancel` interrupts one call that waits, `ends` lets descriptors come
 * along, `splice` and `spliced` are for splices.ts, `mount` for served_mounts.ts.
 */
import { errno, type SysError } from "../abi/errno.ts";
import type { Lwp } from "../kern/proc.ts";
import { interrupt } from "../kern/wait.ts";
import { then } from "../lib/async.ts";
import type { Async } from "../plugin.ts";
import { type Connection, MAX_COMM } from "./connection.ts";
import { HandedEnds } from "./handed_ends.ts";
import { serveMount } from "./served_mounts.ts";
import { Splices } from "./splices.ts";

/** What comes back, or why nothing does. */
type Outcome = Async<unknown>;

export class Controls {
  readonly #c: Connection;
  /** Calls that wait, by their number. */
  readonly #waiting = new Map<number, Lwp>();
  readonly #ends: HandedEnds;
  readonly #splices: Splices;

  constructor(connection: Connection) {
    this.#c = connection;
    this.#ends = new HandedEnds(connection.channel);
    this.#splices = new Splices(connection, this.#ends);
  }
  /** The connection has ended. */
  close(): void {
    this.#splices.close();
    this.#ends.close();
  }
  /** A call has begun to wait; until `done` it can be cancelled. */
  waits(reqno: number, lwp: Lwp): void {
    this.#waiting.set(reqno, lwp);
  }
  done(reqno: number): void {
    this.#waiting.delete(reqno);
  }
  /** `answer` is given its items behind its number: an errno, and on success a value. */
  run(word: string, arg: unknown, answer: (items: readonly [number, unknown?]) => void): void {
    const succeed = (value: unknown) => answer([0, value ?? null]);
    const fail = (e: unknown) => answer([(e as SysError).errno ?? errno.EIO.errno]);
    try {
      if (word === "spliced") return this.#splices.whenEnded(succeed);
      const done = then(this.#perform(word, arg), succeed);
      if (done instanceof Promise) void this.#c.kernel.outstanding(done.catch(fail));
    } catch (e) {
      fail(e);
    }
  }
  #perform(word: string, arg: unknown): Outcome {
    switch (word) {
      case "ends":
        return this.#ends.open();
      case "splice":
        return this.#splices.splice(arg);
      case "mount":
        return serveMount(this.#c, this.#ends, arg);
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
