/**
 * Packets that are not finished: checksums that are left to be completed, segments of TCP and datagrams of UDP that are one
 * packet until they come to a device (as Linux' GSO and GRO; TSO and checksum offload where the device does it).
 */
import { complement, fold, sum, swapped } from "../lib/checksum.ts";
import {
  HDR_F_DATA_VALID,
  HDR_F_NEEDS_CSUM,
  HDR_GSO_ECN,
  HDR_GSO_NONE,
  HDR_GSO_TCPV4,
  HDR_GSO_TCPV6,
  HDR_GSO_UDP_L4,
  type Offload,
} from "../lib/offload.ts";
import { Ethernet, ETHERTYPE_VLAN } from "../wire/ethernet.ts";
import { IPPROTO_TCP, IPPROTO_UDP, Ipv4, Udp } from "../wire/ipv4.ts";
import { Ipv6 } from "../wire/ipv6.ts";
import { Tcp, TH_CWR, TH_FIN, TH_PUSH } from "../wire/tcp.ts";
import { sealHeader } from "./checksums.ts";
import { HEADROOM, type Packet } from "./packet.ts";

const IP_HEADER = 20;
/** More pieces are somebody's malice. */
const MOST_PIECES = 2048;
const VLAN_TAG = 4;

/** Bytes of a packet's transport header. */
const transportSize = (p: Packet) => p.gso === HDR_GSO_UDP_L4 ? Udp.size : (Tcp.get.offset(p.view, p.sumAt) >> 4) * 4;
/** The length of the largest packet it becomes. */
export function largestPiece(p: Packet): number {
  return p.segment > 0 ? p.sumAt - p.start + transportSize(p) + p.segment : p.length;
}

/** Take over what a device says of the frame that was copied into a packet. False: it makes no sense. */
export function adopt(p: Packet, o: Offload): boolean {
  p.verified = (o.flags & HDR_F_DATA_VALID) !== 0;
  const gso = o.gsoType & ~HDR_GSO_ECN;
  if ((o.flags & HDR_F_NEEDS_CSUM) === 0) return gso === HDR_GSO_NONE;
  const at = p.start + o.checksumStart;
  if (at + o.checksumOffset + 2 > p.end || (at & 1) !== 0) return false;
  p.sumAt = at;
  p.sumOffset = o.checksumOffset;
  if (gso === HDR_GSO_NONE) return true;
  p.gso = gso;
  p.segment = o.gsoSize;
  return gsoFits(p);
}
const TYPES: readonly number[] = [HDR_GSO_TCPV4, HDR_GSO_TCPV6, HDR_GSO_UDP_L4];
/** Whether what is said of a packet that is several can be. */
export function gsoFits(p: Packet): boolean {
  const least = p.gso === HDR_GSO_UDP_L4 ? Udp.size : Tcp.size;
  const field = p.gso === HDR_GSO_UDP_L4 ? Udp.at.checksum : Tcp.at.checksum;
  if (!TYPES.includes(p.gso) || p.segment === 0 || p.sumOffset !== field || p.sumAt + least > p.end) return false;
  const header = transportSize(p);
  return header >= least && p.sumAt + header <= p.end && p.end - p.sumAt <= MOST_PIECES * p.segment;
}

/** Tell a device what is left to do with a packet that has its link's header. */
export function describe(p: Packet, into: Offload): Offload {
  into.flags = HDR_F_NEEDS_CSUM;
  into.gsoType = p.gso;
  into.gsoSize = p.segment;
  into.headerLength = p.segment > 0 ? p.sumAt - p.start + transportSize(p) : 0;
  into.checksumStart = p.sumAt - p.start;
  into.checksumOffset = p.sumOffset;
  return into;
}

/** Complete the checksum. */
export function complete(p: Packet): void {
  const { sumAt, sumOffset } = p;
  if (sumAt === 0) return;
  const value = complement(sum(p, sumAt, p.end - sumAt));
  // Of UDP, 0 would say that there is none.
  p.view.setUint16(sumAt + sumOffset, value === 0 && sumOffset === Udp.at.checksum ? 0xffff : value, true);
  p.sumAt = 0;
  p.verified = true;
}

/** Where a frame's IP header begins. */
function networkAt({ view, start }: Packet, ethernet: boolean): number {
  if (!ethernet) return start;
  const tagged = Ethernet.get.type(view, start) === ETHERTYPE_VLAN;
  return start + Ethernet.size + (tagged ? VLAN_TAG : 0);
}
/** Cut a packet that is several into those, finished: each is made in `piece`, and lent to `send`. */
export function cut(p: Packet, piece: Packet, ethernet: boolean, send: (piece: Packet) => void): void {
  const header = p.sumAt + transportSize(p) - p.start;
  const ip = networkAt(p, ethernet) - p.start;
  const data = p.start + header;
  for (let i = 0; i === 0 || data + i * p.segment < p.end; i++) {
    const at = data + i * p.segment;
    const n = Math.min(p.segment, p.end - at);
    // Aligned as the whole is.
    piece.start = HEADROOM + (p.start & 3);
    piece.end = piece.start + header + n;
    piece.bytes.set(p.bytes.subarray(p.start, p.start + header), piece.start);
    piece.bytes.set(p.bytes.subarray(at, at + n), piece.start + header);
    piece.sumAt = piece.start + p.sumAt - p.start;
    piece.sumOffset = p.sumOffset;
    finish(piece, piece.start + ip, { index: i, data: at - data, last: at + n >= p.end, udp: isUdp(p) });
    send(piece);
  }
}
const isUdp = (p: Packet) => p.gso === HDR_GSO_UDP_L4;
interface Piece {
  readonly index: number;
  /** Bytes of data before its own. */
  readonly data: number;
  readonly last: boolean;
  readonly udp: boolean;
}
/** Lengths, numbers and checksums of a piece. */
function finish(p: Packet, ip: number, piece: Piece): void {
  const { view, end, sumAt } = p;
  const length = end - sumAt;
  const version6 = p.bytes[ip]! >> 4 === 6;
  if (version6) Ipv6.set.length(view, ip, end - ip - Ipv6.size);
  else {
    Ipv4.set.length(view, ip, end - ip);
    Ipv4.set.id(view, ip, (Ipv4.get.id(view, ip) + piece.index) & 0xffff);
    sealHeader(p, ip, (Ipv4.get.versionIhl(view, ip) & 15) * 4);
  }
  if (piece.udp) Udp.set.length(view, sumAt, length);
  else {
    Tcp.set.seq(view, sumAt, (Tcp.get.seq(view, sumAt) + piece.data) >>> 0);
    const off = (piece.last ? 0 : TH_FIN | TH_PUSH) | (piece.index === 0 ? 0 : TH_CWR);
    Tcp.set.flags(view, sumAt, Tcp.get.flags(view, sumAt) & ~off);
  }
  const addresses = version6
    ? sum(p, ip + Ipv6.at.source, Ipv6.size - Ipv6.at.source)
    : sum(p, ip + Ipv4.at.source, IP_HEADER - Ipv4.at.source);
  const protocol = piece.udp ? IPPROTO_UDP : IPPROTO_TCP;
  view.setUint16(sumAt + p.sumOffset, fold(addresses + swapped(protocol) + swapped(length)), true);
  complete(p);
}
