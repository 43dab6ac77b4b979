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

/** A connection's side of it. */
export class Ecn {
  /** A mark has come, and is told until the sender has heard. */
  echo = false;
  /** We have slowed down, and tell that with the next data. */
  cwr = false;
  /** Until this is acknowledged once is enough. */
  to: number;

  constructor(una: number) {
    this.to = una;
  }
}
/** A segment with data came, perhaps marked: its sender is told until it says that it has heard. */
export function marked(ecn: Ecn, flags: number, ce: boolean): void {
  if (flags & TH_CWR) ecn.echo = false;
  if (ce) ecn.echo = true;
}
/** The peer says that something of ours was marked: once in a round trip that is what a loss would be. */
export function congested(c: Tcb, ecn: Ecn): void {
  if (before(c.una, ecn.to) || c.recovering !== "no") return;
  c.stack.counters.ecnReduced++;
  c.congestion.lost((c.nxt - c.una) | 0, c.mss, c.stack.now);
  c.congestion.window = Math.max(Math.min(c.congestion.window, c.congestion.threshold), 2 * c.mss);
  reduced(c);
}
/** The window was made smaller, for whatever reason: the peer is told with the next data. */
export function reduced({ ecn, nxt }: Tcb): void {
  if (!ecn) return;
  ecn.cwr = true;
  if (after(nxt, ecn.to)) ecn.to = nxt;
}
