/**
 * Urgent data (RFC 9293, 3.8.5; 6093; NetBSD: so_oobmark, tcp_pulloutofband): a mark in the stream, and the byte before it, which
 * is taken out of the stream unless SO_OOBINLINE leaves it there. The urgent pointer is the number behind that byte.
 */
import { errno } from "../../abi/errno.ts";
import { after, distance } from "./seq.ts";
import type { Tcb } from "./tcb.ts";

/** Bytes that may be out of the stream and not passed yet; earlier ones are left in it. */
const MOST = 64;

/** What a receiver knows of the peer's urgent data; made when there is some. */
export class Urgent {
  /** The number behind the newest urgent byte. */
  up: number;
  /** Reading has gone beyond it; the byte was read apart from the stream, or is in it. */
  passed = false;
  taken = false;
  inline: boolean;
  /** Numbers of bytes that are out of the stream, in order. */
  readonly out: number[] = [];

  constructor(up: number, inline: boolean) {
    this.up = up;
    this.inline = inline;
    this.#pull();
  }
  again(up: number, inline: boolean): void {
    this.up = up;
    this.inline = inline;
    this.passed = this.taken = false;
    this.#pull();
  }
  #pull(): void {
    if (this.inline) return;
    this.out.push((this.up - 1) | 0);
    if (this.out.length > MOST) this.out.shift();
  }
}
/** The number of the first byte that is not read. */
const readFrom = (c: Tcb) => (c.rcvNxt - (c.finReceived ? 1 : 0) - c.receiving.size) | 0;
/** How many bytes are before the urgent one. */
const before = (c: Tcb, u: Urgent) => distance((u.up - 1) | 0, readFrom(c));

/** A segment that began at `start` says that there is urgent data up to `pointer` bytes from there. */
export function urgentCame(c: Tcb, start: number, pointer: number): void {
  const up = (start + pointer) | 0;
  const floor = c.urgent ? c.urgent.up : c.rcvNxt;
  if (c.finReceived || !after(up, floor) || distance(up, readFrom(c)) <= 0) return;
  if (c.urgent) c.urgent.again(up, c.oobInline);
  else c.urgent = new Urgent(up, c.oobInline);
  c.user?.readable();
}
/** Whether the next byte that is read is the urgent one (SIOCATMARK). */
export function atMark(c: Tcb): boolean {
  const { urgent: u } = c;
  return u !== undefined && !u.passed && before(c, u) === 0;
}
/** Whether there is a mark that was not passed (POLLPRI). */
export const hasUrgent = (c: Tcb): boolean => c.urgent !== undefined && !c.urgent.passed;
/** Bytes that wait, without those that are out of the stream. */
export function readable(c: Tcb): number {
  const { size } = c.receiving;
  return c.urgent && size > 0 ? size - outWithin(c, c.urgent, size) : size;
}
function outWithin(c: Tcb, u: Urgent, size: number): number {
  const from = readFrom(c);
  let n = 0;
  for (const seq of u.out) {
    const at = distance(seq, from);
    if (at >= 0 && at < size) n++;
  }
  return n;
}
/** Read the urgent byte apart from the stream. EINVAL: there is none, or it was read; EAGAIN: it has not come yet. */
export function readUrgent(c: Tcb, into: Uint8Array, peek: boolean): number {
  const { urgent: u } = c;
  if (!u || u.passed || u.inline || u.taken) throw errno.EINVAL;
  const at = before(c, u);
  if (at >= c.receiving.size) throw errno.EAGAIN;
  if (into.length === 0) return 0;
  c.receiving.copy(at, 1, into, 0);
  u.taken = !peek;
  return 1;
}
/** Read the stream up to the mark, or from it on, without the bytes that are out of it. */
export function readAround(c: Tcb, u: Urgent, into: Uint8Array, peek: boolean): number {
  const { receiving } = c;
  const mark = u.passed ? -1 : before(c, u);
  const end = mark > 0 ? Math.min(mark, receiving.size) : receiving.size;
  const from = readFrom(c);
  let [at, length] = [0, 0];
  for (const seq of [...u.out, (from + end) | 0]) {
    const stop = Math.min(distance(seq, from), end);
    const n = Math.max(0, Math.min(stop - at, into.length - length));
    if (n > 0) receiving.copy(at, n, into, length);
    length += n;
    if (stop < at) continue; // passed long ago
    at += n;
    if (at < stop || stop === end) break;
    at++; // the byte that is out
  }
  if (length === 0 || peek) return length;
  if (mark === 0) u.passed = true;
  receiving.drop(at);
  const next = readFrom(c);
  while (u.out.length > 0 && !after(u.out[0]!, (next - 1) | 0)) u.out.shift();
  return length;
}
