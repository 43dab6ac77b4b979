/** ICMP: echo, errors of ours and of others (RFC 792, 1122, 1812; NetBSD: ip_icmp.c). */
import { errno, type SysError } from "../abi/errno.ts";
import {
  Icmp as Header,
  ICMP_ECHO,
  ICMP_ECHOREPLY,
  ICMP_PARAMPROB,
  ICMP_REDIRECT,
  ICMP_TIMXCEED,
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
import type { Packet } from "./packet.ts";
import type { Stack } from "./stack.ts";

/** Errors a second (net.inet.icmp.errppslimit). */
const PER_SECOND = 100;
/** Bytes of the packet's data an error returns (net.inet.icmp.returndatabytes; RFC 1812 allows 576 in all). */
const RETURNED = 8;
const MIN_HEADER = 20;
const UNREACHABLE: Readonly<Record<number, SysError>> = {
  0: errno.EHOSTUNREACH,
  1: errno.EHOSTUNREACH,
  [UNREACH_PROTOCOL]: errno.ECONNREFUSED,
  [UNREACH_PORT]: errno.ECONNREFUSED,
  [UNREACH_NEEDFRAG]: errno.EMSGSIZE,
};

export class Icmp implements IpProtocol {
  readonly #stack: Stack;
  /** Messages in and out, by type. */
  readonly counters = { in: new Uint32Array(256), out: new Uint32Array(256), limited: 0, bad: 0 };
  errorsPerSecond = PER_SECOND;
  #second = 0;
  #sent = 0;

  constructor(stack: Stack) {
    this.#stack = stack;
  }
  input(p: Packet, at: number, header: IpHeader): void {
    if (p.end - at < Header.size || plainChecksum(p, at, p.end - at) !== 0) {
      this.counters.bad++;
      return;
    }
    const type = Header.get.type(p.view, at);
    this.counters.in[type]!++;
    if (type === ICMP_ECHO) return this.#echo(p, at, header as Ipv4Header);
    if (type === ICMP_UNREACH || type === ICMP_TIMXCEED || type === ICMP_PARAMPROB) this.#returned(p, at, type);
  }
  /** The same back. Who asks everybody is not answered (net.inet.icmp.bmcastecho). */
  #echo(p: Packet, at: number, { source, destination, tos }: Ipv4Header): void {
    if (p.broadcast || !this.#stack.isLocal(destination)) return;
    const length = p.end - at;
    this.counters.out[ICMP_ECHOREPLY]!++;
    this.#stack.ip.output(
      { source: destination, destination: source, protocol: IPPROTO_ICMP, ttl: MAX_TTL, tos },
      length,
      (out, to) => {
        out.bytes.set(p.bytes.subarray(at, p.end), to);
        Header.set.type(out.view, to, ICMP_ECHOREPLY);
        seal(out, to, length);
      },
    );
  }
  /** Something of ours did not arrive: its protocol is told, if the packet can be ours. */
  #returned(p: Packet, at: number, type: number): void {
    const inner = at + Header.size;
    if (p.end - inner < MIN_HEADER) return;
    const headerLength = (Ipv4.get.versionIhl(p.view, inner) & 15) * 4;
    if (headerLength < MIN_HEADER || p.end - inner < headerLength + RETURNED) return;
    const source = Ipv4.get.source(p.view, inner);
    if (!this.#stack.isLocal(source)) return;
    const code = Header.get.code(p.view, at);
    const error = type === ICMP_UNREACH ? UNREACHABLE[code] ?? errno.EHOSTUNREACH : errno.EHOSTUNREACH;
    const mtu = error === errno.EMSGSIZE ? p.view.getUint16(at + MTU) : 0;
    const destination = Ipv4.get.destination(p.view, inner);
    this.#stack.ip.protocol(Ipv4.get.protocol(p.view, inner))
      ?.error?.(error, { source, destination, view: p.view, at: inner + headerLength }, mtu);
  }

  /** Tell a packet's sender what became of it, unless that could do harm (RFC 1122, 3.2.2). `p` is not changed. */
  complain(p: Packet, type: number, code = 0, mtu = 0): void {
    if (!this.#mayComplain(p)) return;
    this.#error(p, type, code, (out, at) => out.view.setUint16(at + MTU, mtu));
  }
  /** There is a shorter way, through `gateway`. */
  redirect(p: Packet, gateway: number): void {
    const source = Ipv4.get.source(p.view, p.start);
    if (!p.iface?.onLink(source) || !p.iface.onLink(gateway) || !this.#mayComplain(p)) return;
    this.#error(p, ICMP_REDIRECT, 1, (out, at) => out.view.setUint32(at + GATEWAY, gateway));
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
    const n = Math.min(p.length, header + RETURNED);
    const source = this.#stack.isLocal(destination) ? destination : this.#stack.sourceFor(to);
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
/** Where in an error the next hop's MTU stands (RFC 1191), and a redirect's gateway. */
const MTU = 6;
const GATEWAY = 4;
const MAX_TTL = 255;
/** Types that are no errors: echo and its reply, timestamp, information, mask, and their replies, router discovery. */
const QUERIES = new Set([0, 8, 9, 10, 13, 14, 15, 16, 17, 18]);

function seal(p: Packet, at: number, length: number): void {
  Header.set.checksum(p.view, at, 0);
  p.view.setUint16(at + 2, plainChecksum(p, at, length), true);
}
