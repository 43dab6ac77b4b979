/** Filter expressions, those of pcap-filter(7) that are used most: words about packets, joined by and, or, not and brackets. */
import type { Insn } from "../abi/bpf.ts";
import { type In6Addr, parseIpv6 } from "../lib/in6.ts";
import { maskOf, parseIpv4 } from "../lib/inet.ts";
import { both, type Condition, either, not, programOf } from "./bpf_code.ts";
import { LinkConditions, type Side, TCP, UDP } from "./bpf_link.ts";

/** What is wrong with an expression. */
export class FilterError extends Error {
  override readonly name = "FilterError";
}
const [ICMP, IGMP, ICMP6] = [1, 2, 58];
/** Words of the language; the rest are names and numbers. */
const protocols: Readonly<Record<string, (link: LinkConditions) => Condition>> = {
  ip: (l) => l.ip,
  ip6: (l) => l.ip6,
  arp: (l) => l.arp,
  icmp: (l) => l.protocol4(ICMP),
  igmp: (l) => l.protocol4(IGMP),
  tcp: (l) => l.protocol(TCP),
  udp: (l) => l.protocol(UDP),
  icmp6: (l) => l.protocol6(ICMP6),
};
const transports: Readonly<Record<string, readonly number[]>> = { tcp: [TCP], udp: [UDP] };
const MAX_DEPTH = 100;
const MAX_WORDS = 1000;

class Parser {
  readonly #words: readonly string[];
  readonly #link: LinkConditions;
  #at = 0;
  #depth = 0;

  constructor(text: string, link: LinkConditions) {
    this.#words = text.match(/\(|\)|!|&&|\|\||[^\s()!&|]+|\S/g) ?? [];
    this.#link = link;
    if (this.#words.length > MAX_WORDS) throw new FilterError("the filter is too long");
  }
  get #word(): string | undefined {
    return this.#words[this.#at];
  }
  #take(...words: string[]): boolean {
    const is = this.#word !== undefined && words.includes(this.#word);
    if (is) this.#at++;
    return is;
  }
  #next(what: string): string {
    const word = this.#word;
    if (word === undefined) throw new FilterError(`${what} is missing at the end of the filter`);
    this.#at++;
    return word;
  }
  parse(): Condition {
    if (this.#words.length === 0) return (a, yes) => a.go(yes);
    const condition = this.#joined();
    if (this.#word !== undefined) throw new FilterError(`${this.#word}: not expected in a filter here`);
    return condition;
  }
  /** And, or: neither binds more than the other, as in pcap-filter(7). */
  #joined(): Condition {
    let found = this.#one();
    for (;;) {
      if (this.#take("and", "&&")) found = both(found, this.#one());
      else if (this.#take("or", "||")) found = either(found, this.#one());
      else return found;
    }
  }
  #one(): Condition {
    if (++this.#depth > MAX_DEPTH) throw new FilterError("the filter is nested too deeply");
    try {
      if (this.#take("not", "!")) return not(this.#one());
      if (!this.#take("(")) return this.#primitive();
      const inside = this.#joined();
      if (!this.#take(")")) throw new FilterError(") is missing in the filter");
      return inside;
    } finally {
      this.#depth--;
    }
  }
  #primitive(): Condition {
    const word = this.#next("a condition");
    const proto = protocols[word];
    if (proto && !this.#transportQualifies(word)) return proto(this.#link);
    if (proto) return this.#qualified(transports[word]);
    switch (word) {
      case "ether":
        return this.#ether();
      case "less":
        return not(this.#link.atLeast(this.#number(0, 0xffff_ffff) + 1));
      case "greater":
        return this.#link.atLeast(this.#number(0, 0xffff_ffff));
    }
    this.#at--;
    return this.#qualified(undefined);
  }
  /** `tcp` before `port` narrows that; alone it is a condition. */
  #transportQualifies(word: string): boolean {
    const next = this.#word;
    const after = next === "src" || next === "dst" ? this.#words[this.#at + 1] : next;
    return transports[word] !== undefined && (after === "port" || after === "portrange");
  }
  /** [src|dst] [host|net|port|portrange] value */
  #qualified(transport: readonly number[] | undefined): Condition {
    const side: Side = this.#take("src") ? "src" : this.#take("dst") ? "dst" : "either";
    if (this.#take("port")) return this.#ports(side, transport, false);
    if (this.#take("portrange")) return this.#ports(side, transport, true);
    if (this.#take("net")) return this.#net(side);
    this.#take("host"); // it may be left out
    return this.#host(this.#next("an address"), side);
  }
  #ports(side: Side, transport: readonly number[] | undefined, range: boolean): Condition {
    const word = this.#next("a port");
    const m = (range ? /^(\d{1,5})-(\d{1,5})$/ : /^(\d{1,5})$/).exec(word);
    const [from, to] = [Number(m?.[1]), Number(m?.[2] ?? m?.[1])];
    if (!m || from > to || to > 65_535) throw new FilterError(`${word}: not a ${range ? "range of ports" : "port"}`);
    return this.#link.ports(from, to, side, transport);
  }
  #host(word: string, side: Side): Condition {
    const address = addressOf(word);
    if (address === undefined) throw new FilterError(`${word}: neither a word of filters nor an address`);
    return typeof address === "number"
      ? this.#link.net4(address, 0xffff_ffff, side)
      : this.#link.net6(address, 128, side);
  }
  #net(side: Side): Condition {
    const word = this.#next("a network");
    const [text, bits] = word.split("/") as [string, string?];
    const address = addressOf(text);
    const most = typeof address === "number" ? 32 : 128;
    const length = bits === undefined ? most : Number(bits);
    if (address === undefined || !(length <= most) || !/^\d*$/.test(bits ?? "")) {
      throw new FilterError(`${word}: not a network`);
    }
    return typeof address === "number"
      ? this.#link.net4(address, maskOf(length), side)
      : this.#link.net6(address, length, side);
  }
  #ether(): Condition {
    if (this.#take("proto")) return this.#link.etherType(this.#number(0, 0xffff));
    const side: Side = this.#take("src") ? "src" : this.#take("dst") ? "dst" : "either";
    this.#take("host");
    const word = this.#next("an Ethernet address");
    const mac = word.split(":").map((b) => (/^[0-9a-fA-F]{1,2}$/.test(b) ? parseInt(b, 16) : NaN));
    if (mac.length !== 6 || mac.some(Number.isNaN)) throw new FilterError(`${word}: not an Ethernet address`);
    return this.#link.mac(mac, side);
  }
  #number(least: number, most: number): number {
    const word = this.#next("a number");
    const n = /^(0x[0-9a-fA-F]{1,8}|\d{1,10})$/.test(word) ? Number(word) : NaN;
    if (!(n >= least && n <= most)) throw new FilterError(`${word}: not a number from ${least} to ${most}`);
    return n;
  }
}
const addressOf = (word: string): number | In6Addr | undefined => parseIpv4(word) ?? parseIpv6(word);

/** The program for an expression on packets of a link (DLT_*), which takes `length` bytes of each. Nothing is every packet. Throws FilterError. */
export function compileFilter(text: string, dlt: number, length: number): Insn[] {
  const program = programOf(new Parser(text, new LinkConditions(dlt)).parse(), length);
  if (!program) throw new FilterError("the filter is too long");
  return program;
}
