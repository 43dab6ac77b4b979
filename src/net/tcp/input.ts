/** A segment for a connection (RFC 9293, 3.10.7; 5961; 7323; NetBSD: tcp_input.c). */
import { errno } from "../../abi/errno.ts";
import { TH_ACK, TH_CWR, TH_ECE, TH_FIN, TH_RST, TH_SYN, TH_URG } from "../../wire/tcp.ts";
import { acknowledged } from "./acknowledge.ts";
import { setTimer } from "./arm.ts";
import { initialWindow } from "./congestion.ts";
import { congested, Ecn, marked } from "./ecn.ts";
import { challenge, offersEcn, sendAck, sendSyn, setMss } from "./emit.ts";
import { output } from "./output.ts";
import type { Segment } from "./segment.ts";
import { after, before, distance } from "./seq.ts";
import { drop, established, restartTimeWait, timeWait } from "./state.ts";
import {
  CLOSE_WAIT,
  CLOSING,
  ESTABLISHED,
  FIN_WAIT_1,
  FIN_WAIT_2,
  SYN_RECEIVED,
  SYN_SENT,
  type Tcb,
  TIME_WAIT,
} from "./tcb.ts";
import { received } from "./receive.ts";
import { urgentCame } from "./urgent.ts";

/** A timestamp as old says nothing any more (RFC 7323, 5.5: 24 days). */
const STAMP_LIFE = 24 * 86_400_000;

/** What came of a segment that may not be for any connection. */
export type Verdict = "taken" | "reset";

/** Handle a segment. "reset": it is to be answered by a RST, as if there were no connection. */
export function input(c: Tcb, s: Segment): Verdict {
  c.lastHeard = c.stack.now;
  c.keepTried = 0;
  if (c.state === SYN_SENT) return synSent(c, s);
  const start = s.seq;
  if (!inOrder(c, s)) return "taken";
  if (s.flags & TH_RST) {
    reset(c, start);
    return "taken";
  }
  if (s.flags & TH_SYN) {
    challenge(c);
    return "taken";
  }
  if (!(s.flags & TH_ACK)) return "taken";
  if (c.state === SYN_RECEIVED && !crossed(c, s)) return "reset";
  if (!user(c, s)) return "reset";
  keepStamp(c, s, start);
  if (c.ecn && s.length > 0) marked(c.ecn, s.flags, s.ce);
  if (!acknowledged(c, s)) return "taken";
  if (c.ecn && s.flags & TH_ECE) congested(c, c.ecn);
  if (s.flags & TH_URG && s.urgent > 0) urgentCame(c, start, s.urgent);
  if (s.length > 0 || s.flags & TH_FIN) received(c, s);
  if (c.finReceived) peerFinished(c);
  output(c);
  return "taken";
}
/** Data to a socket that nobody has any more: its sender should know (RFC 1122, 4.2.2.13). False: the connection is gone. */
function user(c: Tcb, s: Segment): boolean {
  if (c.user || s.length === 0 || c.state < FIN_WAIT_1 || c.state === TIME_WAIT) return true;
  if (!after((s.seq + s.length) | 0, c.rcvNxt)) return true;
  return drop(c, undefined);
}

/** The answer to our SYN (RFC 9293, 3.10.7.3). */
function synSent(c: Tcb, s: Segment): Verdict {
  const answers = (s.flags & TH_ACK) !== 0;
  if (answers && (!after(s.ack, c.iss) || after(s.ack, c.nxt))) return s.flags & TH_RST ? "taken" : "reset";
  if (s.flags & TH_RST) {
    if (answers) drop(c, errno.ECONNREFUSED);
    return "taken";
  }
  if (!(s.flags & TH_SYN)) return "taken";
  agree(c, s);
  // An answer that has both is a mirror of what we sent (RFC 3168, 6.1.1).
  const setup = s.flags & (TH_ECE | TH_CWR);
  if (offersEcn(c) && setup === (answers ? TH_ECE : TH_ECE | TH_CWR)) c.ecn = new Ecn(c.una);
  if (!answers) {
    c.state = SYN_RECEIVED;
    c.rtt.backoff = 0;
    sendSyn(c);
    return "taken";
  }
  if (c.rtt.backoff === 0) c.rtt.measured(c.stack.now - c.lastSent);
  answered(c, s);
  if (c.state < ESTABLISHED) return "taken";
  s.seq = (s.seq + 1) | 0;
  if (s.length > 0 || s.flags & TH_FIN) received(c, s);
  if (c.finReceived) peerFinished(c);
  output(c);
  if (c.state >= ESTABLISHED && c.acked !== c.rcvNxt) sendAck(c);
  return "taken";
}
/** What the peer's SYN says. */
function agree(c: Tcb, s: Segment): void {
  const { settings } = c.stack;
  c.irs = s.seq;
  c.rcvNxt = (s.seq + 1) | 0;
  c.rcvEdge = (c.rcvNxt + Math.min(c.receiveLimit, 65_535)) | 0;
  c.acked = c.iss;
  c.peerMss = Math.max(settings.minmss, s.mss || settings.mssdflt);
  c.scaled = settings.windowScale && s.scale >= 0;
  c.sendScale = c.scaled ? s.scale : 0;
  if (!c.scaled) c.receiveScale = 0;
  c.sackOk = settings.sack && s.sackPermitted;
  c.stamped = settings.timestamps && s.stamped;
  c.recent = s.stamp;
  c.recentAt = c.stack.now;
  setMss(c);
  c.congestion.window = initialWindow(c.mss);
  c.wnd = c.maxWnd = s.window;
  c.wl1 = s.seq;
  c.wl2 = c.iss;
}
/** Our SYN has arrived: data may go. */
export function answered(c: Tcb, s: Segment): void {
  c.una = (c.iss + 1) | 0;
  c.rackHighest = c.una;
  c.recoverTo = c.una;
  if (c.ecn) c.ecn.to = c.una;
  c.wl2 = s.ack;
  c.sendDue = Infinity;
  c.waits = "nothing";
  if (c.rtt.backoff > 0) c.congestion.window = Math.min(c.congestion.window, 2 * c.mss);
  c.rtt.backoff = 0;
  established(c);
  if (c.state === ESTABLISHED) setTimer(c);
}
/** Two SYNs crossed: this acknowledges ours (RFC 9293, 3.5, figure 8). */
function crossed(c: Tcb, s: Segment): boolean {
  if (!after(s.ack, c.iss) || after(s.ack, c.nxt)) return false;
  c.wnd = c.maxWnd = s.window << c.sendScale;
  answered(c, s);
  return c.state === ESTABLISHED;
}

/** RST: what is exactly next ends the connection; what is near is asked about (RFC 5961, 3.2). */
function reset(c: Tcb, seq: number): void {
  if (seq !== c.rcvNxt) return challenge(c);
  if (c.state === SYN_RECEIVED) drop(c, errno.ECONNREFUSED);
  else drop(c, c.state === TIME_WAIT ? undefined : errno.ECONNRESET);
}
/** PAWS and the window: what is old or too far is answered by an acknowledgement and left; data is cut to what is new. */
function inOrder(c: Tcb, s: Segment): boolean {
  if (c.stamped && !(s.flags & TH_RST)) {
    if (!s.stamped && c.state !== SYN_RECEIVED) return false; // RFC 7323, 3.2
    if (s.stamped && before(s.stamp, c.recent) && c.stack.now - c.recentAt < STAMP_LIFE) {
      c.stack.counters.paws++;
      return notOurs(c, s);
    }
  }
  // The SYN that began it, once more, in an answer to ours that crossed it.
  if (c.state === SYN_RECEIVED && s.seq === c.irs && s.flags & TH_SYN) {
    s.flags &= ~TH_SYN;
    s.seq = (s.seq + 1) | 0;
  }
  return cutLeft(c, s) && cutRight(c, s);
}
function notOurs(c: Tcb, s: Segment): false {
  if (!(s.flags & TH_RST)) {
    if (c.state === TIME_WAIT && s.flags & TH_FIN) restartTimeWait(c);
    // Data may be sent again for want of an acknowledgement; a SYN is no peer's that is in its senses.
    if (!(s.flags & TH_SYN) && (s.length > 0 || s.flags & TH_FIN)) sendAck(c);
    else challenge(c);
  }
  return false;
}
/** Data that came before goes, with what marks its end. */
function cutLeft(c: Tcb, s: Segment): boolean {
  const old = distance(c.rcvNxt, s.seq);
  if (old <= 0) return true;
  const ends = s.flags & TH_FIN ? 1 : 0;
  const length = s.length + ends;
  // Further back than any window of ours: it is not of this connection.
  if (old > length && old > c.receiveLimit + 65_535) return notOurs(c, s);
  if (old >= length) {
    // All of it came before: its acknowledgement may still be news, but for a RST, which must be exact.
    if (s.flags & (TH_RST | TH_SYN)) return s.flags & TH_RST ? false : notOurs(c, s);
    if (s.length > 0) {
      c.stack.counters.duplicates++;
      c.stack.counters.duplicateBytes += s.length;
      c.early.again(s.seq, (s.seq + s.length) | 0);
    }
    if (c.state === TIME_WAIT && ends) restartTimeWait(c);
    c.ackNow = true;
    s.length = 0;
    s.flags &= ~TH_FIN;
    s.seq = c.rcvNxt;
    return true;
  }
  if (s.flags & TH_SYN) return notOurs(c, s);
  s.seq = c.rcvNxt;
  s.at += old;
  s.length -= old;
  return true;
}
/** Data beyond our window goes. */
function cutRight(c: Tcb, s: Segment): boolean {
  const window = distance(c.rcvEdge, c.rcvNxt);
  const offset = distance(s.seq, c.rcvNxt);
  const ends = s.flags & TH_FIN ? 1 : 0;
  if (offset > window || (offset === window && offset > 0)) {
    c.stack.counters.afterWindow++;
    return notOurs(c, s);
  }
  const over = offset + s.length + ends - window;
  if (over <= 0 || s.length + ends === 0) return true;
  c.stack.counters.afterWindow++;
  c.ackNow = true;
  // A FIN may follow what just fits: it takes no room. Without any window, an acknowledgement is still taken.
  const cut = over - ends;
  if (cut > 0) {
    s.length -= cut;
    s.flags &= ~TH_FIN;
  }
  return true;
}
/** The newest timestamp of the peer, of a segment that begins where we have acknowledged to (RFC 7323, 4.3). */
function keepStamp(c: Tcb, s: Segment, start: number): void {
  if (!c.stamped || !s.stamped || after(start, c.acked) || before(s.stamp, c.recent)) return;
  c.recent = s.stamp;
  c.recentAt = c.stack.now;
}
/** All of the peer's data is here, and its end. */
function peerFinished(c: Tcb): void {
  switch (c.state) {
    case ESTABLISHED:
      c.state = CLOSE_WAIT;
      break;
    case FIN_WAIT_1:
      c.state = CLOSING;
      break;
    case FIN_WAIT_2:
      sendAck(c);
      return timeWait(c);
    default:
      return;
  }
  c.user?.readable();
}
