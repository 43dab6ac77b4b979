/** The server's side of batches: several calls in one request, of which later ones may use results of earlier ones. */
import { errno, type SysError } from "../abi/errno.ts";
import { MAX_TRANSFER } from "../abi/types.ts";
import type { Reply } from "../kern/dispatch.ts";
import type { Lwp } from "../kern/proc.ts";
import type { Async } from "../plugin.ts";
import type { Connection } from "./connection.ts";

/** The word that stands for a batch where a call's number is expected. */
export const BATCH = "batch";
/** Calls in one batch. */
export const MAX_BATCH = 64;
/** How a batch goes on after a failed call: with those that do not need its result, or not at all. */
export const After = { GO_ON: 0, STOP: 1 } as const;

const failed = (e: SysError): Reply => ({ errno: e.errno, ret: -1, ret2: 0, outs: [] });

/** A call as it came: its number, then the arguments that travel. */
export type BatchedCall = [nr: number, ...args: unknown[]];
/** The calls of a request [reqno, BATCH, after, ...calls]; undefined: it is none. */
export function batchedCalls(items: readonly unknown[]): BatchedCall[] | undefined {
  const calls = items.slice(3);
  const sound = calls.length <= MAX_BATCH && (items[2] === After.GO_ON || items[2] === After.STOP) &&
    calls.every((c) => Array.isArray(c) && typeof c[0] === "number");
  return sound ? calls as BatchedCall[] : undefined;
}

/** The calls of one batch, one after the other by the same lwp; one that waits holds up the rest of its batch only. */
export class Batch {
  readonly replies: Reply[] = [];
  /** Bytes given out since it waits. */
  bytes = 0;
  readonly #c: Connection;
  /** Who makes its calls. */
  readonly lwp: Lwp;
  readonly #stop: boolean;
  readonly #calls: readonly BatchedCall[];
  /** Bytes its out-arguments may still take together: all go back in one frame. */
  #room = MAX_TRANSFER;
  #waits = false;

  constructor(connection: Connection, after: unknown, calls: readonly BatchedCall[]) {
    this.#c = connection;
    this.lwp = connection.lwp;
    this.#stop = after === After.STOP;
    this.#calls = calls;
  }
  /** The number of the call under way, or of the last. */
  get nr(): number {
    return this.#calls[Math.min(this.replies.length, this.#calls.length - 1)]![0];
  }
  /** Make the calls that are left. */
  run(): Async<void> {
    while (this.replies.length < this.#calls.length && !this.#c.ended) {
      const reply = this.#next(this.#calls[this.replies.length]!);
      if (reply instanceof Promise) return this.#later(reply);
      this.replies.push(reply);
    }
  }
  #later(reply: Promise<Reply>): Promise<void> {
    this.#waits = true;
    return reply.then((r) => {
      this.replies.push(r);
      return this.run();
    });
  }
  #next([nr, ...args]: BatchedCall): Async<Reply> {
    if (this.#stop && this.replies.some((r) => r.errno !== 0)) return failed(errno.ECANCELED);
    for (let i = 0; i < args.length; i++) {
      if (Array.isArray(args[i]) && (args[i] = this.#referred(args[i] as unknown[])) === undefined) {
        return failed(errno.EINVAL);
      }
    }
    this.#c.count();
    return this.#c.kernel.dispatcher.call(this.lwp, nr, args, this.#allocate);
  }
  /** [call, register]: a result of an earlier call; undefined: there is none. */
  #referred([call, register, ...more]: readonly unknown[]): number | undefined {
    const reply = typeof call === "number" ? this.replies[call] : undefined;
    if (!reply || reply.errno !== 0 || more.length > 0) return undefined;
    return register === 0 ? reply.ret : register === 1 ? reply.ret2 : undefined;
  }
  readonly #allocate = (n: number): Uint8Array => {
    if (n > this.#room) throw errno.EMSGSIZE;
    this.#room -= n;
    if (!this.#waits) return this.#c.server.allocate(n);
    this.bytes += n;
    this.#c.hold(n);
    return new Uint8Array(n);
  };
}
