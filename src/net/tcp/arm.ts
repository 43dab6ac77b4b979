/** Which of a connection's times are running (RFC 6298, 5; 8985, 7.2; 1122, 4.2.2.17). */
import { MAX_RTO } from "./rtt.ts";
import { ESTABLISHED, FIN_WAIT_2, type Tcb, TIME_WAIT, type Waits } from "./tcb.ts";

/** What a peer may delay its acknowledgement, as RFC 8985 assumes: milliseconds. */
const DELAYED = 200;
const LEAST_PROBE = 2;

/** The connection's times have changed. */
export function setTimer(c: Tcb): void {
  c.due = Math.min(c.sendDue, c.ackDue, c.lifeDue);
  c.stack.timers.set(c);
}
export function wait(c: Tcb, waits: Waits, ms: number): void {
  c.waits = waits;
  c.sendDue = c.stack.now + ms;
  setTimer(c);
}
/** Something was sent or acknowledged: what is waited for now. */
export function armSend(c: Tcb): void {
  if (c.sent.count > 0) {
    if (c.waits === "nothing" || c.waits === "window" || c.waits === "probe") restartSend(c);
  } else if (c.unsent > 0 && c.state >= ESTABLISHED) {
    if (c.waits !== "window") wait(c, "window", Math.min(c.rtt.timeout * 2 ** Math.min(c.windowProbes, 10), MAX_RTO));
  } else {
    c.waits = "nothing";
    c.sendDue = Infinity;
  }
}
/** Wait from now on: for an answer, or to probe for a lost tail where that is sooner. */
export function restartSend(c: Tcb): void {
  const { rtt } = c;
  const timeout = rtt.timeout;
  if (!c.sackOk || c.recovering !== "no" || c.probing || rtt.backoff > 0 || rtt.smoothed === 0 || c.sent.lost > 0) {
    return wait(c, "answer", timeout);
  }
  const probe = 2 * rtt.smoothed + (c.sent.count === 1 && c.sent.get(0).length <= c.mss ? DELAYED : 0) + LEAST_PROBE;
  if (probe < timeout) wait(c, "probe", probe);
  else wait(c, "answer", timeout);
}
/** Look again for losses after a while: what is missing may only be late. */
export function waitReorder(c: Tcb, ms: number): void {
  wait(c, "reorder", ms);
}

/** Keepalive was turned on or off, or its times changed. */
export function setKeepAlive(c: Tcb): void {
  if (c.state < ESTABLISHED || c.state === TIME_WAIT || c.state === FIN_WAIT_2) return;
  c.keepTried = 0;
  c.lifeDue = c.keepAlive ? Math.max(c.stack.now, c.lastHeard + c.keep.keepIdle) : Infinity;
  setTimer(c);
}
