/** netstat's text beside what NetBSD 7.99.34 wrote. */
import { describe, it } from "node:test";
import type { Counters } from "../../src/cmd/net/netstat_counters.ts";
import { wordsOf } from "../../src/cmd/net/netstat_counters.ts";
import { PROTOCOLS } from "../../src/cmd/net/netstat.ts";
import { ROUTE_WORDS } from "../../src/cmd/net/netstat_words.ts";
import { assertEquals } from "../assert.ts";

/** rump.netstat -s of a NetBSD rump kernel with one interface, after some UDP to a closed port. */
const RECORDED = `\
tcp:
	0 packets sent
		0 data packets (0 bytes)
		0 data packets (0 bytes) retransmitted
		0 ack-only packets (0 delayed)
		0 URG only packets
		0 window probe packets
		0 window update packets
		0 control packets
		0 send attempts resulted in self-quench
	0 packets received
		0 acks (for 0 bytes)
		0 duplicate acks
		0 acks for unsent data
		0 packets (0 bytes) received in-sequence
		0 completely duplicate packets (0 bytes)
		0 old duplicate packets
		0 packets with some dup. data (0 bytes duped)
		0 out-of-order packets (0 bytes)
		0 packets (0 bytes) of data after window
		0 window probes
		0 window update packets
		0 packets received after close
		0 discarded for bad checksums
		0 discarded for bad header offset fields
		0 discarded because packet too short
	0 connection requests
	0 connection accepts
	0 connections established (including accepts)
	0 connections closed (including 0 drops)
	0 embryonic connections dropped
	0 delayed frees of tcpcb
	0 segments updated rtt (of 0 attempts)
	0 retransmit timeouts
		0 connections dropped by rexmit timeout
	0 persist timeouts (resulting in 0 dropped connections)
	0 keepalive timeouts
		0 keepalive probes sent
		0 connections dropped by keepalive
	0 correct ACK header predictions
	0 correct data packet header predictions
	0 PCB hash misses
	0 dropped due to no socket
	0 connections drained due to memory shortage
	0 PMTUD blackholes detected
	0 bad connection attempts
	0 SYN cache entries added
		0 hash collisions
		0 completed
		0 aborted (no space to build PCB)
		0 timed out
		0 dropped due to overflow
		0 dropped due to bucket overflow
		0 dropped due to RST
		0 dropped due to ICMP unreachable
		0 delayed free of SYN cache entries
	0 SYN,ACKs retransmitted
	0 duplicate SYNs received for entries already in the cache
	0 SYNs dropped (no route or no space)
	0 packets with bad signature
	0 packets with good signature
	0 successful ECN handshakes
	0 packets with ECN CE bit
	0 packets ECN ECT(0) bit
udp:
	34 datagrams received
	0 with incomplete header
	0 with bad data length field
	0 with bad checksum
	34 dropped due to no socket
	0 broadcast/multicast datagrams dropped due to no socket
	0 dropped due to full socket buffers
	0 delivered
	68 PCB hash misses
	34 datagrams output
ip:
	68 total packets received
	0 bad header checksums
	0 with size smaller than minimum
	0 with data size < data length
	0 with length > max ip packet size
	0 with header length < data size
	0 with data length < header length
	0 with bad options
	0 with incorrect version number
	0 fragments received
	0 fragments dropped (dup or out of space)
	0 fragments dropped (out of ipqent)
	0 malformed fragments dropped
	0 fragments dropped after timeout
	0 packets reassembled ok
	68 packets for this host
	0 packets for unknown/unsupported protocol
	0 packets forwarded (0 packets fast forwarded)
	0 packets not forwardable
	0 redirects sent
	0 packets no matching gif found
	68 packets sent from this host
	2 packets sent with fabricated ip header
	0 output packets dropped due to no bufs, etc.
	0 output packets discarded due to no route
	0 output datagrams fragmented
	0 fragments created
	0 datagrams that can't be fragmented
	0 datagrams with bad address in header
icmp:
	34 calls to icmp_error
	0 errors not generated because old message was icmp
	Output histogram:
		unreach: 34
	0 messages with bad code fields
	0 messages < minimum length
	0 bad checksums
	0 messages with bad length
	0 multicast echo requests ignored
	0 multicast timestamp requests ignored
	Input histogram:
		unreach: 34
	0 message responses generated
	0 path MTU changes
igmp:
	0 messages received
	0 messages received with too few bytes
	0 messages received with bad checksum
	0 membership queries received
	0 membership queries received with invalid field(s)
	0 membership reports received
	0 membership reports received with invalid field(s)
	0 membership reports received for groups to which we belong
	0 membership reports sent
carp:
	0 packets received (IPv4)
	0 packets received (IPv6)
		0 packets discarded for bad interface
		0 packets discarded for wrong TTL
		0 packets shorter than header
		0 packets discarded for bad checksum
		0 packets discarded with a bad version
		0 discarded because packet was too short
		0 packets discarded for bad authentication
		0 packets discarded for bad vhid
		0 packets discarded because of a bad address list
	0 packets sent (IPv4)
	0 packets sent (IPv6)
		0 send failed due to mbuf memory error
ip6:
	0 total packets received
	0 with size smaller than minimum
	0 with data size < data length
	0 with bad options
	0 with incorrect version number
	0 fragments received
	0 fragments dropped (dup or out of space)
	0 fragments dropped after timeout
	0 fragments that exceeded limit
	0 packets reassembled ok
	0 packets for this host
	0 packets forwarded
	0 packets fast forwarded
	0 fast forward flows
	0 packets not forwardable
	0 redirects sent
	10 packets sent from this host
	0 packets sent with fabricated ip header
	0 output packets dropped due to no bufs, etc.
	0 output packets discarded due to no route
	0 output datagrams fragmented
	0 fragments created
	0 datagrams that can't be fragmented
	0 packets that violated scope rules
	0 multicast packets which we don't join
	Mbuf statistics:
		0 one mbufs
		0 one ext mbufs
		0 two or more ext mbufs
	0 packets whose headers are not continuous
	0 tunneling packets that can't find gif
	0 packets discarded due to too many headers
	0 failures of source address selection
	0 forward cache hit
	0 forward cache miss
icmp6:
	0 calls to icmp6_error
	0 errors not generated because old message was icmp6 or so
	0 errors not generated because of rate limitation
	Output packet histogram:
		multicast listener report: 7
		neighbor solicitation: 3
	0 messages with bad code fields
	0 messages < minimum length
	0 bad checksums
	0 messages with bad length
	Histogram of error messages to be generated:
		0 no route
		0 administratively prohibited
		0 beyond scope
		0 address unreachable
		0 port unreachable
		0 packet too big
		0 time exceed transit
		0 time exceed reassembly
		0 erroneous header field
		0 unrecognized next header
		0 unrecognized option
		0 redirect
		0 unknown
	0 message responses generated
	0 messages with too many ND options
	0 messages with bad ND options
	0 bad neighbor solicitation messages
	0 bad neighbor advertisement messages
	0 bad router solicitation messages
	0 bad router advertisement messages
	0 router advertisement routes dropped
	0 bad redirect messages
	0 path MTU changes
tcp6:
	0 packets sent
		0 data packets (0 bytes)
		0 data packets (0 bytes) retransmitted
		0 ack-only packets (0 delayed)
		0 URG only packets
		0 window probe packets
		0 window update packets
		0 control packets
		0 send attempts resulted in self-quench
	0 packets received
		0 acks (for 0 bytes)
		0 duplicate acks
		0 acks for unsent data
		0 packets (0 bytes) received in-sequence
		0 completely duplicate packets (0 bytes)
		0 old duplicate packets
		0 packets with some dup. data (0 bytes duped)
		0 out-of-order packets (0 bytes)
		0 packets (0 bytes) of data after window
		0 window probes
		0 window update packets
		0 packets received after close
		0 discarded for bad checksums
		0 discarded for bad header offset fields
		0 discarded because packet too short
	0 connection requests
	0 connection accepts
	0 connections established (including accepts)
	0 connections closed (including 0 drops)
	0 embryonic connections dropped
	0 delayed frees of tcpcb
	0 segments updated rtt (of 0 attempts)
	0 retransmit timeouts
		0 connections dropped by rexmit timeout
	0 persist timeouts (resulting in 0 dropped connections)
	0 keepalive timeouts
		0 keepalive probes sent
		0 connections dropped by keepalive
	0 correct ACK header predictions
	0 correct data packet header predictions
	0 PCB hash misses
	0 dropped due to no socket
	0 connections drained due to memory shortage
	0 PMTUD blackholes detected
	0 bad connection attempts
	0 SYN cache entries added
		0 hash collisions
		0 completed
		0 aborted (no space to build PCB)
		0 timed out
		0 dropped due to overflow
		0 dropped due to bucket overflow
		0 dropped due to RST
		0 dropped due to ICMP unreachable
		0 delayed free of SYN cache entries
	0 SYN,ACKs retransmitted
	0 duplicate SYNs received for entries already in the cache
	0 SYNs dropped (no route or no space)
	0 packets with bad signature
	0 packets with good signature
	0 successful ECN handshakes
	0 packets with ECN CE bit
	0 packets ECN ECT(0) bit
udp6:
	0 datagrams received
	0 with incomplete header
	0 with bad data length field
	0 with bad checksum
	0 with no checksum
	0 dropped due to no socket
	0 multicast datagrams dropped due to no socket
	0 dropped due to full socket buffers
	0 delivered
	0 datagrams output
pim6:
	0 messages received
	0 messages received with too few bytes
	0 messages received with bad checksum
	0 messages received with bad version
	0 registers received
	0 bad registers received
	0 registers sent
rip6:
	0 messages received
	0 checksum calculations on inbound
	0 messages with bad checksum
	0 messages dropped due to no socket
	0 multicast messages dropped due to no socket
	0 messages dropped due to full socket buffers
	0 delivered
	0 datagrams output
arp:
	1 packet sent
		0 reply packets
		1 request packet
	0 packets received
		0 reply packets
		0 valid request packets
		0 broadcast/multicast packets
		0 packets with unknown protocol type
		0 packets with bad (short) length
		0 packets with null target IP address
		0 packets with null source IP address
		0 could not be mapped to an interface
		0 packets sourced from a local hardware address
		0 packets with a broadcast source hardware address
		0 duplicates for a local IP address
		0 attempts to overwrite a static entry
		0 packets received on wrong interface
		0 entrys overwritten
		0 changes in hardware address length
	0 packets deferred pending ARP resolution
		0 sent
		0 dropped
	0 failures to allocate llinfo
`;
/** What was counted then. */
const COUNTED: Readonly<Record<string, Counters>> = {
  ip: { total: 68, delivered: 68, localout: 68, rawout: 2 },
  icmp: { error: 34, out3: 34, in3: 34 },
  udp: { ipackets: 34, noport: 34, pcbhashmiss: 68, opackets: 34 },
  ip6: { localout: 10 },
  icmp6: { out131: 7, out135: 3 },
  arp: { sndtotal: 1, sendrequest: 1 },
};
const zeros = (names: readonly string[]): Counters => Object.fromEntries(names.map((n) => [n, 0]));

describe("netstat -s", () => {
  it("says of every protocol what NetBSD's says", () => {
    const lines = PROTOCOLS.flatMap(([name, , wording]) =>
      wordsOf(name, wording, { ...zeros(wording.counters), ...COUNTED[name] }, true)
    );
    assertEquals(lines.join("\n") + "\n", RECORDED);
  });
  it("names only counters that there are", () => {
    for (const [name, , { parts, counters, derived = {} }] of PROTOCOLS) {
      const text = parts.filter((p) => typeof p === "string").join("");
      const used = [...text.matchAll(/\{(\w+)\}/g)].map((m) => m[1]!).filter((n) => !["s", "es", "y"].includes(n));
      const unknown = used.filter((n) => !counters.includes(n) && !(n in derived));
      assertEquals([name, ...unknown], [name]);
    }
  });
  it("says one thing of one, and leaves out what never happened, when asked twice", () => {
    const [, , igmp] = PROTOCOLS.find(([name]) => name === "igmp")!;
    const lines = wordsOf(
      "igmp",
      igmp,
      { ...zeros(igmp.counters), rcv_total: 1, rcv_queries: 1, snd_reports: 2 },
      false,
    );
    assertEquals(lines, [
      "igmp:",
      "\t1 message received",
      "\t1 membership query received",
      "\t2 membership reports sent",
    ]);
  });
  it("tells routes' counters", () => {
    assertEquals(wordsOf("routing", ROUTE_WORDS, { ...zeros(ROUTE_WORDS.counters), unreach: 1 }, false), [
      "routing:",
      "\t1 destination found unreachable",
    ]);
  });
});
