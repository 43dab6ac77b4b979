/** Moving a stream between a socket of a rump kernel elsewhere and what stands in for it, by calls of a client: as net/splice.ts does. */
import { errno } from "../abi/errno.ts";
import { MSG_DONTWAIT, MSG_OOB, POLLIN, POLLPRI } from "../abi/flags.ts";
import { SIOC } from "../abi/sockio.ts";
import { Pollfd } from "../abi/structs.ts";
import { type EndReady, NOT_NOW, type SocketEnd } from "../lib/socket_end.ts";
import { viewOf } from "../lib/struct.ts";
import type { AsyncClient } from "../proxy/client.ts";
import type { Sockets, Stand } from "./stand.ts";

/** Bytes received by one call at first; while as many come, twice as many the next time, up to what a channel reads at once. */
const RECEIVED = 30 << 10;
const MOST_RECEIVED = 240 << 10;
/** What is sent by one call: as much as a pair of the host's holds. It has left this memory when the call is made. */
const outgoing = new Uint8Array(256 << 10);
/** Sends that may be under way: the kernel makes them in their order. */
const AHEAD = 4;
const SHUT_RD = 0;
const SHUT_WR = 1;

function pollfd(fd: number, events: number): Uint8Array {
  const bytes = new Uint8Array(Pollfd.size);
  Pollfd.write(viewOf(bytes), 0, { fd, events });
  return bytes;
}

/** Memory for what comes next, after so many bytes. */
const roomAfter = (length: number, spare: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> =>
  length < spare.length || spare.length >= MOST_RECEIVED ? spare : new Uint8Array(spare.length * 2);

type Way = "read" | "write";

class Stream {
  readonly #sockets: Pick<Sockets, "host">;
  readonly #client: AsyncClient;
  readonly #s: number;
  readonly #end: SocketEnd;
  readonly #waiting: { [K in Way]?: (() => void) | undefined } = {};
  readonly #done: (how: "closed" | "reset") => void;
  /** The program has urgent data; it is gone; it sends no more. */
  #urgent = false;
  #gone = false;
  #finished = false;
  #over = false;

  constructor(sockets: Pick<Sockets, "host" | "client">, { s, fd }: Stand, done: (how: "closed" | "reset") => void) {
    this.#sockets = sockets;
    this.#client = sockets.client;
    this.#s = s;
    this.#end = sockets.host.socketEnd(fd);
    this.#done = done;
    this.#end.watch((what) => this.#ready(what));
    const broken = (e: unknown) => this.#stop(e === errno.EPIPE ? "closed" : "reset");
    this.#toKernel().catch(broken);
    this.#toProgram().catch(broken);
  }
  #ready({ readable, writable, urgent, gone }: EndReady): void {
    this.#sockets.host.loop.settled();
    this.#urgent = urgent;
    if (gone) this.#gone = true;
    if (readable || gone) this.#wake("read");
    if (writable || gone) this.#wake("write");
    if (gone && this.#finished) this.#stop("closed");
    else this.#interest();
  }
  #interest(): void {
    const { read, write } = this.#waiting;
    if (this.#over) return;
    // Who is gone would be told of again and again.
    if (this.#gone) this.#end.rest();
    else this.#end.interest(read !== undefined, write !== undefined);
  }
  #until(way: Way): Promise<void> {
    if (this.#gone) return Promise.resolve();
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
  #stop(how: "closed" | "reset"): void {
    if (this.#over) return;
    this.#over = true;
    this.#end.rest();
    this.#sockets.host.loop.settled();
    this.#done(how);
  }
  async #toKernel(): Promise<void> {
    const { sys } = this.#client;
    const under: Promise<void>[] = [];
    while (!this.#over) {
      const flags = this.#urgent && this.#end.atMark() ? MSG_OOB : 0;
      const n = this.#end.receive(flags ? outgoing.subarray(0, 1) : outgoing);
      if (n === NOT_NOW && !this.#gone) await this.#until("read");
      else if (n <= 0) break;
      else under.push(this.#sent(outgoing.subarray(0, n), flags));
      if (under.length >= AHEAD) await under.shift();
    }
    await Promise.all(under);
    await sys.shutdown({ s: this.#s, how: SHUT_WR });
    this.#finished = true;
    if (this.#gone) this.#stop("closed");
  }
  /** All of it goes, or the stream is broken. The memory is used up when this returns. */
  #sent(buf: Uint8Array, flags: number): Promise<void> {
    const done = this.#client.sys.sendto({ s: this.#s, buf, flags }).then((n) => {
      if (n !== buf.length) throw errno.ECONNABORTED;
    });
    done.catch(() => {}); // who waits for it is told
    return done;
  }
  /** What comes next is asked for while the program takes what has come. */
  async #toProgram(): Promise<void> {
    /** The urgent byte has come, its place in the stream has not; it is known, and not passed yet. */
    let held: Uint8Array | undefined;
    let known = false;
    let taken = this.#take(new Uint8Array(RECEIVED), false);
    for (let spare = new Uint8Array(RECEIVED);;) {
      const { buf, length, marked, urgent } = await taken;
      held = urgent ?? held;
      known = urgent !== undefined || (known && (held !== undefined || length < 0));
      if (length !== 0) taken = this.#take(roomAfter(length, spare), known);
      taken.catch(() => {}); // it is waited for, unless the program reads no more
      spare = buf;
      if (held && marked) {
        const byte = held;
        held = undefined;
        if (!await this.#put(byte, true)) break;
      }
      if (length === 0) return this.#end.shutdown("sending");
      if (length > 0 && !await this.#put(buf.subarray(0, length), false)) break;
    }
    // It reads no more.
    await this.#client.sys.shutdown({ s: this.#s, how: SHUT_RD });
  }
  /** Wait for what comes next: bytes up to urgent data (-1: none), whether they begin there, and the urgent byte. */
  async #take(buf: Uint8Array<ArrayBuffer>, known: boolean) {
    const s = this.#s;
    const data = new Uint8Array(4);
    const byte = new Uint8Array(1);
    const { read, mark, got } = await this.#client.batch((b) => {
      b.poll({ fds: pollfd(s, known ? POLLIN : POLLIN | POLLPRI), timeout: -1 });
      return {
        mark: b.ioctl({ fd: s, com: SIOC.SIOCATMARK, data }),
        got: b.recvfrom({ s, buf: byte, flags: MSG_OOB }),
        read: b.recvfrom({ s, buf, flags: MSG_DONTWAIT }),
      };
    });
    const length = read.error === errno.EAGAIN ? -1 : read.value;
    const marked = !mark.error && viewOf(data).getInt32(0, true) !== 0;
    return { buf, length, marked, urgent: got.error ? undefined : byte };
  }
  /** False: the program does not read any more. */
  async #put(bytes: Uint8Array, urgent: boolean): Promise<boolean> {
    for (let at = 0; at < bytes.length && !this.#over;) {
      const n = urgent ? this.#end.sendUrgent(bytes) : this.#end.send(bytes.subarray(at));
      if (n === NOT_NOW && !this.#gone) await this.#until("write");
      else if (n <= 0) return false;
      else at += n;
    }
    return true;
  }
}

/** See the head of this file. "closed": the program has closed its end, and all it sent has gone; "reset": it is broken. */
export function moveStream(sockets: Pick<Sockets, "host" | "client">, stand: Stand): Promise<"closed" | "reset"> {
  return new Promise((resolve) => void new Stream(sockets, stand, resolve));
}
