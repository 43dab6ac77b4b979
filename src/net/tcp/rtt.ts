/**
 * The time a round trip takes, and how long to wait for one (RFC 6298). The shortest wait is Linux's: the round trip and
 * 200 ms, which outlasts the delayed acknowledgements of every peer we know; RFC 6298's whole second makes nothing safer
 * since tail loss probes and RACK (RFC 8985) find losses before, and NetBSD's second of it stalls short transfers.
 */

const FIRST = 1000;
const LEAST_VARIANCE = 200;
export const MAX_RTO = 64_000;

export class Rtt {
  /** Milliseconds; 0: never measured. */
  smoothed = 0;
  #variance = 0;
  get variance(): number {
    return this.#variance;
  }
  /** The least there was. */
  least = Infinity;
  #timeout = FIRST;
  /** Times the timeout was doubled. */
  backoff = 0;

  measured(ms: number): void {
    const rtt = Math.max(ms, 0.001);
    if (rtt < this.least) this.least = rtt;
    if (this.smoothed === 0) {
      this.smoothed = rtt;
      this.#variance = rtt / 2;
    } else {
      this.#variance += (Math.abs(this.smoothed - rtt) - this.#variance) / 4;
      this.smoothed += (rtt - this.smoothed) / 8;
    }
    this.#timeout = this.smoothed + Math.max(LEAST_VARIANCE, 4 * this.#variance);
    this.backoff = 0;
  }
  /** Milliseconds until what is not acknowledged is sent again. */
  get timeout(): number {
    return Math.min(MAX_RTO, this.#timeout * 2 ** Math.min(this.backoff, 16));
  }
  /** The SYN had to be sent again: what is not measured yet is far (RFC 6298, 5.7). */
  far(): void {
    if (this.smoothed === 0) this.#timeout = 3 * FIRST;
  }
}
