/** The variables net.inet6.ip6.* and icmp6.*: NetBSD's names and units, each of which does something. */
import { errno } from "../../abi/errno.ts";
import type { SysctlNode } from "../../plugin.ts";
import type { Ip6 } from "./ip6.ts";
import type { Settings6 } from "./settings.ts";

type Numbers = { [K in keyof Settings6 as Settings6[K] extends number ? K : never]: number };
type Switches = { [K in keyof Settings6 as Settings6[K] extends boolean ? K : never]: boolean };

export function ip6Sysctls(ip6: Ip6): Record<string, SysctlNode> {
  const { settings } = ip6;
  const int = (doc: string, name: keyof Numbers, [least, most] = [0, 0x7fff_ffff]): SysctlNode => ({
    type: "int",
    doc,
    read: () => settings[name],
    write(value) {
      const n = Number(value);
      if (n < least || n > most) throw errno.EINVAL;
      settings[name] = n;
    },
  });
  const onOff = (doc: string, name: keyof Switches, then = () => {}): SysctlNode => ({
    type: "int",
    doc,
    read: () => (settings[name] ? 1 : 0),
    write(value) {
      settings[name] = Number(value) !== 0;
      then();
    },
  });
  const solicit = () => {
    for (const if6 of ip6.addresses.interfaces) ip6.routers.solicit(if6);
  };
  return {
    "net.inet6.ip6.forwarding": onOff("Enable forwarding of INET6 datagrams", "forwarding"),
    "net.inet6.ip6.redirect": onOff("Enable sending of ICMPv6 redirect messages", "redirect"),
    "net.inet6.ip6.hlim": int("Hop limit for an INET6 datagram", "hopLimit", [1, 255]),
    "net.inet6.ip6.maxfragpackets": int("Maximum number of fragmented packets", "maxFragmentPackets"),
    "net.inet6.ip6.accept_rtadv": onOff("Accept router advertisements", "acceptRtadv", solicit),
    "net.inet6.ip6.hdrnestlimit": int("Maximum number of nested IPv6 headers", "headerLimit", [1, 1000]),
    "net.inet6.ip6.dad_count": int("Number of Duplicate Address Detection probes to send", "dadCount", [0, 10]),
    "net.inet6.ip6.defmcasthlim": int("Default multicast hop limit", "multicastHopLimit", [0, 255]),
    "net.inet6.ip6.use_deprecated": onOff("Allow use of deprecated addresses as source addresses", "useDeprecated"),
    "net.inet6.ip6.v6only": onOff("Disallow PF_INET6 sockets from connecting to PF_INET sockets", "v6only"),
    "net.inet6.ip6.auto_linklocal": onOff("Assign link-local addresses to interfaces that come", "autoLinkLocal"),
    "net.inet6.ip6.maxfrags": int("Maximum number of fragments", "maxFragments"),
    "net.inet6.ip6.neighborgcthresh": int("Neighbours that are remembered", "maxNeighbours", [1, 1_000_000]),
    "net.inet6.ip6.maxifprefixes": int(
      "Maximum number of prefixes created by route advertisements per interface",
      "maxPrefixes",
    ),
    "net.inet6.ip6.maxifdefrouters": int(
      "Maximum number of default routers created by route advertisements per interface",
      "maxRouters",
    ),
    "net.inet6.ip6.maxdynroutes": int("Maximum number of routes created via redirect", "maxDynamicRoutes"),
    "net.inet6.icmp6.rediraccept": onOff("Accept and process redirect messages", "redirectAccept"),
    "net.inet6.icmp6.redirtimeout": int("Redirect generated route lifetime", "redirectTimeout", [1, 86_400]),
    "net.inet6.icmp6.nd6_delay": int("First probe delay time", "ndDelay", [1, 600]),
    "net.inet6.icmp6.nd6_umaxtries": int("Number of unicast discovery attempts", "unicastTries", [1, 100]),
    "net.inet6.icmp6.nd6_mmaxtries": int("Number of multicast discovery attempts", "multicastTries", [1, 100]),
    "net.inet6.icmp6.errppslimit": int("Maximum number of ICMP errors to send per second", "errorsPerSecond"),
    "net.inet6.icmp6.maxqueuelen": int("Packets that wait for a neighbour's address", "queueLength", [1, 1024]),
  };
}
