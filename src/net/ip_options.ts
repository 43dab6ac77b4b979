/** Options of IPv4 headers: those of programs, those that come, those that fragments repeat (RFC 791, 3.1; 1122, 3.2.1.8; NetBSD: ip_input.c, ip_output.c). */
import { errno } from "../abi/errno.ts";
import { viewOf } from "../lib/struct.ts";
import { IPOPT_EOL, IPOPT_LSRR, IPOPT_NOP, IPOPT_RR, IPOPT_SSRR, IPOPT_TS } from "../wire/ipv4.ts";
import type { Packet } from "./packet.ts";
import type { Stack } from "./stack.ts";

const ADDRESS = 4;
const HEADER = 20;
const MAX_OPTIONS = 40;
/** Where an option's pointer is, its least value, and where its data begins. */
const POINTER = 2;
const FIRST = 4;
const COPIED = 0x80;

/** Options of packets a socket sends. */
export interface IpOptions {
  /** For the header: a multiple of 4 bytes. */
  readonly list: Uint8Array;
  /** Of a source route: the address the packet is sent to first; 0: none. */
  readonly firstHop: number;
  /** As the program has set them. */
  readonly told: Uint8Array;
}
/** What setsockopt(IP_OPTIONS) gives; undefined: none. EINVAL: malformed, or too long. */
export function parseUserOptions(value: Uint8Array): IpOptions | undefined {
  if (value.length === 0) return undefined;
  if (value.length % 4 !== 0 || value.length > MAX_OPTIONS + ADDRESS) throw errno.EINVAL;
  const list: number[] = [];
  let firstHop = 0;
  for (let at = 0; at < value.length;) {
    const length = lengthOf(value, at, value.length);
    if (length === 0) throw errno.EINVAL;
    const option = value.subarray(at, at + length);
    at += length;
    if (isRoute(option[0]!)) {
      if (firstHop !== 0 || length < 3 + ADDRESS) throw errno.EINVAL;
      // The first address is where the packet goes to; the header has those that follow.
      firstHop = viewOf(option).getUint32(3);
      list.push(option[0]!, length - ADDRESS, option[POINTER]!, ...option.subarray(3 + ADDRESS));
    } else list.push(...option);
    if (option[0] === IPOPT_EOL) break;
  }
  while (list.length % 4 !== 0) list.push(IPOPT_EOL);
  if (list.length > MAX_OPTIONS) throw errno.EINVAL;
  return { list: Uint8Array.from(list), firstHop, told: value.slice() };
}
const isRoute = (kind: number) => kind === IPOPT_LSRR || kind === IPOPT_SSRR;
/** Bytes of the option at `at`; 0: malformed. */
function lengthOf(bytes: Uint8Array, at: number, end: number): number {
  const kind = bytes[at]!;
  if (kind === IPOPT_EOL || kind === IPOPT_NOP) return 1;
  const length = at + 1 < end ? bytes[at + 1]! : 0;
  return length < 2 || at + length > end ? 0 : length;
}

/** What a packet's options make of it. */
export type OptionVerdict =
  /** It goes on as it would without. */
  | "on"
  /** It is not ours yet: its source route leads elsewhere. */
  | "forward"
  | { readonly error: "parameter"; readonly at: number }
  | { readonly error: "source route" }
  | { readonly error: "drop" };

/**
 * Do what a packet's options ask of us; the header may change, and is sealed by whoever sends it on. `forUs`: its
 * destination is an address of ours. `at` of an error: the byte of the header.
 */
export function doOptions(stack: Stack, p: Packet, headerLength: number, forUs: boolean): OptionVerdict {
  const end = p.start + headerLength;
  let verdict: OptionVerdict = "on";
  for (let at = p.start + HEADER; at < end;) {
    const kind = p.bytes[at]!;
    if (kind === IPOPT_EOL) break;
    const length = lengthOf(p.bytes, at, end);
    if (length === 0) return { error: "parameter", at: at + 1 - p.start };
    const found = isRoute(kind)
      ? sourceRoute(stack, p, at, length, forUs)
      : kind === IPOPT_RR
      ? record(stack, p, at, length)
      : kind === IPOPT_TS
      ? stampTime(stack, p, at, length)
      : "on";
    if (typeof found === "object") return found;
    if (found === "forward") verdict = "forward";
    at += length;
  }
  return verdict;
}
const bad = (p: Packet, at: number): OptionVerdict => ({ error: "parameter", at: at - p.start });

/** The next address of the route becomes the destination, and ours takes its place (RFC 791). */
function sourceRoute(stack: Stack, p: Packet, at: number, length: number, forUs: boolean): OptionVerdict {
  const { ip } = stack;
  if (!ip.allowSourceRoute) return { error: "source route" };
  if (length < 3) return bad(p, at + 1);
  const pointer = p.bytes[at + POINTER]!;
  if (pointer < FIRST) return bad(p, at + POINTER);
  if (!forUs) return p.bytes[at] === IPOPT_SSRR ? { error: "source route" } : "on";
  if (pointer + ADDRESS - 1 > length) return "on"; // the end of the route: it is for us
  if (!ip.forwardSourceRoute) return { error: "source route" };
  const next = p.view.getUint32(at + pointer - 1);
  const route = stack.routeTo(next);
  if (!route || (p.bytes[at] === IPOPT_SSRR && route.gateway !== undefined)) return { error: "source route" };
  p.view.setUint32(at + pointer - 1, stack.sourceFor(next) ?? 0);
  p.bytes[at + POINTER] = pointer + ADDRESS;
  p.view.setUint32(p.start + 16, next);
  return "forward";
}
/** Our address towards where the packet goes. */
function record(stack: Stack, p: Packet, at: number, length: number): OptionVerdict {
  if (length < 3) return bad(p, at + 1);
  const pointer = p.bytes[at + POINTER]!;
  if (pointer < FIRST) return bad(p, at + POINTER);
  if (pointer + ADDRESS - 1 > length) return "on"; // full
  p.view.setUint32(at + pointer - 1, stack.sourceFor(p.view.getUint32(p.start + 16)) ?? 0);
  p.bytes[at + POINTER] = pointer + ADDRESS;
  return "on";
}
/** Milliseconds since midnight, beside our address where it is asked for; who finds no room is counted. */
function stampTime(stack: Stack, p: Packet, at: number, length: number): OptionVerdict {
  if (length < 4) return bad(p, at + 1);
  const [pointer, flags] = [p.bytes[at + POINTER]!, p.bytes[at + 3]!];
  const kind = flags & 15;
  if (pointer < FIRST + 1) return bad(p, at + POINTER);
  if (kind !== 0 && kind !== 1 && kind !== 3) return bad(p, at + 3);
  const size = kind === 0 ? ADDRESS : 2 * ADDRESS;
  if (pointer > length) {
    // The counter is full, too: the packet is lost (RFC 791).
    if (flags >> 4 === 15) return { error: "parameter", at: at - p.start };
    p.bytes[at + 3] = flags + 16;
    return "on";
  }
  const to = at + pointer - 1;
  if (pointer - 1 + size > length) return bad(p, at + POINTER);
  if (kind === 3 && !stack.isLocal(p.view.getUint32(to))) return "on";
  if (kind === 1) p.view.setUint32(to, stack.sourceFor(p.view.getUint32(p.start + 16)) ?? 0);
  p.view.setUint32(to + size - ADDRESS, timeOfDay(stack));
  p.bytes[at + POINTER] = pointer + size;
  return "on";
}
/**
 * What an answer to a packet has of its options: records and timestamps so far, and the way back of a source route
 * (RFC 1122, 3.2.2.6). Undefined: nothing.
 */
export function replyOptions(p: Packet, headerLength: number): IpOptions | undefined {
  const [list, told]: [number[], number[]] = [[], []];
  let firstHop = 0;
  const end = p.start + headerLength;
  for (let at = p.start + HEADER; at < end && p.bytes[at] !== IPOPT_EOL;) {
    const length = lengthOf(p.bytes, at, end);
    if (length === 0) break;
    const option = p.bytes.subarray(at, at + length);
    at += length;
    if (option[0] === IPOPT_RR || option[0] === IPOPT_TS) {
      list.push(...option);
      told.push(...option);
    } else if (isRoute(option[0]!) && firstHop === 0) {
      const nodes = wayBack(option, p.view.getUint32(p.start + 12));
      firstHop = nodes[0] ?? 0;
      // A program says the first with the others; the header has it as its destination.
      list.push(...routeOption(option[0]!, nodes.slice(1)));
      told.push(...routeOption(option[0]!, nodes));
    }
  }
  for (const all of [list, told]) while (all.length % 4 !== 0) all.push(IPOPT_EOL);
  if (list.length === 0 || list.length > MAX_OPTIONS) return undefined;
  return { list: Uint8Array.from(list), firstHop, told: Uint8Array.from(told) };
}
/** The addresses a route has been by, the other way round, and its source; empty: it has been nowhere. */
function wayBack(option: Uint8Array, source: number): number[] {
  const d = viewOf(option);
  const been: number[] = [];
  for (let at = 3; at + ADDRESS <= Math.min(option[POINTER]! - 1, option.length); at += ADDRESS) {
    been.unshift(d.getUint32(at));
  }
  return been.length === 0 ? [] : [...been, source];
}
function routeOption(kind: number, nodes: readonly number[]): number[] {
  if (nodes.length === 0) return [];
  const addresses = nodes.flatMap((a) => [a >>> 24, (a >>> 16) & 255, (a >>> 8) & 255, a & 255]);
  return [kind, 3 + addresses.length, FIRST, ...addresses];
}
/** Milliseconds since midnight, universal time. */
export const timeOfDay = (stack: Stack): number => Math.floor(stack.kernel.host.wall()) % 86_400_000;

/** Write those options of a header that fragments behind the first repeat; bytes of the header they get. */
export function copiedHeader(from: Uint8Array, start: number, headerLength: number, to: Packet): number {
  to.bytes.set(from.subarray(start, start + HEADER), to.start);
  let out = HEADER;
  for (let at = start + HEADER; at < start + headerLength && from[at] !== IPOPT_EOL;) {
    const length = lengthOf(from, at, start + headerLength);
    if (length === 0) break;
    if (from[at]! & COPIED) {
      to.bytes.set(from.subarray(at, at + length), to.start + out);
      out += length;
    }
    at += length;
  }
  while (out % 4 !== 0) to.bytes[to.start + out++] = IPOPT_EOL;
  to.bytes[to.start] = 0x40 | (out >> 2);
  return out;
}
