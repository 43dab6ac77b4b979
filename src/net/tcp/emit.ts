/** Segments as they go out: window, options, and the kinds without data (RFC 9293, 3.10.7; 7323; 5961). */
import { errno } from "../../abi/errno.ts";
import { TH_ACK, TH_CWR, TH_ECE, TH_RST, TH_SYN, TH_URG } from "../../wire/tcp.ts";
import type { Address } from "../address.ts";
import { setTimer } from "./arm.ts";
import { type Ecn, ECN_SETUP } from "./ecn.ts";
import { STAMP_SIZE } from "./segment.ts";
import { after, before, distance } from "./seq.ts";
import { SYN_SENT, type Tcb } from "./tcb.ts";

/** Headers of IPv4 and TCP, IPv6 and TCP. */
const IP_TCP = 40;
const IP6_TCP = 60;
const MAX_WINDOW = 65_535;
/** Room SACK may take in a segment with data. */
const SACK_ROOM = 36;

/** The scale of windows that lets a buffer of `limit` bytes be told. */
export function scaleFor(limit: number): number {
  let scale = 0;
  while (scale < 14 && MAX_WINDOW << scale < limit) scale++;
  return scale;
}
/** Most bytes of data in a segment to us that a link's packets carry. */
export function mssFor(mtu: number, remote: Address): number {
  const headers = typeof remote === "number" ? IP_TCP : IP6_TCP;
  return Math.max(1, Math.min(mtu - headers, MAX_WINDOW - headers));
}

/** Data in a segment from what the peer takes and what the path carries. */
export function setMss(c: Tcb): void {
  const path = mssFor(c.stack.mtu(c.remote), c.remote);
  const { options: list, extras } = c.header;
  const options = (c.stamped ? STAMP_SIZE : 0) + (list?.list.length ?? extras?.length ?? 0);
  c.mss = Math.max(Math.min(c.peerMss, path, c.maxSegment || path, c.pathLimit || path) - options, 1);
}

/** What there is room for, and can be told. */
const freeWindow = (c: Tcb) => Math.max(0, Math.min(c.receiveLimit - c.receiving.size, MAX_WINDOW << c.receiveScale));
/** The window to tell, and remember its edge: no small steps (RFC 1122, 4.2.3.3). */
function advertise(c: Tcb): number {
  const free = freeWindow(c);
  let told = distance(c.rcvEdge, c.rcvNxt);
  if (free - told >= Math.min(c.receiveLimit / 2, c.peerSegment || c.peerMss)) told = free;
  const window = Math.min(told >> c.receiveScale, MAX_WINDOW);
  const edge = (c.rcvNxt + (window << c.receiveScale)) | 0;
  if (before(c.rcvEdge, edge)) c.rcvEdge = edge;
  if (window === 0) c.zeroWindows++;
  return window;
}
/** Whether so much has been read that the peer should know: two segments, or half of the buffer. */
export function windowOpened(c: Tcb): boolean {
  const told = distance(c.rcvEdge, c.rcvNxt);
  const more = freeWindow(c) - told;
  const step = 2 * (c.peerSegment || c.peerMss);
  // A sender that waits for a window is told at the first step that can be told.
  return more >= Math.min(c.receiveLimit / 2, told < step ? step / 2 : step);
}
/** What ECN adds to a segment: data that is new may be marked, and tells that we have slowed down. */
function ecnFlags(c: Tcb, ecn: Ecn, isNew: boolean): number {
  let flags = ecn.echo ? TH_ECE : 0;
  // What was sent before, and what is no data, is not to be marked (RFC 3168, 6.1.4 and 6.1.5).
  if (!isNew) return flags;
  c.stack.out.ect = true;
  if (ecn.cwr) flags |= TH_CWR;
  ecn.cwr = false;
  return flags;
}
/** Fill in and send a segment with `n` bytes of data from `seq`; `isNew`: for the first time. */
export function emit(c: Tcb, seq: number, flags: number, n: number, isNew = false): void {
  const { out, counters } = c.stack;
  out.begin(seq, c.rcvNxt, flags, advertise(c));
  out.from = distance(seq, c.una);
  out.length = n;
  if (n > c.mss) out.segment = c.mss;
  if (c.ecn) out.flags |= ecnFlags(c, c.ecn, isNew && n > 0);
  if (c.urgentTo !== undefined && after(c.urgentTo, seq)) {
    out.flags |= TH_URG;
    out.urgent = Math.min(distance(c.urgentTo, seq), MAX_WINDOW);
  }
  if (c.stamped) out.stamp(c.stamp, c.recent);
  if (c.sackOk && c.early.pending && n + SACK_ROOM <= c.mss) c.early.tell(out);
  c.acked = c.rcvNxt;
  c.ackNow = false;
  c.unacked = 0;
  c.ackDue = Infinity;
  c.lastSent = c.stack.now;
  counters.segmentsOut++;
  if (n > 0) counters.dataOut++;
  else if (flags === TH_ACK) counters.acksOut++;
  else counters.controlOut++;
  const error = c.stack.send(c, n > 0 ? c.sending : undefined);
  if (error === errno.EMSGSIZE) tooLarge(c);
  else if (error) c.softError = error;
}
/** A segment did not fit the path: make smaller ones of all that is under way. */
export function tooLarge(c: Tcb): void {
  const was = c.mss;
  setMss(c);
  if (c.mss >= was) return;
  for (let i = 0; i < c.sent.count; i++) if (c.sent.get(i).length > c.mss) c.sent.markLost(i);
}
export function sendAck(c: Tcb): void {
  emit(c, c.nxt, TH_ACK, 0);
}
/** A segment that asks for an answer: it is before the peer's window (keepalive, zero window). */
export function sendProbe(c: Tcb): void {
  c.stack.counters.probes++;
  emit(c, (c.una - 1) | 0, TH_ACK, 0);
}
/** A challenge ACK (RFC 5961), if there were not too many. */
export function challenge(c: Tcb): void {
  if (!c.stack.mayChallenge()) return;
  c.stack.counters.challenges++;
  sendAck(c);
}
export function sendReset(c: Tcb): void {
  c.stack.counters.resetsOut++;
  emit(c, c.nxt, TH_RST | TH_ACK, 0);
}
/** Whether our SYN offers ECN: there may be routers that drop what does. */
export const offersEcn = ({ stack: { settings }, rtt }: Tcb): boolean =>
  settings.ecn && rtt.backoff <= settings.ecnRetries;
/** Our SYN, or SYN and ACK of one that crossed it. */
export function sendSyn(c: Tcb): void {
  const { out, settings, counters, now } = c.stack;
  const active = c.state === SYN_SENT;
  const window = Math.min(c.receiveLimit, MAX_WINDOW);
  const ecn = active ? offersEcn(c) ? ECN_SETUP : 0 : c.ecn ? TH_ECE : 0;
  out.begin(c.iss, active ? 0 : c.rcvNxt, TH_SYN | (active ? 0 : TH_ACK) | ecn, window);
  out.mss(mssFor(c.stack.mtu(c.remote), c.remote));
  if (active ? settings.windowScale : c.scaled) out.scale(c.receiveScale);
  if (active ? settings.sack : c.sackOk) out.sackPermitted();
  if (active ? settings.timestamps : c.stamped) out.stamp(c.stamp, active ? 0 : c.recent);
  c.acked = c.rcvNxt;
  c.lastSent = now;
  counters.segmentsOut++;
  const error = c.stack.send(c, undefined);
  if (error) c.softError = error;
  c.sendDue = now + c.rtt.timeout;
  c.waits = "answer";
  setTimer(c);
}
