/**
 * Sockets whose data goes straight between this server and a program (fileops splice): a client that works for the program
 * hands one end of a pair of local sockets over and names its socket, and calls no more for each piece of data. Only over unix
 * sockets, and only for who may send and receive anyway.
 *
 * A splice belongs to its socket, not to the client: it goes on when the client ends, until the program closes its end.
 */
import { errno, type SysError } from "../abi/errno.ts";
import { Lwp } from "../kern/proc.ts";
import type { Connection } from "./connection.ts";
import type { HandedEnds } from "./handed_ends.ts";

/** Endings that may wait to be told. */
const UNTOLD = 8192;
/** What a splice is to do, as calls the client must be allowed to make. */
const CALLS = ["sendto", "recvfrom"];

/** See the head of this file; one client's. */
export class Splices {
  readonly #c: Connection;
  readonly #ends: HandedEnds;
  /** What has ended and was not told: number and errno in turn. */
  #over: number[] = [];
  #tell: ((over: readonly number[]) => void) | undefined;
  #next = 1;

  constructor(connection: Connection, ends: HandedEnds) {
    this.#c = connection;
    this.#ends = ends;
  }
  /** Splice the end that came along with this request with a socket; its number. */
  splice(fd: unknown): number {
    const { proc, server } = this.#c;
    const end = this.#ends.take();
    try {
      if (!end || "fuse" in end) throw errno.ENOTSOCK;
      if (typeof fd !== "number") throw errno.EINVAL;
      if (server.splices.size >= server.limits.maxSplices) throw errno.ENFILE;
      for (const call of CALLS) proc!.guard?.(call, { s: fd });
      const file = proc!.files.get(fd);
      if (!file.ops.splice) throw errno.EOPNOTSUPP;
      const id = this.#next++;
      const splice = file.ops.splice(file, end, new Lwp(proc!), (why) => {
        server.splices.delete(splice);
        this.#ended(id, why);
      });
      server.splices.add(splice);
      return id;
    } catch (e) {
      end?.close();
      throw e;
    }
  }
  #ended(id: number, why: SysError | undefined): void {
    if (this.#c.ended || this.#over.length >= 2 * UNTOLD) return;
    this.#over.push(id, why?.errno ?? 0);
    this.#flush();
  }
  #flush(): void {
    if (!this.#tell || this.#over.length === 0) return;
    const [tell, over] = [this.#tell, this.#over];
    this.#tell = undefined;
    this.#over = [];
    tell(over);
  }
  /** Tell once, when some have ended, which and why: number and errno in turn. EBUSY: somebody waits for that already. */
  whenEnded(tell: (over: readonly number[]) => void): void {
    if (this.#tell) throw errno.EBUSY;
    this.#tell = tell;
    this.#flush();
  }
  /** The client is gone. */
  close(): void {
    this.#tell = undefined;
  }
}
