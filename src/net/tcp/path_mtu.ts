/** What routers said of the largest packets that pass (RFC 1191): by address, for a while. */

import { type Address, addressKey } from "../address.ts";

/** No less is believed of IPv4: smaller links are not, and who says so means no good (Linux: min_pmtu). */
const LEAST = 552;
const MOST = 1024;

export class PathMtu {
  /** Milliseconds that is believed (net.inet.ip.mtudisctimeout). */
  life = 600_000;
  readonly #now: () => number;
  readonly #least: number;
  readonly #known = new Map<number | string, { readonly mtu: number; readonly until: number }>();

  constructor(now: () => number, least = LEAST) {
    this.#now = now;
    this.#least = least;
  }
  /** `link`: what the first link takes. A router that names no number makes it a step smaller. */
  learn(remote: Address, mtu: number, link: number): void {
    const had = this.limit(remote, link);
    const told = Math.max(this.#least, mtu || had >> 1);
    if (told >= had) return;
    if (this.#known.size >= MOST) this.#known.clear();
    this.#known.set(addressKey(remote), { mtu: told, until: this.#now() + this.life });
  }
  limit(remote: Address, link: number): number {
    if (this.#known.size === 0) return link;
    const found = this.#known.get(addressKey(remote));
    if (!found) return link;
    if (found.until > this.#now()) return Math.min(found.mtu, link);
    this.#known.delete(addressKey(remote));
    return link;
  }
}
