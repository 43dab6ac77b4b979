/** What clients hand over along with their requests, in order, until a request takes it. */
import { errno } from "../abi/errno.ts";
import type { Handed } from "../lib/socket_end.ts";
import type { Channel } from "../plugin.ts";

/** Those that may have come and not been asked for. */
const EARLY = 64;

/** See the head of this file; one client's. */
export class HandedEnds {
  readonly #channel: Channel;
  /** Undefined: of no use. */
  readonly #ends: (Handed | undefined)[] = [];

  constructor(channel: Channel) {
    this.#channel = channel;
  }
  /** They may come from now on. EOPNOTSUPP: not over this transport. */
  open(): void {
    if (!this.#channel.receiveEnds?.((end) => this.#came(end))) throw errno.EOPNOTSUPP;
  }
  #came(end: Handed | undefined): void {
    this.#ends.push(end);
    if (this.#ends.length > EARLY) this.#ends.shift()?.close();
  }
  /** The one that came along with this request. */
  take(): Handed | undefined {
    return this.#ends.shift();
  }
  /** The client is gone. */
  close(): void {
    for (const end of this.#ends.splice(0)) end?.close();
  }
}
