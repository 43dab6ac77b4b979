import { describe, it } from "node:test";
import { Quiet } from "../../src/kern/quiet.ts";
import { assertEquals } from "../assert.ts";

/** How often memory was given back while so many requests came between every two waits of the timer. */
function collected(...batches: readonly number[]): number {
  let due: (() => void) | undefined;
  let times = 0;
  const quiet = new Quiet((_ms, fn) => (due = fn), () => times++);
  for (const n of batches) {
    for (let i = 0; i < n; i++) quiet.served();
    const fn = due;
    due = undefined;
    fn?.();
  }
  return times;
}

describe("memory of a server", () => {
  it("goes back once when it is quiet after much work", () => assertEquals(collected(5000, 0, 0, 0), 1));
  it("is kept while there is something to do", () => assertEquals(collected(5000, 100, 5000, 11), 0));
  it("is kept after little work", () => assertEquals(collected(4000), 0));
  it("goes back again after much work again", () => assertEquals(collected(5000, 5, 5000, 0), 2));
  it("is let be when the server has ended", () => {
    let due = () => {};
    let times = 0;
    const quiet = new Quiet((_ms, fn) => (due = fn), () => times++);
    for (let i = 0; i < 5000; i++) quiet.served();
    quiet.end();
    due();
    assertEquals(times, 0);
  });
});
