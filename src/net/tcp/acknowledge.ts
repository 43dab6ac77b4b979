/** What an acknowledgement changes: what is done with, the peer's window, losses, our own end (RFC 9293, 3.10.7.4; 5681; 6298). */
import { armSend, restartSend } from "./arm.ts";
import { challenge } from "./emit.ts";
import {
  answersEarlier,
  detectLost,
  duplicateAck,
  markAcked,
  markSacked,
  probeAnswered,
  progressed,
} from "./recovery.ts";
import type { Segment } from "./segment.ts";
import { after, before, distance } from "./seq.ts";
import { drop, finWait2, timeWait } from "./state.ts";
import { CLOSING, FIN_WAIT_1, LAST_ACK, type Tcb, TIME_WAIT } from "./tcb.ts";

/** Take in ACK, window and SACK. False: the segment is to be left, or the connection is over. */
export function acknowledged(c: Tcb, s: Segment): boolean {
  if (c.state === TIME_WAIT) return true;
  // RFC 5961, 5: neither what was never sent nor what was acknowledged long ago.
  if (after(s.ack, c.nxt) || before(s.ack, (c.una - Math.max(c.maxWnd, 65_535)) | 0)) {
    challenge(c);
    return false;
  }
  if (c.sent.count > 0 || c.una !== s.ack) { if (!mendAndAdvance(c, s)) return false; }
  updateWindow(c, s);
  return true;
}
function mendAndAdvance(c: Tcb, s: Segment): boolean {
  if (before(s.ack, c.una)) return true; // older than what is known
  const bytes = distance(s.ack, c.una);
  c.measured = -1;
  const sacked = c.sackOk && s.sackCount > 0 ? markSacked(c, s) : 0;
  let delivered = sacked;
  if (bytes > 0) delivered += markAcked(c, s.ack);
  else if (isDuplicate(c, s)) {
    c.stack.counters.duplicateAcks++;
    if (!c.sackOk) duplicateAck(c);
  }
  if (c.recovering === "loss") c.prrDelivered += delivered;
  measure(c, s, bytes);
  if (bytes > 0 && !advance(c, s.ack, bytes, s)) return false;
  if (delivered > 0 && c.sackOk) detectLost(c);
  return true;
}
/** The round trip: of what was sent once; or by timestamps, of what was sent more often. */
function measure(c: Tcb, s: Segment, bytes: number): void {
  if (c.measured >= 0) roundTrip(c, c.measured);
  else if (bytes > 0 && s.stamped && s.echo !== 0) {
    const ms = distance(c.stamp, s.echo);
    if (ms >= 0 && ms < 600_000) roundTrip(c, ms + 0.5);
  } else if (bytes > 0) c.rtt.backoff = 0;
}
function roundTrip(c: Tcb, ms: number): void {
  c.rtt.measured(ms);
  c.stack.counters.measured++;
}
/** RFC 5681, 2: an acknowledgement that says nothing new. */
const isDuplicate = (c: Tcb, s: Segment) =>
  c.sent.count > 0 && s.length === 0 && s.window << c.sendScale === c.wnd && s.ack === c.una;

/** All before `ack` is done with. False: so is the connection. */
function advance(c: Tcb, ack: number, bytes: number, s: Segment): boolean {
  const data = Math.min(bytes, c.sending.size);
  const ended = c.finSent && ack === c.nxt;
  answersEarlier(c, s);
  c.stack.counters.acksIn++;
  c.stack.counters.bytesAcked += data;
  c.una = ack;
  if (before(c.wl2, ack)) c.wl2 = ack;
  c.sending.drop(data);
  progressed(c, ack, bytes);
  probeAnswered(c, s);
  c.windowProbes = 0;
  c.softError = undefined;
  if (c.sent.count > 0) restartSend(c);
  else {
    c.waits = "nothing";
    c.sendDue = Infinity;
  }
  armSend(c);
  growBuffer(c);
  if (data > 0) c.user?.writable();
  return !ended || finAcknowledged(c);
}
function finAcknowledged(c: Tcb): boolean {
  if (c.state === FIN_WAIT_1) finWait2(c);
  else if (c.state === CLOSING) timeWait(c);
  else if (c.state === LAST_ACK) return drop(c, undefined);
  return true;
}
/** The window, of a segment no older than the one it is known from (RFC 9293, 3.10.7.4). */
function updateWindow(c: Tcb, s: Segment): void {
  const older = before(s.seq, c.wl1) || (s.seq === c.wl1 && before(s.ack, c.wl2));
  if (older) return;
  const was = c.wnd;
  c.wnd = s.window << c.sendScale;
  if (c.wnd > was && s.length === 0 && c.wl2 === s.ack) c.stack.counters.windowUpdates++;
  c.wl1 = s.seq;
  c.wl2 = s.ack;
  if (c.wnd > c.maxWnd) c.maxWnd = c.wnd;
  if (was !== c.wnd && c.waits === "window") {
    c.waits = "nothing";
    c.sendDue = Infinity;
    c.windowProbes = 0;
  }
}
/** More may be under way than the user may store: a larger buffer lets it (net.inet.tcp.sendbuf_auto). */
function growBuffer(c: Tcb): void {
  const { settings, pool } = c.stack;
  if (!c.autoSend || c.sendLimit >= settings.sendbufMax || pool.used > settings.memory) return;
  const wanted = 2 * Math.floor(Math.min(c.congestion.window, c.wnd));
  if (wanted > c.sendLimit) c.sendLimit = Math.min(settings.sendbufMax, wanted);
}
