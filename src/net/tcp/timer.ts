/** What happens when time has passed: retransmission, probes, delayed acknowledgements, keepalive, the end (RFC 6298, 8985, 1122). */
import { errno } from "../../abi/errno.ts";
import { armSend, setTimer, wait } from "./arm.ts";
import { sendAck, sendProbe, sendReset, sendSyn, setMss, tooLarge } from "./emit.ts";
import { output, overrideWindow, probeTail } from "./output.ts";
import { detectLost, timedOut } from "./recovery.ts";
import { MAX_RTO } from "./rtt.ts";
import { drop } from "./state.ts";
import { ESTABLISHED, FIN_WAIT_2, type Tcb, TIME_WAIT } from "./tcb.ts";

/** Retransmissions without an answer before a connection is given up (NetBSD: TCP_MAXRXTSHIFT), and when nobody waits for it. */
const MAX_BACKOFF = 12;
const MAX_BACKOFF_ORPHAN = 8;

/** Called when the least of a connection's times has come. */
export function expired(c: Tcb): void {
  const { now } = c.stack;
  const soon = now + 0.5;
  if (c.ackDue <= soon) {
    c.ackDue = Infinity;
    if (c.unacked > 0) {
      c.stack.counters.delayedAcks++;
      sendAck(c);
    }
  }
  if (c.lifeDue <= soon && !lifeExpired(c)) return;
  if (c.sendDue <= soon && !sendExpired(c)) return;
  setTimer(c);
}
/** False: the connection is gone. */
function sendExpired(c: Tcb): boolean {
  const { waits } = c;
  c.sendDue = Infinity;
  c.waits = "nothing";
  if (waits === "answer") return noAnswer(c);
  if (waits === "window") return probeWindow(c);
  if (waits === "probe") probeTail(c);
  else if (waits === "reorder") {
    detectLost(c);
    output(c);
  }
  if (c.waits === "nothing" && c.sent.count > 0) wait(c, "answer", c.rtt.timeout);
  return true;
}
function noAnswer(c: Tcb): boolean {
  c.stack.counters.timeouts++;
  c.rtt.backoff++;
  if (c.rtt.backoff > (c.user ? MAX_BACKOFF : MAX_BACKOFF_ORPHAN)) return drop(c, c.softError ?? errno.ETIMEDOUT);
  if (c.state < ESTABLISHED) {
    // It was tried often enough to believe those who say that there is no way (NetBSD: tcp_notify).
    if (c.softError && c.rtt.backoff > 3) return drop(c, c.softError);
    c.rtt.far();
    sendSyn(c);
    return true;
  }
  if (c.sent.count === 0) return true;
  if (mayVanish(c)) tooLarge(c);
  timedOut(c);
  output(c);
  wait(c, "answer", c.rtt.timeout);
  return true;
}
/** Segments larger than any that has arrived, and that vanish time after time without a word of a router's, may be too large for the path (RFC 2923, 2.1; 4821, 4.4). */
const SUSPECTS: Readonly<Record<number, number>> = { 3: 1220, 4: 536 };
/** That was not it: as large as before. */
const ACQUITTED = 7;
/** Whether the largest segment is another now. */
function mayVanish(c: Tcb): boolean {
  const { backoff } = c.rtt;
  const limit = SUSPECTS[backoff];
  if (backoff === ACQUITTED && c.pathLimit > 0) {
    c.pathLimit = 0;
    setMss(c);
  }
  if (limit === undefined || c.arrived >= c.mss || c.sent.get(0).length < c.mss || c.mss <= limit) return false;
  c.pathLimit = limit;
  return true;
}
function probeWindow(c: Tcb): boolean {
  c.windowProbes++;
  c.stack.counters.persistTimeouts++;
  const silent = c.stack.now - c.lastHeard > MAX_BACKOFF * MAX_RTO;
  if ((silent || !c.user) && c.windowProbes > MAX_BACKOFF) return drop(c, c.softError ?? errno.ETIMEDOUT);
  // A window that is smaller than one would like is used after a while (RFC 1122, 4.2.3.4).
  if (!overrideWindow(c)) sendProbe(c);
  armSend(c);
  return true;
}
/** Connecting took too long; nobody was heard of; the last of a connection has passed. */
function lifeExpired(c: Tcb): boolean {
  c.lifeDue = Infinity;
  if (c.state < ESTABLISHED) return drop(c, c.softError ?? errno.ETIMEDOUT);
  if (c.state === TIME_WAIT || (c.state === FIN_WAIT_2 && !c.user)) return drop(c, undefined);
  return c.keepAlive ? keepAlive(c) : true;
}
function keepAlive(c: Tcb): boolean {
  const idle = c.stack.now - c.lastHeard;
  c.stack.counters.keepTimeouts++;
  if (idle < c.keep.keepIdle) c.keepTried = 0;
  else if (c.keepTried >= c.keep.keepCount) {
    c.stack.counters.keepaliveDrops++;
    sendReset(c);
    return drop(c, c.softError ?? errno.ETIMEDOUT);
  } else {
    c.keepTried++;
    c.stack.counters.keepProbes++;
    sendProbe(c);
    c.lifeDue = c.stack.now + c.keep.keepInterval;
    return true;
  }
  c.lifeDue = c.lastHeard + c.keep.keepIdle;
  return true;
}
