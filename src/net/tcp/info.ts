/** What TCP_INFO tells of a connection (NetBSD: tcp_fill_info). */
import { TCPI_OPT_ECN, TCPI_OPT_SACK, TCPI_OPT_TIMESTAMPS, TCPI_OPT_WSCALE, TcpInfo } from "../../abi/tcp_info.ts";
import { viewOf } from "../../lib/struct.ts";
import { distance } from "./seq.ts";
import type { Tcb } from "./tcb.ts";

const MOST = 0xffff_ffff;
/** Milliseconds as microseconds. */
const us = (ms: number) => Math.min(MOST, Math.round(ms * 1000));

/** A struct tcp_info; of a socket without a connection all of it is 0 but its state. */
export function tcpInfo(c: Tcb | undefined, state: number): Uint8Array {
  const info = new Uint8Array(TcpInfo.size);
  const d = viewOf(info);
  TcpInfo.set.state(d, 0, c?.state ?? state);
  if (!c) return info;
  const { rtt, congestion } = c;
  const scales = c.scaled ? c.sendScale | (c.receiveScale << 4) : 0;
  TcpInfo.write(d, 0, {
    backoff: rtt.backoff,
    options: (c.stamped ? TCPI_OPT_TIMESTAMPS : 0) | (c.sackOk ? TCPI_OPT_SACK : 0) |
      (c.scaled ? TCPI_OPT_WSCALE : 0) | (c.ecn ? TCPI_OPT_ECN : 0),
    scales,
    rto: us(rtt.timeout),
    sndMss: c.mss,
    rcvMss: c.peerSegment || c.peerMss,
    lastDataRecv: us(c.stack.now - c.lastHeard),
    rtt: us(rtt.smoothed),
    rttvar: us(rtt.variance),
    sndSsthresh: Math.min(MOST, congestion.threshold),
    sndCwnd: Math.floor(congestion.window),
    rcvSpace: Math.max(0, distance(c.rcvEdge, c.rcvNxt)),
    sndWnd: c.wnd,
    sndNxt: c.nxt >>> 0,
    rcvNxt: c.rcvNxt >>> 0,
    sndRexmitpack: c.resent,
    rcvOoopack: c.outOfOrder,
    sndZerowin: c.zeroWindows,
  });
  return info;
}
