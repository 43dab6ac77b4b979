/** The ends of connections: established, closed, waiting for old segments to die (RFC 9293, 3.6; NetBSD: tcp_subr.c). */
import type { SysError } from "../../abi/errno.ts";
import { CLOSED, ESTABLISHED, FIN_WAIT_2, type Tcb, TIME_WAIT } from "./tcb.ts";

function quiet(c: Tcb): void {
  c.sendDue = c.ackDue = c.lifeDue = Infinity;
  c.waits = "nothing";
  c.sent.clear();
  c.sending.clear();
  c.early.clear();
  c.receiving.truncate();
}
/** It is over: nothing of it is left but what the user has not read. False, as what is over goes on with nothing. */
export function drop(c: Tcb, error: SysError | undefined): false {
  if (c.state === CLOSED) return false;
  c.state = CLOSED;
  quiet(c);
  c.stack.timers.remove(c);
  if (error) c.stack.counters.drops++;
  c.stack.counters.closed++;
  const { user } = c;
  c.user = undefined;
  c.stack.gone(c);
  user?.closed(error);
  return false;
}
/** Both ends have finished: old segments may still be under way (RFC 9293, 3.6.1). */
export function timeWait(c: Tcb): void {
  const { user } = c;
  c.state = TIME_WAIT;
  quiet(c);
  c.stack.waits(c);
  restartTimeWait(c);
  c.user = undefined;
  user?.closed(undefined);
}
export function restartTimeWait(c: Tcb): void {
  c.lifeDue = c.due = c.stack.now + 2 * c.stack.settings.msl;
  c.stack.timers.set(c);
}
/** Our FIN has arrived, the peer's not yet; a peer whom nobody listens to has so long. */
export function finWait2(c: Tcb): void {
  c.state = FIN_WAIT_2;
  c.lifeDue = c.user ? Infinity : c.stack.now + c.stack.settings.finWait;
}
/** The peer answers. */
export function established(c: Tcb): void {
  c.state = ESTABLISHED;
  c.lifeDue = c.keepAlive ? c.stack.now + c.keep.keepIdle : Infinity;
  c.stack.counters.established++;
  c.user?.connected();
}
