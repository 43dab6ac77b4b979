/** What was sent and is not acknowledged: segment by segment, what became of it (the scoreboard of RFC 6675 and 8985). */
import { after, before, distance } from "./seq.ts";

/** One segment that was sent. Neither `sacked` nor `lost`: it is under way. */
export interface Sent {
  seq: number;
  /** In sequence numbers: a FIN counts. */
  length: number;
  /** When it was last sent. */
  at: number;
  /** Sent more than once. */
  again: boolean;
  sacked: boolean;
  lost: boolean;
}
/** Records kept for use again. */
const KEPT = 4096;

export class SentList {
  /** Records of all connections of a stack that are of no use now. */
  readonly #spare: Sent[];
  #items: Sent[] = [];
  #first = 0;
  /** Sequence numbers under way, sacked, and waiting to be sent again. */
  pipe = 0;
  sacked = 0;
  lost = 0;
  /** The first that may be lost: none before is. */
  #lostFrom = 0;

  constructor(spare: Sent[]) {
    this.#spare = spare;
  }
  get count(): number {
    return this.#items.length - this.#first;
  }
  get(i: number): Sent {
    return this.#items[this.#first + i]!;
  }
  get last(): Sent | undefined {
    return this.count > 0 ? this.#items[this.#items.length - 1] : undefined;
  }
  push(seq: number, length: number, at: number): void {
    const s = this.#spare.pop() ?? { seq, length, at, again: false, sacked: false, lost: false };
    s.seq = seq;
    s.length = length;
    s.at = at;
    s.again = s.sacked = s.lost = false;
    this.#items.push(s);
    this.pipe += length;
  }
  /** Take the first away if it ends at or before `ack`. It is lent until the next is pushed. */
  shift(ack: number): Sent | undefined {
    const s = this.#items[this.#first];
    if (!s || after((s.seq + s.length) | 0, ack)) return undefined;
    this.#leave(s);
    this.#first++;
    if (this.#first === this.#items.length) this.#items.length = this.#first = 0;
    else if (this.#first >= 64 && this.#first * 2 >= this.#items.length) {
      this.#items.splice(0, this.#first);
      this.#first = 0;
    }
    this.#lostFrom = Math.max(0, this.#lostFrom - 1);
    if (this.#spare.length < KEPT) this.#spare.push(s);
    return s;
  }
  /** `ack` is within the first: what is before it is done with. */
  trim(ack: number): void {
    const s = this.#items[this.#first];
    const n = s ? distance(ack, s.seq) : 0;
    if (!s || n <= 0) return;
    this.#leave(s);
    s.seq = ack;
    s.length -= n;
    this.#enter(s);
  }
  #enter(s: Sent): void {
    if (s.sacked) this.sacked += s.length;
    else if (s.lost) this.lost += s.length;
    else this.pipe += s.length;
  }
  #leave(s: Sent): void {
    if (s.sacked) this.sacked -= s.length;
    else if (s.lost) this.lost -= s.length;
    else this.pipe -= s.length;
  }
  markSacked(s: Sent): void {
    this.#leave(s);
    s.sacked = true;
    s.lost = false;
    this.#enter(s);
  }
  markLost(i: number): void {
    const s = this.get(i);
    if (s.sacked || s.lost) return;
    this.#leave(s);
    s.lost = true;
    this.#enter(s);
    if (i < this.#lostFrom) this.#lostFrom = i;
  }
  /** The peer forgot what it had said it has, or nothing came back for too long: all is lost that was under way. */
  markAllLost(forget: boolean): void {
    for (let i = 0; i < this.count; i++) {
      const s = this.get(i);
      if (s.sacked && !forget) continue;
      this.#leave(s);
      s.sacked = false;
      s.lost = true;
      this.#enter(s);
    }
    this.#lostFrom = 0;
  }
  /** The first that is to be sent again. */
  get nextLost(): number {
    if (this.lost === 0) return -1;
    for (let i = this.#lostFrom; i < this.count; i++) {
      if (!this.get(i).lost) continue;
      this.#lostFrom = i;
      return i;
    }
    return -1;
  }
  /** It goes out once more. */
  resent(s: Sent, at: number): void {
    this.#leave(s);
    s.lost = false;
    s.again = true;
    s.at = at;
    this.#enter(s);
  }
  /** Cut a segment in two, the first of `n`. */
  split(i: number, n: number): void {
    const s = this.get(i);
    const rest = { ...s, seq: (s.seq + n) | 0, length: s.length - n };
    s.length = n;
    this.#items.splice(this.#first + i + 1, 0, rest);
  }
  /** The first segment that begins at or after `seq`. */
  find(seq: number): number {
    let low = 0;
    let high = this.count;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (before(this.get(middle).seq, seq)) low = middle + 1;
      else high = middle;
    }
    return low;
  }
  clear(): void {
    this.#items.length = this.#first = this.#lostFrom = 0;
    this.pipe = this.sacked = this.lost = 0;
  }
}
