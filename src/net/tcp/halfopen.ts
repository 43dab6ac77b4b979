/** Connections that are on their way to listeners: a SYN was answered, the answer to that is not here (NetBSD: syn_cache). */
import { TH_ACK, TH_ECE, TH_SYN } from "../../wire/tcp.ts";
import { ECN_SETUP } from "./ecn.ts";
import { mssFor, scaleFor } from "./emit.ts";
import type { Secrets } from "./secrets.ts";
import type { Segment } from "./segment.ts";
import type { Agreed, TcpStack, Tuple } from "./tcb.ts";
import type { Timed } from "./timers.ts";
import { Tuples } from "./tuples.ts";

/** Our SYN and ACK are sent again so often, the first time after so many milliseconds. */
const TRIES = 5;
const FIRST = 1000;

/** One of them: little, for there may be many. */
export interface HalfOpen extends Tuple, Timed {
  readonly irs: number;
  readonly iss: number;
  readonly agreed: Agreed;
  /** The peer's newest timestamp, and what is added to our clock. */
  recent: number;
  readonly stampOffset: number;
  tries: number;
  readonly sentAt: number;
}

export class HalfOpens {
  readonly #stack: TcpStack;
  readonly #secrets: Secrets;
  readonly #all: Tuples<HalfOpen>;

  constructor(stack: TcpStack, secrets: Secrets) {
    this.#stack = stack;
    this.#secrets = secrets;
    this.#all = new Tuples(secrets.seed);
  }
  get size(): number {
    return this.#all.size;
  }
  find({ local, port, remote, remotePort }: Tuple): HalfOpen | undefined {
    return this.#all.find(local, port, remote, remotePort);
  }
  /** A SYN came for a listener. `floor`: our sequence number must be after that. */
  syn(tuple: Tuple, s: Segment, floor: number | undefined): void {
    const old = this.find(tuple);
    if (old?.irs === s.seq) return this.#answer(old, 0);
    if (old) this.remove(old);
    const agreed = this.#agree(s);
    if (this.#all.size >= this.#stack.settings.synCacheLimit) return this.#cookie(tuple, s, agreed);
    const half = this.#make(tuple, s, agreed, floor);
    this.#all.add(half);
    this.#answer(half, 0);
    this.#stack.timers.set(half);
  }
  #agree(s: Segment): Agreed {
    const { settings } = this.#stack;
    return {
      mss: Math.max(settings.minmss, s.mss || settings.mssdflt),
      scale: settings.windowScale ? s.scale : -1,
      sack: settings.sack && s.sackPermitted,
      stamped: settings.timestamps && s.stamped,
      ecn: settings.ecn && (s.flags & ECN_SETUP) === ECN_SETUP,
    };
  }
  #make(tuple: Tuple, s: Segment, agreed: Agreed, floor: number | undefined): HalfOpen {
    const { now } = this.#stack;
    let iss = this.#secrets.iss(tuple, now);
    if (floor !== undefined && ((iss - floor) | 0) <= 0) iss = floor;
    const half: HalfOpen = {
      local: tuple.local,
      port: tuple.port,
      remote: tuple.remote,
      remotePort: tuple.remotePort,
      irs: s.seq,
      iss,
      agreed,
      recent: s.stamp,
      stampOffset: this.#secrets.stampOffset(tuple),
      tries: 0,
      sentAt: now,
      due: now + FIRST,
      slot: -1,
      queued: Infinity,
      expire: () => this.#again(half),
    };
    return half;
  }
  #again(half: HalfOpen): void {
    if (++half.tries > TRIES) return this.remove(half);
    this.#answer(half, 0);
    half.due = this.#stack.now + FIRST * 2 ** half.tries;
    this.#stack.timers.set(half);
  }
  /** SYN and ACK. */
  #answer(half: HalfOpen, stamp: number): void {
    const { out, settings, now, counters } = this.#stack;
    const { agreed } = half;
    // Where the answer does not come, it may be for that.
    const ecn = agreed.ecn && half.tries <= settings.ecnRetries ? TH_ECE : 0;
    out.begin(half.iss, (half.irs + 1) | 0, TH_SYN | TH_ACK | ecn, Math.min(settings.recvspace, 65_535));
    out.mss(mssFor(this.#stack.mtu(half.remote), half.remote));
    if (agreed.scale >= 0) out.scale(scaleFor(settings.recvbufMax));
    if (agreed.sack) out.sackPermitted();
    if (agreed.stamped) out.stamp(((stamp || Math.floor(now)) + half.stampOffset) | 0, half.recent);
    counters.segmentsOut++;
    this.#stack.send(half, undefined);
  }
  /** Too many are on their way: answer without remembering. */
  #cookie(tuple: Tuple, s: Segment, asked: Agreed): void {
    // Only a timestamp brings back what has no place in the number.
    const agreed = asked.stamped ? asked : { ...asked, scale: -1, sack: false, ecn: false };
    const { now, counters } = this.#stack;
    const iss = this.#secrets.cookie(tuple, s.seq, agreed.mss, now);
    counters.cookiesSent++;
    this.#answer({ ...this.#make(tuple, s, agreed, undefined), iss }, this.#secrets.cookieStamp(agreed, now));
  }
  /** What is known of a connection whose SYN was answered by a cookie. Undefined: it was not. */
  fromCookie(tuple: Tuple, s: Segment): HalfOpen | undefined {
    const offset = this.#secrets.stampOffset(tuple);
    const { now, counters } = this.#stack;
    const irs = (s.seq - 1) | 0;
    const iss = (s.ack - 1) | 0;
    const echo = s.stamped ? (s.echo - offset) | 0 : undefined;
    const agreed = this.#secrets.readCookie(tuple, irs, iss, now, echo);
    if (!agreed) return undefined;
    counters.cookiesGood++;
    const half = this.#make(tuple, s, agreed, undefined);
    return { ...half, irs, iss, tries: 1 };
  }
  remove(half: HalfOpen): void {
    this.#stack.timers.remove(half);
    this.#all.delete(half);
  }
  clear(): void {
    for (const half of [...this.#all]) this.remove(half);
  }
}
