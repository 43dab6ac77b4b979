/** What is in /proc/net (proc_pid_net(5)), of the rump kernel. */
import { netstatTable, snmp6Table, snmpTable } from "./counters.ts";
import { type Dir, dir } from "./files.ts";
import { address6Table, interfaceTable } from "./interfaces.ts";
import type { Questions } from "./questions.ts";
import { arpTable, route6Table, routeTable } from "./routes.ts";
import { socketCounts, socketTable } from "./sockets.ts";

const tables: Readonly<Record<string, (ask: Questions) => Promise<string>>> = {
  arp: arpTable,
  dev: interfaceTable,
  if_inet6: address6Table,
  ipv6_route: route6Table,
  netstat: netstatTable,
  raw: socketTable("raw", false),
  raw6: socketTable("raw", true),
  route: routeTable,
  snmp: snmpTable,
  snmp6: snmp6Table,
  sockstat: socketCounts(false),
  sockstat6: socketCounts(true),
  tcp: socketTable("tcp", false),
  tcp6: socketTable("tcp", true),
  udp: socketTable("udp", false),
  udp6: socketTable("udp", true),
};
/** Those of families that stay the host's are the program's own still. */
const HOSTS = ["netlink", "packet", "unix"];

export const tableFiles = (ask: Questions): Dir =>
  dir({
    ...Object.fromEntries(Object.entries(tables).map(([name, table]) => [name, { read: () => table(ask) }])),
    ...Object.fromEntries(HOSTS.map((name) => [name, { target: `../../../self/net/${name}` }])),
  });
