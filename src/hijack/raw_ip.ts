/**
 * Headers of raw IPv4 sockets (ip(4), raw(7)): NetBSD's have the length and the offset in the host's order, and of what is
 * received the length is without the header; Linux's are as on the wire.
 */
import { AF_INET, SOCK_RAW } from "../abi/flags.ts";
import { viewOf } from "../lib/struct.ts";
import type { Kind } from "./stand.ts";

const LEAST = 20;
const LENGTH = 2;
const OFFSET = 6;

const isRaw4 = ({ family, type }: Kind, packet: Uint8Array) =>
  family === AF_INET && type === SOCK_RAW && packet.length >= LEAST;

/** Of a packet received: made in place. */
export function receivedHeader(kind: Kind, packet: Uint8Array): void {
  if (!isRaw4(kind, packet)) return;
  const d = viewOf(packet);
  d.setUint16(LENGTH, d.getUint16(LENGTH, true) + (packet[0]! & 15) * 4);
  d.setUint16(OFFSET, d.getUint16(OFFSET, true));
}
/** Of a packet whose header the program has made (IP_HDRINCL): made in place. The length is filled in, as by Linux. */
export function sentHeader(kind: Kind, packet: Uint8Array): void {
  if (!isRaw4(kind, packet)) return;
  const d = viewOf(packet);
  d.setUint16(LENGTH, packet.length, true);
  d.setUint16(OFFSET, d.getUint16(OFFSET), true);
}
