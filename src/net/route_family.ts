/** What the routing socket and sysctl net.route need of an address family. */
import type { Interface } from "./interface.ts";
import type { RouteMetrics } from "./route.ts";
import type { FamilyAddress } from "./change.ts";

/** A route as programs see it; addresses are struct sockaddr. */
export interface RouteEntry {
  readonly destination: Uint8Array;
  /** As long as it has ones; undefined: of one host. */
  readonly mask: Uint8Array | undefined;
  readonly gateway: Uint8Array;
  readonly iface: Interface;
  /** Where packets that go by it come from; undefined: the interface has no address. */
  readonly source: Uint8Array | undefined;
  readonly flags: number;
  readonly metrics: RouteMetrics;
  readonly used: number;
}
/** A neighbour's link address. */
export interface NeighbourEntry {
  readonly address: Uint8Array;
  /** Empty: not known yet. */
  readonly mac: Uint8Array;
  readonly iface: Interface;
  /** Seconds of the clock; 0: for ever. */
  readonly expire: number;
  /** We answer for it. */
  readonly published: boolean;
}
/** What a message asks for. */
export interface RouteRequest {
  readonly destination: Uint8Array;
  readonly mask: Uint8Array | undefined;
  readonly gateway: Uint8Array | undefined;
  /** The interface that is named (RTA_IFP), and the address of ours (RTA_IFA). */
  readonly iface: Interface | undefined;
  readonly source: Uint8Array | undefined;
  readonly flags: number;
  /** Metrics that are meant. */
  readonly metrics: RouteMetrics;
}
/** A family with routes R and addresses of interfaces A. EINVAL: an address that is none of the family's, or a mask with holes. */
export interface RouteFamily<R = never, A = never> {
  /** As programs see them. */
  entry(route: R): RouteEntry;
  familyAddress(iface: Interface, address: A): FamilyAddress;
  routes(): Iterable<RouteEntry>;
  /** Our own too, and those that are asked for. */
  neighbours(): Iterable<NeighbourEntry>;
  /** The way to an address, or the route of just that network. ESRCH. */
  get(r: RouteRequest): RouteEntry;
  /** EEXIST; ENETUNREACH: its gateway cannot be reached. */
  add(r: RouteRequest): RouteEntry;
  /** ESRCH. */
  remove(r: RouteRequest): RouteEntry;
  change(r: RouteRequest): RouteEntry;
  /** Enter a neighbour by hand, or forget one. ENOENT, EINVAL. */
  setNeighbour(r: RouteRequest, mac: Uint8Array, iface: Interface): void;
  removeNeighbour(r: RouteRequest, iface: Interface | undefined): void;
}
