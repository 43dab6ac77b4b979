/** Data that came before what precedes it: where it lies in the receiver's ring, and what SACK says of it (RFC 2018, 2883). */
import { after, before, later } from "./seq.ts";
import type { OutSegment } from "./segment.ts";

/** Gaps that are kept; who sends more loses the farthest. */
const MAX_RANGES = 2048;

export class Reassembly {
  /** Left and right edges, in order, apart from each other. */
  #edges: number[] = [];
  /** The left edge of the range that grew last: it is told first. */
  #newest = 0;
  /** Data that came twice, until it is told (RFC 2883). */
  #twice: readonly [number, number] | undefined;

  get empty(): boolean {
    return this.#edges.length === 0;
  }
  get pending(): boolean {
    return this.#edges.length > 0 || this.#twice !== undefined;
  }
  /** [left, right) has come. False: it is not kept. */
  add(left: number, right: number): boolean {
    const e = this.#edges;
    // Most of what comes early comes last.
    let i = e.length;
    while (i > 0 && !before(e[i - 1]!, left)) i -= 2;
    let j = i;
    while (j < e.length && !after(e[j]!, right)) j += 2;
    if (j === i && e.length >= 2 * MAX_RANGES) return false;
    if (j > i) {
      if (!before(left, e[i]!) && !after(right, e[i + 1]!)) this.#twice = [left, right];
      left = before(left, e[i]!) ? left : e[i]!;
      right = later(right, e[j - 1]!);
    }
    if (j - i === 2) {
      e[i] = left;
      e[i + 1] = right;
    } else e.splice(i, j - i, left, right);
    this.#newest = left;
    return true;
  }
  /** Data came that was there already. */
  again(left: number, right: number): void {
    this.#twice = [left, right];
  }
  /** All before `next` has come in order: where what follows it at once ends. */
  take(next: number): number {
    const e = this.#edges;
    let n = 0;
    while (n < e.length && !after(e[n]!, next)) {
      next = later(next, e[n + 1]!);
      n += 2;
    }
    if (n > 0) e.splice(0, n);
    return next;
  }
  /** Write the SACK option. */
  tell(out: OutSegment): void {
    const e = this.#edges;
    const twice = this.#twice;
    this.#twice = undefined;
    const n = out.sacks(e.length / 2 + (twice ? 1 : 0));
    if (n === 0) return;
    let told = 0;
    const block = (left: number, right: number) => {
      out.edge(left);
      out.edge(right);
      told++;
    };
    if (twice) block(twice[0], twice[1]);
    let first = -1;
    for (let i = 0; i < e.length && first < 0; i += 2) if (e[i] === this.#newest) first = i;
    if (first >= 0 && told < n) block(e[first]!, e[first + 1]!);
    for (let i = 0; i < e.length && told < n; i += 2) if (i !== first) block(e[i]!, e[i + 1]!);
  }
  clear(): void {
    this.#edges = [];
    this.#twice = undefined;
  }
}
