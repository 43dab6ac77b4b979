/** Counters of IPv6 and ICMPv6 in the places where netstat -s looks for them. */
import { encodeStats, ICMP6_STAT, IP6_STAT, type Stats } from "../../abi/net_stats.ts";
import { ICMP6_ECHO_REPLY } from "../../wire/icmp6.ts";
import type { Ip6 } from "./ip6.ts";

export function ip6Stats({ counters: c, fragments: { counters: f } }: Ip6): Uint8Array {
  const values: Stats<typeof IP6_STAT> = {
    total: c.received,
    tooshort: c.short,
    fragments: f.received,
    fragdropped: f.dropped,
    fragtimeout: f.timedOut,
    forward: c.forwarded,
    cantforward: c.notForwarded,
    redirectsent: c.redirects,
    delivered: c.delivered,
    localout: c.sent,
    reassembled: f.reassembled,
    fragmented: c.fragmented,
    ofragments: c.fragmentsSent,
    cantfrag: c.cannotFragment,
    badoptions: c.badOptions,
    noroute: c.noRoute,
    badvers: c.badVersion,
    badscope: c.badScope,
    notmember: c.notMember,
    toomanyhdr: c.tooManyHeaders,
    sources_none: c.noSource,
  };
  for (const [i, n] of c.headers.entries()) values[`nxthist${i}`] = n;
  return encodeStats(IP6_STAT, values);
}
export function icmp6Stats({ icmp: { counters: c }, messages, routers }: Ip6): Uint8Array {
  const values: Stats<typeof ICMP6_STAT> = {
    error: c.errors.reduce((n, x) => n + x, c.limited + c.canNot),
    canterror: c.canNot,
    toofreq: c.limited,
    tooshort: c.short,
    checksum: c.bad,
    reflect: c.out[ICMP6_ECHO_REPLY]!,
    pmtuchg: c.pathMtu,
    badns: messages.counters.badSolicitations,
    badna: messages.counters.badAdvertisements,
    badra: routers.counters.badAdvertisements,
    badredirect: routers.counters.badRedirects,
    dropped_raroute: routers.counters.dropped + routers.prefixes.dropped,
  };
  for (let i = 0; i < 256; i++) {
    values[`out${i}`] = c.out[i]!;
    values[`in${i}`] = c.in[i]!;
  }
  for (const [i, n] of c.errors.entries()) values[`outerr${i}`] = n;
  return encodeStats(ICMP6_STAT, values);
}
