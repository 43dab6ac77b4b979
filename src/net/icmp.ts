/** ICMP: echo and its kin, errors of ours and of others (RFC 792, 1122, 1812; NetBSD: ip_icmp.c). Redirects: redirects.ts. */
import { errno, type SysError } from "../abi/errno.ts";
import {
  Icmp as Header,
  ICMP_ECHO,
  ICMP_ECHOREPLY,
  ICMP_MASKREPLY,
  ICMP_MASKREQ,
  ICMP_PARAMPROB,
  ICMP_REDIRECT,
  ICMP_TIMXCEED,
  ICMP_TSTAMP,
  ICMP_TSTAMPREPLY,
  ICMP_UNREACH,
  IP_OFFSET,
  IPPROTO_ICMP,
  Ipv4,
  UNREACH_NEEDFRAG,
  UNREACH_PORT,
  UNREACH_PROTOCOL,
} from "../wire/ipv4.ts";
import { plainChecksum } from "./checksums.ts";
import type { IpHeader, IpProtocol, Ipv4Header } from "./ip.ts";
import { replyOptions, timeOfDay } from "./ip_options.ts";
import type { Packet } from "./packet.ts";
import { Redirects } from "./redirects.ts";
import type { Stack } from "./stack.ts";

const MIN_HEADER = 20;
const UNREACHABLE: Readonly<Record<number, SysError>> = {
  [UNREACH_PROTOCOL]: errno.ECONNREFUSED,
  [UNREACH_PORT]: errno.ECONNREFUSED,
  [UNREACH_NEEDFRAG]: errno.EMSGSIZE,
};
/** Bytes of an error's packet that are needed to tell whose it is: a transport's ports and sequence number. */
const NEEDED = 8;
/** Bytes of a timestamp message, and of a mask message. */
const STAMPS = 20;
const MASKED = 12;

export class Icmp implements IpProtocol {
  readonly #stack: Stack;
  /** Messages in and out, by type. */
  readonly counters = { in: new Uint32Array(256), out: new Uint32Array(256), limited: 0, bad: 0 };
  readonly redirects: Redirects;
  /** Errors a second; bytes of the packet's data an error returns (net.inet.icmp.errppslimit, returndatabytes: RFC 1812 allows 576 in all). */
  errorsPerSecond = 100;
  returned = 8;
  /** Answer questions to everybody, and those for our mask (bmcastecho, maskrepl). */
  answerBroadcasts = false;
  answerMask = false;
  #second = 0;
  #sent = 0;

  constructor(stack: Stack) {
    this.#stack = stack;
    this.redirects = new Redirects(stack);
  }
  input(p: Packet, at: number, h: IpHeader): void {
    if (p.end - at < Header.size || plainChecksum(p, at, p.end - at) !== 0) {
      this.counters.bad++;
      return;
    }
    const [type, header] = [Header.get.type(p.view, at), h as Ipv4Header];
    this.counters.in[type]!++;
    if (type === ICMP_ECHO) return this.#answer(p, at, header, ICMP_ECHOREPLY);
    if (type === ICMP_TSTAMP && p.end - at >= STAMPS) return this.#answer(p, at, header, ICMP_TSTAMPREPLY);
    if (type === ICMP_MASKREQ && p.end - at >= MASKED && this.answerMask) {
      return this.#answer(p, at, header, ICMP_MASKREPLY);
    }
    if (type === ICMP_REDIRECT) return this.redirects.told(p, at, header);
    if (type === ICMP_UNREACH || type === ICMP_TIMXCEED || type === ICMP_PARAMPROB) this.#returned(p, at, type);
  }
  /** The same back, with what is asked for. Who asks everybody is answered only if that is wished. */
  #answer(p: Packet, at: number, header: Ipv4Header, type: number): void {
    const { source, destination, tos } = header;
    const many = p.broadcast || !this.#stack.isLocal(destination);
    if (many && !this.answerBroadcasts) return;
    const from = many ? this.#stack.sourceFor(source) : destination;
    if (from === undefined) return;
    const length = p.end - at;
    const options = header.headerLength > MIN_HEADER ? replyOptions(p, header.headerLength) : undefined;
    const ip = { source: from, destination: source, protocol: IPPROTO_ICMP, ttl: MAX_TTL, tos };
    this.counters.out[type]!++;
    this.#stack.ip.output(options ? { ...ip, options } : ip, length, (out, to) => {
      out.bytes.set(p.bytes.subarray(at, p.end), to);
      Header.set.type(out.view, to, type);
      this.#fill(out, to, type, from);
      seal(out, to, length);
    });
  }
  #fill({ view }: Packet, to: number, type: number, from: number): void {
    if (type === ICMP_TSTAMPREPLY) {
      view.setUint32(to + 12, timeOfDay(this.#stack));
      view.setUint32(to + 16, timeOfDay(this.#stack));
    } else if (type === ICMP_MASKREPLY) {
      const ours = [...this.#stack.interfaces].flatMap((i) => i.addresses).find((a) => a.address === from);
      view.setUint32(to + 8, ours?.mask ?? 0);
    }
  }
  /** Something of ours did not arrive: its protocol is told, if the packet can be ours. */
  #returned(p: Packet, at: number, type: number): void {
    const inner = at + Header.size;
    if (p.end - inner < MIN_HEADER) return;
    const headerLength = (Ipv4.get.versionIhl(p.view, inner) & 15) * 4;
    if (headerLength < MIN_HEADER || p.end - inner < headerLength + NEEDED) return;
    const source = Ipv4.get.source(p.view, inner);
    // Whose time was up on the way is not told (NetBSD: inetctlerrmap): those who trace read it for themselves.
    if (!this.#stack.isLocal(source) || type === ICMP_TIMXCEED) return;
    const code = Header.get.code(p.view, at);
    const error = type === ICMP_PARAMPROB ? errno.ENOPROTOOPT : UNREACHABLE[code] ?? errno.EHOSTUNREACH;
    const mtu = error === errno.EMSGSIZE ? p.view.getUint16(at + MTU) : 0;
    const destination = Ipv4.get.destination(p.view, inner);
    this.#stack.ip.protocol(Ipv4.get.protocol(p.view, inner))
      ?.error?.(error, { source, destination, view: p.view, at: inner + headerLength }, mtu);
  }

  /** Tell a packet's sender what became of it, unless that could do harm (RFC 1122, 3.2.2). `p` is not changed. */
  complain(p: Packet, type: number, code = 0, { mtu = 0, pointer = 0 }: Details = {}): void {
    if (!this.#mayComplain(p)) return;
    this.#error(p, type, code, (out, at) => {
      out.view.setUint8(at + POINTER, pointer);
      out.view.setUint16(at + MTU, mtu);
    });
  }
  /** There is a shorter way, through `gateway`. False: that is not told. */
  redirect(p: Packet, gateway: number): boolean {
    const source = Ipv4.get.source(p.view, p.start);
    const near = p.iface?.onLink(source);
    if (!near || ((near.address ^ gateway) & near.mask) !== 0 || !this.#mayComplain(p)) return false;
    this.#error(p, ICMP_REDIRECT, 1, (out, at) => out.view.setUint32(at + GATEWAY, gateway));
    return true;
  }
  #mayComplain(p: Packet): boolean {
    const { view, start } = p;
    if (p.broadcast || (Ipv4.get.fragment(view, start) & IP_OFFSET) !== 0) return false;
    const source = Ipv4.get.source(view, start);
    const destination = Ipv4.get.destination(view, start);
    if (source === 0 || source >>> 28 >= 14 || destination >>> 28 >= 14) return false;
    if (p.iface?.isBroadcast(destination)) return false;
    const at = start + (Ipv4.get.versionIhl(view, start) & 15) * 4;
    const isError = Ipv4.get.protocol(view, start) === IPPROTO_ICMP && at < p.end && !QUERIES.has(view.getUint8(at));
    return !isError && this.#allowed();
  }
  /** Errors have a limit a second. */
  #allowed(): boolean {
    const second = Math.floor(this.#stack.sys.now() / 1000);
    if (second !== this.#second) this.#sent = 0;
    this.#second = second;
    if (this.#sent++ < this.errorsPerSecond) return true;
    this.counters.limited++;
    return false;
  }
  #error(p: Packet, type: number, code: number, rest: (out: Packet, at: number) => void): void {
    const to = Ipv4.get.source(p.view, p.start);
    const destination = Ipv4.get.destination(p.view, p.start);
    const header = (Ipv4.get.versionIhl(p.view, p.start) & 15) * 4;
    const n = Math.min(p.length, header + Math.max(NEEDED, this.returned));
    // Where it came in tells most of the way (RFC 1812, 4.3.2.4).
    const came = p.iface && !p.iface.loopback ? this.#stack.addressOn(p.iface, to) : undefined;
    const source = this.#stack.isLocal(destination) ? destination : came ?? this.#stack.sourceFor(to);
    if (source === undefined) return;
    this.counters.out[type]!++;
    this.#stack.ip.output(
      { source, destination: to, protocol: IPPROTO_ICMP, ttl: MAX_TTL },
      Header.size + n,
      (out, at) => {
        Header.set.type(out.view, at, type);
        Header.set.code(out.view, at, code);
        out.view.setUint32(at + 4, 0);
        rest(out, at);
        out.bytes.set(p.bytes.subarray(p.start, p.start + n), at + Header.size);
        seal(out, at, Header.size + n);
      },
    );
  }
}
/** What an error tells: the next hop's MTU (RFC 1191), or the byte of the header that is wrong. */
interface Details {
  readonly mtu?: number;
  readonly pointer?: number;
}
/** Where that stands, and a redirect's gateway. */
const MTU = 6;
const POINTER = 4;
const GATEWAY = 4;
const MAX_TTL = 255;
/** Types that are no errors: echo and its reply, timestamp, information, mask, and their replies, router discovery. */
const QUERIES = new Set([0, 8, 9, 10, 13, 14, 15, 16, 17, 18]);

function seal(p: Packet, at: number, length: number): void {
  Header.set.checksum(p.view, at, 0);
  p.view.setUint16(at + 2, plainChecksum(p, at, length), true);
}
