/** Conditions about packets of the Internet, by what their link puts before them (DLT_*): what filter expressions are made of. */
import { BPF, DLT } from "../abi/bpf.ts";
import { AF_INET, AF_INET6 } from "../abi/flags.ts";
import type { In6Addr } from "../lib/in6.ts";
import { all, any, type Condition, either, equals, Label, never } from "./bpf_code.ts";
import { ETHERTYPE_ARP, ETHERTYPE_IP, ETHERTYPE_IPV6 } from "./ethernet.ts";

/** Which end an address or port is of. */
export type Side = "src" | "dst" | "either";
export const TCP = 6;
export const UDP = 17;
const SCTP = 132;
const FRAGMENT = 44;
const IP_OFFSET = 0x1fff;
const WORDS = [0, 4, 8, 12] as const;

/** Conditions for one kind of link. */
export class LinkConditions {
  readonly #dlt: number;
  /** Where IP begins. */
  readonly #ip: number;

  constructor(dlt: number) {
    this.#dlt = dlt;
    this.#ip = dlt === DLT.EN10MB ? 14 : dlt === DLT.NULL ? 4 : 0;
  }
  get ethernet(): boolean {
    return this.#dlt === DLT.EN10MB;
  }
  etherType(type: number): Condition {
    return this.ethernet ? equals(BPF.LD_H_ABS, 12, type) : never;
  }
  get ip(): Condition {
    if (this.ethernet) return this.etherType(ETHERTYPE_IP);
    // The family is a number of the host's.
    if (this.#dlt === DLT.NULL) return equals(BPF.LD_W_ABS, 0, AF_INET * 2 ** 24);
    return equals(BPF.LD_B_ABS, 0, 0x40, 0xf0);
  }
  get ip6(): Condition {
    if (this.ethernet) return this.etherType(ETHERTYPE_IPV6);
    if (this.#dlt === DLT.NULL) return equals(BPF.LD_W_ABS, 0, AF_INET6 * 2 ** 24);
    return equals(BPF.LD_B_ABS, 0, 0x60, 0xf0);
  }
  get arp(): Condition {
    return this.etherType(ETHERTYPE_ARP);
  }
  protocol4(n: number): Condition {
    return all([this.ip, equals(BPF.LD_B_ABS, this.#ip + 9, n)]);
  }
  /** Also behind a fragment header. */
  protocol6(n: number): Condition {
    const next = (at: number, is: number) => equals(BPF.LD_B_ABS, this.#ip + at, is);
    return all([this.ip6, either(next(6, n), all([next(6, FRAGMENT), next(40, n)]))]);
  }
  protocol(n: number): Condition {
    return either(this.protocol4(n), this.protocol6(n));
  }
  /** An IPv4 network; in ARP's questions and answers, too. */
  net4(address: number, mask: number, side: Side): Condition {
    const at = (places: readonly [number, number]) =>
      any(chosen(places, side).map((place) => equals(BPF.LD_W_ABS, place, (address & mask) >>> 0, mask)));
    const ip = all([this.ip, at([this.#ip + 12, this.#ip + 16])]);
    return this.ethernet ? either(ip, all([this.arp, at([28, 38])])) : ip;
  }
  net6(address: In6Addr, length: number, side: Side): Condition {
    const words = [address.a, address.b, address.c, address.d].map((w) => w >>> 0);
    const at = (place: number): Condition => {
      const tests = WORDS.flatMap((offset, i) => {
        const bits = Math.min(32, Math.max(0, length - 32 * i));
        const mask = bits === 0 ? 0 : (~0 << (32 - bits)) >>> 0;
        return bits === 0 ? [] : [equals(BPF.LD_W_ABS, place + offset, (words[i]! & mask) >>> 0, mask)];
      });
      return tests.length > 0 ? all(tests) : (a, yes) => a.go(yes);
    };
    return all([this.ip6, any(chosen([this.#ip + 8, this.#ip + 24], side).map(at))]);
  }
  /** A range of ports of a protocol, or of any that has them. */
  ports(from: number, to: number, side: Side, protocols: readonly number[] = [TCP, UDP, SCTP]): Condition {
    const range = (load: number, at: number): Condition => (a, yes, no) => {
      const next = new Label();
      a.do(load, at);
      if (from === to) return a.jump(BPF.JEQ, from, yes, no);
      a.jump(BPF.JGE, from, next, no);
      a.place(next);
      a.jump(BPF.JGT, to, no, yes);
    };
    const v4 = all([
      any(protocols.map((p) => this.protocol4(p))),
      this.#firstFragment,
      this.#afterHeader(any(chosen([this.#ip, this.#ip + 2], side).map((at) => range(BPF.LD_H_IND, at)))),
    ]);
    const v6 = all([
      this.ip6,
      any(protocols.map((p) => equals(BPF.LD_B_ABS, this.#ip + 6, p))),
      any(chosen([this.#ip + 40, this.#ip + 42], side).map((at) => range(BPF.LD_H_ABS, at))),
    ]);
    return either(v4, v6);
  }
  /** Only the first piece of a packet has ports. */
  get #firstFragment(): Condition {
    return (a, yes, no) => {
      a.do(BPF.LD_H_ABS, this.#ip + 6);
      a.jump(BPF.JSET, IP_OFFSET, no, yes);
    };
  }
  /** With X as long as the IP header. */
  #afterHeader(then: Condition): Condition {
    return (a, yes, no) => {
      a.do(BPF.LDX_MSH, this.#ip);
      then(a, yes, no);
    };
  }
  /** An Ethernet address. */
  mac(mac: readonly number[], side: Side): Condition {
    if (!this.ethernet) return never;
    const high = ((mac[0]! << 8) | mac[1]!) >>> 0;
    const low = mac.slice(2).reduce((n, b) => n * 256 + b, 0);
    const at = (place: number) => all([equals(BPF.LD_W_ABS, place + 2, low), equals(BPF.LD_H_ABS, place, high)]);
    return any(chosen([6, 0], side).map(at));
  }
  /** Packets at least so long. */
  atLeast(length: number): Condition {
    return (a, yes, no) => {
      a.do(BPF.LD_LEN);
      a.jump(BPF.JGE, length, yes, no);
    };
  }
}
/** Source and destination as they are asked for. */
function chosen(places: readonly [src: number, dst: number], side: Side): number[] {
  return side === "either" ? [...places] : [places[side === "src" ? 0 : 1]];
}
