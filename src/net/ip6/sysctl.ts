/** The variables net.inet6.*: NetBSD's names, numbers and units, each of which does something. */
import { AF_INET6 } from "../../abi/flags.ts";
import { sockaddrIn6 } from "../../abi/inet.ts";
import { In6Defrouter, In6Prefix, NDPRF_ONLINK, PR_ORIG_RA, PRF_RA } from "../../abi/nd_structs.ts";
import { concat } from "../../lib/bytes.ts";
import { viewOf } from "../../lib/struct.ts";
import type { SysctlNode } from "../../plugin.ts";
import { PREFIX_AUTO, PREFIX_ONLINK } from "../../wire/icmp6.ts";
import { intKnob, structNode, switchKnob } from "../knobs.ts";
import { inetPcblists } from "../pcblist.ts";
import { udp6Stats } from "../stats.ts";
import { under } from "../sysctl.ts";
import type { UdpCounters } from "../udp.ts";
import type { Ip6 } from "./ip6.ts";
import type { Prefix } from "./prefixes.ts";
import type { DefaultRouter } from "./routers.ts";
import { icmp6Stats, ip6Stats } from "./stats.ts";

const PORT = { least: 1, most: 65_535 };

function ip6Nodes(ip6: Ip6): Record<string, SysctlNode> {
  const { settings: s, stack: { ports } } = ip6;
  const accept = switchKnob(s, "acceptRtadv", "Accept router advertisements", 12);
  return {
    forwarding: switchKnob(s, "forwarding", "Enable forwarding of INET6 datagrams", 1),
    redirect: switchKnob(s, "redirect", "Enable sending of ICMPv6 redirect messages", 2),
    hlim: intKnob(s, "hopLimit", "Hop limit for an INET6 datagram", { number: 3, least: 1, most: 255 }),
    stats: structNode("IPv6 statistics", () => ip6Stats(ip6), 6),
    maxfragpackets: intKnob(s, "maxFragmentPackets", "Maximum number of fragments to buffer for reassembly", {
      number: 9,
    }),
    accept_rtadv: {
      ...accept,
      write(value) {
        accept.write!(value);
        for (const if6 of ip6.addresses.interfaces) ip6.routers.solicit(if6);
      },
    },
    hdrnestlimit: intKnob(s, "headerLimit", "Maximum number of nested IPv6 headers", {
      number: 15,
      least: 1,
      most: 1000,
    }),
    dad_count: intKnob(s, "dadCount", "Number of Duplicate Address Detection probes to send", { number: 16, most: 10 }),
    auto_flowlabel: switchKnob(s, "autoFlowLabel", "Automatic IPv6 flow label", 17),
    defmcasthlim: intKnob(s, "multicastHopLimit", "Default multicast hop limit", { number: 18, most: 255 }),
    use_deprecated: switchKnob(s, "useDeprecated", "Allow use of deprecated addresses as source addresses", 21),
    v6only: switchKnob(s, "v6only", "Disallow PF_INET6 sockets from connecting to PF_INET sockets", 24),
    anonportmin: intKnob(ports, "first", "Lowest ephemeral port number to assign", { number: 28, ...PORT }),
    anonportmax: intKnob(ports, "last", "Highest ephemeral port number to assign", { number: 29, ...PORT }),
    lowportmin: intKnob(ports, "lowFirst", "Lowest privileged ephemeral port number to assign", {
      number: 30,
      ...PORT,
    }),
    lowportmax: intKnob(ports, "lowLast", "Highest privileged ephemeral port number to assign", {
      number: 31,
      ...PORT,
    }),
    auto_linklocal: switchKnob(s, "autoLinkLocal", "Default value of per-interface flag for adding an IPv6 link-local"),
    use_tempaddr: switchKnob(s, "useTemporary", "Use temporary address"),
    prefer_tempaddr: switchKnob(s, "preferTemporary", "Prefer temporary address as source address"),
    temppltime: intKnob(s, "temporaryPreferred", "preferred lifetime of a temporary address", { least: 60 }),
    tempvltime: intKnob(s, "temporaryValid", "valid lifetime of a temporary address", { least: 60 }),
    maxfrags: intKnob(s, "maxFragments", "Maximum fragments in reassembly queue"),
    neighborgcthresh: intKnob(s, "maxNeighbours", "Maximum number of entries in neighbor cache", { least: 1 }),
    maxifprefixes: intKnob(s, "maxPrefixes", "Maximum number of prefixes created by route advertisement per interface"),
    maxifdefrouters: intKnob(
      s,
      "maxRouters",
      "Maximum number of default routers created by route advertisement per interface",
    ),
    maxdynroutes: intKnob(s, "maxDynamicRoutes", "Maximum number of routes created via redirect"),
  };
}
function icmp6Nodes(ip6: Ip6): Record<string, SysctlNode> {
  const { settings: s, routers } = ip6;
  return {
    stats: structNode("ICMPv6 transmission statistics", () => icmp6Stats(ip6), 1),
    rediraccept: switchKnob(s, "redirectAccept", "Accept and process redirect messages", 2),
    redirtimeout: intKnob(s, "redirectTimeout", "Redirect generated route lifetime", { number: 3, least: 1 }),
    nd6_delay: intKnob(s, "ndDelay", "First probe delay time", { number: 8, least: 1, most: 600 }),
    nd6_umaxtries: intKnob(s, "unicastTries", "Number of unicast discovery attempts", {
      number: 9,
      least: 1,
      most: 100,
    }),
    nd6_mmaxtries: intKnob(s, "multicastTries", "Number of multicast discovery attempts", {
      number: 10,
      least: 1,
      most: 100,
    }),
    nodeinfo: intKnob(s, "nodeInfo", "Respond to node information requests", { number: 13, most: 7 }),
    errppslimit: intKnob(s, "errorsPerSecond", "Maximum ICMP errors sent per second", { number: 14 }),
    nd6_drlist: structNode("Default router list", () => concat([...routers].map((r) => router(ip6, r))), 19),
    nd6_prlist: structNode("Prefix list", () => concat([...routers.prefixes].map((p) => prefix(ip6, p))), 20),
    maxqueuelen: intKnob(s, "queueLength", "max packet queue len for a unresolved ND", {
      number: 24,
      least: 1,
      most: 1024,
    }),
  };
}
function router(ip6: Ip6, { address, flags, until, iface }: DefaultRouter): Uint8Array {
  const out = new Uint8Array(In6Defrouter.size);
  In6Defrouter.write(viewOf(out), 0, {
    rtaddr: sockaddrIn6(address, 0),
    flags,
    rtlifetime: ip6.secondsLeft(until),
    expire: ip6.endsAt(until),
    ifIndex: iface.index,
  });
  return out;
}
/** Who advertised it is not remembered. */
function prefix(ip6: Ip6, p: Prefix): Uint8Array {
  const out = new Uint8Array(In6Prefix.size);
  const { ONLINK, AUTONOMOUS } = PRF_RA;
  In6Prefix.write(viewOf(out), 0, {
    prefix: sockaddrIn6(p.prefix, 0),
    raflags: (p.flags & PREFIX_ONLINK ? ONLINK : 0) | (p.flags & PREFIX_AUTO ? AUTONOMOUS : 0),
    prefixlen: p.length,
    origin: PR_ORIG_RA,
    vltime: ip6.secondsLeft(p.validUntil),
    pltime: ip6.secondsLeft(p.preferredUntil),
    expire: ip6.endsAt(p.validUntil),
    flags: NDPRF_ONLINK,
    refcnt: 1,
    ifIndex: p.if6.index,
  });
  return out;
}
/** What TCP and UDP have is for both families: a name more for each of theirs. */
function* transports(ip6: Ip6): Generator<readonly [string, SysctlNode]> {
  for (const [path, node] of ip6.stack.kernel.tree) {
    const m = /^net\.inet\.(tcp|udp)\.(.*)$/.exec(path);
    if (m && m[2] !== "pcblist" && path !== "net.inet.udp.stats") yield [`net.inet6.${m[1]}6.${m[2]}`, node];
  }
}

/** Of IPv6 and its protocols. */
export function inet6Sysctls(ip6: Ip6, udp: UdpCounters): Record<string, SysctlNode> {
  const { net, orphans } = ip6.stack;
  return {
    ...Object.fromEntries(transports(ip6)),
    "net.inet6.udp6.stats": structNode("UDPv6 statistics", () => udp6Stats(udp), 5),
    ...under("net.inet6.ip6", ip6Nodes(ip6)),
    ...under("net.inet6.icmp6", icmp6Nodes(ip6)),
    ...inetPcblists(net, AF_INET6, ["net.inet6.tcp6", "net.inet6.udp6", "net.inet6.raw6"], orphans),
  };
}
