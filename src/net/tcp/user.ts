/** What a connection's user does with it (RFC 9293, 3.9; NetBSD: tcp_usrreq.c). */
import { errno } from "../../abi/errno.ts";
import { setTimer } from "./arm.ts";
import { sendReset, sendSyn } from "./emit.ts";
import { output } from "./output.ts";
import { drop } from "./state.ts";
import { CLOSE_WAIT, CLOSED, ESTABLISHED, FIN_WAIT_2, SYN_RECEIVED, type Tcb, TIME_WAIT } from "./tcb.ts";

/** Send the SYN of a connection the engine has made. */
export function begin(c: Tcb): void {
  c.lifeDue = c.stack.now + c.keep.keepInit;
  sendSyn(c);
}
/** Bytes that can be written now. */
export const room = (c: Tcb): number => Math.max(0, c.sendLimit - c.sending.size);

/** Take data to send, as much as there is room for; how much. */
export function write(c: Tcb, from: Uint8Array): number {
  const n = Math.min(from.length, room(c));
  if (n === 0 || c.finish || (c.state !== ESTABLISHED && c.state !== CLOSE_WAIT)) return 0;
  c.sending.append(from, 0, n);
  output(c);
  return n;
}
/** Memory for what is written next; undefined: there may be nothing. */
export function space(c: Tcb, most: number): Uint8Array | undefined {
  const n = Math.min(most, room(c));
  if (n === 0 || c.finish || (c.state !== ESTABLISHED && c.state !== CLOSE_WAIT)) return undefined;
  return c.sending.space(n);
}
/** So much has been put there. */
export function stored(c: Tcb, n: number): void {
  c.sending.stored(n);
  if (n > 0) output(c);
}
/** Take data to send that is urgent: the peer is told at once, even if there is no room for it (RFC 6093). */
export function writeUrgent(c: Tcb, from: Uint8Array): number {
  const n = Math.min(from.length, room(c));
  if (n === 0 || c.finish || (c.state !== ESTABLISHED && c.state !== CLOSE_WAIT)) return 0;
  c.sending.append(from, 0, n);
  c.urgentTo = (c.una + c.sending.size) | 0;
  c.ackNow = true;
  output(c);
  return n;
}
/** Nothing more will be written. */
export function finish(c: Tcb): void {
  if (c.state === CLOSED || c.finish) return;
  if (c.state < SYN_RECEIVED) return void drop(c, undefined);
  c.finish = true;
  output(c);
}
/** Nobody reads or writes any more: what is not read is lost, what was written still goes, and what comes now is refused. */
export function release(c: Tcb): void {
  c.user = undefined;
  c.receiving.clear();
  c.early.clear();
  finish(c);
  if (c.state !== FIN_WAIT_2) return;
  c.lifeDue = c.stack.now + c.stack.settings.finWait;
  setTimer(c);
}
/** End it at once: the peer is told by a RST. */
export function abort(c: Tcb): void {
  c.user = undefined;
  c.receiving.clear();
  if (c.state >= SYN_RECEIVED && c.state !== TIME_WAIT) sendReset(c);
  drop(c, errno.ECONNABORTED);
}
