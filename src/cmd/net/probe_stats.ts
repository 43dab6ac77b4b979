/** What pings count: packets, and how long their round trips took. */

/** Round trips in milliseconds. */
export class RoundTrips {
  count = 0;
  min = Infinity;
  max = 0;
  #sum = 0;
  #squares = 0;

  add(ms: number): void {
    this.count++;
    this.min = Math.min(this.min, ms);
    this.max = Math.max(this.max, ms);
    this.#sum += ms;
    this.#squares += ms * ms;
  }
  get mean(): number {
    return this.#sum / this.count;
  }
  /** Of all of them, not of a sample. */
  get deviation(): number {
    return Math.sqrt(Math.max(0, this.#squares / this.count - this.mean ** 2));
  }
  /** `min/avg/max/stddev` with some digits. */
  text(digits: number): string {
    return [this.min, this.mean, this.max, this.deviation].map((n) => n.toFixed(digits)).join("/");
  }
}

/** Packets of a ping. */
export class Counts {
  sent = 0;
  received = 0;
  duplicates = 0;
  readonly trips = new RoundTrips();
  /** Milliseconds of the kernel's clock: first and last sent, last received. */
  firstSent = NaN;
  lastSent = NaN;
  lastReceived = NaN;

  /** One line: how many were sent, received and lost. */
  get line(): string {
    const { sent, received, duplicates } = this;
    const twice = duplicates > 0 ? `+${duplicates} duplicates, ` : "";
    const lost = sent === 0
      ? ""
      : received > sent
      ? "-- somebody's duplicating packets!"
      : `${(((sent - received) * 100) / sent).toFixed(1)}% packet loss`;
    return `${sent} packets transmitted, ${received} packets received, ${twice}${lost}`;
  }
  /** Packets a second sent and received: of a flood. */
  get rates(): string {
    const [over, back] = [this.lastSent, this.lastReceived].map((t) => Math.max(1e-4, (t - this.firstSent) / 1000));
    const [sent, received] = [this.sent / over!, this.received > 0 ? this.received / back! : 0];
    return `  ${sent.toFixed(1)} packets/sec sent,  ${received.toFixed(1)} packets/sec received`;
  }
}
