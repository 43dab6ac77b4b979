/** Counters of IPv4's protocols in the places where netstat -s looks for them. */
import {
  ARP_STAT,
  encodeStats,
  ICMP_STAT,
  IGMP_STAT,
  IP_STAT,
  type Stats,
  TCP_STAT,
  UDP6_STAT,
  UDP_STAT,
} from "../abi/net_stats.ts";
import { ICMP_ECHOREPLY, ICMP_MASKREPLY, ICMP_TSTAMPREPLY } from "../wire/ipv4.ts";
import type { Neighbours } from "./arp.ts";
import type { Icmp } from "./icmp.ts";
import type { Igmp } from "./igmp.ts";
import type { Ip } from "./ip.ts";
import type { TcpEngine } from "./tcp/engine.ts";
import type { UdpCounters } from "./udp.ts";

export function ipStats({ counters: c, fragments: { counters: f } }: Ip): Uint8Array {
  return encodeStats(IP_STAT, {
    total: c.received,
    badsum: c.badSum,
    tooshort: c.badLength,
    toosmall: c.tooShort,
    badhlen: c.badHeader,
    fragments: f.received,
    fragdropped: f.dropped,
    fragtimeout: f.timedOut,
    forward: c.forwarded,
    cantforward: c.cantForward,
    redirectsent: c.redirects,
    noproto: c.noProtocol,
    delivered: c.delivered,
    localout: c.sent,
    reassembled: f.reassembled,
    fragmented: c.fragmented,
    ofragments: c.fragmentsOut,
    cantfrag: c.cantFragment,
    badoptions: c.badOptions,
    noroute: c.noRoute,
    badvers: c.badVersion,
    rawout: c.raw,
    badaddr: c.badAddress,
  });
}
/** Types that answer a question; the others that go out are errors, or questions. */
const ANSWERS: readonly number[] = [ICMP_ECHOREPLY, ICMP_TSTAMPREPLY, ICMP_MASKREPLY];
/** What icmp_error sends: unreachable, source quench, redirect, time exceeded, parameter problem. */
const ERRORS: readonly number[] = [3, 4, 5, 11, 12];
export function icmpStats({ counters: c }: Icmp): Uint8Array {
  const sum = (types: readonly number[]) => types.reduce((n, t) => n + c.out[t]!, 0);
  const values: Stats<typeof ICMP_STAT> = {
    error: sum(ERRORS) + c.limited,
    checksum: c.bad,
    reflect: sum(ANSWERS),
  };
  for (let type = 0; type <= 40; type++) {
    values[`out${type}`] = c.out[type]!;
    values[`in${type}`] = c.in[type]!;
  }
  return encodeStats(ICMP_STAT, values);
}
export function igmpStats({ counters: c }: Igmp): Uint8Array {
  return encodeStats(IGMP_STAT, {
    rcv_total: c.queries + c.reportsIn + c.bad,
    rcv_badsum: c.bad,
    rcv_queries: c.queries,
    rcv_reports: c.reportsIn,
    snd_reports: c.reportsOut,
  });
}
/** What came counts whether it was good or not. */
export function udpStats(c: UdpCounters): Uint8Array {
  return encodeStats(UDP_STAT, {
    ipackets: c.in + c.short + c.badChecksum,
    badsum: c.badChecksum,
    badlen: c.short,
    noport: c.noPort,
    noportbcast: c.noPortBroadcast,
    fullsock: c.full,
    opackets: c.out,
  });
}
export function udp6Stats(c: UdpCounters): Uint8Array {
  return encodeStats(UDP6_STAT, {
    ipackets: c.in + c.short + c.badChecksum,
    badsum: c.badChecksum,
    badlen: c.short,
    noport: c.noPort,
    noportmcast: c.noPortBroadcast,
    fullsock: c.full,
    opackets: c.out,
  });
}
export function arpStats({ counters: c }: Neighbours): Uint8Array {
  return encodeStats(ARP_STAT, {
    sndtotal: c.requestsOut + c.repliesOut,
    sndreply: c.repliesOut,
    sendrequest: c.requestsOut,
    rcvtotal: c.requestsIn + c.repliesIn,
    rcvrequest: c.requestsIn,
    rcvreply: c.repliesIn,
    rcvlocalspa: c.conflicts,
    dfrtotal: c.deferred,
    dfrsent: c.deferredSent,
    dfrdropped: c.dropped,
  });
}
/** Headers are not predicted (predack, preddat): there is one way through a segment, and it is as short. */
export function tcpStats({ counters: c, half }: TcpEngine): Uint8Array {
  return encodeStats(TCP_STAT, {
    connattempt: c.connects,
    accepts: c.accepts,
    connects: c.established,
    drops: c.drops,
    closed: c.closed,
    segstimed: c.dataOut,
    rttupdated: c.measured,
    delack: c.delayedAcks,
    rexmttimeo: c.timeouts,
    persisttimeo: c.persistTimeouts,
    keeptimeo: c.keepTimeouts,
    keepprobe: c.keepProbes,
    keepdrops: c.keepaliveDrops,
    sndtotal: c.segmentsOut,
    sndpack: c.dataOut,
    sndbyte: c.bytesOut,
    sndrexmitpack: c.retransmitted,
    sndrexmitbyte: c.retransmittedBytes,
    sndacks: c.acksOut,
    sndprobe: c.probes,
    sndctrl: c.controlOut + c.resetsOut,
    rcvtotal: c.segmentsIn,
    rcvpack: c.dataIn,
    rcvbyte: c.bytesIn,
    rcvbadsum: c.badChecksum,
    rcvbadoff: c.malformed,
    rcvduppack: c.duplicates,
    rcvdupbyte: c.duplicateBytes,
    rcvoopack: c.outOfOrder,
    rcvoobyte: c.outOfOrderBytes,
    rcvpackafterwin: c.afterWindow,
    rcvdupack: c.duplicateAcks,
    rcvackpack: c.acksIn,
    rcvackbyte: c.bytesAcked,
    rcvwinupd: c.windowUpdates,
    pawsdrop: c.paws,
    noport: c.noPort,
    sc_added: c.accepts + half.size,
    sc_completed: c.accepts,
    sc_dropped: c.synDropped,
    ecn_ce: c.ecnMarks,
  });
}
