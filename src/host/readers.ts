/** Descriptors that are read until there is no more, a bounded number of times before others have their turn. */
import type { Loop } from "./host.ts";

/** Call `read` when there may be something; false: there was not. The result ends it. */
export type Watch = (fd: number, read: () => boolean) => () => void;

/** By a loop of ours. */
export const loopWatch = (loop: Loop): Watch => (fd, read) => {
  loop.add(fd, { read: true, write: false }, () => {
    read();
    return false; // if there is more, epoll says so: after the others' turn
  });
  return () => loop.remove(fd);
};

/** Milliseconds between looks while nothing comes; how long something is awaited without a pause. */
const IDLE_MS = 2;
const AWAKE_MS = 5;
/** By looks in the runtime's loop, which cannot wait for such descriptors. */
export const eventWatch = (now: () => number): Watch => (_fd, read) => {
  let over = false;
  let until = 0;
  const turn = () => {
    if (over) return;
    if (read()) until = now() + AWAKE_MS;
    if (now() < until) setImmediate(turn);
    else setTimeout(turn, IDLE_MS).unref?.();
  };
  turn();
  return () => void (over = true);
};
