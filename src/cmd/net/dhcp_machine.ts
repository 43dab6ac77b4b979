/**
 * What a DHCP client says, and when (RFC 2131, figure 5): no sockets and no clock of its own. Times are milliseconds of
 * whatever clock it is told.
 */
import { BOOTREPLY, DHCP, type DhcpMessage, OPTION, option32 } from "../../wire/dhcp.ts";
import { type Lease, leaseOf } from "./dhcp_lease.ts";

/** Until a question is asked again: doubled each time, up to the longest; not all clients of a network at once (4.1). */
const [FIRST_WAIT, LONGEST_WAIT, SPREAD] = [1000, 64_000, 0.2];
/** A server that offered and then says nothing is given up. */
const REQUESTS = 4;
/** After an address that somebody has: no sooner is another one asked for (3.1, 5). */
const AFTER_DECLINE = 10_000;
/** While a lease is renewed: half of what is left, but no less (4.4.5), if there is that much at all. */
const LEAST_RENEWAL = 60_000;

export type DhcpState = "init" | "selecting" | "requesting" | "checking" | "bound" | "renewing" | "rebinding";
/** What is sent. */
export interface Question {
  readonly type: number;
  readonly xid: number;
  /** Seconds since it began. */
  readonly secs: number;
  /** To the server of the lease, or to everybody. */
  readonly unicast: boolean;
  /** The address the client has. */
  readonly ciaddr: number;
  readonly options: ReadonlyMap<number, number>;
}
/** What the machine wants done. */
export interface DhcpWorld {
  send(q: Question): void;
  /** Use this lease in the place of the one before; afterwards say whether the address is free (`checked`). */
  take(lease: Lease, before: Lease | undefined): void;
  /** It is over. */
  drop(lease: Lease): void;
  /** From 0 up to 1. */
  random(): number;
}

export class DhcpMachine {
  readonly #world: DhcpWorld;
  readonly #mac: Uint8Array;
  #state: DhcpState = "init";
  /** The next thing to do. */
  #due: number;
  #began: number;
  #xid = 0;
  #tries = 0;
  #asked = 0;
  #offer: Lease | undefined;
  #lease: Lease | undefined;
  /** When the lease began: when it was asked for. */
  #since = 0;
  /** What a server said when it refused. */
  refusal = "";

  constructor(world: DhcpWorld, mac: Uint8Array, now: number) {
    this.#world = world;
    this.#mac = mac;
    this.#due = this.#began = now;
  }
  get state(): DhcpState {
    return this.#state;
  }
  /** What it has; it may be being checked yet. */
  get lease(): Lease | undefined {
    return this.#lease;
  }
  /** When `tick` is to be called next. */
  get due(): number {
    return this.#due;
  }

  /** The clock. */
  tick(now: number): void {
    if (this.#lease && this.#state !== "checking" && now >= this.#at(this.#lease.seconds)) return this.#lost(now, now);
    if (now < this.#due) return;
    if (this.#state === "init") this.#enter("selecting", now);
    else if (this.#state === "requesting" && this.#tries >= REQUESTS) this.#enter("selecting", now);
    else if (this.#state === "bound") this.#enter("renewing", now);
    else if (this.#state === "renewing" && now >= this.#at(this.#lease!.t2)) this.#enter("rebinding", now);
    else if (this.#state !== "checking") this.#ask(now);
  }
  #enter(state: DhcpState, now: number): void {
    this.#state = state;
    this.#tries = 0;
    // An offer is taken by the number it was given under (table 5); so is what began as a renewal.
    if (state === "selecting" || state === "renewing") this.#xid = Math.floor(this.#world.random() * 2 ** 32);
    if (state === "selecting") this.#offer = undefined;
    this.#ask(now);
  }
  #ask(now: number): void {
    this.#asked = now;
    this.#due = now + this.#wait(now);
    this.#tries++;
    const secs = Math.min(0xffff, Math.floor((now - this.#began) / 1000));
    const about = { xid: this.#xid, secs, ciaddr: this.#isRenewal ? this.#lease!.address : 0 };
    const options = new Map<number, number>();
    if (this.#state === "requesting") {
      options.set(OPTION.ADDRESS, this.#offer!.address).set(OPTION.SERVER, this.#offer!.server);
    }
    const type = this.#state === "selecting" ? DHCP.DISCOVER : DHCP.REQUEST;
    this.#world.send({ ...about, type, unicast: this.#state === "renewing", options });
  }
  get #isRenewal(): boolean {
    return this.#state === "renewing" || this.#state === "rebinding";
  }
  /** Milliseconds until the next question. */
  #wait(now: number): number {
    if (!this.#isRenewal) {
      const wait = Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** this.#tries);
      return wait * (1 - SPREAD + 2 * SPREAD * this.#world.random());
    }
    const { t1, t2, seconds } = this.#lease!;
    const [from, to] = this.#state === "renewing" ? [t1, t2] : [t2, seconds];
    const left = Math.max(0, this.#at(to) - now);
    const least = Math.max(1000, Math.min(LEAST_RENEWAL, (to - from) * 250));
    return left / 2 >= least ? left / 2 : left;
  }
  #at(seconds: number): number {
    return this.#since + seconds * 1000;
  }

  /** A message came. True: it was an answer to ours. */
  heard(now: number, m: DhcpMessage): boolean {
    const type = this.#answer(m);
    if (type === DHCP.OFFER) {
      this.#offer = leaseOf(m);
      this.#enter("requesting", now);
    } else if (type === DHCP.ACK) this.#acknowledged(leaseOf(m)!);
    else if (type === DHCP.NAK) {
      this.refusal = textOf(m);
      // At once would be a race with a server that always refuses.
      this.#lost(now, now + FIRST_WAIT);
    }
    return type !== undefined;
  }
  /** The type of a message that answers what was asked last; others' pass by, and so do those that give nothing of use. */
  #answer(m: DhcpMessage): number | undefined {
    const type = m.options.get(OPTION.TYPE)?.[0];
    const ours = m.op === BOOTREPLY && m.xid === this.#xid && m.mac.every((b, i) => b === this.#mac[i]);
    if (!ours) return undefined;
    if (this.#state === "selecting") return type === DHCP.OFFER && leaseOf(m) ? type : undefined;
    if (this.#state !== "requesting" && !this.#isRenewal) return undefined;
    if (this.#state === "requesting" && option32(m, OPTION.SERVER) !== this.#offer!.server) return undefined;
    return type === DHCP.NAK || (type === DHCP.ACK && leaseOf(m)) ? type : undefined;
  }
  /** It counts from when it was asked for. An address that was had already is free. */
  #acknowledged(lease: Lease): void {
    const before = this.#lease;
    this.#lease = lease;
    this.#since = this.#asked;
    this.#world.take(lease, before);
    if (before?.address === lease.address) this.#bind();
    else {
      this.#state = "checking";
      this.#due = Infinity;
    }
  }
  #bind(): void {
    this.#state = "bound";
    this.#due = this.#at(this.#lease!.t1);
  }
  /** The answer to `take`: whether nobody else has the address. */
  checked(now: number, free: boolean): void {
    if (this.#state !== "checking") return;
    if (free) return this.#bind();
    const { address, server } = this.#lease!;
    this.#say(now, DHCP.DECLINE, 0, new Map([[OPTION.ADDRESS, address], [OPTION.SERVER, server]]));
    this.#lost(now, now + AFTER_DECLINE);
  }
  /** Nobody needs it any longer. */
  release(now: number): void {
    if (!this.#lease) return;
    const { address, server } = this.#lease;
    this.#say(now, DHCP.RELEASE, address, new Map([[OPTION.SERVER, server]]));
    this.#lost(now, Infinity);
  }
  #say(now: number, type: number, ciaddr: number, options: ReadonlyMap<number, number>): void {
    const secs = Math.min(0xffff, Math.floor((now - this.#began) / 1000));
    this.#xid = Math.floor(this.#world.random() * 2 ** 32);
    this.#world.send({ type, xid: this.#xid, secs, unicast: type === DHCP.RELEASE, ciaddr, options });
  }
  /** Begin anew at a time; what there was is dropped. */
  #lost(now: number, due: number): void {
    const had = this.#lease;
    this.#lease = undefined;
    this.#state = "init";
    this.#due = due;
    this.#began = now;
    if (had) this.#world.drop(had);
  }
}
/** What a server says of its refusal: no control characters reach the terminal. */
function textOf({ options }: DhcpMessage): string {
  const bytes = options.get(OPTION.MESSAGE) ?? new Uint8Array(0);
  return new TextDecoder().decode(bytes.subarray(0, 80)).replace(/\p{C}/gu, "?");
}
