/** Promises that are settled by what a loop of the host hears of. */

/** Of the host's loop what waiting needs. */
interface Turning {
  /** So many more promises are waited for. */
  pending(change: 1 | -1): void;
  run(): Promise<void>;
  stop(): void;
}
/** Run the loop until something is done, and no longer; what comes of it. */
export async function inLoop<T>(loop: Turning, work: Promise<T>): Promise<T> {
  loop.pending(1);
  const done = work.finally(() => {
    loop.pending(-1);
    loop.stop();
  });
  done.catch(() => {}); // who waits for the loop hears of it afterwards
  await loop.run();
  return await done;
}
