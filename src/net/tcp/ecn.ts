/** Explicit congestion notification (RFC 3168): routers mark what they would else drop, and we send less without a loss. */
import { TH_CWR, TH_ECE } from "../../wire/tcp.ts";
import { after, before } from "./seq.ts";
import type { Tcb } from "./tcb.ts";

/** What a SYN that offers it has. */
export const ECN_SETUP = TH_ECE | TH_CWR;
/** The field in IP's type of service: what may be marked, and what was. */
export const ECN_MASK = 3;
export const ECT_0 = 2;
export const CE = 3;

/** A segment with data came, perhaps marked: its sender is told until it says that it has heard. */
export function marked(c: Tcb, flags: number, ce: boolean): void {
  if (flags & TH_CWR) c.ecnEcho = false;
  if (ce) c.ecnEcho = true;
}
/** The peer says that something of ours was marked: once in a round trip that is what a loss would be. */
export function congested(c: Tcb): void {
  if (before(c.una, c.ecnTo) || c.recovering !== "no") return;
  c.stack.counters.ecnReduced++;
  c.congestion.lost((c.nxt - c.una) | 0, c.mss, c.stack.now);
  c.congestion.window = Math.max(Math.min(c.congestion.window, c.congestion.threshold), 2 * c.mss);
  reduced(c);
}
/** The window was made smaller, for whatever reason: the peer is told with the next data. */
export function reduced(c: Tcb): void {
  if (!c.ecn) return;
  c.ecnCwr = true;
  if (after(c.nxt, c.ecnTo)) c.ecnTo = c.nxt;
}
