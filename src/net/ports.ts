/** Which port somebody gets who asks for none (RFC 6056; NetBSD: rfc6056.c, net.inet.ip.anonportalgo). */
import { errno } from "../abi/errno.ts";

/** Tries at random before all ports are looked at in turn; most a step of `randinc` has; counters of `doublehash`. */
const TRIES = 64;
const STEP = 2000;
const COUNTERS = 16;

/** Numbers of two ends that nobody else foresees. */
export type Key = (which: 0 | 1) => number;
interface State {
  readonly random: () => number;
  /** Where the last search ended; those of `doublehash`. */
  next: number;
  readonly counters: Uint16Array;
}
/** RFC 6056, 3.3: where to begin among so many ports. */
type Algorithm = (state: State, count: number, key: Key) => number;
const anywhere: Algorithm = ({ random }, count) => Math.floor(random() * count);
/** By name, in the order of IP_PORTALGO's numbers. */
export const algorithms: Readonly<Record<string, Algorithm>> = {
  bsd: (state) => state.next + 1,
  random_start: anywhere,
  random_pick: anywhere,
  hash: (state, _count, key) => key(0) + ++state.next,
  doublehash: ({ counters }, _count, key) => key(0) + ++counters[key(1) % COUNTERS]!,
  randinc: (state) => state.next + 1 + Math.floor(state.random() * STEP),
};
export const ALGORITHMS: readonly string[] = Object.keys(algorithms);

/** What is told of ports to give (net.inet.ip.anonportmin, max, anonportalgo; lowportmin, max: for IP_PORTRANGE_LOW). */
export class PortRanges {
  first = 49_152;
  last = 65_535;
  lowFirst = 600;
  lowLast = 1023;
  selected = "random_start";
}
/** One protocol's search for free ports. */
export class PortSearch {
  readonly #ranges: PortRanges;
  readonly #state: State;

  constructor(ranges: PortRanges, random: () => number) {
    this.#ranges = ranges;
    this.#state = { random, next: Math.floor(random() * 65_536), counters: new Uint16Array(COUNTERS) };
  }
  /** EADDRNOTAVAIL: none is left. `algorithm`: the socket's own wish (IP_PORTALGO). */
  find(
    { low, algorithm, key }: { readonly low: boolean; readonly algorithm: string | undefined; readonly key: Key },
    isFree: (port: number) => boolean,
  ): number {
    const { first, last, lowFirst, lowLast, selected } = this.#ranges;
    const [from, to] = low ? [lowFirst, lowLast] : [first, last];
    const count = to - from + 1;
    const name = algorithm ?? selected;
    for (let i = 0; i < TRIES && name === "random_pick" && count > 0; i++) {
      const port = from + Math.floor(this.#state.random() * count);
      if (isFree(port)) return port;
    }
    const start = algorithms[name]!(this.#state, count, key);
    for (let i = 0; i < count; i++) {
      const offset = (start + i) % count;
      if (!isFree(from + offset)) continue;
      if (name === "bsd" || name === "randinc") this.#state.next = offset;
      return from + offset;
    }
    throw errno.EADDRNOTAVAIL;
  }
}
