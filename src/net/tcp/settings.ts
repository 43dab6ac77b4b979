/** What can be set for all connections of a stack (sysctl net.inet.tcp.*); NetBSD's names and defaults unless said otherwise. */

/** When an idle connection is probed, and how long one may take to begin (TCP_KEEPIDLE and its kin): milliseconds, and a count. */
export interface KeepTimes {
  readonly keepIdle: number;
  readonly keepInterval: number;
  readonly keepCount: number;
  readonly keepInit: number;
}

export class Settings implements KeepTimes {
  /** Buffers of a new socket, bytes, and how far they grow by themselves. */
  sendspace = 32 << 10;
  recvspace = 32 << 10;
  sendbufAuto = true;
  recvbufAuto = true;
  /** NetBSD's end at 256 KiB: too little for a long path. */
  sendbufMax = 4 << 20;
  recvbufMax = 4 << 20;
  /** Bytes all buffers may have before none grows any more. */
  memory = 256 << 20;
  /** The largest segment for a peer that says nothing, and the least it may ask for. */
  mssdflt = 536;
  minmss = 216;
  windowScale = true;
  timestamps = true;
  sack = true;
  /** Offer and accept explicit congestion notification; SYNs that offer it before one that does not (RFC 3168, 6.1.1.1). */
  ecn = false;
  ecnRetries = 1;
  /** Congestion control of new connections. */
  congctl = "cubic";
  /** Milliseconds an acknowledgement may wait for company. */
  delayedAck = 40;
  /** Milliseconds until an idle connection is probed, between probes, and how many go unanswered. */
  keepIdle = 7_200_000;
  keepInterval = 75_000;
  keepCount = 8;
  /** Milliseconds connect(2) may take. */
  keepInit = 75_000;
  /** Longest life of a segment, milliseconds: TIME_WAIT lasts two. */
  msl = 30_000;
  /** Milliseconds a closed socket's connection waits for its peer's end. */
  finWait = 60_000;
  /** Connections that are on their way, to all listeners; above, SYN cookies. */
  synCacheLimit = 1024;
  /** Connections in TIME_WAIT that are remembered: above, the oldest is forgotten. */
  timeWaitLimit = 4096;
  /** RSTs and challenge ACKs a second (RFC 5961, 7). */
  rstLimit = 100;
  challengeLimit = 100;
  /** Log connections to ports where nobody listens. */
  logRefused = false;
}
