/** Sending: what goes out when, and how large (RFC 9293, 3.8; 1122, 4.2.3; NetBSD: tcp_output.c). */
import { TH_ACK, TH_FIN, TH_PUSH } from "../../wire/tcp.ts";
import { armSend } from "./arm.ts";
import { emit, sendAck } from "./emit.ts";
import { prrLimit } from "./recovery.ts";
import type { Sent } from "./sent.ts";
import { after, distance } from "./seq.ts";
import { CLOSE_WAIT, ESTABLISHED, FIN_WAIT_1, LAST_ACK, type Tcb } from "./tcb.ts";

/** Whether the FIN is to be sent: the user has finished, in a state where that can be told. */
const mayFinish = (c: Tcb) => c.finish && !c.finSent && c.state >= ESTABLISHED;

/** Send what may be sent now: lost segments, new data, the end, an acknowledgement. */
export function output(c: Tcb): void {
  if (c.state < ESTABLISHED) return;
  if (c.ackNow && c.early.pending) sendAck(c); // what SACK tells has no room beside data
  while (sendOne(c));
  if (c.ackNow) sendAck(c);
  armSend(c);
}
function sendOne(c: Tcb): boolean {
  const room = Math.floor(c.recovering === "loss" ? prrLimit(c) : c.congestion.window - c.sent.pipe);
  if (c.sent.lost > 0) {
    const i = c.sent.nextLost;
    const need = Math.min(c.sent.get(i).length, c.mss);
    c.limited = room < need && c.sent.pipe > 0;
    if (c.limited) return false;
    resend(c, i);
    return true;
  }
  return sendNew(c, room);
}
/** Send a segment once more; no more than fits now. */
export function resend(c: Tcb, i: number): void {
  const { sent } = c;
  const isLast = (s: Sent) => c.finSent && ((s.seq + s.length) | 0) === c.nxt;
  const whole = sent.get(i);
  if (whole.length - (isLast(whole) ? 1 : 0) > c.mss) sent.split(i, c.mss);
  const s = sent.get(i);
  const fin = isLast(s);
  c.stack.counters.retransmitted++;
  c.stack.counters.retransmittedBytes += s.length;
  c.resent++;
  sent.resent(s, c.stack.now);
  c.prrOut += s.length;
  emit(c, s.seq, TH_ACK | (fin ? TH_FIN : 0) | TH_PUSH, s.length - (fin ? 1 : 0));
}
function sendNew(c: Tcb, room: number): boolean {
  const { unsent } = c;
  const finish = mayFinish(c);
  c.limited = false;
  if (unsent === 0 && !finish) return false;
  const allowed = distance((c.una + c.wnd) | 0, c.nxt);
  const n = amount(c, unsent, Math.min(room, allowed));
  const last = n === unsent;
  const fin = finish && last && (n > 0 || room > 0 || c.sent.count === 0);
  c.limited = room < Math.min(unsent, c.mss) && room <= allowed;
  if (n === 0 && !fin) return false;
  if (n < c.mss && !fin && !worthwhile(c, n, last, allowed)) return false;
  sendSegment(c, n, fin, last);
  return n < unsent;
}
/** How much of what is unsent goes in one packet: whole segments if there are several; the rest by itself unless it may go anyway. */
function amount(c: Tcb, unsent: number, most: number): number {
  const { mss } = c;
  const n = Math.max(0, Math.min(unsent, most, mss));
  if (n < mss || unsent === mss || !mayBurst(c)) return n;
  const many = Math.min(unsent, most, Math.floor(c.stack.burst / mss) * mss);
  return many === unsent && (c.noDelay || c.finish) ? many : Math.max(mss, many - many % mss);
}
/** What is urgent, and what tells that we have slowed down, is said in one segment alone. */
const mayBurst = (c: Tcb) =>
  c.stack.burst > c.mss && !c.ecn?.cwr && (c.urgentTo === undefined || !after(c.urgentTo, c.nxt));
/** Whether less than a full segment may go: the last there is and Nagle agrees, or half of all the peer ever takes. */
function worthwhile(c: Tcb, n: number, last: boolean, allowed: number): boolean {
  // What is urgent does not wait for company.
  if (last) return c.noDelay || c.sent.count === 0 || (c.urgentTo !== undefined && after(c.urgentTo, c.nxt));
  return n === allowed && n >= c.maxWnd / 2;
}
/** Send `n` bytes of new data. */
export function sendSegment(c: Tcb, n: number, fin: boolean, push: boolean): void {
  const { stack } = c;
  if (c.sent.count === 0 && stack.now - c.lastSent > c.rtt.timeout) c.congestion.idle(c.mss);
  const seq = c.nxt;
  const length = n + (fin ? 1 : 0);
  c.sent.push(seq, length, stack.now);
  c.nxt = (seq + length) | 0;
  c.prrOut += length;
  if (fin) {
    c.finSent = true;
    c.state = c.state === CLOSE_WAIT ? LAST_ACK : c.state === ESTABLISHED ? FIN_WAIT_1 : c.state;
  }
  stack.counters.bytesOut += n;
  emit(c, seq, TH_ACK | (fin ? TH_FIN : 0) | (push && n > 0 ? TH_PUSH : 0), n, true);
}
/** The window stayed small: use what there is of it. False: there is none. */
export function overrideWindow(c: Tcb): boolean {
  const n = Math.min(c.unsent, distance((c.una + c.wnd) | 0, c.nxt), c.mss);
  if (n <= 0) return false;
  sendSegment(c, n, false, n === c.unsent);
  return true;
}
/** The last segment, apart from those it went out with. */
function lastSegment({ sent, mss }: Tcb): number {
  const i = sent.count - 1;
  const others = Math.floor((sent.get(i).length - 1) / mss) * mss;
  if (others > 0) sent.split(i, others);
  return sent.count - 1;
}
/** No answer for two round trips: something new, or the last once more, tells whether the tail was lost (RFC 8985, 7.3). */
export function probeTail(c: Tcb): void {
  const n = Math.min(c.unsent, distance((c.una + c.wnd) | 0, c.nxt), c.mss);
  c.probing = true;
  c.probeAgain = n <= 0;
  c.stack.counters.probes++;
  if (n > 0) sendSegment(c, n, false, true);
  else resend(c, lastSegment(c));
  c.probeEnd = c.nxt;
}
