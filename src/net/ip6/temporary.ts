/** Addresses that are used for a while only, so that nobody follows us by them (RFC 8981; NetBSD: in6_tmpifadd). */
import { In6Addr } from "../../lib/in6.ts";
import { IN6_IFF_AUTOCONF, IN6_IFF_TEMPORARY, type In6IfAddress, type In6Interface } from "./interface.ts";
import type { Ip6 } from "./ip6.ts";

const HALF = 64;
const SECOND = 1000;
/** Milliseconds before one is not preferred any more that the next is made; taken at random from its life, at most. */
const ADVANCE = 5000;
const MAX_DESYNC = 600_000;
/** Of one interface. */
const MOST = 16;

interface Lives {
  readonly validUntil: number;
  readonly preferredUntil: number;
}
interface Made extends Lives {
  /** The next one is there. */
  renewed: boolean;
}

export class Temporary {
  readonly #ip6: Ip6;
  /** As long as each may live at most. */
  readonly #made = new WeakMap<In6IfAddress, Made>();

  constructor(ip6: Ip6) {
    this.#ip6 = ip6;
  }
  /** A router advertised the prefix that `of` was made of: there is a temporary address, too, living no longer. */
  advertised(if6: In6Interface, of: In6IfAddress): void {
    if (!this.#ip6.settings.useTemporary) return;
    let preferred = false;
    for (const a of if6.addresses) {
      const made = this.#made.get(a);
      if (!made || a.address.common(of.address) < HALF) continue;
      a.validUntil = Math.min(made.validUntil, of.validUntil);
      a.preferredUntil = Math.min(made.preferredUntil, of.preferredUntil);
      preferred ||= a.preferredUntil > this.#ip6.now() + ADVANCE;
    }
    if (!preferred) this.#make(if6, of);
  }
  #make(if6: In6Interface, of: In6IfAddress): void {
    const { settings, stack } = this.#ip6;
    const now = this.#ip6.now();
    const desync = Math.min(MAX_DESYNC, settings.temporaryPreferred * SECOND * 0.4) * stack.random();
    const most = {
      validUntil: now + settings.temporaryValid * SECOND,
      preferredUntil: now + settings.temporaryPreferred * SECOND - desync,
    };
    const lives: Lives = {
      validUntil: Math.min(most.validUntil, of.validUntil),
      preferredUntil: Math.min(most.preferredUntil, of.preferredUntil),
    };
    if (lives.preferredUntil <= now + ADVANCE || this.#count(if6) >= MOST) return;
    const [c, d] = this.#lowerHalf();
    const address = new In6Addr(of.address.a, of.address.b, c, d);
    const flags = IN6_IFF_AUTOCONF | IN6_IFF_TEMPORARY;
    try {
      void this.#ip6.addresses.add(if6.iface, {
        ...lives,
        address,
        length: HALF,
        flags,
        offLink: of.offLink,
        delay: true,
      });
    } catch {
      return; // there are too many
    }
    const a = if6.find(address);
    if (a) this.#made.set(a, { ...most, renewed: false });
  }
  #count(if6: In6Interface): number {
    return if6.addresses.filter((a) => a.flags & IN6_IFF_TEMPORARY).length;
  }
  #lowerHalf(): readonly [c: number, d: number] {
    const made = new Int32Array(2);
    this.#ip6.stack.sys.random(new Uint8Array(made.buffer));
    return [made[0]! | 0x100, made[1]!]; // neither 0 nor reserved (RFC 5453)
  }
  /** Make the next one when it is time; when that will be. */
  look(a: In6IfAddress, now: number): number {
    const made = this.#made.get(a);
    if (!made || made.renewed) return Infinity;
    if (now < a.preferredUntil - ADVANCE) return a.preferredUntil - ADVANCE;
    made.renewed = true;
    const if6 = this.#ip6.of(a.iface);
    const of = if6.addresses.find((x) =>
      (x.flags & (IN6_IFF_AUTOCONF | IN6_IFF_TEMPORARY)) === IN6_IFF_AUTOCONF && x.address.common(a.address) >= HALF
    );
    if (of && this.#ip6.settings.useTemporary) this.#make(if6, of);
    return Infinity;
  }
}
