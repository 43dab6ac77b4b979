/** The server's side of our own wire: a request is one frame, its memory inline; see frame.ts. */
import { errno, type SysError } from "../abi/errno.ts";
import type { Reply } from "../kern/dispatch.ts";
import type { Connection, Wire } from "./connection.ts";
import { decodeFrame, encodeFrame, Frames, VERSION } from "./frame.ts";

const MAX_COMM = 64;

export class CborWire implements Wire {
  readonly #c: Connection;
  readonly #frames: Frames;

  constructor(connection: Connection) {
    this.#c = connection;
    this.#frames = new Frames((body) => this.#frame(body));
  }
  receive(bytes: Uint8Array): void {
    this.#frames.push(bytes);
    this.#checkLength();
  }
  resume(): void {
    this.#frames.resume();
    this.#checkLength();
  }
  #checkLength(): void {
    if (this.#frames.tooLong > 0) this.#c.dismiss(`frame of ${this.#frames.tooLong} bytes`);
  }
  farewell(why: string, error: SysError): void {
    this.#c.send(encodeFrame([0, error.errno, why]));
  }

  #frame(body: Uint8Array): boolean {
    if (this.#c.ended) return false;
    const items = decodeFrame(body);
    if (items) return this.#c.proc ? this.#call(items) : this.#hello(items);
    this.#c.dismiss("malformed frame");
    return false;
  }
  /** [version, program name]. */
  #hello([version, comm]: unknown[]): boolean {
    if (this.#c.refused) this.#c.dismiss(this.#c.refused, errno.EPERM);
    else if (version !== VERSION) this.#c.dismiss(`wire version ${version}`);
    else if (typeof comm !== "string" || comm.length > MAX_COMM) this.#c.dismiss("bad program name");
    else {
      this.#c.admit(this.#c.newcomer(comm));
      return this.#c.send(encodeFrame([0, 0, VERSION]));
    }
    return false;
  }

  #call([reqno, nr, ...args]: unknown[]): boolean {
    if (typeof reqno !== "number" || typeof nr !== "number") {
      this.#c.dismiss("malformed request");
      return false;
    }
    // The frame is lent: what a waiting call still reads must be its own.
    for (let i = 0; i < args.length; i++) if (args[i] instanceof Uint8Array) args[i] = (args[i] as Uint8Array).slice();
    const { server } = this.#c;
    server.calls++;
    const reply = this.#c.kernel.dispatcher.call(this.#c.lwp, nr, args, server.allocate);
    if (reply instanceof Promise) {
      server.settle(true);
      this.#c.wait(reply.then((r) => void this.#answer(reqno, r)));
      if (this.#c.full) this.#c.stall();
      return !this.#c.full;
    }
    const go = this.#answer(reqno, reply);
    server.settle(false);
    return go;
  }
  #answer(reqno: number, { errno: e, ret, ret2, outs }: Reply): boolean {
    return this.#c.send(encodeFrame(e === 0 ? [reqno, 0, ret, ret2, ...outs.map((o) => o ?? null)] : [reqno, e]));
  }
}
