/** The routing table of IPv6: longest prefix first (NetBSD: route.c, radix.c). */
import { errno } from "../../abi/errno.ts";
import type { In6Addr } from "../../lib/in6.ts";
import type { Interface } from "../interface.ts";
import type { RouteMetrics } from "../route.ts";

export interface Route6 {
  /** A network's; its zone is of the link it is on. */
  readonly destination: In6Addr;
  readonly length: number;
  /** Neighbour packets go to; undefined: the destination is a neighbour itself. */
  gateway: In6Addr | undefined;
  iface: Interface;
  flags: number;
  /** Bytes; 0: the interface's. */
  mtu: number;
  /** Packets that went by it. */
  used: number;
  /** Milliseconds of the clock; Infinity: for ever. */
  expires: number;
  /** What programs noted of the way there, beside the MTU; told to others, not used here. */
  metrics?: RouteMetrics;
}
const MAX_ROUTES = 100_000;
const SLOTS = 256;

export class Routes6 {
  /** By length of prefix, then by network; the longest first in `#lengths`. */
  readonly #byLength: (Map<string, Route6> | undefined)[] = [];
  #lengths: number[] = [];
  #size = 0;
  /** Those found last, by address. Forgotten at every change. */
  #found: ({ readonly to: In6Addr; readonly route: Route6 | undefined } | undefined)[] = [];

  /** The route to an address; undefined: there is none. */
  find(to: In6Addr): Route6 | undefined {
    const slot = (to.d ^ (to.d >>> 8) ^ to.b) & (SLOTS - 1);
    const had = this.#found[slot];
    if (had && (had.to === to || had.to.equals(to))) return had.route;
    const route = this.#search(to);
    this.#found[slot] = { to, route };
    return route;
  }
  #search(to: In6Addr): Route6 | undefined {
    for (const length of this.#lengths) {
      const route = this.#byLength[length]!.get(to.masked(length).key);
      if (route) return route;
    }
    return undefined;
  }
  /** The one with just this network. */
  get(destination: In6Addr, length: number): Route6 | undefined {
    return this.#byLength[length]?.get(destination.masked(length).key);
  }
  /** EEXIST: there is one already. ENOBUFS: there are too many. */
  add(route: Route6): void {
    const map = (this.#byLength[route.length] ??= new Map());
    const { key } = route.destination.masked(route.length);
    if (map.has(key)) throw errno.EEXIST;
    if (this.#size >= MAX_ROUTES) throw errno.ENOBUFS;
    map.set(key, route);
    this.#size++;
    this.changed();
  }
  /** The route that is gone. ESRCH: there is none. */
  remove(destination: In6Addr, length: number): Route6 {
    const route = this.get(destination, length);
    if (!route) throw errno.ESRCH;
    this.#byLength[length]!.delete(destination.masked(length).key);
    this.#size--;
    this.changed();
    return route;
  }
  /** Every route, shortest prefix first. */
  *[Symbol.iterator](): Generator<Route6> {
    for (const length of this.#lengths.toReversed()) yield* this.#byLength[length]!.values();
  }
  get size(): number {
    return this.#size;
  }
  /** A route came, went or leads elsewhere. */
  changed(): void {
    this.#found = [];
    this.#lengths = this.#byLength.flatMap((map, length) => (map && map.size > 0 ? [length] : [])).toReversed();
  }
}
