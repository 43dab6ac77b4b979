/** The variables net.inet.tcp.*: NetBSD's names and units, each of which does something. */
import { errno } from "../../abi/errno.ts";
import type { SysctlNode } from "../../plugin.ts";
import { intKnob, switchKnob } from "../knobs.ts";
import { algorithms } from "./congestion.ts";
import type { TcpEngine } from "./engine.ts";
import type { Settings } from "./settings.ts";

/** Milliseconds of a slow tick (slowhz = 2), and of the kernel's clock tick (hz = 100). */
const SLOW = 500;
const TICK = 10;
const MAX_BUFFER = 256 << 20;
const ANY: readonly [number, number] = [0, 0x7fff_ffff];

export function tcpSysctls({ settings, half, pool }: TcpEngine): Record<string, SysctlNode> {
  const int = (doc: string, name: Parameters<typeof intKnob<Settings>>[1], unit = 1, [least, most] = ANY): SysctlNode =>
    intKnob(settings, name, doc, { unit, least, most });
  const onOff = (doc: string, name: Parameters<typeof switchKnob<Settings>>[1]): SysctlNode =>
    switchKnob(settings, name, doc);
  const rows: Record<string, SysctlNode> = {
    sendspace: int("Default TCP send buffer size", "sendspace", 1, [2048, MAX_BUFFER]),
    recvspace: int("Default TCP receive buffer size", "recvspace", 1, [2048, MAX_BUFFER]),
    sendbuf_auto: onOff("Enable automatic send buffer sizing", "sendbufAuto"),
    sendbuf_max: int("Max size of automatic send buffer", "sendbufMax", 1, [2048, MAX_BUFFER]),
    recvbuf_auto: onOff("Enable automatic receive buffer sizing", "recvbufAuto"),
    recvbuf_max: int("Max size of automatic receive buffer", "recvbufMax", 1, [2048, MAX_BUFFER]),
    mssdflt: int("Default maximum segment size", "mssdflt", 1, [32, 65_495]),
    minmss: int("Lower limit for TCP maximum segment size", "minmss", 1, [1, 65_495]),
    win_scale: onOff("Use RFC1323 window scale options", "windowScale"),
    timestamps: onOff("Use RFC1323 time stamp options", "timestamps"),
    "ecn.enable": onOff("Enable TCP Explicit Congestion Notification", "ecn"),
    "ecn.maxretries": int("Number of times to retry ECN setup before disabling ECN on the connection", "ecnRetries"),
    "sack.enable": onOff("Enable RFC2018 Selective ACK", "sack"),
    delack_ticks: int("Number of ticks to delay ACKs", "delayedAck", TICK, [0, 50]),
    keepidle: int("Allowed connection idle ticks before a keepalive is sent", "keepIdle", SLOW, [1, 0x7fff_ffff]),
    keepintvl: int("Ticks before next keepalive probe is sent", "keepInterval", SLOW, [1, 0x7fff_ffff]),
    keepcnt: int("Number of keepalive probes to send", "keepCount", 1, [1, 0x7fff_ffff]),
    keepinit: int("Ticks before initial tcp connection times out", "keepInit", SLOW, [1, 0x7fff_ffff]),
    slowhz: { type: "int", doc: "Ticks of keepidle and its kin in a second", read: () => 1000 / SLOW },
    msl: int("Maximum segment life, in slow ticks", "msl", SLOW, [1, 600]),
    log_refused: onOff("Log refused TCP connections", "logRefused"),
    rstppslimit: int("RST packets per second", "rstLimit"),
    syn_cache_limit: int("Entries in the TCP compressed state engine; beyond, SYN cookies", "synCacheLimit"),
    time_wait_limit: int("Connections in TIME_WAIT that are remembered", "timeWaitLimit"),
    syn_cache_count: { type: "int", doc: "Connections on their way to listeners", read: () => half.size },
    buffer_memory: { type: "quad", doc: "Bytes all buffers of connections have", read: () => pool.used },
    "congctl.available": {
      type: "string",
      doc: "Available Congestion Control Mechanisms",
      read: () => Object.keys(algorithms).join(" "),
    },
    "congctl.selected": {
      type: "string",
      doc: "Congestion Control Mechanism of new connections",
      read: () => settings.congctl,
      write(value) {
        if (!Object.hasOwn(algorithms, String(value))) throw errno.EINVAL;
        settings.congctl = String(value);
      },
    },
  };
  return Object.fromEntries(Object.entries(rows).map(([name, node]) => [`net.inet.tcp.${name}`, node]));
}
