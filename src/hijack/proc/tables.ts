/** What is in /proc/net (proc_pid_net(5)), of the rump kernel. */
import { netstatTable, snmp6Table, snmpTable } from "./counters.ts";
import { type Dir, dir } from "./files.ts";
import { address6Table, interfaceTable } from "./interfaces.ts";
import type { Questions } from "./questions.ts";
import { arpTable, route6Table, routeTable } from "./routes.ts";
import { socketCounts, socketTable } from "./sockets.ts";

type Table = (ask: Questions) => Promise<string>;
/** By the families they are about. */
const shared: Readonly<Record<string, Table>> = { dev: interfaceTable, netstat: netstatTable, snmp: snmpTable };
const inet: Readonly<Record<string, Table>> = {
  arp: arpTable,
  raw: socketTable("raw", false),
  route: routeTable,
  sockstat: socketCounts(false),
  tcp: socketTable("tcp", false),
  udp: socketTable("udp", false),
};
const inet6: Readonly<Record<string, Table>> = {
  if_inet6: address6Table,
  ipv6_route: route6Table,
  raw6: socketTable("raw", true),
  snmp6: snmp6Table,
  sockstat6: socketCounts(true),
  tcp6: socketTable("tcp", true),
  udp6: socketTable("udp", true),
};
/** Those of families that are never hijacked. */
const OTHERS = ["netlink", "packet", "unix"];
/** Linux' numbers of families. */
const AF = { INET: 2, INET6: 10 } as const;

/** The rump kernel's tables of the families hijacked; the others, which are the program's own still, are the host's. */
export function tableFiles(ask: Questions, families: readonly number[]): Dir {
  const parts = [[true, shared], [families.includes(AF.INET), inet], [families.includes(AF.INET6), inet6]] as const;
  const own = parts.flatMap(([ours, part]) => (ours ? Object.entries(part) : []));
  const hosts = parts.flatMap(([ours, part]) => (ours ? [] : Object.keys(part)));
  return dir({
    ...Object.fromEntries(own.map(([name, table]) => [name, { read: () => table(ask) }])),
    ...Object.fromEntries([...OTHERS, ...hosts].map((name) => [name, { target: `../../../self/net/${name}` }])),
  });
}
