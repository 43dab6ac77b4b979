/**
 * Timers of all connections of a stack in one heap, with one alarm. Times that move later, as those of retransmission do with
 * every acknowledgement, cost an assignment: the heap is put right when the old time comes.
 */

export interface Timed {
  /** When it is to be called, milliseconds; Infinity: never. */
  due: number;
  /** Where it is in the heap, -1: nowhere; and by which time. The heap's own. */
  slot: number;
  queued: number;
  expire(): void;
}
/** How much earlier than its time a timer may be called, milliseconds: neighbours are called together. */
const GRAIN = 0.5;

export class Timers {
  readonly #heap: Timed[] = [];
  /** Ask for `run` at a time; an earlier wish holds, too. */
  readonly #alarm: (at: number) => void;
  #next = Infinity;
  /** While timers are called, what is asked for has its turn in the next round at the earliest. */
  #floor = 0;

  constructor(alarm: (at: number) => void) {
    this.#alarm = alarm;
  }
  get size(): number {
    return this.#heap.length;
  }
  /** `t.due` has changed. */
  set(t: Timed): void {
    if (t.slot >= 0 ? Math.max(t.due, this.#floor) >= t.queued : t.due === Infinity) return;
    t.queued = Math.max(t.due, this.#floor);
    if (t.slot < 0) this.#heap.push(t);
    this.#up(t, t.slot < 0 ? this.#heap.length - 1 : t.slot);
    this.#arm();
  }
  /** Never again: it is done with. */
  remove(t: Timed): void {
    t.due = Infinity;
    if (t.slot >= 0) this.#take(t.slot);
  }
  /** Call what is due. */
  run(now: number): void {
    this.#next = Infinity;
    this.#floor = now + 2 * GRAIN;
    for (let top = this.#heap[0]; top && top.queued <= now + GRAIN; top = this.#heap[0]) {
      this.#take(0);
      if (top.due <= now + GRAIN) top.expire();
      if (top.slot < 0) this.set(top);
    }
    this.#floor = 0;
    this.#arm();
  }
  #arm(): void {
    const top = this.#heap[0];
    if (!top || top.queued >= this.#next) return;
    this.#next = top.queued;
    this.#alarm(top.queued);
  }
  #take(slot: number): void {
    const heap = this.#heap;
    heap[slot]!.slot = -1;
    const last = heap.pop()!;
    if (slot === heap.length) return;
    this.#up(last, slot);
    this.#down(last, last.slot);
  }
  #up(t: Timed, slot: number): void {
    const heap = this.#heap;
    while (slot > 0) {
      const parent = (slot - 1) >> 1;
      const above = heap[parent]!;
      if (above.queued <= t.queued) break;
      heap[slot] = above;
      above.slot = slot;
      slot = parent;
    }
    heap[slot] = t;
    t.slot = slot;
  }
  #down(t: Timed, slot: number): void {
    const heap = this.#heap;
    for (;;) {
      let child = 2 * slot + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && heap[child + 1]!.queued < heap[child]!.queued) child++;
      const below = heap[child]!;
      if (below.queued >= t.queued) break;
      heap[slot] = below;
      below.slot = slot;
      slot = child;
    }
    heap[slot] = t;
    t.slot = slot;
  }
}
