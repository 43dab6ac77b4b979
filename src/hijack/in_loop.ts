/** Promises that the host's loop settles. */
import type { Loop } from "../host/host.ts";

/** Run the loop until something is done. */
export async function inLoop<T>(loop: Loop, work: Promise<T>): Promise<T> {
  loop.pending(1);
  const over = work.finally(() => {
    loop.pending(-1);
    loop.stop();
  });
  await Promise.allSettled([over, loop.run()]);
  return await over;
}
