/** What Internet sockets of either family are told at their network's level, as transports and IP see it. */
import type { Lwp } from "../kern/proc.ts";
import type { In6Addr } from "../lib/in6.ts";
import type { Address } from "./address.ts";
import type { Beside, Cmsg } from "./inbox.ts";
import type { Interface } from "./interface.ts";
import type { IpHeader } from "./ip.ts";
import type { IpOptions } from "./ip_options.ts";
import type { Extras6 } from "./ip6/extras.ts";
import type { Packet } from "./packet.ts";

/** What goes into packets a socket sends; left out: IP's own. */
export interface OutgoingOptions {
  ttl?: number | undefined;
  tos?: number | undefined;
  /** IPv6's flow label. */
  flow?: number;
  /** Of IPv4's header; headers behind IPv6's. */
  options?: IpOptions;
  extras?: Extras6 | undefined;
  /** They go out there, whatever the routes say. */
  iface?: Interface | undefined;
  /** Multicasts: hops, whether we hear ourselves, and where they go out. */
  groupTtl?: number | undefined;
  loop?: boolean;
  groupInterface?: Interface;
}
/** Where one datagram is to come from (IP_PKTINFO, IP_SENDSRCADDR). */
export interface Sender {
  readonly source?: Address | undefined;
  readonly iface?: Interface | undefined;
}
/** What decides, beside the destination, which address of ours a packet of IPv6 has. */
export interface Way {
  /** It goes out there. */
  readonly iface?: Interface | undefined;
  /** It goes there first. */
  readonly via?: In6Addr | undefined;
  /** Temporary addresses are better than others (IPV6_PREFER_TEMPADDR); undefined: as the system says. */
  readonly temporary?: boolean | undefined;
}
export interface InetOptions {
  readonly outgoing: OutgoingOptions;
  /** A socket of IPv6 that takes IPv4, too. */
  readonly mapped: boolean;
  /** Ports are given from the reserved range (IP_PORTRANGE). */
  readonly lowPort: boolean;
  /** How they are chosen (IP_PORTALGO); left out: as net.inet.ip.anonportalgo.selected says. */
  readonly portAlgorithm?: string | undefined;
  /** The socket has a port. */
  bound: boolean;
  /** Packets that have come farther are dropped (RFC 5082). */
  readonly minTtl: number;
  /** The address to send from; undefined: what fits the destination. */
  readonly source: Address | undefined;
  /** What else decides which address that is. */
  way(sender: Sender, multicast: boolean): Way;
  /** ENOPROTOOPT: there is no such option. `peer`: of a connected socket. */
  get(level: number, name: number, peer?: Address): Uint8Array;
  /** EINVAL: not a value it can have; ENOPROTOOPT; EPERM; EADDRNOTAVAIL: no such interface or group. */
  set(level: number, name: number, value: Uint8Array, lwp: Lwp): void;
  /** What control messages beside a datagram say of its sender. EINVAL, ENOPROTOOPT, EPERM, EADDRNOTAVAIL. */
  sender(control: readonly Cmsg[], lwp: Lwp): Sender;
  /** What is told beside a datagram that has come; undefined: nothing, for nobody asked. `options`: the socket's SO_*. */
  beside(p: Packet, header: IpHeader, options: number): Beside | undefined;
  /** What is told of the path to a peer that took no such large packet (IPV6_RECVPATHMTU); undefined: nobody asked. */
  pathMtu?(peer: Address): Cmsg | undefined;
  /** The socket is closed: groups are left. */
  close(): void;
}
