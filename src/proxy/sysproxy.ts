/** Frames of NetBSD's sysproxy 0.4 (lib/librumpuser/sp_common.c): a 24-byte header in host order, little-endian here, and a body. */
import { struct, u16, u32, u64, viewOf } from "../lib/struct.ts";

/** struct rsp_hdr. `u`: system call number, error, kind of handshake or signal. */
export const Header = struct("le", { len: u64, reqno: u64, class: u16, type: u16, u: u32 }, 24);

export const Class = { REQ: 0, RESP: 1, ERROR: 2 } as const;
export const Type = {
  HANDSHAKE: 0,
  SYSCALL: 1,
  COPYIN: 2,
  COPYINSTR: 3,
  COPYOUT: 4,
  COPYOUTSTR: 5,
  ANONMMAP: 6,
  PREFORK: 7,
  RAISE: 8,
} as const;
export const Handshake = { GUEST: 0, AUTH: 1, FORK: 2, EXEC: 3 } as const;
/** What an ERROR frame says. */
export const SpError = {
  TRYAGAIN: 1,
  AUTH: 2,
  INVALID_PREFORK: 3,
  RFORK_FAILED: 4,
  INEXEC: 5,
  NOMEM: 6,
  MALFORMED_REQUEST: 7,
} as const;
/** Bytes of a fork's cookie. */
export const COOKIE = 16;
/** struct rsp_sysresp: error, pad, two results. */
export const SYSRESP = 24;

/** A frame as it came; the body is lent. */
export interface SpFrame {
  readonly reqno: number;
  readonly class: number;
  readonly type: number;
  readonly u: number;
  readonly body: Uint8Array;
}
/** The parts of a frame, to be sent together. */
export function spFrame(klass: number, type: number, reqno: number, u: number, ...body: Uint8Array[]): Uint8Array[] {
  const head = new Uint8Array(Header.size);
  const len = body.reduce((n, part) => n + part.length, Header.size);
  Header.write(viewOf(head), 0, { len, reqno, class: klass, type, u });
  return [head, ...body];
}

const EMPTY = new Uint8Array(0);
const LENGTH = 8;

/** Puts frames together from a stream; `take` may answer false: then nothing more is taken until `resume`. */
export class SpFrames {
  readonly #take: (frame: SpFrame) => boolean;
  readonly #longest: () => number;
  #held: Uint8Array = EMPTY;
  #filled = 0;
  #taking = false;
  /** A length no frame can have: the stream is of no use any more. */
  broken = false;

  constructor(longest: () => number, take: (frame: SpFrame) => boolean) {
    this.#longest = longest;
    this.#take = take;
  }
  push(bytes: Uint8Array): void {
    this.#append(bytes);
    this.resume();
  }
  /** Take what is whole. */
  resume(): void {
    // Over a stream in memory an answer can arrive while its question is being sent.
    if (this.#taking) return;
    this.#taking = true;
    this.#drop(this.#takeAll());
    this.#taking = false;
  }
  #takeAll(): number {
    let at = 0;
    // The length comes first, and is looked at as soon as it is there.
    while (this.#filled - at >= LENGTH) {
      const head = viewOf(this.#held.subarray(at));
      const len = Header.get.len(head, 0);
      if (len < Header.size || len > this.#longest()) {
        this.broken = true;
        break;
      }
      if (this.#filled - at < len) break;
      const body = this.#held.subarray(at + Header.size, at + len);
      at += len;
      const { get } = Header;
      const go = this.#take({
        reqno: get.reqno(head, 0),
        class: get.class(head, 0),
        type: get.type(head, 0),
        u: get.u(head, 0),
        body,
      });
      if (!go) break;
    }
    return at;
  }
  #append(bytes: Uint8Array): void {
    const need = this.#filled + bytes.length;
    if (need > this.#held.length) {
      const grown = new Uint8Array(Math.max(need, Math.min(this.#held.length * 2, this.#longest())));
      grown.set(this.#held.subarray(0, this.#filled));
      this.#held = grown;
    }
    this.#held.set(bytes, this.#filled);
    this.#filled = need;
  }
  #drop(n: number): void {
    if (n === 0) return;
    this.#filled -= n;
    // Idle connections hold no memory.
    if (this.#filled === 0) this.#held = EMPTY;
    else this.#held.copyWithin(0, n, n + this.#filled);
  }
}
