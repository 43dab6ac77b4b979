/** How much may be under way: NewReno (RFC 5681, 6582) and CUBIC (RFC 9438). Bytes and milliseconds. */

export interface Congestion {
  readonly name: string;
  /** Bytes that may be under way, and below which they are doubled every round trip. */
  window: number;
  threshold: number;
  /** So much more was acknowledged while the window was in full use. */
  acked(bytes: number, now: number, rtt: number, mss: number): void;
  /** Something was lost while `flight` bytes were under way: the new threshold. The window follows by PRR. */
  lost(flight: number, mss: number, now: number): void;
  /** Nothing was sent for a while: a new period begins (RFC 5681, 4.1). */
  idle(mss: number): void;
}
/** RFC 6928: ten segments, of ordinary size. */
export const initialWindow = (mss: number): number => Math.min(10 * mss, Math.max(2 * mss, 14_600));
/** Growth up to the threshold: what was acknowledged (RFC 3465, L = 2 segments a call); how much of it is left over. */
function slowStart(c: Congestion, bytes: number, mss: number): number {
  const grown = Math.min(bytes, Math.max(2 * mss, bytes >> 1), c.threshold - c.window);
  c.window += grown;
  return c.window < c.threshold ? 0 : bytes - grown;
}

export class NewReno implements Congestion {
  readonly name = "newreno";
  window: number;
  threshold = Infinity;
  #acked = 0;

  constructor(window: number) {
    this.window = window;
  }
  acked(bytes: number, _now: number, _rtt: number, mss: number): void {
    if (this.window < this.threshold) bytes = slowStart(this, bytes, mss);
    this.#acked += bytes;
    if (this.#acked < this.window) return;
    this.#acked -= this.window;
    this.window += mss;
  }
  lost(flight: number, mss: number): void {
    this.threshold = Math.max(flight / 2, 2 * mss);
    this.#acked = 0;
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

  constructor(window: number) {
    this.window = window;
  }
  acked(bytes: number, now: number, rtt: number, mss: number): void {
    if (this.window < this.threshold) bytes = slowStart(this, bytes, mss);
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
