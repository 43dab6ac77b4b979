/** /proc/net/snmp, snmp6 and netstat (RFC 4293, 4022, 4113): what the rump kernel has counted. */
import {
  decodeStats,
  ICMP6_STAT,
  ICMP_STAT,
  IP6_STAT,
  IP_STAT,
  TCP_STAT,
  UDP6_STAT,
  UDP_STAT,
} from "../../abi/net_stats.ts";
import { ALL_PCBS, parsePcbs } from "../../abi/pcbs.ts";
import { TCPS } from "../../abi/pcb_structs.ts";
import type { Questions } from "./questions.ts";
import { readVariable } from "./variables.ts";

/** A counter of Linux by those of NetBSD it is the sum of; "-": less that one; "in*": those of all types. */
type Sums = Readonly<Record<string, string>>;
/** Counters by one variable. */
interface Group {
  /** Title of a line, or what begins a name. */
  readonly title: string;
  readonly from: string;
  readonly names: readonly string[];
  readonly sums: Sums;
}

/** The same for both versions of IP, and last of each. */
const fragments: Sums = {
  ReasmTimeout: "fragtimeout",
  ReasmReqds: "fragments",
  ReasmOKs: "reassembled",
  ReasmFails: "fragdropped fragtimeout",
  FragOKs: "fragmented",
  FragFails: "cantfrag",
  FragCreates: "ofragments",
};
const ip: Group = {
  title: "Ip",
  from: "net.inet.ip.stats",
  names: IP_STAT,
  sums: {
    InReceives: "total",
    InHdrErrors: "badsum tooshort toosmall badhlen badlen badvers badoptions",
    InAddrErrors: "badaddr cantforward",
    ForwDatagrams: "forward",
    InUnknownProtos: "noproto",
    InDiscards: "rcvmemdrop",
    InDelivers: "delivered",
    OutRequests: "localout",
    OutDiscards: "odropped",
    OutNoRoutes: "noroute",
    ...fragments,
  },
};
/** Types of ICMP, in the order of Linux' columns. */
const ICMP_TYPES: Readonly<Record<string, number>> = {
  DestUnreachs: 3,
  TimeExcds: 11,
  ParmProbs: 12,
  SrcQuenchs: 4,
  Redirects: 5,
  Echos: 8,
  EchoReps: 0,
  Timestamps: 13,
  TimestampReps: 14,
  AddrMasks: 17,
  AddrMaskReps: 18,
};
const ICMP6_TYPES: Readonly<Record<string, number>> = {
  DestUnreachs: 1,
  PktTooBigs: 2,
  TimeExcds: 3,
  ParmProblems: 4,
  Echos: 128,
  EchoReplies: 129,
  GroupMembQueries: 130,
  GroupMembResponses: 131,
  GroupMembReductions: 132,
  RouterSolicits: 133,
  RouterAdvertisements: 134,
  NeighborSolicits: 135,
  NeighborAdvertisements: 136,
  Redirects: 137,
  MLDv2Reports: 143,
};
const byType = (way: "In" | "Out", types: Readonly<Record<string, number>>): Sums =>
  Object.fromEntries(Object.entries(types).map(([name, type]) => [`${way}${name}`, `${way.toLowerCase()}${type}`]));
const icmp: Group = {
  title: "Icmp",
  from: "net.inet.icmp.stats",
  names: ICMP_STAT,
  sums: {
    InMsgs: "in*",
    InErrors: "badcode tooshort checksum badlen",
    InCsumErrors: "checksum",
    ...byType("In", ICMP_TYPES),
    OutMsgs: "out*",
    ...byType("Out", ICMP_TYPES),
  },
};
const tcp: Group = {
  title: "Tcp",
  from: "net.inet.tcp.stats",
  names: TCP_STAT,
  sums: {
    ActiveOpens: "connattempt",
    PassiveOpens: "accepts",
    AttemptFails: "conndrops",
    EstabResets: "drops",
    InSegs: "rcvtotal",
    OutSegs: "sndtotal -sndrexmitpack",
    RetransSegs: "sndrexmitpack",
    InErrs: "rcvbadsum rcvbadoff rcvshort",
    InCsumErrors: "rcvbadsum",
  },
};
const UDP_SUMS: Sums = {
  InDatagrams: "ipackets -hdrops -badsum -badlen -noport -fullsock",
  NoPorts: "noport",
  InErrors: "hdrops badsum badlen fullsock",
  OutDatagrams: "opackets",
  RcvbufErrors: "fullsock",
  InCsumErrors: "badsum",
};
const udp: Group = { title: "Udp", from: "net.inet.udp.stats", names: UDP_STAT, sums: UDP_SUMS };
const tcpMore: Group = {
  title: "TcpExt",
  from: "net.inet.tcp.stats",
  names: TCP_STAT,
  sums: {
    PAWSEstab: "pawsdrop",
    DelayedACKs: "delack",
    ListenOverflows: "sc_overflowed",
    ListenDrops: "sc_dropped",
    TCPHPHits: "preddat",
    TCPHPAcks: "predack",
    TCPTimeouts: "rexmttimeo",
    TCPAbortOnTimeout: "timeoutdrop",
    TCPOFOQueue: "rcvoopack",
    TCPKeepAlive: "keepprobe",
  },
};
const six: readonly Group[] = [
  {
    title: "Ip6",
    from: "net.inet6.ip6.stats",
    names: IP6_STAT,
    sums: {
      InReceives: "total",
      InHdrErrors: "tooshort toosmall badoptions badvers toomanyhdr",
      InAddrErrors: "cantforward badscope",
      InDelivers: "delivered",
      OutForwDatagrams: "forward",
      OutRequests: "localout",
      OutDiscards: "odropped",
      OutNoRoutes: "noroute",
      ...fragments,
    },
  },
  {
    title: "Icmp6",
    from: "net.inet6.icmp6.stats",
    names: ICMP6_STAT,
    sums: {
      InMsgs: "in*",
      InErrors: "badcode tooshort checksum badlen",
      InCsumErrors: "checksum",
      ...byType("In", ICMP6_TYPES),
      OutMsgs: "out*",
      ...byType("Out", ICMP6_TYPES),
    },
  },
  { title: "Udp6", from: "net.inet6.udp6.stats", names: UDP6_STAT, sums: UDP_SUMS },
];

/** The values of a group; undefined: this kernel does not count that. */
async function values(ask: Questions, { from, names, sums }: Group): Promise<Map<string, number> | undefined> {
  const raw = await ask.list(from);
  if (!raw) return undefined;
  const stats: Readonly<Record<string, number>> = decodeStats(names, raw);
  return new Map(Object.entries(sums).map(([name, sum]) => [name, Math.max(0, summed(stats, sum))]));
}
function summed(stats: Readonly<Record<string, number>>, sum: string): number {
  return sum.split(" ").reduce((total, term) => {
    if (term.endsWith("*")) return total + typesOf(stats, term.slice(0, -1));
    return term.startsWith("-") ? total - (stats[term.slice(1)] ?? 0) : total + (stats[term] ?? 0);
  }, 0);
}
/** Messages of all types: `in0` and so on. */
const typesOf = (stats: Readonly<Record<string, number>>, way: string): number =>
  Object.entries(stats).reduce((n, [name, count]) => name.startsWith(way) && /\d$/.test(name) ? n + count : n, 0);

/** Two lines: names, and values. */
const lines = (title: string, told: ReadonlyMap<string, string | number>): string =>
  told.size === 0 ? "" : `${title}: ${[...told.keys()].join(" ")}\n${title}: ${[...told.values()].join(" ")}\n`;

/** Settings that stand before the counters of IP: 1, packets are passed on; 2, they are not. */
async function settings(ask: Questions): Promise<Map<string, string>> {
  const told = new Map<string, string>();
  const [forwarding, ttl] = [await ask.find("net.inet.ip.forwarding"), await ask.find("net.inet.ip.ttl")];
  if (forwarding) told.set("Forwarding", (await readVariable(ask, forwarding)) === "0" ? "2" : "1");
  if (ttl) told.set("DefaultTTL", await readVariable(ask, ttl));
  return told;
}
async function established(ask: Questions): Promise<number> {
  let n = 0;
  for (const list of ["net.inet.tcp.pcblist", "net.inet6.tcp6.pcblist"]) {
    const all = parsePcbs(await ask.list(list, ALL_PCBS) ?? new Uint8Array(0));
    n += all.filter(({ tstate }) => TCPS[tstate] === "ESTABLISHED" || TCPS[tstate] === "CLOSE_WAIT").length;
  }
  return n;
}
/** /proc/net/snmp: IPv4 and what is over it. */
export async function snmpTable(ask: Questions): Promise<string> {
  const texts: string[] = [];
  for (const group of [ip, icmp, tcp, udp]) {
    const counted = await values(ask, group);
    if (!counted) continue;
    if (group === tcp) counted.set("CurrEstab", await established(ask));
    texts.push(
      lines(
        group.title,
        group === ip ? new Map<string, string | number>([...await settings(ask), ...counted]) : counted,
      ),
    );
  }
  return texts.join("");
}
/** /proc/net/netstat: more of TCP. */
export async function netstatTable(ask: Questions): Promise<string> {
  return lines(tcpMore.title, await values(ask, tcpMore) ?? new Map());
}
/** /proc/net/snmp6: IPv6 and what is over it. */
export async function snmp6Table(ask: Questions): Promise<string> {
  let text = "";
  for (const group of six) {
    for (const [name, n] of await values(ask, group) ?? []) text += `${(group.title + name).padEnd(32)}\t${n}\n`;
  }
  return text;
}
