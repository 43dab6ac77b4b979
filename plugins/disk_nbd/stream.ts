/** The connection: whole messages in and out. */
import type { BlockingChannel } from "../../src/plugin.ts";

/** Milliseconds of silence after which a server that owes an answer counts as gone. */
const PATIENCE_MS = 60_000;

export class Stream {
  readonly #channel: BlockingChannel;
  readonly #gone: Error;
  #open = true;
  patienceMs = PATIENCE_MS;

  /** `gone`: thrown when the other end is not there any more. */
  constructor(channel: BlockingChannel, gone: Error) {
    this.#channel = channel;
    this.#gone = gone;
  }
  send(...parts: Uint8Array[]): void {
    this.#channel.send(...parts);
  }
  /** Fill all of `into`. */
  fill(into: Uint8Array): Uint8Array {
    for (let done = 0; done < into.length;) {
      if (this.#channel.within && !this.#channel.within(this.patienceMs)) throw this.#gone;
      const n = this.#channel.receive(into.subarray(done));
      if (n === 0) throw this.#gone;
      done += n;
    }
    return into;
  }
  take(length: number): Uint8Array {
    return this.fill(new Uint8Array(length));
  }
  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#channel.close();
  }
}
