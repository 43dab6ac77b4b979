/** struct tcp_info of Linux (linux/tcp.h) out of NetBSD's: the same fields in front, other lengths of time and counters behind. */
import { TcpInfo } from "../abi/tcp_info.ts";
import { struct, u32, u8, viewOf } from "../lib/struct.ts";

/** Up to tcpi_total_retrans, the first version's end. */
const Linux = struct("le", {
  state: u8,
  caState: u8,
  retransmits: u8,
  probes: u8,
  backoff: u8,
  options: u8,
  scales: u8,
  flags: u8,
  rto: u32,
  ato: u32,
  sndMss: u32,
  rcvMss: u32,
  unacked: u32,
  sacked: u32,
  lost: u32,
  retrans: u32,
  fackets: u32,
  lastDataSent: u32,
  lastAckSent: u32,
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
  totalRetrans: u32,
}, 104);
/** Linux's states (net/tcp_states.h) of NetBSD's (netinet/tcp_fsm.h): CLOSED, LISTEN, SYN_SENT, SYN_RECEIVED, ESTABLISHED, CLOSE_WAIT, FIN_WAIT_1, CLOSING, LAST_ACK, FIN_WAIT_2, TIME_WAIT. */
const STATES = [7, 10, 2, 3, 1, 8, 4, 11, 9, 5, 6];
const same = [
  "options",
  "scales",
  "rto",
  "ato",
  "sndMss",
  "rcvMss",
  "lastDataRecv",
  "lastAckRecv",
  "pmtu",
  "rcvSsthresh",
  "rtt",
  "rttvar",
  "advmss",
  "reordering",
  "rcvRtt",
  "rcvSpace",
] as const;

/** Windows are in bytes here and in segments there. */
export function linuxTcpInfo(bsd: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(Linux.size);
  if (bsd.length < TcpInfo.size) return bytes;
  const [from, to] = [viewOf(bsd), viewOf(bytes)];
  for (const name of same) Linux.set[name](to, 0, TcpInfo.get[name](from, 0));
  const mss = Math.max(1, TcpInfo.get.sndMss(from, 0));
  Linux.set.state(to, 0, STATES[TcpInfo.get.state(from, 0)] ?? 0);
  Linux.set.sndCwnd(to, 0, Math.floor(TcpInfo.get.sndCwnd(from, 0) / mss));
  Linux.set.sndSsthresh(to, 0, Math.floor(TcpInfo.get.sndSsthresh(from, 0) / mss));
  Linux.set.totalRetrans(to, 0, TcpInfo.get.sndRexmitpack(from, 0));
  return bytes;
}
