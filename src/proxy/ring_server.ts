/** The server's end of a client's ring: calls come from memory the client may change at any time; see ring.ts. */
import type { Channel, Watcher } from "../plugin.ts";
import type { Connection } from "./connection.ts";
import { encodeFrame } from "./encode.ts";
import { Ring, RING_BYTES, RING_FRAME, RingError, WAKE } from "./ring.ts";

/** Frames served before others get their turn. */
const FAIR = 64;
/** Requests are copied here before they are looked at; who keeps one takes the memory. */
let request = new Uint8Array(RING_FRAME);

/** See the head of this file. `call` serves a frame, lent unless it returns true. */
export class ServerRing implements Watcher {
  readonly #c: Connection;
  readonly #call: (body: Uint8Array) => boolean;
  #ring: Ring | undefined;

  private constructor(c: Connection, call: (body: Uint8Array) => boolean) {
    this.#c = c;
    this.#call = call;
  }
  /** A ring for a client, told of in the reply to `reqno`; undefined: there can be none, and nothing was sent. */
  static offer(c: Connection, reqno: number, call: (body: Uint8Array) => boolean): ServerRing | undefined {
    const { server, channel } = c;
    if (server.rings >= server.limits.maxRings || !channel.share) return undefined;
    const ring = new ServerRing(c, call);
    return ring.#share(channel, reqno) ? ring : undefined;
  }
  #share(channel: Channel, reqno: number): boolean {
    const [told] = encodeFrame([reqno, 0, RING_BYTES, 0]);
    const memory = channel.share!(RING_BYTES, told!, this);
    if (!memory) return false;
    this.#ring = new Ring(memory, "server");
    this.#c.server.rings++;
    return true;
  }
  look(): boolean {
    let n = 0;
    try {
      while (n < FAIR && !this.#c.blocked && this.#next()) n++;
    } catch (e) {
      if (!(e instanceof RingError)) throw e;
      this.#c.dismiss(e.message);
    }
    return n > 0;
  }
  #next(): boolean {
    const n = this.#ring?.take(request) ?? -1;
    if (n < 0) return false;
    this.#c.server.ringCalls++;
    if (this.#call(request.subarray(0, n))) request = new Uint8Array(RING_FRAME);
    return true;
  }
  rest(): boolean {
    this.#ring?.sleeps(true);
    if (this.#c.blocked || !this.#ring?.waiting) return false;
    this.#ring.sleeps(false);
    return true;
  }
  /** The client is busy: from now on its ring is looked at without being told. */
  awake(): void {
    if (!this.#ring) return;
    this.#ring.sleeps(false);
    this.#c.channel.watch?.(this);
  }
  /** Send a reply; what does not fit goes over the stream, and an empty frame says so. As `Connection.send`. */
  send(parts: readonly Uint8Array[]): boolean {
    const ring = this.#ring;
    if (!ring) return false;
    try {
      const fits = ring.put(parts);
      const room = fits || this.#c.send(parts);
      if (!fits) ring.put(WAKE);
      else if (ring.mustWake()) return this.#c.send(WAKE);
      return room;
    } catch (e) {
      if (!(e instanceof RingError)) throw e;
      this.#c.dismiss(e.message);
      return false;
    }
  }
  close(): void {
    if (!this.#ring) return;
    this.#ring.close();
    this.#ring = undefined;
    this.#c.server.rings--;
  }
}
