/** What Internet sockets of either family are told at their network's level, as transports and IP see it. */
import type { Address } from "./address.ts";
import type { Beside, Cmsg } from "./inbox.ts";
import type { Interface } from "./interface.ts";
import type { IpHeader } from "./ip.ts";
import type { IpOptions } from "./ip_options.ts";
import type { Packet } from "./packet.ts";

/** What goes into packets a socket sends; left out: IP's own. */
export interface OutgoingOptions {
  ttl?: number;
  tos?: number;
  /** IPv6's flow label. */
  flow?: number;
  /** Of IPv4's header. */
  options?: IpOptions;
  /** Multicasts: hops, whether we hear ourselves, and where they go out. */
  groupTtl?: number;
  loop?: boolean;
  groupInterface?: Interface;
}
/** Where one datagram is to come from (IP_PKTINFO, IP_SENDSRCADDR). */
export interface Sender {
  readonly source?: Address;
  readonly iface?: Interface;
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
  /** ENOPROTOOPT: there is no such option. `peer`: of a connected socket. */
  get(level: number, name: number, peer?: Address): Uint8Array;
  /** EINVAL: not a value it can have; ENOPROTOOPT; EADDRNOTAVAIL: no such interface or group. */
  set(level: number, name: number, value: Uint8Array): void;
  /** What control messages beside a datagram say of its sender. EINVAL, ENOPROTOOPT, EADDRNOTAVAIL. */
  sender(control: readonly Cmsg[]): Sender;
  /** What is told beside a datagram that has come; undefined: nothing, for nobody asked. `options`: the socket's SO_*. */
  beside(p: Packet, header: IpHeader, options: number): Beside | undefined;
  /** What is told of the path to a peer that took no such large packet (IPV6_RECVPATHMTU); undefined: nobody asked. */
  pathMtu?(peer: Address): Cmsg | undefined;
  /** The socket is closed: groups are left. */
  close(): void;
}
