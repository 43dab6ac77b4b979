/** What netstat -s says of IPv6 and its protocols, in NetBSD's words (7.99.34 as recorded). */
import { ICMP6_STAT, IP6_STAT, PIM6_STAT, RIP6_STAT, UDP6_STAT } from "../../abi/net_stats.ts";
import type { Histogram, Wording } from "./netstat_counters.ts";
import { delivered, UDP_HEAD, UDP_SENT, UDP_TAIL, udpDelivered } from "./netstat_words.ts";

/** Numbers with the names some of them have. */
const named = (count: number, names: Readonly<Record<number, string>>) =>
  Array.from({ length: count }, (_, i) => names[i] ?? `#${i}`);
const HEADERS = named(256, {
  0: "hop by hop",
  1: "ICMP",
  2: "IGMP",
  4: "IP",
  6: "TCP",
  17: "UDP",
  22: "IDP",
  29: "TP",
  41: "IP6",
  43: "routing",
  44: "fragment",
  50: "ESP",
  51: "AH",
  58: "ICMP6",
  59: "no next header",
  60: "destination option",
  80: "ISOIP",
  89: "OSPF",
  97: "Ethernet",
  103: "PIM",
  132: "SCTP",
});
const KNOWN_SCOPES: Readonly<Record<number, string>> = {
  1: "node-local",
  2: "link-local",
  5: "site-local",
  14: "global",
};
const SCOPES = Array.from({ length: 16 }, (_, i) => {
  const name = KNOWN_SCOPES[i];
  return name === undefined ? `addresses scope=${i.toString(16)}` : `${name}{s}`;
});
const sources = (title: string, kind: string): Histogram => ({
  title,
  prefix: `sources_${kind}`,
  kinds: SCOPES,
  countFirst: true,
});

export const IP6_WORDS: Wording = {
  variable: "net.inet6.ip6.stats",
  counters: IP6_STAT,
  parts: [
    `
{total} total packet{s} received
{toosmall} with size smaller than minimum
{tooshort} with data size < data length
{badoptions} with bad options
{badvers} with incorrect version number
{fragments} fragment{s} received
{fragdropped} fragment{s} dropped (dup or out of space)
{fragtimeout} fragment{s} dropped after timeout
{fragoverflow} fragment{s} that exceeded limit
{reassembled} packet{s} reassembled ok
{delivered} packet{s} for this host
{forward} packet{s} forwarded
{fastforward} packet{s} fast forwarded
{fastforwardflows} fast forward flows
{cantforward} packet{s} not forwardable
{redirectsent} redirect{s} sent
{localout} packet{s} sent from this host
{rawout} packet{s} sent with fabricated ip header
{odropped} output packet{s} dropped due to no bufs, etc.
{noroute} output packet{s} discarded due to no route
{fragmented} output datagram{s} fragmented
{ofragments} fragment{s} created
{cantfrag} datagram{s} that can't be fragmented
{badscope} packet{s} that violated scope rules
{notmember} multicast packet{s} which we don't join
`,
    { title: "Input packet histogram", prefix: "nxthist", kinds: HEADERS },
    `
Mbuf statistics:
  {m1} one mbuf{s}
  {mext1} one ext mbuf{s}
  {mext2m} two or more ext mbuf{s}
{exthdrtoolong} packet{s} whose headers are not continuous
{nogif} tunneling packet{s} that can't find gif
{toomanyhdr} packet{s} discarded due to too many headers
{sources_none} failure{s} of source address selection
`,
    sources("source addresses on an outgoing I/F", "sameif"),
    sources("source addresses on a non-outgoing I/F", "otherif"),
    sources("source addresses of same scope", "samescope"),
    sources("source addresses of a different scope", "otherscope"),
    sources("deprecated source addresses", "deprecated"),
    `
{forward_cachehit} forward cache hit
{forward_cachemiss} forward cache miss
`,
  ],
};
const ICMP6_KINDS = named(256, {
  1: "unreach",
  2: "packet too big",
  3: "time exceed",
  4: "parameter problem",
  128: "echo",
  129: "echo reply",
  130: "multicast listener query",
  131: "multicast listener report",
  132: "multicast listener done",
  133: "router solicitation",
  134: "router advertisement",
  135: "neighbor solicitation",
  136: "neighbor advertisement",
  137: "redirect",
  138: "router renumbering",
  139: "node information request",
  140: "node information reply",
});
export const ICMP6_WORDS: Wording = {
  variable: "net.inet6.icmp6.stats",
  counters: ICMP6_STAT,
  parts: [
    `
{error} call{s} to icmp6_error
{canterror} error{s} not generated because old message was icmp6 or so
{toofreq} error{s} not generated because of rate limitation
`,
    { title: "Output packet histogram", prefix: "out", kinds: ICMP6_KINDS },
    `
{badcode} message{s} with bad code fields
{tooshort} message{s} < minimum length
{checksum} bad checksum{s}
{badlen} message{s} with bad length
`,
    { title: "Input packet histogram", prefix: "in", kinds: ICMP6_KINDS },
    `
Histogram of error messages to be generated:
  {outerr0} no route
  {outerr1} administratively prohibited
  {outerr2} beyond scope
  {outerr3} address unreachable
  {outerr4} port unreachable
  {outerr5} packet too big
  {outerr6} time exceed transit
  {outerr7} time exceed reassembly
  {outerr8} erroneous header field
  {outerr9} unrecognized next header
  {outerr10} unrecognized option
  {outerr11} redirect
  {outerr12} unknown
{reflect} message response{s} generated
{nd_toomanyopt} message{s} with too many ND options
{nd_badopt} message{s} with bad ND options
{badns} bad neighbor solicitation message{s}
{badna} bad neighbor advertisement message{s}
{badrs} bad router solicitation message{s}
{badra} bad router advertisement message{s}
{dropped_raroute} router advertisement route{s} dropped
{badredirect} bad redirect message{s}
{pmtuchg} path MTU change{s}
`,
  ],
};
export const UDP6_WORDS: Wording = {
  variable: "net.inet6.udp6.stats",
  counters: UDP6_STAT,
  derived: udpDelivered("noportmcast"),
  parts: [
    UDP_HEAD,
    "{nosum} with no checksum\n{noport} dropped due to no socket",
    "{noportmcast} multicast datagram{s} dropped due to no socket",
    UDP_TAIL,
    UDP_SENT,
  ],
};
export const PIM6_WORDS: Wording = {
  variable: "net.inet6.pim6.stats",
  counters: PIM6_STAT,
  parts: [`
{rcv_total} message{s} received
{rcv_tooshort} message{s} received with too few bytes
{rcv_badsum} message{s} received with bad checksum
{rcv_badversion} message{s} received with bad version
{rcv_registers} register{s} received
{rcv_badregisters} bad register{s} received
{snd_registers} register{s} sent
`],
};
export const RIP6_WORDS: Wording = {
  variable: "net.inet6.raw6.stats",
  counters: RIP6_STAT,
  derived: { delivered: delivered("badsum", "nosock", "nosockmcast", "fullsock") },
  parts: [`
{ipackets} message{s} received
{isum} checksum calculation{s} on inbound
{badsum} message{s} with bad checksum
{nosock} message{s} dropped due to no socket
{nosockmcast} multicast message{s} dropped due to no socket
{fullsock} message{s} dropped due to full socket buffers
{delivered} delivered
{opackets} datagram{s} output
`],
};
