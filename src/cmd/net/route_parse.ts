/** What route(8) is asked on the command line: destination, gateway, mask, and what else is said of a route. */
import { AF_INET, AF_INET6, AF_UNSPEC } from "../../abi/flags.ts";
import { in6Mask, inetMask, sockaddrIn, sockaddrIn6 } from "../../abi/inet.ts";
import { IFT } from "../../abi/net_structs.ts";
import { RTA, RTF, RTV, sockaddrDl } from "../../abi/route_structs.ts";
import { maskOf, parseIpv4, parseMac } from "../../lib/inet.ts";
import { type Address, familyOf } from "./host_names.ts";

/** Metrics by their keyword: the bit, and the field of struct rt_msghdr. */
export const METRICS = {
  mtu: RTV.MTU,
  hopcount: RTV.HOPCOUNT,
  expire: RTV.EXPIRE,
  recvpipe: RTV.RPIPE,
  sendpipe: RTV.SPIPE,
  ssthresh: RTV.SSTHRESH,
  rtt: RTV.RTT,
  rttvar: RTV.RTTVAR,
} as const;
export type Metric = keyof typeof METRICS;
/** Flags by their keyword: on, or off. */
const FLAGS: Readonly<Record<string, readonly [on: number, off: number]>> = {
  blackhole: [RTF.BLACKHOLE, 0],
  noblackhole: [0, RTF.BLACKHOLE],
  reject: [RTF.REJECT, 0],
  noreject: [0, RTF.REJECT],
  static: [RTF.STATIC, 0],
  nostatic: [0, RTF.STATIC],
  cloning: [RTF.CONNECTED, 0],
  connected: [RTF.CONNECTED, 0],
  nocloning: [0, RTF.CONNECTED],
  noconnected: [0, RTF.CONNECTED],
  llinfo: [RTF.LLDATA, 0],
  proto1: [RTF.PROTO1, 0],
  proto2: [RTF.PROTO2, 0],
  proxy: [RTF.ANNOUNCE, 0],
};

/** What NetBSD's route has or had, and this one has not. */
const REFUSED: Readonly<Record<string, string>> = {
  atalk: "there is no AppleTalk",
  mpls: "there is no MPLS",
  tag: "there is no MPLS",
  cloned: "routes are not cloned any more",
  nocloned: "routes are not cloned any more",
  xresolve: "nobody resolves addresses for the kernel any more",
};

/** The words are wrong: a usage error. */
export class BadWords extends Error {
  override readonly name = "BadWords";
}
/** A name is of nobody. */
export class UnknownName extends Error {
  override readonly name = "UnknownName";
}

/** What names are looked up with. */
export interface Lookup {
  /** Undefined: unknown. */
  readonly address: (text: string, family: number) => Address | undefined;
  /** The index of an interface; undefined: there is none. */
  readonly index: (name: string) => number | undefined;
}
export interface RouteRequest {
  family: number;
  net: boolean;
  /** As they were written. */
  destination: string;
  gateway: string | undefined;
  /** RTF_* that were asked for. */
  flags: number;
  /** Sockaddrs by their RTA_* bit. */
  readonly addresses: Map<number, Uint8Array>;
  readonly metrics: Map<Metric, number>;
  /** RTV_* that may not change. */
  locks: number;
}

/** Words in their order. */
class Words {
  readonly #all: readonly string[];
  #at = 0;
  constructor(all: readonly string[]) {
    this.#all = all;
  }
  next(): string | undefined {
    return this.#all[this.#at++];
  }
  /** What has to stand behind a keyword. */
  after(keyword: string): string {
    const word = this.next();
    if (word === undefined) throw new BadWords(`-${keyword}: a value is missing`);
    return word;
  }
}
function numberOf(keyword: string, text: string, most = 0xffff_ffff): number {
  if (!/^\d{1,10}$/.test(text) || Number(text) > most) {
    throw new BadWords(`-${keyword} ${text}: not a number that makes sense`);
  }
  return Number(text);
}

/** A request from the words behind the command. Throws BadWords, saying which is wrong, or UnknownName. */
export function parseRequest(all: readonly string[], lookup: Lookup): RouteRequest {
  return new Parser(all, lookup).parse();
}
class Parser {
  readonly #words: Words;
  readonly #lookup: Lookup;
  readonly #r: RouteRequest = {
    family: AF_UNSPEC,
    net: false,
    destination: "",
    gateway: undefined,
    flags: RTF.UP | RTF.STATIC,
    addresses: new Map(),
    metrics: new Map(),
    locks: 0,
  };
  /** "net", "host" or nothing, as it was said. */
  #forced: "net" | "host" | undefined;
  #iface = false;
  #mask: string | undefined;
  #length: number | undefined;
  #lock: "one" | "rest" | undefined;

  constructor(all: readonly string[], lookup: Lookup) {
    this.#words = new Words(all);
    this.#lookup = lookup;
  }
  parse(): RouteRequest {
    const operands: string[] = [];
    for (let word = this.#words.next(); word !== undefined; word = this.#words.next()) {
      if (word.startsWith("-") && word.length > 1) this.#keyword(word.slice(1));
      else operands.push(word);
    }
    const [destination, gateway, mask, ...more] = operands;
    if (destination === undefined) throw new BadWords("no destination is given");
    if (more.length > 0) throw new BadWords(`${more[0]}: what is this for?`);
    this.#mask ??= mask;
    this.#destination(destination);
    if (gateway !== undefined) this.#gateway(gateway);
    return this.#r;
  }
  #keyword(keyword: string): void {
    const r = this.#r;
    const flag = FLAGS[keyword];
    if (flag) r.flags = (r.flags | flag[0]) & ~flag[1];
    else if (Object.hasOwn(METRICS, keyword)) this.#metric(keyword as Metric);
    else if (!this.#other(keyword)) throw new BadWords(`-${keyword}: ${REFUSED[keyword] ?? "bad keyword"}`);
  }
  #other(keyword: string): boolean {
    switch (keyword) {
      case "inet":
        return !!(this.#r.family = AF_INET);
      case "inet6":
        return !!(this.#r.family = AF_INET6);
      case "net":
      case "host":
        return !!(this.#forced = keyword);
      case "link":
      case "iface":
      case "interface":
        return (this.#iface = true);
      case "gateway":
        this.#gateway(this.#words.after(keyword));
        return true;
      case "netmask":
        this.#mask = this.#words.after(keyword);
        return true;
      case "prefixlen":
        this.#length = numberOf(keyword, this.#words.after(keyword), 128);
        return true;
      case "ifp":
        this.#r.addresses.set(RTA.IFP, this.#link(this.#words.after(keyword)));
        return true;
      case "ifa":
        this.#r.addresses.set(RTA.IFA, this.#host(this.#words.after(keyword)));
        return true;
      case "lock":
        return !!(this.#lock = "one");
      case "lockrest":
        return !!(this.#lock = "rest");
      default:
        return false;
    }
  }
  #metric(keyword: Metric): void {
    this.#r.metrics.set(keyword, numberOf(keyword, this.#words.after(keyword)));
    if (this.#lock) this.#r.locks |= METRICS[keyword];
    if (this.#lock === "one") this.#lock = undefined;
  }
  #destination(text: string): void {
    const r = this.#r;
    r.destination = text;
    const slash = text.lastIndexOf("/");
    if (slash >= 0) {
      r.destination = text.slice(0, slash);
      this.#length = numberOf("prefixlen", text.slice(slash + 1), 128);
    }
    const address = this.#network(r.destination);
    r.family = familyOf(address);
    const length = this.#lengthOf(address);
    r.net = length !== undefined && this.#forced !== "host";
    if (!r.net) r.flags |= RTF.HOST;
    r.addresses.set(RTA.DST, sockaddr(address));
    if (r.net) {
      r.addresses.set(
        RTA.NETMASK,
        typeof address === "number" ? inetMask(this.#mask4 ?? maskOf(length!)) : in6Mask(length!),
      );
    }
  }
  /** A mask that was said in words, of IPv4: it may have holes. */
  get #mask4(): number | undefined {
    if (this.#mask === undefined || this.#r.family !== AF_INET || this.#length !== undefined) return undefined;
    const mask = /^0x[0-9a-f]{1,8}$/i.test(this.#mask) ? Number(this.#mask) : parseIpv4(this.#mask);
    if (mask === undefined) throw new BadWords(`-netmask ${this.#mask}: not a mask`);
    return mask;
  }
  /** The length of the prefix; undefined: it is a host. */
  #lengthOf(address: Address): number | undefined {
    const most = typeof address === "number" ? 32 : 128;
    if (this.#length !== undefined) {
      if (this.#length > most) throw new BadWords(`-prefixlen ${this.#length}: more than ${most}`);
      return this.#length;
    }
    if (typeof address !== "number") {
      return this.#r.destination === "default" || address.unspecified ? 0 : this.#forced === "net" ? 64 : undefined;
    }
    if (this.#mask !== undefined || this.#r.destination === "default") return 0;
    if (this.#forced === "host") return undefined;
    const natural = address === 0 ? 0 : 32 - (ctz(address) & ~7);
    return this.#forced === "net" || natural <= classOf(address) ? natural : undefined;
  }
  /** `10.0` is 10.0.0.0 where a network is meant. */
  #network(text: string): Address {
    if (text === "default") return this.#r.family === AF_INET6 ? this.#found("::") : 0;
    if (this.#forced !== "host" && /^\d{1,3}(\.\d{1,3}){0,2}$/.test(text) && this.#r.family !== AF_INET6) {
      const whole = parseIpv4([...text.split("."), "0", "0", "0"].slice(0, 4).join("."));
      if (whole !== undefined) return whole;
    }
    return this.#found(text);
  }
  #found(text: string): Address {
    const address = this.#lookup.address(text, this.#r.family);
    if (address === undefined) throw new UnknownName(`${text}: bad address`);
    return address;
  }
  #host(text: string): Uint8Array {
    return sockaddr(this.#found(text));
  }
  #link(text: string): Uint8Array {
    const index = this.#lookup.index(text);
    if (index === undefined) throw new UnknownName(`${text}: no such interface`);
    return sockaddrDl({ index, type: IFT.ETHER, name: text, mac: new Uint8Array(0) });
  }
  /** A router; with -iface or -link an interface of ours, by its name, its link address or an address. */
  #gateway(text: string): void {
    const r = this.#r;
    r.gateway = text;
    const mac = parseMac(text);
    if (!this.#iface) r.flags |= RTF.GATEWAY;
    const own = this.#iface && (mac || this.#lookup.index(text) !== undefined);
    r.addresses.set(RTA.GATEWAY, !own ? this.#host(text) : mac ? linkOf(mac) : this.#link(text));
  }
}
const linkOf = (mac: Uint8Array) => sockaddrDl({ index: 0, type: IFT.ETHER, name: "", mac });
const ctz = (n: number) => 31 - Math.clz32(n & -n);
/** Bits of the network by its class, of old. */
const classOf = (address: number) => (address >>> 31 === 0 ? 8 : address >>> 30 === 2 ? 16 : 24);
const sockaddr = (address: Address): Uint8Array =>
  typeof address === "number" ? sockaddrIn(address, 0) : sockaddrIn6(address, 0);
