/** Data and the end of it, as they arrive: in order, early, twice (RFC 9293, 3.10.7.4; delayed acknowledgements: 5681, 4.2). */
import { TH_FIN } from "../../wire/tcp.ts";
import { setTimer } from "./arm.ts";
import { sendAck, windowOpened } from "./emit.ts";
import type { Segment } from "./segment.ts";
import { distance } from "./seq.ts";
import { CLOSE_WAIT, CLOSING, ESTABLISHED, LAST_ACK, type Tcb, TIME_WAIT } from "./tcb.ts";

/** Take in what a segment brings; it is within the window. */
export function received(c: Tcb, s: Segment): void {
  if (c.finReceived || c.state === TIME_WAIT || c.state === LAST_ACK || c.state === CLOSING || c.state === CLOSE_WAIT) {
    if (s.length > 0) c.ackNow = true;
    return;
  }
  const size = s.piece || s.length;
  if (size > c.peerSegment) c.peerSegment = size;
  const fin = (s.flags & TH_FIN) !== 0;
  if (s.seq === c.rcvNxt) inOrder(c, s, fin);
  else early(c, s, fin);
}
function inOrder(c: Tcb, s: Segment, fin: boolean): void {
  const n = s.length;
  const gaps = !c.early.empty;
  if (n > 0) c.receiving.append(s.bytes, s.at, n);
  c.rcvNxt = (c.rcvNxt + n) | 0;
  c.unacked += n;
  c.stack.counters.bytesIn += n;
  if (n > 0) c.stack.counters.dataIn++;
  if (fin) c.finAt = c.rcvNxt;
  if (gaps) joinEarly(c);
  if (c.finAt === c.rcvNxt) {
    c.finReceived = true;
    c.rcvNxt = (c.rcvNxt + 1) | 0;
    c.ackNow = true;
  }
  if (gaps) c.ackNow = true;
  if (n > 0) measureReading(c);
  acknowledgeSoon(c);
  if (n > 0) c.user?.readable();
}
/** What came early follows now. */
function joinEarly(c: Tcb): void {
  const next = c.early.take(c.rcvNxt);
  const more = distance(next, c.rcvNxt);
  c.receiving.size += more;
  c.rcvNxt = next;
  c.unacked += more;
  c.stack.counters.bytesIn += more;
}
/** It is kept where it belongs; the peer is told at once what is missing. */
function early(c: Tcb, s: Segment, fin: boolean): void {
  const offset = distance(s.seq, c.rcvNxt);
  const end = (s.seq + s.length) | 0;
  c.ackNow = true;
  c.stack.counters.outOfOrder++;
  c.stack.counters.outOfOrderBytes += s.length;
  c.outOfOrder++;
  if (s.length > 0) {
    if (!c.early.add(s.seq, end)) return;
    c.receiving.put(c.receiving.size + offset, s.bytes, s.at, s.length);
  }
  if (fin) c.finAt = end;
}
/** Two segments are acknowledged at once, less after a while. */
function acknowledgeSoon(c: Tcb): void {
  if (c.ackNow || c.unacked === 0) return;
  const two = 2 * Math.max(c.peerSegment, 1);
  if (c.unacked >= Math.min(two, c.receiveLimit / 2)) c.ackNow = true;
  else if (c.ackDue === Infinity) {
    c.ackDue = c.stack.now + c.stack.settings.delayedAck;
    setTimer(c);
  }
}
/** The user read `n` bytes: the peer is told when there is room again that is worth it. */
export function hasRead(c: Tcb, n: number): void {
  c.readSince += n;
  if (c.state >= ESTABLISHED && c.state !== TIME_WAIT && !c.finReceived && windowOpened(c)) sendAck(c);
}
/** Four times what was read in a round trip, so that a sender may double what it sends, is what the buffer must hold (net.inet.tcp.recvbuf_auto). */
function measureReading(c: Tcb): void {
  const { settings, now, pool } = c.stack;
  if (!c.autoReceive || now - c.readFrom < Math.max(c.rtt.smoothed, 1)) return;
  const wanted = 4 * c.readSince + 2 * c.peerSegment;
  if (wanted > c.receiveLimit && pool.used < settings.memory) {
    c.receiveLimit = Math.min(settings.recvbufMax, Math.max(wanted, c.receiveLimit));
  }
  c.readSince = 0;
  c.readFrom = now;
}
