/** A program stopped at a call: its arguments, its memory, and how it goes on. What is read of its memory is read once. */
import { errno } from "../abi/errno.ts";
import { linuxErrno } from "../abi/linux_errno.ts";
import { viewOf } from "../lib/struct.ts";
import type { Host, Notifier, StandIns, Trapped } from "../host/host.ts";

/** A failure with one of Linux's numbers, which NetBSD has no like of or which is of the host. */
export class LinuxError extends Error {
  override readonly name = "LinuxError";
  readonly number: number;
  constructor(number: number) {
    super(`errno ${number} of the host`);
    this.number = number;
  }
}
/** The result of a call, where it is not minus the host's errno. Throws LinuxError. */
export function checked(result: number): number {
  if (result < 0) throw new LinuxError(-result);
  return result;
}

/** How a stopped program goes on: what the call returns; `resume`: the host does it; `answered`: it goes on already. */
export type Outcome = number | "resume" | "answered";

/** What all calls of hijacked programs have. */
export interface Ground {
  readonly host: Host;
  readonly notifier: Notifier;
  readonly standIns: StandIns;
}

const MAX_IOV = 1024;
const IOVEC = 16;

/** See the head of this file. Memory that is not there: EFAULT. */
export class Stop {
  readonly tid: number;
  readonly #trapped: Trapped;
  readonly #notifier: Notifier;
  constructor(trapped: Trapped, notifier: Notifier) {
    this.#trapped = trapped;
    this.#notifier = notifier;
    this.tid = trapped.tid;
  }
  int(argument: number): number {
    return this.#trapped.int(argument);
  }
  long(argument: number): number {
    return this.#trapped.long(argument);
  }
  /** Whether it still waits. */
  get waits(): boolean {
    return this.#notifier.waits(this.#trapped.id);
  }
  /** False: it does not wait any more, and has not been told. */
  finish(outcome: Outcome): boolean {
    if (outcome === "answered") return true;
    if (outcome === "resume") return this.#notifier.resume(this.#trapped.id);
    return this.#notifier.answer(this.#trapped.id, outcome);
  }
  fail(e: unknown): boolean {
    return this.#notifier.answer(this.#trapped.id, -1, e instanceof LinuxError ? e.number : linuxErrno(e));
  }
  /** Kill the program. */
  end(): void {
    this.#notifier.kill(this.tid);
  }
  /** The call returns a descriptor of what `fd` is here: its number there. Throws LinuxError. */
  inject(fd: number, closeOnExec: boolean): number {
    return checked(this.#notifier.inject(this.#trapped.id, fd, closeOnExec));
  }
  /** A duplicate of a descriptor of it. Throws LinuxError. */
  open(fd: number): number {
    return checked(this.#notifier.open(this.tid, fd));
  }

  read(address: number, length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    if (length === 0) return bytes;
    if (this.#notifier.read(this.tid, address, bytes) < 0) throw errno.EFAULT;
    // Its number may be another's by now, and so what was read.
    if (!this.waits) throw errno.EINTR;
    return bytes;
  }
  write(address: number, bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    if (!this.waits) throw errno.EINTR;
    if (this.#notifier.write(this.tid, address, bytes) < 0) throw errno.EFAULT;
  }
  readInt(address: number): number {
    return viewOf(this.read(address, 4)).getInt32(0, true);
  }
  writeInt(address: number, value: number): void {
    const bytes = new Uint8Array(4);
    viewOf(bytes).setInt32(0, value, true);
    this.write(address, bytes);
  }
  /** A value whose room a `socklen_t *` tells: cut to it; what is told is its whole length. Nothing without an address. */
  writeCounted(address: number, length: number, value: Uint8Array): void {
    if (address === 0) return;
    const room = this.readInt(length);
    if (room < 0) throw errno.EINVAL;
    this.write(address, value.subarray(0, Math.min(room, value.length)));
    if (room !== value.length) this.writeInt(length, value.length); // each write costs 2 us
  }
  /** A struct iovec[]: EMSGSIZE for more than there may be. */
  vector(address: number, count: number): readonly Piece[] {
    if (count > MAX_IOV || count < 0) throw errno.EMSGSIZE;
    const d = viewOf(this.read(address, count * IOVEC));
    return Array.from({ length: count }, (_, i) => ({
      address: longAt(d, i * IOVEC),
      length: longAt(d, i * IOVEC + 8),
    }));
  }
  /** What pieces of its memory hold: EMSGSIZE beyond `most` bytes. */
  gather(pieces: readonly Piece[], most: number): Uint8Array {
    const size = pieces.reduce((n, p) => n + p.length, 0);
    if (!(size <= most)) throw errno.EMSGSIZE;
    const all = new Uint8Array(size);
    let at = 0;
    for (const { address, length } of pieces) {
      all.set(this.read(address, length), at);
      at += length;
    }
    return all;
  }
  /** Fill pieces of its memory, in order; bytes that found room. */
  scatter(pieces: readonly Piece[], bytes: Uint8Array): number {
    let at = 0;
    for (const { address, length } of pieces) {
      const part = bytes.subarray(at, at + length);
      this.write(address, part);
      at += part.length;
    }
    return at;
  }
}
/** Of a program's memory. */
export interface Piece {
  readonly address: number;
  readonly length: number;
}
/** 64 bits of a pointer or length. */
export const longAt = (d: DataView, at: number): number => d.getUint32(at + 4, true) * 2 ** 32 + d.getUint32(at, true);
