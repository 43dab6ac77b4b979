/** Both directions of a connection of rump.nc. */
import { errno } from "../../abi/errno.ts";
import { SOCK_DGRAM } from "../../abi/flags.ts";
import type { NcClient, Settings } from "./nc_socket.ts";
import type { Tool } from "../tool.ts";

const PIECE = 128 << 10;
/** The most a datagram holds. */
export const DATAGRAM = 65_507;
const SHUT_WR = 1;
/** Of datagrams nobody knows which one is the last: so many milliseconds after the input's end without one. */
const DATAGRAM_END = 1000;
const LOOK_MS = 50;

/** Until both have come to their end. */
export class Pipe {
  readonly #t: Tool;
  readonly #client: NcClient;
  readonly #fd: number;
  readonly #s: Settings;
  /** When something came or went last, milliseconds. */
  #last: number;
  #inputEnded = false;
  readonly #stop = new AbortController();

  constructor(t: Tool, client: NcClient, fd: number, s: Settings) {
    [this.#t, this.#client, this.#fd, this.#s] = [t, client, fd, s];
    this.#last = t.host.now();
  }
  get #datagrams(): boolean {
    return this.#s.type === SOCK_DGRAM;
  }
  /** Throws what ends it, but for the other end's end and silence that was waited for. */
  async run(): Promise<void> {
    const watch = setInterval(() => this.#look(), LOOK_MS);
    const sent = this.#t.has("d") ? Promise.resolve() : this.#send();
    // What fails in sending ends the receiving: it would wait in vain.
    const failed = sent.then(() => new Promise<never>(() => {}));
    try {
      await Promise.race([this.#receive(), failed]);
      // The other end has no more to say, but may well listen yet; silence ends both.
      if (!this.#stop.signal.aborted) await sent;
    } finally {
      clearInterval(watch);
      sent.catch(() => {});
      await this.#client.sys.close({ fd: this.#fd }).catch(() => {});
    }
  }
  #look(): void {
    const end = this.#datagrams && this.#inputEnded ? this.#s.wait || DATAGRAM_END : this.#s.wait;
    if (end > 0 && this.#t.host.now() - this.#last >= end) this.#stop.abort();
  }
  async #receive(): Promise<void> {
    const buf = new Uint8Array(PIECE);
    const sys = this.#client.until(this.#stop.signal);
    for (;;) {
      const n = await sys.recvfrom({ s: this.#fd, buf, flags: 0 }).catch((e) => this.#silence(e));
      if (n < 0 || (n === 0 && !this.#datagrams)) return;
      this.#last = this.#t.host.now();
      const piece = buf.subarray(0, n);
      if (this.#t.has("t")) await this.#write(refusals(piece));
      for (const part of this.#paced(piece)) {
        this.#t.out(part);
        if (this.#s.interval > 0) await this.#pause();
      }
    }
  }
  /** -1: it was waited for long enough. */
  #silence(e: unknown): number {
    if (e === errno.EINTR && this.#stop.signal.aborted) return -1;
    throw e;
  }
  /** All of it, or with -i line by line. */
  #paced(piece: Uint8Array): Uint8Array[] {
    if (this.#s.interval === 0 || piece.length === 0) return [piece];
    const parts: Uint8Array[] = [];
    for (let at = 0; at < piece.length;) {
      const end = piece.indexOf(NEWLINE, at) + 1 || piece.length;
      parts.push(piece.subarray(at, end));
      at = end;
    }
    return parts;
  }
  async #pause(): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, this.#s.interval));
    this.#last = this.#t.host.now();
  }
  async #send(): Promise<void> {
    const { host } = this.#t;
    for (;;) {
      const piece = await host.inputLater(this.#datagrams ? DATAGRAM : PIECE);
      if (!piece) break;
      for (const part of this.#paced(piece)) {
        await this.#write(part);
        if (this.#s.interval > 0) await this.#pause();
      }
    }
    this.#inputEnded = true;
    this.#last = host.now();
    if (!this.#datagrams) await this.#client.sys.shutdown({ s: this.#fd, how: SHUT_WR }).catch(() => {}); // it may be gone
  }
  async #write(piece: Uint8Array): Promise<void> {
    for (let at = 0; at < piece.length;) {
      at += await this.#client.sys.write({ fd: this.#fd, buf: piece.subarray(at) });
      this.#last = this.#t.host.now();
    }
  }
}
const NEWLINE = 10;

/** Telnet's commands (RFC 854). */
const [WILL, WONT, DO, DONT, IAC] = [251, 252, 253, 254, 255];
/** The answers to what a telnet server offers and asks for: we will not, and it is not to. */
export function refusals(piece: Uint8Array): Uint8Array {
  const answers: number[] = [];
  for (let at = 0; at + 2 < piece.length; at++) {
    if (piece[at] !== IAC) continue;
    const [verb, option] = [piece[at + 1], piece[at + 2]!];
    if (verb === WILL || verb === WONT) answers.push(IAC, DONT, option);
    else if (verb === DO || verb === DONT) answers.push(IAC, WONT, option);
    at += verb === IAC ? 1 : 2;
  }
  return Uint8Array.from(answers);
}
