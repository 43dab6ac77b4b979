/**
 * What one process is woken by, by those who know its number: a datagram socket with an abstract name (unix(7)), which leaves
 * nothing behind, reaches nobody else, and tells who rings whether somebody is there.
 */
import { pin, raw, result } from "./ffi.ts";
import type { Loop, Pinned } from "./host.ts";

const AF_UNIX = 1;
const SOCK_DGRAM = 2;
const NONBLOCK_CLOEXEC = 0o2004000;
const DONTWAIT_NOSIGNAL = 0x4040;
const EAGAIN = -11;
/** A name begins with 0: it is none of a file. */
const PREFIX = "\0rump-bell-";
const FAMILY = 2;
const LENGTH = FAMILY + PREFIX.length + 16;
/** Of what is sent, and what it says: nothing. */
const MESSAGE = 64;

let memory: Pinned | undefined;
/** Whom the address in memory is of: the last that was used. */
let last: readonly [number, number] = [0, 0];
/** Memory with the address of a number, and behind it room for a message. */
function addressOf(low: number, high: number): Pinned {
  const made = (memory ??= pin(2 * MESSAGE));
  if (last[0] === low && last[1] === high) return made;
  const hex = (n: number) => (n >>> 0).toString(16).padStart(8, "0");
  const name = PREFIX + hex(high) + hex(low);
  made.view.setUint16(0, AF_UNIX, true);
  for (let i = 0; i < name.length; i++) made.bytes[FAMILY + i] = name.charCodeAt(i);
  last = [low, high];
  return made;
}

/** See the head of this file. */
export class Bell {
  readonly number: readonly [low: number, high: number];
  readonly #fd: number;
  readonly #loop: Loop;

  constructor(loop: Loop, fd: number, number: readonly [number, number], rung: () => void) {
    this.#loop = loop;
    this.#fd = fd;
    this.number = number;
    loop.add(fd, { read: true, write: false }, () => {
      raw.read(fd, addressOf(...number).address + MESSAGE, MESSAGE);
      rung();
      return false;
    });
  }
  /** Wake who has this number. False: nobody here has. */
  ring(low: number, high: number): boolean {
    const { address } = addressOf(low, high);
    const sent = result(raw.sendto(this.#fd, address + MESSAGE, 1, DONTWAIT_NOSIGNAL, address, LENGTH));
    // Whose queue is full is about to wake up.
    return sent >= 0 || sent === EAGAIN;
  }
  close(): void {
    this.#loop.remove(this.#fd);
    raw.close(this.#fd);
  }
}
/** A bell with a number at random; undefined where there can be none. */
export function bellOf(loop: Loop, random: (into: Uint8Array) => void, rung: () => void): Bell | undefined {
  const fd = result(raw.socket(AF_UNIX, SOCK_DGRAM | NONBLOCK_CLOEXEC, 0));
  if (fd < 0) return undefined;
  const words = new Int32Array(2);
  random(new Uint8Array(words.buffer));
  const number = [words[0]! | 1, words[1]!] as const;
  if (result(raw.bind(fd, addressOf(...number).bytes, LENGTH)) >= 0) return new Bell(loop, fd, number, rung);
  raw.close(fd);
  return undefined;
}
