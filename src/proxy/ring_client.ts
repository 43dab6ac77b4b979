/** The blocking client's end of its ring: used while the server is awake and answers soon, else the stream is; see ring.ts. */
import type { BlockingChannel, SharedMemory } from "../plugin.ts";
import { Ring, RING_FRAME, WAKE } from "./ring.ts";

/** See the head of this file. */
export class ClientRing {
  readonly #ring: Ring;
  readonly #channel: BlockingChannel;
  readonly #reply = new Uint8Array(RING_FRAME);
  readonly #there: () => boolean;

  constructor(memory: SharedMemory, channel: BlockingChannel) {
    const ring = new Ring(memory, "client");
    this.#ring = ring;
    this.#channel = channel;
    this.#there = () => ring.waiting;
  }
  /** Send a request; false: it is better sent over the stream. */
  send(parts: readonly Uint8Array[]): boolean {
    if (this.#ring.otherSleeps || !this.#ring.memory.worth() || !this.#ring.put(parts)) return false;
    if (this.#ring.mustWake()) this.#channel.send(...WAKE);
    return true;
  }
  /** The reply to what was sent, lent until the next one; undefined: look at the stream, which is also how we are woken. */
  receive(): Uint8Array | undefined {
    const ring = this.#ring;
    let there = ring.waiting || ring.memory.until(this.#there);
    for (;;) {
      const n = there ? ring.take(this.#reply) : 0;
      if (n > 0) return this.#reply.subarray(0, n);
      // Nothing, or word of a reply that goes over the stream, which may be an old one: whatever comes must wake us.
      ring.sleeps(true);
      there = ring.waiting;
      if (!there) return undefined;
      ring.sleeps(false);
    }
  }
  /** Awake again. */
  woken(): void {
    this.#ring.sleeps(false);
  }
  close(): void {
    this.#ring.close();
  }
}
