/** What netstat -s says of IPv4 and its protocols, in NetBSD's words (7.99.34 as recorded). */
import {
  ARP_STAT,
  CARP_STAT,
  ICMP_STAT,
  IGMP_STAT,
  IP_STAT,
  RT_STAT,
  TCP_STAT,
  UDP_STAT,
} from "../../abi/net_stats.ts";
import type { Counters, Wording } from "./netstat_counters.ts";

export const TCP_WORDS: Wording = {
  variable: "net.inet.tcp.stats",
  counters: TCP_STAT,
  parts: [`
{sndtotal} packet{s} sent
  {sndpack} data packet{s} ({sndbyte} byte{s})
  {sndrexmitpack} data packet{s} ({sndrexmitbyte} byte{s}) retransmitted
  {sndacks} ack-only packet{s} ({delack} delayed)
  {sndurg} URG only packet{s}
  {sndprobe} window probe packet{s}
  {sndwinup} window update packet{s}
  {sndctrl} control packet{s}
  {selfquench} send attempt{s} resulted in self-quench
{rcvtotal} packet{s} received
  {rcvackpack} ack{s} (for {rcvackbyte} byte{s})
  {rcvdupack} duplicate ack{s}
  {rcvacktoomuch} ack{s} for unsent data
  {rcvpack} packet{s} ({rcvbyte} byte{s}) received in-sequence
  {rcvduppack} completely duplicate packet{s} ({rcvdupbyte} byte{s})
  {pawsdrop} old duplicate packet{s}
  {rcvpartduppack} packet{s} with some dup. data ({rcvpartdupbyte} byte{s} duped)
  {rcvoopack} out-of-order packet{s} ({rcvoobyte} byte{s})
  {rcvpackafterwin} packet{s} ({rcvbyteafterwin} byte{s}) of data after window
  {rcvwinprobe} window probe{s}
  {rcvwinupd} window update packet{s}
  {rcvafterclose} packet{s} received after close
  {rcvbadsum} discarded for bad checksum{s}
  {rcvbadoff} discarded for bad header offset field{s}
  {rcvshort} discarded because packet too short
{connattempt} connection request{s}
{accepts} connection accept{s}
{connects} connection{s} established (including accepts)
{closed} connection{s} closed (including {drops} drop{s})
{conndrops} embryonic connection{s} dropped
{delayed_free} delayed free{s} of tcpcb
{rttupdated} segment{s} updated rtt (of {segstimed} attempt{s})
{rexmttimeo} retransmit timeout{s}
  {timeoutdrop} connection{s} dropped by rexmit timeout
{persisttimeo} persist timeout{s} (resulting in {persistdrops} dropped connection{s})
{keeptimeo} keepalive timeout{s}
  {keepprobe} keepalive probe{s} sent
  {keepdrops} connection{s} dropped by keepalive
{predack} correct ACK header prediction{s}
{preddat} correct data packet header prediction{s}
{pcbhashmiss} PCB hash miss{es}
{noport} dropped due to no socket
{connsdrained} connection{s} drained due to memory shortage
{pmtublackhole} PMTUD blackhole{s} detected
{badsyn} bad connection attempt{s}
{sc_added} SYN cache entries added
  {sc_collisions} hash collision{s}
  {sc_completed} completed
  {sc_aborted} aborted (no space to build PCB)
  {sc_timed_out} timed out
  {sc_overflowed} dropped due to overflow
  {sc_bucketoverflow} dropped due to bucket overflow
  {sc_reset} dropped due to RST
  {sc_unreach} dropped due to ICMP unreachable
  {sc_delayed_free} delayed free of SYN cache entries
{sc_retransmitted} SYN,ACK{s} retransmitted
{sc_dupesyn} duplicate SYN{s} received for entries already in the cache
{sc_dropped} SYN{s} dropped (no route or no space)
{badsig} packet{s} with bad signature
{goodsig} packet{s} with good signature
{ecn_shs} successful ECN handshake{s}
{ecn_ce} packet{s} with ECN CE bit
{ecn_ect} packet{s} ECN ECT(0) bit
`],
};
/** What both families' UDP counts first and last; the rest is theirs. */
export const UDP_HEAD = `
{ipackets} datagram{s} received
{hdrops} with incomplete header
{badlen} with bad data length field
{badsum} with bad checksum
`;
export const UDP_TAIL = `
{fullsock} dropped due to full socket buffers
{delivered} delivered
`;
export const UDP_SENT = "{opackets} datagram{s} output";
/** What came, but for what `dropped` names. */
export const delivered = (...dropped: readonly string[]) => (c: Counters): number =>
  dropped.reduce((left, name) => left - c[name]!, c.ipackets!);
const UDP_DROPPED = ["hdrops", "badlen", "badsum", "noport", "fullsock"];
export const udpDelivered = (nobody: string) => ({ delivered: delivered(...UDP_DROPPED, nobody) });
export const UDP_WORDS: Wording = {
  variable: "net.inet.udp.stats",
  counters: UDP_STAT,
  derived: udpDelivered("noportbcast"),
  parts: [
    UDP_HEAD,
    "{noport} dropped due to no socket\n{noportbcast} broadcast/multicast datagram{s} dropped due to no socket",
    UDP_TAIL,
    "{pcbhashmiss} PCB hash miss{es}",
    UDP_SENT,
  ],
};
export const IP_WORDS: Wording = {
  variable: "net.inet.ip.stats",
  counters: IP_STAT,
  parts: [`
{total} total packet{s} received
{badsum} bad header checksum{s}
{toosmall} with size smaller than minimum
{tooshort} with data size < data length
{toolong} with length > max ip packet size
{badhlen} with header length < data size
{badlen} with data length < header length
{badoptions} with bad options
{badvers} with incorrect version number
{fragments} fragment{s} received
{fragdropped} fragment{s} dropped (dup or out of space)
{rcvmemdrop} fragment{s} dropped (out of ipqent)
{badfrags} malformed fragment{s} dropped
{fragtimeout} fragment{s} dropped after timeout
{reassembled} packet{s} reassembled ok
{delivered} packet{s} for this host
{noproto} packet{s} for unknown/unsupported protocol
{forward} packet{s} forwarded ({fastforward} packet{s} fast forwarded)
{cantforward} packet{s} not forwardable
{redirectsent} redirect{s} sent
{nogif} packet{s} no matching gif found
{localout} packet{s} sent from this host
{rawout} packet{s} sent with fabricated ip header
{odropped} output packet{s} dropped due to no bufs, etc.
{noroute} output packet{s} discarded due to no route
{fragmented} output datagram{s} fragmented
{ofragments} fragment{s} created
{cantfrag} datagram{s} that can't be fragmented
{badaddr} datagram{s} with bad address in header
`],
};
/** Types of ICMP messages (netinet/ip_icmp.h), from 0 on. */
const ICMP_KINDS = [
  ..."echoreply unassigned_1 unassigned_2 unreach sourcequench redirect althostaddr unassigned_7 echo".split(" "),
  ..."routeradvert routersolicit timxceed paramprob tstamp tstampreply ireq ireqreply maskreq maskreply".split(" "),
  ...Array.from({ length: 11 }, (_, i) => `reserved_${19 + i}`),
  ..."traceroute dataconverr mobile_redirect ipv6_whereareyou ipv6_iamhere mobile_regrequest".split(" "),
  ..."mobile_regreply reserved_37 reserved_38 skip photuris".split(" "),
];
export const ICMP_WORDS: Wording = {
  variable: "net.inet.icmp.stats",
  counters: ICMP_STAT,
  parts: [
    `
{error} call{s} to icmp_error
{oldicmp} error{s} not generated because old message was icmp
`,
    { title: "Output histogram", prefix: "out", kinds: ICMP_KINDS },
    `
{badcode} message{s} with bad code fields
{tooshort} message{s} < minimum length
{checksum} bad checksum{s}
{badlen} message{s} with bad length
{bmcastecho} multicast echo request{s} ignored
{bmcasttstamp} multicast timestamp request{s} ignored
`,
    { title: "Input histogram", prefix: "in", kinds: ICMP_KINDS },
    `
{reflect} message response{s} generated
{pmtuchg} path MTU change{s}
`,
  ],
};
export const IGMP_WORDS: Wording = {
  variable: "net.inet.igmp.stats",
  counters: IGMP_STAT,
  parts: [`
{rcv_total} message{s} received
{rcv_tooshort} message{s} received with too few bytes
{rcv_badsum} message{s} received with bad checksum
{rcv_queries} membership quer{y} received
{rcv_badqueries} membership quer{y} received with invalid field(s)
{rcv_reports} membership report{s} received
{rcv_badreports} membership report{s} received with invalid field(s)
{rcv_ourreports} membership report{s} received for groups to which we belong
{snd_reports} membership report{s} sent
`],
};
export const CARP_WORDS: Wording = {
  variable: "net.inet.carp.stats",
  counters: CARP_STAT,
  parts: [`
{ipackets} packet{s} received (IPv4)
{ipackets6} packet{s} received (IPv6)
  {badif} packet{s} discarded for bad interface
  {badttl} packet{s} discarded for wrong TTL
  {hdrops} packet{s} shorter than header
  {badsum} packet{s} discarded for bad checksum
  {badver} packet{s} discarded with a bad version
  {badlen} discarded because packet was too short
  {badauth} packet{s} discarded for bad authentication
  {badvhid} packet{s} discarded for bad vhid
  {badaddrs} packet{s} discarded because of a bad address list
{opackets} packet{s} sent (IPv4)
{opackets6} packet{s} sent (IPv6)
  {onomem} send failed due to mbuf memory error
`],
};
export const ARP_WORDS: Wording = {
  variable: "net.inet.arp.stats",
  counters: ARP_STAT,
  parts: [`
{sndtotal} packet{s} sent
  {sndreply} reply packet{s}
  {sendrequest} request packet{s}
{rcvtotal} packet{s} received
  {rcvreply} reply packet{s}
  {rcvrequest} valid request packet{s}
  {rcvmcast} broadcast/multicast packet{s}
  {rcvbadproto} packet{s} with unknown protocol type
  {rcvbadlen} packet{s} with bad (short) length
  {rcvzerotpa} packet{s} with null target IP address
  {rcvzerospa} packet{s} with null source IP address
  {rcvnoint} could not be mapped to an interface
  {rcvlocalsha} packet{s} sourced from a local hardware address
  {rcvbcastsha} packet{s} with a broadcast source hardware address
  {rcvlocalspa} duplicate{s} for a local IP address
  {rcvoverperm} attempt{s} to overwrite a static entry
  {rcvoverint} packet{s} received on wrong interface
  {rcvover} entry{s} overwritten
  {rcvlenchg} change{s} in hardware address length
{dfrtotal} packet{s} deferred pending ARP resolution
  {dfrsent} sent
  {dfrdropped} dropped
{allocfail} failure{s} to allocate llinfo
`],
};
export const ROUTE_WORDS: Wording = {
  variable: "net.route.stats",
  counters: RT_STAT,
  parts: [`
{badredirect} bad routing redirect{s}
{dynamic} dynamically created route{s}
{newgateway} new gateway{s} due to redirects
{unreach} destination{s} found unreachable
{wildcard} use{s} of a wildcard route
`],
};
