/** How much may be under way: NewReno (RFC 5681, 6582) and CUBIC (RFC 9438), both with HyStart++ (RFC 9406). Bytes and milliseconds. */

/** What an algorithm knows of a connection: a part of it. */
export interface Path {
  readonly mss: number;
  /** The round trip, and what the acknowledgement in hand measured of it; negative: nothing. */
  readonly rtt: { readonly smoothed: number };
  readonly measured: number;
  readonly stack: { readonly now: number };
}

export interface Congestion {
  readonly name: string;
  /** Bytes that may be under way, and below which they are doubled every round trip. */
  window: number;
  threshold: number;
  /** So much more was acknowledged while the window was in full use. */
  acked(bytes: number, path: Path): void;
  /** Something was lost while `flight` bytes were under way: the new threshold. The window follows by PRR. */
  lost(flight: number, mss: number, now: number): void;
  /** Nothing was sent for a while: a new period begins (RFC 5681, 4.1). */
  idle(mss: number): void;
}
/** RFC 6928: ten segments, of ordinary size. */
export const initialWindow = (mss: number): number => Math.min(10 * mss, Math.max(2 * mss, 14_600));
/** Samples that tell a round trip's least, and rounds of slower growth before slow start ends (RFC 9406, 4.3). */
const SAMPLES = 8;
const ROUNDS = 5;
const SLOWER = 4;
const LEAST_RISE = 4;
const MOST_RISE = 16;

/** Growth up to the threshold, which is found where round trips begin to take longer: before a queue overflows. */
class SlowStart {
  /** Bytes that end a round; its least round trip, and the one's before. */
  #left = 0;
  #samples = 0;
  #least = Infinity;
  #before = Infinity;
  /** Growing slower since so many rounds, unless round trips get below this again; -1: not. */
  #rounds = -1;
  #baseline = 0;

  /** So much was acknowledged; how much of it is left over beyond the threshold. */
  grow(c: Congestion, bytes: number, { mss, measured }: Path): number {
    if (measured >= 0) this.#sample(measured);
    this.#round(c, bytes);
    const step = this.#rounds < 0 ? bytes : bytes / SLOWER;
    const grown = Math.max(0, Math.min(step, Math.max(2 * mss, bytes >> 1), c.threshold - c.window));
    c.window += grown;
    return c.window < c.threshold ? 0 : Math.max(0, bytes - grown);
  }
  #sample(ms: number): void {
    this.#least = Math.min(this.#least, ms);
    if (++this.#samples < SAMPLES || this.#before === Infinity) return;
    const rise = Math.min(Math.max(this.#before / 8, LEAST_RISE), MOST_RISE);
    if (this.#rounds >= 0) {
      if (this.#least < this.#baseline) this.#rounds = -1;
    } else if (this.#least >= this.#before + rise) {
      this.#rounds = 0;
      this.#baseline = this.#least;
    }
  }
  #round(c: Congestion, bytes: number): void {
    this.#left -= bytes;
    if (this.#left > 0) return;
    this.#left = c.window;
    this.#before = this.#least;
    this.#least = Infinity;
    this.#samples = 0;
    if (this.#rounds >= 0 && ++this.#rounds >= ROUNDS) c.threshold = c.window;
  }
  reset(): void {
    this.#left = this.#samples = 0;
    this.#least = this.#before = Infinity;
    this.#rounds = -1;
  }
}

export class NewReno implements Congestion {
  readonly name = "newreno";
  window: number;
  threshold = Infinity;
  #acked = 0;
  readonly #start = new SlowStart();

  constructor(window: number) {
    this.window = window;
  }
  acked(bytes: number, path: Path): void {
    if (this.window < this.threshold) bytes = this.#start.grow(this, bytes, path);
    this.#acked += bytes;
    if (this.#acked < this.window) return;
    this.#acked -= this.window;
    this.window += path.mss;
  }
  lost(flight: number, mss: number): void {
    this.threshold = Math.max(flight / 2, 2 * mss);
    this.#acked = 0;
    this.#start.reset();
  }
  idle(mss: number): void {
    this.window = Math.min(this.window, initialWindow(mss));
  }
}

const C = 0.4;
const BETA = 0.7;
const ALPHA = (3 * (1 - BETA)) / (1 + BETA);

export class Cubic implements Congestion {
  readonly name = "cubic";
  window: number;
  threshold = Infinity;
  /** The window before the last loss, the time it takes to be there again (seconds), and since when that runs. */
  #before = 0;
  #k = 0;
  #epoch = -1;
  /** What Reno would have by now, and until when it grows slower to be fair. */
  #reno = 0;
  #prior = 0;
  readonly #start = new SlowStart();

  constructor(window: number) {
    this.window = window;
  }
  acked(bytes: number, path: Path): void {
    const { mss, rtt: { smoothed: rtt }, stack: { now } } = path;
    if (this.window < this.threshold) bytes = this.#start.grow(this, bytes, path);
    if (bytes <= 0) return;
    if (this.#epoch < 0) this.#begin(now, mss);
    const t = (now - this.#epoch) / 1000;
    this.#reno += ((this.#reno < this.#prior ? ALPHA : 1) * mss * bytes) / this.window;
    const at = this.#cubic(t, mss);
    if (at < this.#reno) this.window = Math.max(this.window, this.#reno);
    else {
      const target = Math.min(Math.max(this.#cubic(t + rtt / 1000, mss), this.window), 1.5 * this.window);
      this.window += ((target - this.window) * bytes) / this.window;
    }
  }
  #cubic(t: number, mss: number): number {
    return C * (t - this.#k) ** 3 * mss + this.#before;
  }
  #begin(now: number, mss: number): void {
    this.#epoch = now;
    this.#reno = this.window;
    if (this.#before <= this.window) {
      this.#before = this.window;
      this.#k = 0;
    } else this.#k = Math.cbrt((this.#before - this.window) / mss / C);
  }
  lost(flight: number, mss: number): void {
    const window = Math.min(this.window, Math.max(flight, 2 * mss));
    // Fast convergence: who got less than before leaves room for others.
    this.#before = window < this.#before ? (window * (1 + BETA)) / 2 : window;
    this.#prior = window;
    this.threshold = Math.max(window * BETA, 2 * mss);
    this.#epoch = -1;
    this.#start.reset();
  }
  idle(mss: number): void {
    this.window = Math.min(this.window, initialWindow(mss));
    this.#epoch = -1;
  }
}

/** Algorithms by name (net.inet.tcp.congctl.available). */
export const algorithms: Readonly<Record<string, (window: number) => Congestion>> = {
  cubic: (window) => new Cubic(window),
  newreno: (window) => new NewReno(window),
};
