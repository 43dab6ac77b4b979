/** struct tcp_info (netinet/tcp.h, TCP_INFO): what a connection is like now. Times: microseconds. */
import { bytes, struct, u32, u8 } from "../lib/struct.ts";

/** Bits of `options`. */
export const TCPI_OPT_TIMESTAMPS = 1;
export const TCPI_OPT_SACK = 2;
export const TCPI_OPT_WSCALE = 4;
export const TCPI_OPT_ECN = 8;

export const TcpInfo = struct("le", {
  state: u8,
  caState: u8,
  retransmits: u8,
  probes: u8,
  backoff: u8,
  options: u8,
  /** That of sending in the lower four bits. */
  scales: u8,
  pad: u8,
  rto: u32,
  ato: u32,
  sndMss: u32,
  rcvMss: u32,
  unacked: bytes(20),
  lastSent: bytes(8),
  lastDataRecv: u32,
  lastAckRecv: u32,
  pmtu: u32,
  rcvSsthresh: u32,
  rtt: u32,
  rttvar: u32,
  sndSsthresh: u32,
  sndCwnd: u32,
  advmss: u32,
  reordering: u32,
  rcvRtt: u32,
  rcvSpace: u32,
  sndWnd: u32,
  sndBwnd: u32,
  sndNxt: u32,
  rcvNxt: u32,
  toeTid: u32,
  sndRexmitpack: u32,
  rcvOoopack: u32,
  sndZerowin: u32,
  spare: bytes(104),
}, 236);
