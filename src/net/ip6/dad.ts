/** Whether an address is anybody's, before it is ours (RFC 4862, 5.4; 7527; NetBSD: nd6_dad_*). */
import type { In6Addr } from "../../lib/in6.ts";
import {
  IN6_IFF_ANYCAST,
  IN6_IFF_DUPLICATED,
  IN6_IFF_NODAD,
  IN6_IFF_TENTATIVE,
  type In6IfAddress,
  type In6Interface,
  ND6_IFF_IFDISABLED,
} from "./interface.ts";
import type { Ip6 } from "./ip6.ts";

/** Bytes of a nonce (RFC 7527, 4.1), and milliseconds a first question may wait for others to have theirs. */
const NONCE = 6;
const MAX_DELAY = 1000;

interface Trial {
  readonly nonces: Uint8Array[];
  /** Questions to ask still; those of ours that came back. */
  left: number;
  looped: number;
  cancel: () => void;
}

export class Dad {
  readonly #ip6: Ip6;
  readonly #trials = new Map<In6IfAddress, Trial>();

  constructor(ip6: Ip6) {
    this.#ip6 = ip6;
  }
  /** Look whether an address can be ours; `delay`: others may begin with us. */
  start(if6: In6Interface, a: In6IfAddress, delay: boolean): void {
    const { settings, stack } = this.#ip6;
    this.stop(a);
    const without = if6.iface.device.medium !== "ethernet" || settings.dadCount === 0 ||
      (a.flags & (IN6_IFF_NODAD | IN6_IFF_ANYCAST)) !== 0;
    if (without) return this.#ready(a);
    a.flags |= IN6_IFF_TENTATIVE;
    const trial: Trial = { nonces: [], left: settings.dadCount, looped: 0, cancel: () => {} };
    this.#trials.set(a, trial);
    const ask = () => this.#ask(if6, a, trial);
    if (delay) trial.cancel = stack.sys.callout(stack.random() * MAX_DELAY, ask);
    else ask();
  }
  #ask(if6: In6Interface, a: In6IfAddress, trial: Trial): void {
    if (trial.left === 0) return this.#ready(a);
    trial.left--;
    const nonce = new Uint8Array(NONCE);
    this.#ip6.stack.sys.random(nonce);
    trial.nonces.push(nonce);
    trial.cancel = this.#ip6.stack.sys.callout(if6.retransmit, () => this.#ask(if6, a, trial));
    this.#ip6.messages.solicit(if6.iface, a.address, { nonce });
  }
  #ready(a: In6IfAddress): void {
    this.#trials.delete(a);
    a.flags &= ~IN6_IFF_TENTATIVE;
    this.#ip6.stack.tell({ kind: "address6", iface: a.iface, address: a, gone: false });
    if (a.address.linkLocal) this.#ip6.routers.linkReady(a.iface);
  }
  stop(a: In6IfAddress): void {
    this.#trials.get(a)?.cancel();
    this.#trials.delete(a);
  }
  /** Somebody else wants it, too; unless a link that shows us our own questions does. */
  solicited(a: In6IfAddress, nonce: Uint8Array | undefined): void {
    const trial = this.#trials.get(a);
    if (!trial) return;
    if (nonce && trial.nonces.some((x) => x.length === nonce.length && x.every((b, i) => b === nonce[i]))) {
      trial.looped++;
      return;
    }
    this.#duplicate(a, "solicited");
  }
  /** Somebody has it. */
  advertised(a: In6IfAddress): void {
    if (this.#trials.has(a)) this.#duplicate(a, "advertised");
  }
  #duplicate(a: In6IfAddress, how: string): void {
    this.stop(a);
    a.flags = (a.flags & ~IN6_IFF_TENTATIVE) | IN6_IFF_DUPLICATED;
    const if6 = this.#ip6.of(a.iface);
    this.#ip6.stack.sys.log(`${a.iface.name}: DAD: ${a.address} is ${how} by another, too; it is not used`);
    // An address of the hardware that another has: the hardware address is no good (RFC 4862, 5.4.5).
    if (isOfHardware(this.#ip6.addresses.lowerHalf(a.iface), a.address)) if6.flags |= ND6_IFF_IFDISABLED;
    this.#ip6.stack.tell({ kind: "address6", iface: a.iface, address: a, gone: false });
  }
}
const isOfHardware = ([c, d]: readonly [number, number], a: In6Addr) =>
  a.linkLocal && a.c === (c | 0) && a.d === (d | 0);
