/** IPv4 packets of programs that probe: what they make, and what raw sockets give them (RFC 791, 792, 768). */
import { complement, sum, swapped } from "../../lib/checksum.ts";
import { viewOf } from "../../lib/struct.ts";
import {
  Icmp,
  ICMP_ECHO,
  IP_DF,
  IPOPT_EOL,
  IPOPT_LSRR,
  IPOPT_NOP,
  IPOPT_RR,
  IPPROTO_UDP,
  Ipv4,
  Udp,
} from "../../wire/ipv4.ts";

/** Bytes of an option list, at most. */
const MAX_OPTIONS = 40;
/** Of a source route, behind its type and length: the first address. */
const FIRST = 4;

/** The checksum of bytes, and of a sum that is already there, as it stands in memory read as a little-endian number. */
function checksum(bytes: Uint8Array, before = 0): number {
  const words = new Int32Array(Math.ceil(bytes.length / 4));
  const copy = new Uint8Array(words.buffer);
  copy.set(bytes);
  return complement(before + sum({ bytes: copy, words }, 0, bytes.length));
}
/** An echo request. */
export function echoRequest(id: number, seq: number, data: Uint8Array): Uint8Array {
  const message = new Uint8Array(Icmp.size + data.length);
  const d = viewOf(message);
  Icmp.write(d, 0, { type: ICMP_ECHO, id, seq });
  message.set(data, Icmp.size);
  d.setUint16(Icmp.at.checksum, checksum(message), true);
  return message;
}
const word = (n: number) => swapped(n >>> 16) + swapped(n & 0xffff);
/** A UDP datagram between two addresses; `summed`: with its checksum. */
export function udpDatagram(
  u: { readonly source: number; readonly destination: number; readonly from: number; readonly to: number },
  data: Uint8Array,
  summed: boolean,
): Uint8Array {
  const datagram = new Uint8Array(Udp.size + data.length);
  const d = viewOf(datagram);
  Udp.write(d, 0, { source: u.from, destination: u.to, length: datagram.length });
  datagram.set(data, Udp.size);
  const pseudo = word(u.source) + word(u.destination) + swapped(IPPROTO_UDP) + swapped(datagram.length);
  // 0 says that there is none (RFC 768).
  if (summed) d.setUint16(Udp.at.checksum, checksum(datagram, pseudo) || 0xffff, true);
  return datagram;
}
export interface HeaderFields {
  readonly tos: number;
  readonly ttl: number;
  readonly protocol: number;
  readonly id: number;
  /** 0: the kernel puts it in. */
  readonly source: number;
  readonly destination: number;
  readonly dontFragment: boolean;
  /** A list for a header: a multiple of 4 bytes. */
  readonly options: Uint8Array;
}
/** A packet for IP_HDRINCL: its length and offset are in the host's order there (ip(4)). */
export function wholePacket(h: HeaderFields, data: Uint8Array): Uint8Array {
  const header = Ipv4.size + h.options.length;
  const packet = new Uint8Array(header + data.length);
  const d = viewOf(packet);
  const { tos, ttl, protocol, id, source, destination } = h;
  Ipv4.write(d, 0, { versionIhl: 0x40 | (header / 4), tos, id, ttl, protocol, source, destination });
  d.setUint16(Ipv4.at.length, packet.length, true);
  d.setUint16(Ipv4.at.fragment, h.dontFragment ? IP_DF : 0, true);
  packet.set(h.options, Ipv4.size);
  packet.set(data, header);
  return packet;
}
/** Record the route: as many addresses as fit. */
export function recordRoute(room = MAX_OPTIONS): Uint8Array {
  const length = 3 + Math.floor((room - 4) / 4) * 4;
  const option = new Uint8Array(length + 1);
  option.set([IPOPT_RR, length, FIRST]);
  option[length] = IPOPT_EOL;
  return option;
}
/** A loose source route by these addresses, the last one the destination. */
export function sourceRoute(hops: readonly number[]): Uint8Array {
  const option = new Uint8Array(4 + 4 * hops.length);
  option.set([IPOPT_NOP, IPOPT_LSRR, 3 + 4 * hops.length, FIRST]);
  for (const [i, hop] of hops.entries()) viewOf(option).setUint32(4 + 4 * i, hop);
  return option;
}

/** A packet as raw sockets give it. */
export interface Ipv4Packet {
  readonly source: number;
  readonly destination: number;
  readonly protocol: number;
  readonly ttl: number;
  readonly tos: number;
  readonly options: Uint8Array;
  readonly payload: Uint8Array;
}
/** Undefined: it is none. A packet quoted in an error may be shorter than it says. */
export function parsePacket(bytes: Uint8Array): Ipv4Packet | undefined {
  if (bytes.length < Ipv4.size) return undefined;
  const h = Ipv4.dump(viewOf(bytes), 0);
  const header = (h.versionIhl & 15) * 4;
  if (h.versionIhl >>> 4 !== 4 || header < Ipv4.size || header > bytes.length) return undefined;
  return { ...h, options: bytes.subarray(Ipv4.size, header), payload: bytes.subarray(header) };
}
/** The message of an ICMP packet; `rest`: its bytes 4 to 7 as a number. Undefined: it is too short. */
export function parseIcmp(payload: Uint8Array) {
  if (payload.length < Icmp.size) return undefined;
  const d = viewOf(payload);
  return { ...Icmp.dump(d, 0), rest: d.getUint32(4), data: payload.subarray(Icmp.size) };
}
