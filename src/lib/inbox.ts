/** What a stream brings, taken as it is needed: so many bytes, or a line. */
import type { Channel } from "./streams.ts";

/** Bytes kept before the other side has to wait. */
const MOST = 1 << 20;

export class Inbox {
  readonly #channel: Channel;
  readonly #callout: (ms: number, fn: () => void) => () => void;
  readonly #silence: number;
  #parts: Uint8Array[] = [];
  #size = 0;
  #ended = false;
  #late = false;
  #wake: (() => void) | undefined;

  /** `silence`: milliseconds without a byte after which who waits is told "timed out". `callout` as Sys has it. */
  constructor(channel: Channel, silence: number, callout: (ms: number, fn: () => void) => () => void) {
    this.#channel = channel;
    this.#silence = silence;
    this.#callout = callout;
    channel.closed(() => {
      this.#ended = true;
      this.#wake?.();
    });
    channel.receive((bytes) => {
      this.#parts.push(bytes.slice());
      this.#size += bytes.length;
      if (this.#size > MOST) channel.pause(true);
      this.#wake?.();
    });
  }
  /** Nobody has anything to say any more. */
  get ended(): boolean {
    return this.#ended;
  }
  /** Bytes have come that nobody has taken. */
  get waiting(): boolean {
    return this.#size > 0;
  }
  /** Take all of the next bytes, until `into` is full. Throws an Error that says what happened instead. */
  async fill(into: Uint8Array): Promise<Uint8Array> {
    for (let done = 0; done < into.length;) {
      const part = this.#parts[0] ?? await this.#next();
      const some = part.subarray(0, into.length - done);
      into.set(some, done);
      done += some.length;
      this.#took(some.length);
    }
    return into;
  }
  /** A line without its end (LF, or CR LF), as Latin-1; longer than `most` is an Error. */
  async line(most: number): Promise<string> {
    let text = "";
    for (;;) {
      const part = this.#parts[0] ?? await this.#next();
      const end = part.indexOf(10);
      const some = end < 0 ? part : part.subarray(0, end + 1);
      for (const byte of some.subarray(0, most + 2)) text += String.fromCharCode(byte);
      this.#took(some.length);
      if (text.length > most + 2) throw new Error("a line without end");
      if (end >= 0) return text.replace(/\r?\n$/, "");
    }
  }
  /** Something to take, once it is there. */
  #next(): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      const cancel = this.#callout(this.#silence, () => {
        this.#late = true;
        look();
      });
      const look = () => {
        const part = this.#parts[0];
        if (!part && !this.#ended && !this.#late) return;
        cancel();
        this.#wake = undefined;
        if (part) return resolve(part);
        reject(new Error(this.#late ? "timed out" : "hung up"));
      };
      this.#wake = look;
      look();
    });
  }
  #took(n: number): void {
    const [first] = this.#parts;
    if (n === first!.length) this.#parts.shift();
    else this.#parts[0] = first!.subarray(n);
    const full = this.#size > MOST;
    this.#size -= n;
    if (full && this.#size <= MOST) this.#channel.pause(false);
  }
  close(): void {
    this.#ended = true;
    this.#channel.close();
  }
}
