/** The routing table: longest prefix first (NetBSD: route.c, radix.c). */
import { errno } from "../abi/errno.ts";
import { maskOf, prefixOf } from "../lib/inet.ts";
import type { Interface } from "./interface.ts";

export interface Route {
  readonly destination: number;
  readonly mask: number;
  /** Neighbour packets go to; undefined: the destination is a neighbour itself. */
  gateway: number | undefined;
  iface: Interface;
  flags: number;
  /** Bytes; 0: the interface's. */
  mtu: number;
  /** Packets that went by it. */
  used: number;
  /** What programs noted of the way there (route(8) -rtt ...), beside the MTU; told to others, not used here. */
  metrics?: RouteMetrics;
}
/** Fields of struct rt_metrics by name. */
export interface RouteMetrics {
  locks?: number;
  mtu?: number;
  hopcount?: number;
  recvpipe?: number;
  sendpipe?: number;
  ssthresh?: number;
  rtt?: number;
  rttvar?: number;
  /** Seconds of the clock. */
  expire?: number;
}
/** Most routes a table may have. */
const MAX_ROUTES = 100_000;

export class Routes {
  /** By length of prefix, then by network; the longest first in `lengths`. */
  readonly #byLength: (Map<number, Route> | undefined)[] = [];
  #lengths: number[] = [];
  #size = 0;
  /** The last one found: nearly always the next one too. Forgotten at every change. */
  #last: Route | undefined;
  #lastFor = -1;

  /** The route to an address; undefined: there is none. */
  find(address: number): Route | undefined {
    if (address === this.#lastFor) return this.#last;
    const found = this.#search(address);
    this.#last = found;
    this.#lastFor = address;
    return found;
  }
  #search(address: number): Route | undefined {
    for (const length of this.#lengths) {
      const route = this.#byLength[length]!.get((address & maskOf(length)) >>> 0);
      if (route) return route;
    }
    return undefined;
  }
  /** The one with just this network and mask. */
  get(destination: number, mask: number): Route | undefined {
    const length = prefixOf(mask);
    return length === undefined ? undefined : this.#byLength[length]?.get((destination & mask) >>> 0);
  }
  /** EEXIST: there is one already. EINVAL: the mask has holes. ENOBUFS: there are too many. */
  add(route: Route): void {
    const length = prefixOf(route.mask);
    if (length === undefined) throw errno.EINVAL;
    const map = (this.#byLength[length] ??= new Map());
    if (map.has(route.destination)) throw errno.EEXIST;
    if (this.#size >= MAX_ROUTES) throw errno.ENOBUFS;
    map.set(route.destination, route);
    this.#size++;
    this.#changed();
  }
  /** The route that is gone. ESRCH: there is none. */
  remove(destination: number, mask: number): Route {
    const route = this.get(destination, mask);
    if (!route) throw errno.ESRCH;
    this.#byLength[prefixOf(mask)!]!.delete(route.destination);
    this.#size--;
    this.#changed();
    return route;
  }
  /** Every route, shortest prefix first. */
  *[Symbol.iterator](): Generator<Route> {
    for (const length of this.#lengths.toReversed()) yield* this.#byLength[length]!.values();
  }
  get size(): number {
    return this.#size;
  }
  #changed(): void {
    this.#lastFor = -1;
    this.#lengths = this.#byLength.flatMap((map, length) => (map && map.size > 0 ? [length] : [])).toReversed();
  }
}
