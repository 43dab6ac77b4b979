/** Sockets of a server as sysctl net.*.*.pcblist tells them, for netstat and sockstat. */
import { AF_INET, AF_INET6, AF_LOCAL, SOCK_DGRAM, SOCK_RAW } from "../abi/flags.ts";
import { parseSockaddrIn, parseSockaddrIn6 } from "../abi/inet.ts";
import { INP, KinfoPcb, PCB_ALL, SS, TCPS } from "../abi/pcb_structs.ts";
import type { Host } from "../host/host.ts";
import { viewOf } from "../lib/struct.ts";
import { type Address, addressText, serviceOf } from "./host_names.ts";
import { in6Text } from "./sockaddr_text.ts";
import { entryOf, type Tree } from "./sysctl_tree.ts";

/** An end of a socket. */
export interface Endpoint {
  /** Undefined: none, or not of the Internet. */
  readonly address?: Address;
  /** 0: none. */
  readonly port: number;
  /** Of a local socket; "" none. */
  readonly path: string;
}
export type Pcb = Omit<ReturnType<typeof KinfoPcb.dump>, "src" | "dst"> & {
  readonly local: Endpoint;
  readonly foreign: Endpoint;
};
/** The sockets of a list such as net.inet.tcp.pcblist; undefined: this kernel does not have it. */
export function readPcbs(tree: Tree, list: string): Pcb[] | undefined {
  const entry = entryOf(tree, list);
  if (!entry) return undefined;
  const raw = tree.value({ ...entry, mib: [...entry.mib, PCB_ALL, 0, KinfoPcb.size, 0x7fff_ffff] });
  const d = viewOf(raw);
  const all: Pcb[] = [];
  for (let at = 0; at + KinfoPcb.size <= raw.length; at += KinfoPcb.size) {
    const { src, dst, ...rest } = KinfoPcb.dump(d, at);
    all.push({ ...rest, local: endpointOf(src), foreign: endpointOf(dst) });
  }
  return all;
}
/** An address as a kernel gives it: its length and family first. */
export function endpointOf(raw: Uint8Array): Endpoint {
  if (raw[1] === AF_LOCAL) return { port: 0, path: pathOf(raw.subarray(2, raw[0])) };
  const { address, port } = parseSockaddrIn(raw) ?? parseSockaddrIn6(raw) ?? {};
  return address === undefined ? { port: 0, path: "" } : { address, port: port!, path: "" };
}
/** A path is a client's own word: no control characters reach the terminal. */
function pathOf(raw: Uint8Array): string {
  const end = raw.indexOf(0);
  return new TextDecoder().decode(end < 0 ? raw : raw.subarray(0, end)).replace(/\p{C}/gu, "?");
}
/** Nobody in particular: 0.0.0.0, ::, or none. */
export const isWild = ({ address }: Endpoint): boolean =>
  address === undefined || (typeof address === "number" ? address === 0 : address.unspecified);

/** Connected, or about to be. */
export function isConnected(p: Pcb): boolean {
  return (p.sostate & SS.ISCONNECTED) !== 0 || p.prstate >= INP.CONNECTED || p.tstate > TCPS.indexOf("LISTEN") ||
    p.conn !== 0;
}
/** Open to whoever comes. */
export function isListening(p: Pcb): boolean {
  if (isConnected(p)) return false;
  if (p.tstate === TCPS.indexOf("LISTEN")) return true;
  if (p.family === AF_LOCAL) return p.local.path !== "";
  if (p.family !== AF_INET && p.family !== AF_INET6) return false;
  return p.type === SOCK_RAW || (p.type === SOCK_DGRAM && p.local.port !== 0);
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
