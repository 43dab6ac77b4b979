/** Moving a stream between a socket of a rump kernel elsewhere and what stands in for it, by calls of a client. */
import { errno } from "../abi/errno.ts";
import type { AsyncClient } from "../proxy/client.ts";
import type { Sockets, Stand } from "./stand.ts";

/** Bytes moved by one call. */
const PIECE = 64 << 10;
const SHUT_WR = 1;
const EAGAIN = -11;

type Way = "read" | "write";

class Stream {
  readonly #sockets: Sockets;
  readonly #client: AsyncClient;
  readonly #s: number;
  readonly #fd: number;
  readonly #waiting: { [K in Way]?: (() => void) | undefined } = {};
  readonly #done: (how: "closed" | "reset") => void;
  #reading = true;
  #over = false;

  constructor(sockets: Sockets, { s, fd }: Stand, done: (how: "closed" | "reset") => void) {
    this.#sockets = sockets;
    this.#client = sockets.client;
    this.#s = s;
    this.#fd = fd;
    this.#done = done;
    const { loop } = sockets.host;
    loop.add(fd, { read: false, write: false }, ({ readable, writable, error }) => {
      loop.settled();
      if (readable || error) this.#wake("read");
      if (writable || error) this.#wake("write");
      if (error && !this.#reading) this.#end("closed");
      else this.#interest();
      return false;
    });
    const broken = (e: unknown) => this.#end(e === errno.EPIPE ? "closed" : "reset");
    this.#toKernel().catch(broken);
    this.#toProgram().catch(broken);
  }
  #interest(): void {
    const { read, write } = this.#waiting;
    if (!this.#over) this.#sockets.host.loop.change(this.#fd, { read: read !== undefined, write: write !== undefined });
  }
  #ready(way: Way): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting[way] = resolve;
      this.#interest();
    });
  }
  #wake(way: Way): void {
    const go = this.#waiting[way];
    this.#waiting[way] = undefined;
    go?.();
  }
  #end(how: "closed" | "reset"): void {
    if (this.#over) return;
    this.#over = true;
    this.#sockets.host.loop.remove(this.#fd);
    this.#sockets.host.loop.settled();
    this.#done(how);
  }
  async #toKernel(): Promise<void> {
    for (;;) {
      const { length, bytes } = this.#sockets.standIns.receive(this.#fd, PIECE, 0);
      if (length === EAGAIN) await this.#ready("read");
      else if (length <= 0) break;
      else {
        const buf = bytes.slice();
        for (let at = 0; at < buf.length;) at += await this.#client.sys.write({ fd: this.#s, buf: buf.subarray(at) });
      }
    }
    this.#reading = false;
    await this.#client.sys.shutdown({ s: this.#s, how: SHUT_WR });
  }
  async #toProgram(): Promise<void> {
    const buf = new Uint8Array(PIECE);
    for (;;) {
      const n = await this.#client.sys.read({ fd: this.#s, buf });
      if (n === 0) break;
      for (let at = 0; at < n && !this.#over;) {
        const sent = this.#sockets.standIns.send(this.#fd, buf.subarray(at, n), 0);
        if (sent === EAGAIN) await this.#ready("write");
        else if (sent < 0) return this.#end("closed");
        else at += sent;
      }
    }
    this.#sockets.standIns.finish(this.#fd);
  }
}

/** See the head of this file. "closed": the program has closed its end, and all it sent has gone; "reset": it is broken. */
export function moveStream(sockets: Sockets, stand: Stand): Promise<"closed" | "reset"> {
  return new Promise((resolve) => void new Stream(sockets, stand, resolve));
}
