/** Sockets of a server as sysctl net.*.*.pcblist tells them, for netstat and sockstat. */
import { ALL_PCBS, type Endpoint, isWild, parsePcbs, type Pcb } from "../../abi/pcbs.ts";
import type { Host } from "../../host/host.ts";
import { type Address, addressText, serviceOf } from "./host_names.ts";
import { in6Text } from "./sockaddr_text.ts";
import { entryOf, type Tree } from "../server/sysctl_tree.ts";

/** The sockets of a list such as net.inet.tcp.pcblist; undefined: this kernel does not have it. */
export function readPcbs(tree: Tree, list: string): Pcb[] | undefined {
  const entry = entryOf(tree, list);
  if (!entry) return undefined;
  return parsePcbs(tree.value({ ...entry, mib: [...entry.mib, ...ALL_PCBS] }));
}
/** How addresses and ports are written. */
export interface Naming {
  readonly host: Host;
  /** A host's name; left out: numbers are wanted. */
  readonly nameOf?: (address: Address) => string | undefined;
  readonly numericPorts: boolean;
  /** The name of an interface, for addresses of one link. */
  readonly zone: (index: number) => string;
}
/** The host's name for an address, or its numbers, with %interface where it needs one. */
export function addressName(address: Address, { nameOf, zone }: Naming): string {
  return nameOf?.(address) ?? (typeof address === "number" ? addressText(address) : in6Text(address, zone));
}
/** `10.0.0.1.80`, `localhost.http`, `*.*`. `protocol` as /etc/services names it. */
export function endpointText(e: Endpoint, protocol: string, naming: Naming): string {
  const host = isWild(e) ? "*" : addressName(e.address!, naming);
  if (e.port === 0) return `${host}.*`;
  const service = naming.numericPorts ? undefined : serviceOf(naming.host, e.port, protocol);
  return `${host}.${service ?? e.port}`;
}
