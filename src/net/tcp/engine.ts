/**
 * TCP without sockets and without packets: connections, listeners, and which segment is whose (RFC 9293). Whoever runs it
 * gives it segments and the time, and takes those that go out.
 */
import { errno, type SysError } from "../../abi/errno.ts";
import { TH_ACK, TH_FIN, TH_RST, TH_SYN } from "../../wire/tcp.ts";
import type { Address } from "../address.ts";
import { initialWindow } from "./congestion.ts";
import { Counters } from "./counters.ts";
import { Ecn } from "./ecn.ts";
import { scaleFor, setMss, tooLarge } from "./emit.ts";
import { type HalfOpen, HalfOpens } from "./halfopen.ts";
import { answered, input } from "./input.ts";
import { output } from "./output.ts";
import { RingPool } from "./ring.ts";
import { Secrets } from "./secrets.ts";
import { OutSegment, Segment } from "./segment.ts";
import type { Ring } from "./ring.ts";
import type { Sent } from "./sent.ts";
import { after, before } from "./seq.ts";
import { Settings } from "./settings.ts";
import { drop } from "./state.ts";
import { SYN_RECEIVED, SYN_SENT, Tcb, type TcpStack, type TcpUser, TIME_WAIT, type Tuple } from "./tcb.ts";
import { expired } from "./timer.ts";
import { Timers } from "./timers.ts";
import { Tuples } from "./tuples.ts";

/** What the engine needs of the world. */
export interface TcpWorld {
  /** Milliseconds, never back. */
  now(): number;
  random(into: Uint8Array): void;
  /** Call `run` at a time. */
  alarm(at: number): void;
  /** Send a segment, with data of a ring. Both are lent. */
  send(to: Tuple, out: OutSegment, ring: Ring | undefined): SysError | undefined;
  mtu(remote: Address): number;
  /** Bytes of data that a packet may have which `send` cuts into segments; left out: it does not. */
  readonly burst?: number;
  /** A router says that no larger packets pass. */
  learned(remote: Address, mtu: number): void;
  /** Who listens at an address; undefined: nobody. */
  listener(to: Tuple): TcpListener | undefined;
}
export interface TcpListener {
  /** Whether one more may come now. */
  readonly hasRoom: boolean;
  /** A connection has come, and is established: its user is to be set. False: there is no room after all. */
  came(c: Tcb): boolean;
}
const SECOND = 1000;
/** How far a new connection's numbers are ahead of those of the one it replaces. */
const AHEAD = 128_000;

export class TcpEngine implements TcpStack {
  readonly settings = new Settings();
  readonly counters = new Counters();
  readonly pool = new RingPool();
  readonly spare: Sent[] = [];
  readonly out = new OutSegment();
  readonly segment = new Segment();
  readonly timers: Timers;
  readonly half: HalfOpens;
  now: number;
  readonly #world: TcpWorld;
  readonly #secrets: Secrets;
  readonly #connections: Tuples<Tcb>;
  /** In the order they came there. */
  readonly #waiting = new Set<Tcb>();
  #second = -1;
  #challenges = 0;
  #resets = 0;

  constructor(world: TcpWorld) {
    this.#world = world;
    this.now = world.now();
    this.timers = new Timers((at) => world.alarm(at));
    this.#secrets = new Secrets((into) => world.random(into));
    this.#connections = new Tuples(this.#secrets.seed);
    this.half = new HalfOpens(this, this.#secrets);
  }
  get connections(): Iterable<Tcb> {
    return this.#connections;
  }
  get size(): number {
    return this.#connections.size;
  }
  /** To be called before anything else is, when time may have passed. */
  tick(): void {
    this.now = this.#world.now();
  }
  /** The time asked for has come. */
  run(): void {
    this.tick();
    this.timers.run(this.now);
  }

  // What connections ask of their stack

  send(to: Tuple, ring: Ring | undefined): SysError | undefined {
    return this.#world.send(to, this.out, ring);
  }
  mtu(remote: Address): number {
    return this.#world.mtu(remote);
  }
  get burst(): number {
    return this.#world.burst ?? 0;
  }
  expired(c: Tcb): void {
    expired(c);
  }
  mayChallenge(): boolean {
    this.#newSecond();
    return ++this.#challenges <= this.settings.challengeLimit;
  }
  #newSecond(): void {
    const second = Math.floor(this.now / SECOND);
    if (second === this.#second) return;
    this.#second = second;
    this.#challenges = this.#resets = 0;
  }
  waits(c: Tcb): void {
    this.#waiting.add(c);
    if (this.#waiting.size <= this.settings.timeWaitLimit) return;
    for (const oldest of this.#waiting) {
      drop(oldest, undefined);
      return;
    }
  }
  gone(c: Tcb): void {
    this.#waiting.delete(c);
    this.#connections.delete(c);
    c.forgotten?.();
  }

  // Segments

  /** A segment from `remote` to `local`; its ports and fields are in `s`, which may be changed. */
  input(to: Tuple, s: Segment): void {
    this.tick();
    this.counters.segmentsIn++;
    const c = this.find(to);
    if (!c) return this.#listen(to, s, undefined);
    if (c.state === TIME_WAIT && this.#replaces(c, s)) {
      const floor = (c.nxt + AHEAD) | 0;
      drop(c, undefined);
      return this.#listen(to, s, floor);
    }
    const had = s.length;
    if (input(c, s) === "reset") this.#reset(to, s, had);
  }
  find({ local, port, remote, remotePort }: Tuple): Tcb | undefined {
    return this.#connections.find(local, port, remote, remotePort);
  }
  /** A new connection between the ends of one that waits: what is old cannot be taken for it (RFC 9293, 3.6.1; 6191). */
  #replaces(c: Tcb, s: Segment): boolean {
    if ((s.flags & (TH_SYN | TH_ACK | TH_RST)) !== TH_SYN) return false;
    return c.stamped && s.stamped && s.stamp !== c.recent ? after(s.stamp, c.recent) : after(s.seq, c.rcvNxt);
  }
  #listen(to: Tuple, s: Segment, floor: number | undefined): void {
    const half = this.half.find(to);
    if (s.flags & TH_RST) {
      if (half && s.seq === ((half.irs + 1) | 0)) this.half.remove(half);
      return;
    }
    const listener = this.#world.listener(to);
    if (!listener) {
      this.counters.noPort++;
      return this.#reset(to, s, s.length);
    }
    if (s.flags & TH_ACK) return this.#accept(listener, to, s, half);
    if (!(s.flags & TH_SYN) || s.flags & TH_FIN) return;
    if (!listener.hasRoom) return void this.counters.synDropped++;
    this.half.syn(to, s, floor);
  }
  /** The answer to our SYN and ACK. */
  #accept(listener: TcpListener, to: Tuple, s: Segment, known: HalfOpen | undefined): void {
    if (known && s.flags & TH_SYN) return; // RFC 9293: nothing good
    const half = known ?? (s.flags & TH_SYN ? undefined : this.half.fromCookie(to, s));
    if (!half || s.ack !== ((half.iss + 1) | 0)) return this.#reset(to, s, s.length);
    const stale = half.agreed.stamped && s.stamped && before(s.stamp, half.recent);
    if (stale || s.seq !== ((half.irs + 1) | 0)) return; // early data, or old: it comes again
    if (!listener.hasRoom) return void this.counters.synDropped++;
    if (known) this.half.remove(known);
    const c = this.#open(half, s);
    if (!listener.came(c)) return void drop(c, errno.ECONNABORTED);
    this.counters.accepts++;
    input(c, s);
  }
  /** A connection of what was agreed. */
  #open(half: HalfOpen, s: Segment): Tcb {
    const { agreed } = half;
    const c = new Tcb(this, half, agreed.mss);
    c.iss = half.iss;
    c.nxt = (half.iss + 1) | 0;
    c.irs = half.irs;
    c.rcvNxt = c.acked = (half.irs + 1) | 0;
    c.rcvEdge = (c.rcvNxt + Math.min(this.settings.recvspace, 65_535)) | 0;
    c.scaled = agreed.scale >= 0;
    c.sendScale = c.scaled ? agreed.scale : 0;
    c.receiveScale = c.scaled ? scaleFor(this.settings.recvbufMax) : 0;
    c.sackOk = agreed.sack;
    c.stamped = agreed.stamped;
    if (agreed.ecn && half.tries <= this.settings.ecnRetries) c.ecn = new Ecn(c.nxt);
    c.stampOffset = half.stampOffset;
    c.recent = half.recent;
    c.recentAt = this.now;
    c.state = SYN_RECEIVED;
    setMss(c);
    c.congestion.window = initialWindow(c.mss);
    c.wnd = c.maxWnd = s.window << c.sendScale;
    c.wl1 = s.seq;
    c.lastSent = half.sentAt;
    this.#connections.add(c);
    if (half.tries === 0) c.rtt.measured(this.now - half.sentAt);
    answered(c, s);
    return c;
  }
  /** RST in answer to a segment that is nobody's (RFC 9293, 3.10.7.1). */
  #reset(to: Tuple, s: Segment, length: number): void {
    if (s.flags & TH_RST) return;
    this.#newSecond();
    if (++this.#resets > this.settings.rstLimit) return;
    const ends = (s.flags & TH_SYN ? 1 : 0) + (s.flags & TH_FIN ? 1 : 0);
    if (s.flags & TH_ACK) this.out.begin(s.ack, 0, TH_RST, 0);
    else this.out.begin(0, (s.seq + length + ends) | 0, TH_RST | TH_ACK, 0);
    this.counters.resetsOut++;
    this.counters.segmentsOut++;
    this.#world.send(to, this.out, undefined);
  }

  // Connections of ours

  /** Begin to connect; `begin` (user.ts) sends the SYN. EADDRINUSE: there is one between these ends. */
  create(tuple: Tuple, user: TcpUser): Tcb {
    this.tick();
    const old = this.find(tuple);
    if (old && old.state !== TIME_WAIT) throw errno.EADDRINUSE;
    const floor = old && (old.nxt + AHEAD) | 0;
    if (old) drop(old, undefined);
    const c = new Tcb(this, tuple, this.settings.mssdflt);
    c.user = user;
    c.stampOffset = this.#secrets.stampOffset(tuple);
    c.receiveScale = scaleFor(this.settings.recvbufMax);
    c.iss = this.#secrets.iss(tuple, this.now);
    if (floor !== undefined && before(c.iss, floor)) c.iss = floor;
    c.una = c.iss;
    c.nxt = (c.iss + 1) | 0;
    c.state = SYN_SENT;
    this.#connections.add(c);
    this.counters.connects++;
    return c;
  }
  /** The network says that a segment with this number did not arrive, and why (RFC 1122, 4.2.3.9; 5927: only for what is under way). */
  unreachable(to: Tuple, seq: number, code: SysError, mtu: number): void {
    this.tick();
    const c = this.find(to);
    if (!c || before(seq, c.una) || !before(seq, c.nxt)) return;
    if (code === errno.EMSGSIZE) {
      this.#world.learned(c.remote, mtu);
      tooLarge(c);
      return output(c);
    }
    if (c.state === SYN_SENT && code === errno.ECONNREFUSED) return void drop(c, code);
    c.softError = code;
  }
  /** All connections end: the stack goes. */
  close(): void {
    this.half.clear();
    for (const c of [...this.#connections]) drop(c, errno.ENETDOWN);
  }
}
