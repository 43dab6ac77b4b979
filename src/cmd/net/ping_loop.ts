/** The loop of ping and ping6: when requests go out, what replies they get, when it is over. */
import { errno, SysError } from "../../abi/errno.ts";
import { type Arrived, Interrupt, type ProbeSocket } from "./probe_socket.ts";
import { Counts } from "./probe_stats.ts";
import type { Tool } from "../tool.ts";

/** Sequence numbers have 16 bits. */
const NUMBERS = 0x10000;
/** A flood sends at least so often, milliseconds. */
const FLOOD_MS = 10;
/** How often a flood's dots are drawn, milliseconds. */
const DRAW_MS = 200;

export interface PingOptions {
  /** Requests in all; Infinity: until interrupted. */
  readonly count: number;
  /** Between two, milliseconds. */
  readonly interval: number;
  /** Sent at once at the beginning. */
  readonly preload: number;
  /** How long is waited for the last reply, milliseconds, when the longest way took so long. */
  readonly patience: (longest: number) => number;
  /** When it ends, whatever came, milliseconds from its beginning; Infinity: never. */
  readonly deadline: number;
  readonly flood: boolean;
  readonly quiet: boolean;
  /** One reply is enough. */
  readonly once: boolean;
  readonly audible: boolean;
}
/** What a family's ping makes of packets. */
export interface Pinger {
  readonly to: Uint8Array;
  /** The call that sends, for messages. */
  readonly call: string;
  request(seq: number): Uint8Array;
  /** The number of a reply to us; undefined: it is something else, and was said if it is to be. */
  replied(a: Arrived): number | undefined;
  /** What is said of a reply. */
  line(a: Arrived, seq: number, ms: number, again: boolean): string;
}

export class PingLoop {
  readonly counts = new Counts();
  readonly #t: Tool;
  readonly #socket: ProbeSocket;
  readonly #pinger: Pinger;
  readonly #o: PingOptions;
  readonly #interrupt: Interrupt;
  readonly #sentAt = new Float64Array(NUMBERS);
  readonly #answered = new Uint8Array(NUMBERS);
  /** When the next is to go, by our clock; and when the last one went. */
  #next = 0;
  #last = 0;
  #failed = 0;
  #dots = "";
  #drawn = 0;

  constructor(t: Tool, socket: ProbeSocket, pinger: Pinger, o: PingOptions) {
    this.#t = t;
    this.#socket = socket;
    this.#pinger = pinger;
    this.#o = o;
    this.#interrupt = new Interrupt(t.host);
  }
  get #more(): boolean {
    return this.counts.sent < this.#o.count;
  }
  /** Ping until all is answered or nobody waits any longer. */
  async run(): Promise<void> {
    this.#drawn = this.#next = this.#t.host.now();
    const end = this.#next + this.#o.deadline;
    for (let i = 0; i < this.#o.preload && this.#more; i++) await this.#send();
    while (!this.#interrupt.happened && !this.#done) {
      if (this.#more && this.#t.host.now() >= this.#next) await this.#transmit();
      if (this.#done) break;
      const until = this.#more ? this.#next : this.#last + this.#o.patience(this.counts.trips.max);
      const arrived = await this.#socket.next(Math.min(until, end) - this.#t.host.now(), this.#interrupt);
      const now = this.#t.host.now();
      if (arrived) this.#take(arrived);
      else if (now >= end || (!this.#more && now >= until)) break;
    }
    this.#draw(true);
    if (this.#o.flood && !this.#o.quiet) this.#t.out("\n");
  }
  get #done(): boolean {
    const { received } = this.counts;
    if (this.#o.once && received > 0) return true;
    return !this.#more && received + this.#failed >= this.#o.count;
  }
  async #transmit(): Promise<void> {
    const now = this.#t.host.now();
    // Who was held up does not catch up by a burst.
    this.#next = Math.max(this.#next, now - this.#o.interval) + (this.#o.flood ? FLOOD_MS : this.#o.interval);
    await this.#send();
  }
  async #send(): Promise<void> {
    const { counts } = this;
    const seq = counts.sent++ % NUMBERS;
    this.#answered[seq] = 0;
    this.#last = this.#t.host.now();
    try {
      counts.lastSent = this.#sentAt[seq] = await this.#socket.send(this.#pinger.request(seq), this.#pinger.to);
      if (Number.isNaN(counts.firstSent)) counts.firstSent = counts.lastSent;
      if (this.#o.flood) this.#dot(".");
    } catch (e) {
      if (!(e instanceof SysError) || e === errno.ECONNRESET) throw e; // the server is gone
      this.#failed++;
      this.#t.complain(`${this.#pinger.call}: ${e.message}`);
    }
  }
  #take(arrived: Arrived): void {
    const seq = this.#pinger.replied(arrived);
    if (seq === undefined) return;
    const { counts } = this;
    const again = this.#answered[seq] === 1;
    const ms = arrived.time - this.#sentAt[seq]!;
    this.#answered[seq] = 1;
    if (again) counts.duplicates++;
    else counts.received++;
    counts.lastReceived = arrived.time;
    counts.trips.add(ms);
    if (this.#o.flood) {
      this.#next = this.#t.host.now();
      this.#dot("\b");
    } else if (!this.#o.quiet) this.#t.out(`${this.#pinger.line(arrived, seq, ms, again)}\n`);
    if (this.#o.audible && !this.#o.flood && !again) this.#t.host.err("\x07"); // more likely a terminal
  }
  /** What is lost stays on the screen: a dot goes with its reply. */
  #dot(mark: string): void {
    if (mark === "\b" && this.#dots.endsWith(".")) this.#dots = this.#dots.slice(0, -1);
    else this.#dots += mark;
    this.#draw(false);
  }
  #draw(end: boolean): void {
    const now = this.#t.host.now();
    if (this.#dots === "" || this.#o.quiet || (!end && now < this.#drawn + DRAW_MS)) return;
    this.#t.out(this.#dots);
    this.#dots = "";
    this.#drawn = now;
  }
}
