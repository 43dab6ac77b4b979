/** Waiting for something to change, so that it can be interrupted (NetBSD: condvar(9), cv_timedwait_sig; selinfo). */
import { errno, type SysError } from "../abi/errno.ts";
import type { Lwp } from "./proc.ts";

/** Those who wait for one thing to change: a pipe to have data, a lock to be free. */
export class Waiters {
  readonly #waiting = new Set<() => void>();
  /** It has changed: everybody who waits looks again. */
  wake(): void {
    for (const fn of [...this.#waiting]) fn();
  }
  add(fn: () => void): void {
    this.#waiting.add(fn);
  }
  remove(fn: () => void): void {
    this.#waiting.delete(fn);
  }
  get size(): number {
    return this.#waiting.size;
  }
}

/** Call once after `ms`; returns the cancellation. */
export type Callout = (ms: number, fn: () => void) => () => void;

/**
 * Wait until one of `things` changes: true; or until `ms` went by: false (left out: for ever). Throws EINTR when the call
 * is cancelled or its process ends.
 */
export function sleep(lwp: Lwp, things: readonly Waiters[], callout: Callout, ms?: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const { sleepers, draining } = lwp.proc;
    if (draining) return reject(errno.EINTR);
    const finish = () => {
      for (const thing of things) thing.remove(woken);
      sleepers.delete(sleeper);
      lwp.sleeps(-1);
      cancel?.();
    };
    const woken = () => {
      finish();
      resolve(true);
    };
    const sleeper = {
      lwp,
      interrupt: (e: SysError) => {
        finish();
        reject(e);
      },
    };
    const cancel = ms === undefined ? undefined : callout(ms, () => {
      finish();
      resolve(false);
    });
    sleepers.add(sleeper);
    lwp.sleeps(1);
    for (const thing of things) thing.add(woken);
  });
}
/** End what one call waits for: it fails with EINTR. */
export function interrupt(lwp: Lwp): void {
  for (const sleeper of [...lwp.proc.sleepers]) if (sleeper.lwp === lwp) sleeper.interrupt(errno.EINTR);
}
