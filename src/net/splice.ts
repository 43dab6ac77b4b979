/**
 * A stream socket spliced with an end of a pair of the host's, whose other end some program has: data goes straight between
 * them (FreeBSD, OpenBSD: SO_SPLICE). What one side does the other sees: the end of data each way, urgent data, a window that
 * is full, and that it is over. Nothing is held here: what one side does not take the other keeps.
 */
import { errno, SysError } from "../abi/errno.ts";
import { SO_LINGER } from "../abi/flags.ts";
import { type File, release } from "../kern/file.ts";
import type { Lwp } from "../kern/proc.ts";
import { type EndReady, GONE, NOT_NOW, type SocketEnd } from "../lib/socket_end.ts";
import type { Socket } from "./socket.ts";

/** What is put through at once where memory is not shared, and up to how much a read is taken for one of few. */
const PIECE = 64 << 10;
/** Bytes read at once into the sending buffer itself. */
const MANY = 256 << 10;
const scratch = new Uint8Array(PIECE);
const urgent = new Uint8Array(1);

/** Who asked for it, and is told. */
export interface Splicer {
  readonly lwp: Lwp;
  /** Call when what is done now is done. */
  soon(fn: () => void): void;
  /** It is over: the program has closed its end and all was passed on, or why the connection is no more. */
  ended(why: SysError | undefined): void;
}

/** See the head of this file. The file is held until the end. */
export class StreamSplice {
  readonly #so: Socket;
  readonly #file: File;
  readonly #end: SocketEnd;
  readonly #for: Splicer;
  /** The program has closed its end; it sends no more; it was told that nothing more comes. */
  #gone = false;
  #finished = false;
  #told = false;
  /** Reads are long: they go into the sending buffer itself. */
  #long = false;
  /** The program has data for which there is no room; it has no room for ours. */
  #full = false;
  #stuck = false;
  #error: SysError | undefined;
  #due = false;
  #open = true;

  constructor(so: Socket, file: File, end: SocketEnd, splicer: Splicer) {
    this.#so = so;
    this.#file = file;
    this.#end = end;
    this.#for = splicer;
    file.refs++;
    so.changes.add(this.#changed);
    end.watch((what) => this.#ready(what));
    this.#changed();
  }
  /** Let go of both: the program sees the end. */
  close(): void {
    this.#over(undefined);
  }

  readonly #changed = (): void => {
    // Whoever asks for it (SO_ERROR) takes it away.
    this.#error ??= this.#so.error;
    if (this.#due) return;
    this.#due = true;
    this.#for.soon(this.#turn);
  };
  readonly #turn = (): void => {
    this.#due = false;
    if (!this.#open) return;
    if (!this.#stuck) this.#in();
    if (this.#open && this.#full) this.#out(false);
    if (this.#open) this.#settle();
  };
  #ready(what: EndReady): void {
    if (what.gone) this.#gone = true;
    if (what.writable) this.#stuck = false;
    if (what.writable) this.#in();
    if (this.#open && (what.readable || what.gone || what.urgent)) this.#out(what.urgent);
    if (this.#open) this.#settle();
  }
  #interest(): void {
    if (this.#gone && (this.#full || this.#finished)) this.#end.rest();
    else this.#end.interest(!this.#full && !this.#finished, this.#stuck);
  }

  // From the program

  #out(isUrgent: boolean): void {
    // Nobody tells again that the program is gone: what it left is read to the end.
    do this.#outOnce(isUrgent); while (this.#gone && !this.#finished && !this.#full && !this.#error);
  }
  #outOnce(isUrgent: boolean): void {
    if (this.#finished) return;
    const { sendLimit, cantSend } = this.#so;
    const room = this.#so.protocol.room();
    this.#full = cantSend || room < Math.max(1, Math.min(PIECE, sendLimit / 4));
    if (this.#full) return;
    try {
      if (isUrgent && this.#end.atMark()) this.#outUrgent();
      else this.#outSome(Math.min(room, this.#long ? MANY : PIECE));
    } catch (e) {
      if (!(e instanceof SysError)) throw e;
      this.#error ??= e;
    }
  }
  #outUrgent(): void {
    if (this.#end.receive(urgent) === 1) this.#send(urgent.slice(), true);
  }
  #outSome(most: number): void {
    const { protocol } = this.#so;
    const space = this.#long ? protocol.space?.(most) : undefined;
    const n = this.#end.receive(space ?? scratch.subarray(0, most));
    if (space) protocol.stored!(Math.max(n, 0));
    else if (n > 0) this.#send(scratch.subarray(0, n), false);
    this.#long = n >= PIECE / 2;
    if (n === 0 || n === GONE || (n === NOT_NOW && this.#gone)) this.#finish();
  }
  #send(data: Uint8Array, isUrgent: boolean): void {
    const { protocol } = this.#so;
    const message = { data, to: undefined, rights: [], control: [] };
    const n = isUrgent && protocol.sendUrgent ? protocol.sendUrgent(message) : protocol.send(this.#for.lwp, message);
    // There was room for all of it: what takes less has nothing to do with it any more.
    if (n !== data.length) this.#error ??= errno.ECONNABORTED;
  }
  #finish(): void {
    this.#finished = true;
    // Who closes without lingering breaks the connection: the end of data would be told before that.
    const breaks = this.#gone && (this.#so.options & SO_LINGER) !== 0 && this.#so.linger === 0;
    if (!this.#so.cantSend && !breaks) this.#so.shutdown(1);
  }

  // To the program

  #in(): void {
    const { inbox, protocol } = this.#so;
    let moved = 0;
    while (!this.#gone) {
      this.#stuck = !this.#inUrgent();
      if (this.#stuck || inbox.empty) break;
      const n = this.#inSome();
      this.#stuck = n === NOT_NOW;
      // It reads no more, whether or not it is there.
      if (n === GONE) this.#so.shutdown(0);
      if (n <= 0) break;
      moved += n;
    }
    if (moved > 0) protocol.taken(moved);
  }
  #inSome(): number {
    const { inbox } = this.#so;
    const front = inbox.front?.();
    if (front) {
      const n = this.#end.send(front);
      if (n > 0) inbox.skip!(n);
      return n;
    }
    const { length } = inbox.take(scratch, true)!;
    const n = this.#end.send(scratch.subarray(0, length));
    if (n > 0) inbox.take(scratch.subarray(0, n), false);
    return n;
  }
  /** At the mark, its byte goes apart from the rest. False: it cannot now. */
  #inUrgent(): boolean {
    const { protocol } = this.#so;
    if (!protocol.hasUrgent?.() || !protocol.atMark!()) return true;
    try {
      protocol.receiveUrgent!(urgent, true);
      const n = this.#end.sendUrgent(urgent);
      if (n === 1) protocol.receiveUrgent!(urgent, false);
      return n !== NOT_NOW;
    } catch (e) {
      // It was read, is in the stream, or has not come yet.
      if (e instanceof SysError) return true;
      throw e;
    }
  }

  // The end

  #settle(): void {
    const so = this.#so;
    const nothing = this.#gone || so.inbox.empty;
    const aborted = this.#error ?? (so.cantSend && so.cantReceive && !this.#finished ? errno.ECONNRESET : undefined);
    if (aborted && nothing) return this.#over(aborted);
    if (this.#gone && this.#finished) return this.#over(undefined);
    if (so.cantReceive && nothing && !this.#told) {
      this.#told = true;
      this.#end.shutdown("sending");
    }
    if (so.cantSend && !this.#finished && !aborted) {
      this.#finished = true;
      this.#end.shutdown("receiving");
    }
    this.#interest();
  }
  #over(why: SysError | undefined): void {
    if (!this.#open) return;
    this.#open = false;
    this.#so.changes.remove(this.#changed);
    this.#end.close();
    void Promise.resolve(release(this.#file)).catch(() => {}); // nobody is left to be told
    this.#for.ended(why);
  }
}
