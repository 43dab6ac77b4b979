/** The variables net.inet.{ip,icmp,udp,arp}.* and net.interfaces.*: NetBSD's names, numbers and units, each of which does something. */
import { errno } from "../abi/errno.ts";
import { AF_INET } from "../abi/flags.ts";
import { encodeStats, RT_STAT } from "../abi/net_stats.ts";
import type { SysctlNode } from "../plugin.ts";
import type { Interface } from "./interface.ts";
import { intKnob, structNode, switchKnob } from "./knobs.ts";
import { inetPcblists } from "./pcblist.ts";
import { ALGORITHMS } from "./ports.ts";
import type { Stack } from "./stack.ts";
import { arpStats, icmpStats, igmpStats, ipStats, tcpStats, udpStats } from "./stats.ts";
import type { TcpProtocol } from "./tcp/protocol.ts";
import type { Udp } from "./udp.ts";

const SECOND = 1000;
const PORT = { least: 1, most: 65_535 };

function ip({ ip, ports, detection }: Stack, { paths }: TcpProtocol): Record<string, SysctlNode> {
  return {
    forwarding: switchKnob(ip, "forwarding", "Enable forwarding of INET datagrams", 1),
    redirect: switchKnob(ip, "redirects", "Enable sending of ICMP redirect messages", 2),
    ttl: intKnob(ip, "ttl", "Default TTL for an INET datagram", { number: 3, least: 1, most: 255 }),
    forwsrcrt: switchKnob(ip, "forwardSourceRoute", "Enable forwarding of source-routed datagrams", 5),
    "directed-broadcast": switchKnob(ip, "directedBroadcast", "Enable forwarding of broadcast datagrams", 6),
    allowsrcrt: switchKnob(ip, "allowSourceRoute", "Accept source-routed datagrams", 7),
    mtudisc: switchKnob(ip, "mtuDiscovery", "Use RFC1191 Path MTU Discovery", 9),
    mtudisctimeout: intKnob(paths, "life", "Lifetime of a Path MTU Discovered route", {
      number: 12,
      unit: SECOND,
      least: 1,
    }),
    checkinterface: switchKnob(ip, "checkInterface", "Enable receive side of Strong ES model from RFC1122", 20),
    random_id: switchKnob(ip, "randomId", "Assign random ip_id values", 22),
    anonportmin: intKnob(ports, "first", "Lowest ephemeral port number to assign", { number: 10, ...PORT }),
    anonportmax: intKnob(ports, "last", "Highest ephemeral port number to assign", { number: 11, ...PORT }),
    "anonportalgo.available": {
      type: "string",
      doc: "available algorithms",
      read: () => ALGORITHMS.join(" "),
    },
    "anonportalgo.selected": {
      type: "string",
      doc: "selected algorithm",
      read: () => ports.selected,
      write(value) {
        if (!ALGORITHMS.includes(String(value))) throw errno.EINVAL;
        ports.selected = String(value);
      },
    },
    lowportmin: intKnob(ports, "lowFirst", "Lowest privileged ephemeral port number to assign", {
      number: 16,
      ...PORT,
    }),
    lowportmax: intKnob(ports, "lowLast", "Highest privileged ephemeral port number to assign", {
      number: 17,
      ...PORT,
    }),
    maxfragpackets: intKnob(ip.fragments, "limit", "Maximum number of fragments to hold for reassembly", {
      number: 18,
      most: 100_000,
    }),
    stats: structNode("IP statistics", () => ipStats(ip), 24),
    dad_count: intKnob(detection, "count", "Number of Duplicate Address Detection probes to send", {
      number: 25,
      most: 10,
    }),
  };
}
function icmp({ icmp }: Stack): Record<string, SysctlNode> {
  return {
    maskrepl: switchKnob(icmp, "answerMask", "Respond to ICMP_MASKREQ messages", 1),
    returndatabytes: intKnob(icmp, "returned", "Number of bytes to return in an ICMP error message", {
      number: 3,
      least: 8,
      most: 512,
    }),
    errppslimit: intKnob(icmp, "errorsPerSecond", "Maximum number of outgoing ICMP error messages per second", {
      number: 4,
    }),
    rediraccept: switchKnob(icmp.redirects, "accept", "Accept ICMP_REDIRECT messages", 5),
    redirtimeout: intKnob(icmp.redirects, "life", "Lifetime of ICMP_REDIRECT generated routes", {
      number: 6,
      unit: SECOND,
      least: 1,
    }),
    stats: structNode("ICMP statistics", () => icmpStats(icmp), 7),
    bmcastecho: switchKnob(icmp, "answerBroadcasts", "Respond to ICMP_ECHO messages to broadcast and multicast", 8),
  };
}
function arp({ arp }: Stack): Record<string, SysctlNode> {
  return {
    keep: intKnob(arp, "keep", "Seconds a neighbour is remembered", { unit: SECOND, least: 1 }),
    down: intKnob(arp, "down", "Seconds one who does not answer is not asked again", { unit: SECOND, least: 1 }),
    log_movements: switchKnob(arp, "logMovements", "Log ARP replies from MACs different than the one in the cache"),
    log_permanent_modify: switchKnob(arp, "logPermanent", "Log ARP replies that try to change a permanent entry"),
    stats: structNode("ARP statistics", () => arpStats(arp)),
  };
}
function udp(udp: Udp): Record<string, SysctlNode> {
  return {
    sendspace: intKnob(udp, "sendspace", "Default UDP send buffer size", { number: 2, least: 1, most: 65_507 }),
    recvspace: intKnob(udp, "recvspace", "Default UDP receive buffer size", { number: 3, least: 1, most: 4 << 20 }),
    stats: structNode("UDP statistics", () => udpStats(udp.counters), 5),
  };
}
/** Nodes below a directory. */
export const under = (prefix: string, nodes: Record<string, SysctlNode>) =>
  Object.fromEntries(Object.entries(nodes).map(([name, node]) => [`${prefix}.${name}`, node]));

/** Of IPv4 and its protocols. */
export function inetSysctls(stack: Stack, tcp: TcpProtocol, datagrams: Udp): Record<string, SysctlNode> {
  return {
    ...under("net.inet.ip", ip(stack, tcp)),
    ...under("net.inet.icmp", icmp(stack)),
    "net.inet.igmp.stats": structNode("IGMP statistics", () => igmpStats(stack.igmp)),
    ...under("net.inet.arp", arp(stack)),
    ...under("net.inet.udp", udp(datagrams)),
    "net.inet.tcp.stats": structNode("TCP statistics", () => tcpStats(tcp.engine), 30),
    ...inetPcblists(stack.net, AF_INET, ["net.inet.tcp", "net.inet.udp", "net.inet.raw"], () => tcp.orphans()),
  };
}
/** Routes that did not serve: all that is counted. */
export const routeStats = (stack: Stack): Record<string, SysctlNode> => ({
  "net.route.stats": structNode(
    "Routing table statistics",
    () => encodeStats(RT_STAT, { unreach: stack.ip.counters.noRoute, dynamic: stack.icmp.redirects.size }),
  ),
});

const queues = ({ name, counters }: Interface): Record<string, SysctlNode> => ({
  [`net.interfaces.${name}.rcvq.drops`]: {
    type: "int",
    doc: "Packets dropped from receive queue",
    read: () => counters.inDrops,
  },
});
/** Variables of each interface come and go with it. */
export function followInterfaces(stack: Stack): void {
  const { tree } = stack.kernel;
  stack.listeners.add((change) => {
    if (change.kind !== "interface") return;
    if (change.gone) tree.remove([`net.interfaces.${change.iface.name}`]);
    else tree.add(queues(change.iface));
  });
}
