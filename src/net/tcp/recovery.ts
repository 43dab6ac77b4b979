/** Finding and mending losses: SACK (RFC 2018, 2883), RACK-TLP (8985), NewReno without SACK (6582), PRR (6937), Eifel (3522). */
import { waitReorder } from "./arm.ts";
import { reduced } from "./ecn.ts";
import type { Segment } from "./segment.ts";
import type { Sent } from "./sent.ts";
import { after, before, distance } from "./seq.ts";
import type { Tcb } from "./tcb.ts";

const DUP_THRESHOLD = 3;
/** Round trips a path may be thought to reorder worse than it does (RFC 8985, 6.2, step 4: in recoveries). */
const MAX_REORDER_FACTOR = 32;

/** A segment, or what is before `end` of several, has arrived for the first time: what RACK learns of it. */
function arrived(c: Tcb, s: Sent, end = (s.seq + s.length) | 0): void {
  const { now } = c.stack;
  const took = now - s.at;
  if (s.length > c.arrived) c.arrived = s.length;
  if (!s.again) {
    c.measured = c.measured < 0 ? took : Math.min(c.measured, took);
    if (before(end, c.rackHighest)) c.reordering = true;
  } else if (took < c.rtt.least) return; // the answer is to an earlier sending
  if (after(end, c.rackHighest)) c.rackHighest = end;
  if (s.at > c.rackAt || (s.at === c.rackAt && after(end, c.rackEnd))) {
    c.rackAt = s.at;
    c.rackEnd = end;
    c.rackRtt = took;
  }
}
/** Mark what the blocks of a segment cover; bytes that were not known to have arrived. */
export function markSacked(c: Tcb, s: Segment): number {
  const { sent } = c;
  const had = sent.sacked;
  for (let i = 0; i < s.sackCount; i++) {
    const [left, right] = [s.sacks[2 * i]!, s.sacks[2 * i + 1]!];
    if (i === 0 && isTwice(s, left, right)) {
      twice(c, right);
      continue;
    }
    if (!before(left, right) || before(left, c.una) || after(right, c.nxt)) continue;
    for (let k = firstWithin(c, left); k < sent.count; k++) {
      const x = sent.get(k);
      if (after((x.seq + x.length) | 0, right) && !cutAt(c, k, right)) break;
      if (x.sacked) continue;
      sent.markSacked(x);
      arrived(c, x);
    }
  }
  return sent.sacked - had;
}
/** Of segments that went out as one, cut off those that begin at or behind `left`; the first of what is wholly behind it. */
function firstWithin(c: Tcb, left: number): number {
  const { sent } = c;
  const k = sent.find(left);
  if (k === 0) return k;
  const s = sent.get(k - 1);
  const n = Math.ceil(distance(left, s.seq) / c.mss) * c.mss;
  if (!s.sacked && n < s.length) sent.split(k - 1, n);
  return k;
}
/** Of segments that went out as one, keep those that end at or before `right`; false: none does. */
function cutAt(c: Tcb, k: number, right: number): boolean {
  const s = c.sent.get(k);
  const n = Math.floor(distance(right, s.seq) / c.mss) * c.mss;
  if (n <= 0 || s.sacked) return false;
  c.sent.split(k, n);
  return true;
}
/** RFC 2883: the first block tells of data that came twice. */
function isTwice(s: Segment, left: number, right: number): boolean {
  if (!before(left, s.ack)) return before(left, right) && s.sackCount > 1 && within(s, left, right);
  return !after(right, s.ack);
}
const within = (s: Segment, left: number, right: number) => !before(left, s.sacks[2]!) && !after(right, s.sacks[3]!);

function twice(c: Tcb, right: number): void {
  // The answer to a probe that was not needed is no sign of reordering.
  if (c.probing && c.probeAgain && right === c.probeEnd) c.probing = false;
  else if (c.reordering) c.reorderFactor = Math.min(c.reorderFactor + 1, MAX_REORDER_FACTOR);
}
/** All before `ack` has arrived; bytes that were not known to. */
export function markAcked(c: Tcb, ack: number): number {
  const { sent } = c;
  let known = 0;
  let mended = false;
  const total = distance(ack, c.una);
  const bySack = c.measured;
  for (let s = sent.shift(ack); s; s = sent.shift(ack)) {
    mended ||= s.again || s.lost;
    if (s.sacked) known += s.length;
    else arrived(c, s);
  }
  // What came behind a gap may have waited for it to be filled.
  if (mended) c.measured = bySack;
  const first = sent.count > 0 ? sent.get(0) : undefined;
  if (first && before(first.seq, ack)) {
    if (first.sacked) known += distance(ack, first.seq);
    else arrived(c, first, ack);
  }
  sent.trim(ack);
  return total - known;
}
/** How long what was sent earlier may come later, milliseconds. */
function reorderWindow(c: Tcb): number {
  const { rtt, sent } = c;
  if (!c.reordering && (c.recovering !== "no" || sent.sacked >= DUP_THRESHOLD * c.mss)) return 0;
  return Math.min((c.reorderFactor * rtt.least) / 4, rtt.smoothed);
}
/** Mark what was sent so long before something that arrived that it must be lost (RFC 8985, 6.2, step 5). */
export function detectLost(c: Tcb): void {
  const { sent, stack } = c;
  if (c.rackAt < 0) return;
  const patience = c.rackRtt + reorderWindow(c);
  let soonest = Infinity;
  let found = false;
  for (let i = 0; i < sent.count; i++) {
    const s = sent.get(i);
    if (s.sacked || s.lost) continue;
    const earlier = s.at < c.rackAt || (s.at === c.rackAt && before((s.seq + s.length) | 0, c.rackEnd));
    if (!earlier) {
      if (s.again) continue;
      break; // and so are all that follow, unless they were sent again: then they are later still
    }
    const left = s.at + patience - stack.now;
    if (left <= 0) {
      sent.markLost(i);
      found = true;
    } else soonest = Math.min(soonest, left);
  }
  if (found) enterRecovery(c);
  if (soonest < Infinity) waitReorder(c, soonest);
}
/** Without SACK: the same acknowledgement three times means that the first was lost (RFC 5681, 3.2; 6582). */
export function duplicateAck(c: Tcb): void {
  c.dupAcks++;
  if (c.dupAcks === DUP_THRESHOLD && c.recovering === "no" && c.sent.count > 0) {
    loseFirst(c);
    enterRecovery(c);
  }
  c.prrDelivered += c.recovering === "loss" ? c.mss : 0;
}
/** The first segment is lost: of several that went out as one, that one alone. */
function loseFirst({ sent, mss }: Tcb): void {
  if (sent.get(0).length > mss) sent.split(0, mss);
  sent.markLost(0);
}
function enterRecovery(c: Tcb): void {
  if (c.recovering !== "no") return;
  const flight = distance(c.nxt, c.una);
  c.recovering = "loss";
  c.recoverTo = c.nxt;
  c.prrDelivered = c.prrOut = 0;
  c.prrFlight = Math.max(1, flight - c.sent.sacked);
  c.congestion.lost(flight, c.mss, c.stack.now);
  reduced(c);
}
/** Bytes that may go out now while losses are mended: as much leaves as arrives, down to the new threshold (RFC 6937). */
export function prrLimit(c: Tcb): number {
  const { threshold } = c.congestion;
  const pipe = pipeOf(c);
  if (pipe > threshold) return Math.ceil((c.prrDelivered * threshold) / c.prrFlight) - c.prrOut;
  // The first retransmission goes at once.
  const limit = Math.max(c.prrDelivered - c.prrOut + c.mss, c.prrOut === 0 ? c.mss : 0);
  return Math.min(threshold - pipe, limit);
}
/** Bytes under way: without SACK, each acknowledgement that says nothing new tells that a segment has left. */
const pipeOf = (c: Tcb) => (c.sackOk ? c.sent.pipe : Math.max(0, c.sent.pipe - c.dupAcks * c.mss));

/** `bytes` more are acknowledged, all before `ack`: grow, or come to the end of mending. */
export function progressed(c: Tcb, ack: number, bytes: number): void {
  const { congestion } = c;
  const spurious = c.recovering === "timeout" && c.undoWindow > 0;
  if (spurious) undo(c);
  if (c.recovering !== "no" && !before(ack, c.recoverTo)) {
    if (c.recovering === "loss") congestion.window = Math.max(Math.min(congestion.threshold, congestion.window), c.mss);
    c.recovering = "no";
    c.dupAcks = 0;
  } else if (c.recovering === "loss" && !c.sackOk) {
    // A partial acknowledgement: the next is lost, too.
    c.dupAcks = Math.max(0, c.dupAcks - Math.floor(bytes / c.mss));
    if (c.sent.count > 0) loseFirst(c);
  }
  if (c.recovering !== "loss") {
    if (c.recovering === "no") c.dupAcks = 0;
    if (c.limited || congestion.window < congestion.threshold && bytes * 2 >= congestion.window) {
      congestion.acked(bytes, c);
    }
  }
}
/** Nothing came back in time: all under way is lost, and sending begins anew (RFC 5681, 3.1). */
export function timedOut(c: Tcb): void {
  const { congestion, sent } = c;
  const flight = distance(c.nxt, c.una);
  if (c.recovering !== "timeout" || after(c.una, c.recoverTo)) {
    c.undoWindow = c.recovering === "no" ? congestion.window : 0;
    c.undoThreshold = congestion.threshold;
    c.undoStamp = c.stamp;
    congestion.lost(Math.min(flight, congestion.window), c.mss, c.stack.now);
  } else c.undoWindow = 0;
  c.recovering = "timeout";
  c.recoverTo = c.nxt;
  c.probing = false;
  c.dupAcks = 0;
  congestion.window = c.mss;
  reduced(c);
  // A peer may forget what it had out of order: so it is asked for it again if the first of it is still missing.
  sent.markAllLost(c.rtt.backoff > 1);
}
/** Whether the first answer after a timeout is to what was sent before it: nothing was lost (RFC 3522, by timestamps). */
export function answersEarlier(c: Tcb, s: Segment): void {
  if (c.recovering !== "timeout" || c.undoWindow === 0) return;
  if (!(s.stamped && before(s.echo, c.undoStamp))) c.undoWindow = 0;
}
function undo(c: Tcb): void {
  const { congestion, sent } = c;
  c.stack.counters.spurious++;
  congestion.window = c.undoWindow;
  congestion.threshold = c.undoThreshold;
  c.undoWindow = 0;
  c.recovering = "no";
  for (let i = 0; i < sent.count; i++) if (sent.get(i).lost) sent.resent(sent.get(i), sent.get(i).at);
}
/** Whether a tail loss probe has mended a loss: then the window is reduced for it (RFC 8985, 7.4). */
export function probeAnswered(c: Tcb, s: Segment): void {
  if (!c.probing || before(s.ack, c.probeEnd)) return;
  c.probing = false;
  if (!c.probeAgain || c.recovering !== "no") return;
  // Acknowledged, and no word that it came twice: it was needed.
  const twiceTold = s.sackCount > 0 && isTwice(s, s.sacks[0]!, s.sacks[1]!);
  if (twiceTold || s.ack === c.probeEnd && c.sent.count > 0) return;
  c.congestion.lost(distance(c.nxt, c.una) || c.mss, c.mss, c.stack.now);
  c.congestion.window = Math.max(Math.min(c.congestion.window, c.congestion.threshold), c.mss);
}
