/** Who has which port, and whom a packet is for (NetBSD: in_pcb.c). */
import { errno } from "../abi/errno.ts";
import { SO_REUSEADDR, SO_REUSEPORT } from "../abi/flags.ts";
import { halfSipHash } from "../lib/siphash.ts";
import { type Address, addressWords, isAny, sameAddress } from "./address.ts";
import { type PortRanges, PortSearch } from "./ports.ts";
import type { Socket } from "./socket.ts";

/** One socket's addresses: 0 is any of IPv4, :: any of IPv6. A `remotePort` of 0: it has no peer. */
export interface Endpoint {
  local: Address;
  port: number;
  remote: Address;
  remotePort: number;
  /** Its :: is any of IPv4, too (IPV6_V6ONLY is off). */
  readonly mapped: boolean;
  readonly so: Socket;
  /** `bound`: it has a port, and its family is fixed. */
  readonly options: { readonly lowPort: boolean; readonly portAlgorithm?: string | undefined; bound: boolean };
}
/** Who an endpoint is going to speak to, when its port is chosen. */
export interface Peer {
  readonly address: Address;
  readonly port: number;
}
/** Below, only the super-user binds. */
export const RESERVED = 1024;
const REUSE = SO_REUSEADDR | SO_REUSEPORT;

export class Endpoints<E extends Endpoint> {
  readonly #byPort = new Map<number, E[]>();
  /** Connections that came to a port: there may be thousands, and their protocol finds them by both ends. */
  readonly #children = new Map<number, Set<E>>();
  readonly #search: PortSearch;
  readonly #key: Int32Array;

  constructor(random: () => number, ranges: PortRanges) {
    this.#search = new PortSearch(ranges, random);
    this.#key = Int32Array.from({ length: 4 }, () => random() * 2 ** 32);
  }
  /** Take a port, or any (0). EADDRINUSE, EADDRNOTAVAIL when none is left. */
  bind(e: E, local: Address, port: number, to?: Peer): void {
    if (port !== 0) {
      const taken = (x: E) => !mayShare(x, e, local);
      if (this.#byPort.get(port)?.some(taken) || this.#children.get(port)?.values().some(taken)) throw errno.EADDRINUSE;
    }
    const chosen = port || this.#free(e, local, to);
    e.local = local;
    e.port = chosen;
    e.options.bound = true;
    const list = this.#byPort.get(chosen);
    if (list) list.push(e);
    else this.#byPort.set(chosen, [e]);
  }
  #free({ options: { lowPort: low, portAlgorithm: algorithm } }: E, local: Address, to: Peer | undefined): number {
    const key = (which: 0 | 1) => {
      const words = [...addressWords(local), ...addressWords(to?.address ?? 0), to?.port ?? 0];
      return halfSipHash(this.#key.subarray(2 * which, 2 * which + 2), words) >>> 0;
    };
    return this.#search.find({ low, algorithm, key }, (port) => !this.#byPort.has(port) && !this.#children.has(port));
  }
  /** A child of a listener has its port, too; `find` does not give it. */
  add(e: E): void {
    const set = this.#children.get(e.port);
    if (set) set.add(e);
    else this.#children.set(e.port, new Set([e]));
  }
  remove(e: E): void {
    const children = this.#children.get(e.port);
    if (children?.delete(e)) return void (children.size === 0 && this.#children.delete(e.port));
    const list = this.#byPort.get(e.port);
    const at = list?.indexOf(e) ?? -1;
    if (at < 0) return;
    list!.splice(at, 1);
    if (list!.length === 0) this.#byPort.delete(e.port);
  }
  /** The one who fits best: its peer's first, then who has just this address, then who takes any. */
  find(local: Address, port: number, remote: Address, remotePort: number): E | undefined {
    const list = this.#byPort.get(port);
    if (!list) return undefined;
    let best: E | undefined;
    let fit = -1;
    for (let i = 0; i < list.length; i++) {
      const e = list[i]!;
      const at = covers(e, local);
      if (at < 0) continue;
      if (e.remotePort !== 0 && (e.remotePort !== remotePort || !sameAddress(e.remote, remote))) continue;
      const n = (e.remotePort !== 0 ? BOTH : 0) + at;
      if (n === BOTH + EXACT) return e;
      if (n > fit) [best, fit] = [e, n];
    }
    return best;
  }
  /** All who want a broadcast to a port. */
  all(port: number): readonly E[] {
    return this.#byPort.get(port) ?? [];
  }
  *[Symbol.iterator](): Generator<E> {
    for (const list of this.#byPort.values()) yield* list;
    for (const set of this.#children.values()) yield* set;
  }
}
const EXACT = 2;
const BOTH = 4;
/** How well an endpoint's address covers one: -1, not at all; EXACT; less, as any of it. */
export function covers({ local: has, mapped }: Pick<Endpoint, "local" | "mapped">, local: Address): number {
  if (has === 0) return typeof local === "number" ? 1 : -1;
  if (sameAddress(has, local)) return EXACT;
  if (!isAny(has)) return -1;
  return typeof local === "object" ? 1 : mapped ? 0 : -1;
}
/** Two may have one port when they do not have one address, or when both said so. */
function mayShare(had: Endpoint, e: Endpoint, local: Address): boolean {
  if (covers(had, local) < 0 && covers({ local, mapped: e.mapped }, had.local) < 0) return true;
  const both = had.so.options & e.so.options & REUSE;
  if (both & SO_REUSEPORT) return true;
  // SO_REUSEADDR: beside connections of the port, and beside another address.
  return (e.so.options & SO_REUSEADDR) !== 0 && (had.remotePort !== 0 || !sameAddress(had.local, local));
}
