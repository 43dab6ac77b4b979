/** The state of one connection (RFC 9293, 3.3.1; NetBSD: struct tcpcb), and what it needs of its stack and tells its user. */
import type { SysError } from "../../abi/errno.ts";
import type { Address } from "../address.ts";
import type { Interface } from "../interface.ts";
import type { Extras6 } from "../ip6/extras.ts";
import type { IpOptions } from "../ip_options.ts";
import { algorithms, type Congestion, initialWindow } from "./congestion.ts";
import type { Ecn } from "./ecn.ts";
import type { Counters } from "./counters.ts";
import { Reassembly } from "./reassembly.ts";
import { Ring, type RingPool } from "./ring.ts";
import { Rtt } from "./rtt.ts";
import type { OutSegment } from "./segment.ts";
import { type Sent, SentList } from "./sent.ts";
import type { KeepTimes, Settings } from "./settings.ts";
import type { Timed, Timers } from "./timers.ts";
import type { Urgent } from "./urgent.ts";

/** netinet/tcp_fsm.h */
export const CLOSED = 0;
export const SYN_SENT = 2;
export const SYN_RECEIVED = 3;
export const ESTABLISHED = 4;
export const CLOSE_WAIT = 5;
export const FIN_WAIT_1 = 6;
export const CLOSING = 7;
export const LAST_ACK = 8;
export const FIN_WAIT_2 = 9;
export const TIME_WAIT = 10;

/** Both ends of a connection: addresses of one family, and ports. */
export interface Tuple {
  readonly local: Address;
  readonly port: number;
  readonly remote: Address;
  readonly remotePort: number;
}
/** What IP is told of packets; undefined: its own. */
export interface HeaderOptions {
  readonly ttl?: number | undefined;
  readonly tos?: number | undefined;
  readonly flow?: number | undefined;
  /** IPv4's options; headers behind IPv6's. */
  readonly options?: IpOptions;
  readonly extras?: Extras6 | undefined;
  readonly iface?: Interface | undefined;
}
/** Who is told of a connection. */
export interface TcpUser {
  connected(): void;
  /** There is more to read, or the end of it. */
  readable(): void;
  /** There is room for more to send. */
  writable(): void;
  /** It is over; why, if not in order. */
  closed(error: SysError | undefined): void;
}
/** What connections share. */
export interface TcpStack {
  readonly settings: Settings;
  readonly timers: Timers;
  readonly pool: RingPool;
  readonly spare: Sent[];
  readonly out: OutSegment;
  readonly counters: Counters;
  /** Milliseconds, never back: as of the event that is handled. */
  now: number;
  /** Send `out`, with data of `ring`. */
  send(to: Tuple, ring: Ring | undefined): SysError | undefined;
  /** The largest IP packet towards an address. */
  mtu(remote: Address): number;
  /** Bytes of data one packet may have that is cut into segments on its way out. */
  readonly burst: number;
  /** A challenge ACK may be sent now (RFC 5961, 7). */
  mayChallenge(): boolean;
  /** It has come to TIME_WAIT, and to its end. */
  waits(c: Tcb): void;
  gone(c: Tcb): void;
  /** One of its timers is due. */
  expired(c: Tcb): void;
}
/** What the peer's and our SYN agreed on. */
export interface Agreed {
  readonly mss: number;
  /** -1: no scaling. */
  readonly scale: number;
  readonly sack: boolean;
  readonly stamped: boolean;
  readonly ecn: boolean;
}

/** What the one timer of sending waits for. */
export type Waits = "nothing" | "answer" | "probe" | "reorder" | "window";

export class Tcb implements Tuple, Timed {
  readonly stack: TcpStack;
  user: TcpUser | undefined;
  /** Called when it is no more, by whoever keeps its ends. */
  forgotten: (() => void) | undefined;
  readonly local: Address;
  readonly port: number;
  readonly remote: Address;
  readonly remotePort: number;
  state = CLOSED;
  header: HeaderOptions = {};

  // Sending
  iss = 0;
  /** Oldest not acknowledged, and next to send. */
  una = 0;
  nxt = 0;
  /** The peer's window, the largest it had, and from which segment that is known. */
  wnd = 0;
  maxWnd = 0;
  wl1 = 0;
  wl2 = 0;
  sendScale = 0;
  /** Bytes of data in a segment: what the peer takes, and what fits now. */
  peerMss: number;
  /** No larger than the user wants (TCP_MAXSEG); 0: as large as may be. */
  maxSegment = 0;
  /** No larger since larger ones seem to vanish (timer.ts); 0: they do not. */
  pathLimit = 0;
  /** The largest that has arrived. */
  arrived = 0;
  mss: number;
  /** Bytes from `una` on. */
  readonly sending: Ring;
  sendLimit: number;
  readonly sent: SentList;
  /** No more data will come from the user; the FIN is sent. */
  finish = false;
  finSent = false;
  /** The number behind our newest urgent byte; what is before `una` is no news. */
  urgentTo: number | undefined;
  noDelay = false;
  /** Buffers grow by themselves until the user sets their size. */
  autoSend = true;
  autoReceive = true;

  // Receiving
  irs = 0;
  rcvNxt = 0;
  /** Right edge of the window that was told, never taken back; acknowledged last. */
  rcvEdge = 0;
  acked = 0;
  receiveScale = 0;
  /** Both scale their windows. */
  scaled = false;
  readonly receiving: Ring;
  receiveLimit: number;
  readonly early = new Reassembly();
  /** Where the peer's data ends, once that is known; all of it has come. */
  finAt: number | undefined;
  finReceived = false;
  /** Data came since the last acknowledgement, bytes. */
  unacked = 0;
  ackNow = false;
  /** Bytes of data in the largest segment of the peer: two of them are acknowledged at once. */
  peerSegment = 0;
  /** How much the user has read since a round trip began: the buffer grows by that. */
  readSince = 0;
  readFrom = 0;

  /** The peer's urgent data, once there was some; whether it stays in the stream (SO_OOBINLINE). */
  urgent: Urgent | undefined;
  oobInline = false;

  // Options
  stamped = false;
  sackOk = false;
  /** The peer's newest timestamp, and when it came; added to our clock. */
  recent = 0;
  recentAt = 0;
  stampOffset = 0;

  // Congestion and recovery (recovery.ts)
  readonly rtt = new Rtt();
  congestion: Congestion;
  /** Losses are being mended until this is acknowledged; after a timeout, all over again. */
  recovering: "no" | "loss" | "timeout" = "no";
  recoverTo = 0;
  /** The round trip the acknowledgement in hand measures, milliseconds; negative: none (Karn's rule). */
  measured = -1;
  prrDelivered = 0;
  prrOut = 0;
  prrFlight = 0;
  dupAcks = 0;
  /** The last sending used the window in full. */
  limited = false;
  /** RACK: of what arrived, the last sent: when and its end; its round trip; the highest end; whether the path reorders. */
  rackAt = -1;
  rackEnd = 0;
  rackRtt = 0;
  rackHighest = 0;
  reordering = false;
  reorderFactor = 1;
  /** A tail loss probe is out: acknowledgement of what ends it. */
  probing = false;
  probeEnd = 0;
  probeAgain = false;
  /** What was before a timeout, to be had again if it was a mistake. */
  undoWindow = 0;
  undoThreshold = 0;
  undoStamp = 0;

  // What TCP_INFO tells: segments that were sent again, that came too early, and windows of 0 that were told.
  resent = 0;
  outOfOrder = 0;
  zeroWindows = 0;

  /** ECN, where both speak it. */
  ecn: Ecn | undefined;

  // Timers
  due = Infinity;
  slot = -1;
  queued = Infinity;
  sendDue = Infinity;
  waits: Waits = "nothing";
  ackDue = Infinity;
  /** Connecting, keepalive, FIN_WAIT_2, TIME_WAIT: by state. */
  lifeDue = Infinity;
  keepAlive = false;
  keep: KeepTimes;
  keepTried = 0;
  windowProbes = 0;
  lastHeard: number;
  lastSent = 0;
  /** What could not be reached: told if nothing better comes. */
  softError: SysError | undefined;

  constructor(stack: TcpStack, tuple: Tuple, mss: number) {
    const { settings } = stack;
    this.stack = stack;
    this.local = tuple.local;
    this.port = tuple.port;
    this.remote = tuple.remote;
    this.remotePort = tuple.remotePort;
    this.peerMss = this.mss = mss;
    this.sending = new Ring(stack.pool);
    this.receiving = new Ring(stack.pool);
    this.sent = new SentList(stack.spare);
    this.sendLimit = settings.sendspace;
    this.receiveLimit = settings.recvspace;
    this.congestion = (algorithms[settings.congctl] ?? algorithms.cubic!)(initialWindow(mss));
    this.keep = settings;
    this.lastHeard = stack.now;
  }
  expire(): void {
    this.stack.expired(this);
  }
  get synchronized(): boolean {
    return this.state >= ESTABLISHED;
  }
  /** Our timestamp now. */
  get stamp(): number {
    return (Math.floor(this.stack.now) + this.stampOffset) | 0;
  }
  /** Bytes of data that were not sent yet. */
  get unsent(): number {
    return this.finSent ? 0 : this.sending.size - ((this.nxt - this.una) | 0);
  }
}
