/** Variables of Linux below /proc/sys/net (ip-sysctl) that the rump kernel has, too: by its own name, and in Linux' units. */
import { configurationFigures, type Figure, neighbourFigures } from "./linux_figures.ts";

/** One of Linux' variables. Texts are those of the rump kernel's variables, in their order. */
export interface Row {
  /** Names there; all must be there. */
  readonly of: readonly string[];
  /** What Linux' programs read. */
  readonly read: (values: readonly string[]) => string;
  /** What is to be set there (undefined: stays), from what was written, and what is there now; undefined: no value of it. */
  readonly write: (text: string, values: readonly string[]) => readonly (string | undefined)[] | undefined;
}
const isNumber = (text: string) => /^-?\d{1,15}$/.test(text);

/** The same there. */
const same = (name: string): Row => ({ of: [name], read: ([value]) => value!, write: (text) => [text] });
/** The same there, on or off. */
const toggle = (name: string): Row => ({ ...same(name), write: (text) => (/^[01]$/.test(text) ? [text] : undefined) });
/** On there is off here. */
const inverted = (name: string): Row => ({
  of: [name],
  read: ([value]) => (value === "0" ? "1" : "0"),
  write: (text) => (isNumber(text) ? [Number(text) === 0 ? "1" : "0"] : undefined),
});
/** Seconds here; there in ticks, of which `net.inet.tcp.slowhz` are a second. */
const seconds = (name: string): Row => ({
  of: [name, "net.inet.tcp.slowhz"],
  read: ([ticks, hertz]) => String(Math.floor(Number(ticks) / Number(hertz))),
  write: (text, [, hertz]) => (isNumber(text) ? [String(Number(text) * Number(hertz)), undefined] : undefined),
});
/** Numbers in a line. */
const pair = (first: string, second: string): Row => ({
  of: [first, second],
  read: (values) => values.join("\t"),
  write(text) {
    const words = text.trim().split(/\s+/);
    return words.length === 2 && words.every(isNumber) ? words : undefined;
  },
});
/** Least, first and greatest size of a buffer: there is no least one there. */
const sizes = (first: string, greatest: string): Row => ({
  of: [first, greatest],
  read: (values) => ["1", ...values].join("\t"),
  write(text) {
    const words = text.trim().split(/\s+/);
    return words.length === 3 && words.every(isNumber) ? words.slice(1) : undefined;
  },
});
/** RFC 8981: 0 none, 1 there are temporary addresses, 2 they are preferred. */
const temporary: Row = {
  of: ["net.inet6.ip6.use_tempaddr", "net.inet6.ip6.prefer_tempaddr"],
  read: ([use, prefer]) => (use === "0" ? "0" : prefer === "0" ? "1" : "2"),
  write(text) {
    if (!isNumber(text)) return undefined;
    return Number(text) <= 0 ? ["0", undefined] : ["1", Number(text) > 1 ? "1" : "0"];
  },
};

/** Below /proc/sys/net. */
export const linuxVariables: Readonly<Record<string, Row>> = {
  "core/rmem_default": same("net.inet.udp.recvspace"),
  "core/rmem_max": same("kern.sbmax"),
  "core/somaxconn": same("kern.somaxconn"),
  "core/wmem_default": same("net.inet.udp.sendspace"),
  "core/wmem_max": same("kern.sbmax"),
  "ipv4/icmp_echo_ignore_broadcasts": inverted("net.inet.icmp.bmcastecho"),
  "ipv4/icmp_msgs_per_sec": same("net.inet.icmp.errppslimit"),
  "ipv4/ip_default_ttl": same("net.inet.ip.ttl"),
  "ipv4/ip_forward": same("net.inet.ip.forwarding"),
  "ipv4/ip_local_port_range": pair("net.inet.ip.anonportmin", "net.inet.ip.anonportmax"),
  "ipv4/ip_no_pmtu_disc": inverted("net.inet.ip.mtudisc"),
  "ipv4/route/mtu_expires": same("net.inet.ip.mtudisctimeout"),
  "ipv4/tcp_available_congestion_control": same("net.inet.tcp.congctl.available"),
  "ipv4/tcp_congestion_control": same("net.inet.tcp.congctl.selected"),
  "ipv4/tcp_ecn": toggle("net.inet.tcp.ecn.enable"),
  "ipv4/tcp_keepalive_intvl": seconds("net.inet.tcp.keepintvl"),
  "ipv4/tcp_keepalive_probes": same("net.inet.tcp.keepcnt"),
  "ipv4/tcp_keepalive_time": seconds("net.inet.tcp.keepidle"),
  "ipv4/tcp_max_syn_backlog": same("net.inet.tcp.syn_cache_limit"),
  "ipv4/tcp_max_tw_buckets": same("net.inet.tcp.time_wait_limit"),
  "ipv4/tcp_min_snd_mss": same("net.inet.tcp.minmss"),
  "ipv4/tcp_moderate_rcvbuf": same("net.inet.tcp.recvbuf_auto"),
  "ipv4/tcp_rmem": sizes("net.inet.tcp.recvspace", "net.inet.tcp.recvbuf_max"),
  "ipv4/tcp_sack": same("net.inet.tcp.sack.enable"),
  "ipv4/tcp_timestamps": same("net.inet.tcp.timestamps"),
  "ipv4/tcp_window_scaling": same("net.inet.tcp.win_scale"),
  "ipv4/tcp_wmem": sizes("net.inet.tcp.sendspace", "net.inet.tcp.sendbuf_max"),
  "ipv6/auto_flowlabels": same("net.inet6.ip6.auto_flowlabel"),
  "ipv6/bindv6only": same("net.inet6.ip6.v6only"),
};
/** A directory with one for each interface, and `heads`, where what holds for all of them is read and set. */
export interface PerInterface {
  readonly heads: readonly string[];
  /** What holds for all: of an interface it is read only. */
  readonly rows: Readonly<Record<string, Row>>;
  /** What an interface has for itself. */
  readonly figures: Readonly<Record<string, Figure>>;
}
/** Below /proc/sys/net. */
export const linuxInterfaces: Readonly<Record<string, PerInterface>> = {
  "ipv4/conf": {
    heads: ["all", "default"],
    rows: {
      accept_redirects: same("net.inet.icmp.rediraccept"),
      accept_source_route: same("net.inet.ip.allowsrcrt"),
      forwarding: same("net.inet.ip.forwarding"),
      send_redirects: same("net.inet.ip.redirect"),
    },
    figures: {},
  },
  "ipv6/conf": {
    heads: ["all", "default"],
    rows: {
      accept_ra: same("net.inet6.ip6.accept_rtadv"),
      accept_redirects: same("net.inet6.icmp6.rediraccept"),
      dad_transmits: same("net.inet6.ip6.dad_count"),
      forwarding: same("net.inet6.ip6.forwarding"),
      hop_limit: same("net.inet6.ip6.hlim"),
      temp_prefered_lft: same("net.inet6.ip6.temppltime"),
      temp_valid_lft: same("net.inet6.ip6.tempvltime"),
      use_tempaddr: temporary,
    },
    figures: configurationFigures,
  },
  "ipv6/neigh": {
    heads: ["default"],
    rows: {
      delay_first_probe_time: same("net.inet6.icmp6.nd6_delay"),
      gc_thresh3: same("net.inet6.ip6.neighborgcthresh"),
      mcast_solicit: same("net.inet6.icmp6.nd6_mmaxtries"),
      ucast_solicit: same("net.inet6.icmp6.nd6_umaxtries"),
      unres_qlen: same("net.inet6.icmp6.maxqueuelen"),
    },
    figures: neighbourFigures,
  },
};
