/**
 * Frames through shared memory: two rings of bytes, one for requests, one for replies. Each end keeps its own index to itself
 * and only shows it; what the other end shows is read once and checked. In memory, in words of 32 bits: six places 64 bytes
 * apart, then from DATA on the bytes of the requests, then those of the replies. An index counts bytes and wraps at 2^32.
 */
import type { SharedMemory } from "../plugin.ts";

/** The word that asks for a ring: [reqno, RING]. */
export const RING = "ring";
/** Bytes each way, a power of two: a transfer of 64 KiB and its head fit. */
const SIZE = 128 << 10;
const MASK = SIZE - 1;
const DATA = 4096;
/** Bytes of memory of one client. */
export const RING_BYTES = DATA + 2 * SIZE;
/** Words: how far each ring is filled and emptied. */
const REQUESTS = { filled: 0, emptied: 16, at: DATA };
const REPLIES = { filled: 32, emptied: 48, at: DATA + SIZE };
type Place = typeof REQUESTS;
/** Words that are 1 while an end sleeps and must be woken over the stream, by an empty frame. */
const SERVER_SLEEPS = 64;
const CLIENT_SLEEPS = 80;
/** So few bytes are copied faster one by one. */
const FEW = 64;

/** The other end does not keep to the protocol. */
export class RingError extends Error {
  override readonly name = "RingError";
}

/** The end that fills a ring. */
class Producer {
  readonly #bytes: Uint8Array;
  readonly #words: Int32Array;
  readonly #place: Place;
  #filled = 0;

  constructor({ bytes, words }: SharedMemory, place: Place) {
    this.#bytes = bytes;
    this.#words = words;
    this.#place = place;
  }
  /** False: there is no room now, or never will be. Throws RingError. */
  put(parts: readonly Uint8Array[]): boolean {
    let length = 0;
    for (let i = 0; i < parts.length; i++) length += parts[i]!.length;
    if (length > SIZE) return false;
    const used = (this.#filled - Atomics.load(this.#words, this.#place.emptied)) >>> 0;
    if (used > SIZE) throw new RingError("ring emptied beyond what was filled");
    if (length > SIZE - used) return false;
    for (let i = 0; i < parts.length; i++) this.#copy(parts[i]!);
    Atomics.store(this.#words, this.#place.filled, this.#filled);
    return true;
  }
  #copy(part: Uint8Array): void {
    const from = this.#filled & MASK;
    const at = this.#place.at + from;
    this.#filled = (this.#filled + part.length) | 0;
    if (part.length <= FEW && from + part.length <= SIZE) {
      for (let i = 0; i < part.length; i++) this.#bytes[at + i] = part[i]!;
      return;
    }
    const first = Math.min(part.length, SIZE - from);
    this.#bytes.set(first === part.length ? part : part.subarray(0, first), at);
    if (first < part.length) this.#bytes.set(part.subarray(first), this.#place.at);
  }
}

/** The end that empties it. */
class Consumer {
  readonly #bytes: Uint8Array;
  readonly #words: Int32Array;
  readonly #place: Place;
  #emptied = 0;

  constructor({ bytes, words }: SharedMemory, place: Place) {
    this.#bytes = bytes;
    this.#words = words;
    this.#place = place;
  }
  get waiting(): boolean {
    return Atomics.load(this.#words, this.#place.filled) !== this.#emptied;
  }
  /** Copy the next frame's body out; its length, or -1 when there is none. `into` has room for SIZE bytes. Throws RingError. */
  take(into: Uint8Array): number {
    const there = (Atomics.load(this.#words, this.#place.filled) - this.#emptied) >>> 0;
    if (there === 0) return -1;
    if (there < 4 || there > SIZE) throw new RingError(`ring filled with ${there} bytes`);
    const n = this.#length();
    // Only whole frames are shown: whatever the other end writes now or later, n stays what it was read as.
    if (n > there - 4) throw new RingError(`ring frame of ${n} bytes in ${there}`);
    this.#copy(into, n);
    this.#emptied = (this.#emptied + 4 + n) | 0;
    Atomics.store(this.#words, this.#place.emptied, this.#emptied);
    return n;
  }
  #length(): number {
    const byte = (i: number) => this.#bytes[this.#place.at + ((this.#emptied + i) & MASK)]!;
    return (byte(0) | (byte(1) << 8) | (byte(2) << 16) | (byte(3) << 24)) >>> 0;
  }
  #copy(into: Uint8Array, n: number): void {
    const from = (this.#emptied + 4) & MASK;
    const at = this.#place.at + from;
    if (n <= FEW && from + n <= SIZE) {
      for (let i = 0; i < n; i++) into[i] = this.#bytes[at + i]!;
      return;
    }
    const first = Math.min(n, SIZE - from);
    into.set(this.#bytes.subarray(at, at + first));
    if (first < n) into.set(this.#bytes.subarray(this.#place.at, this.#place.at + n - first), first);
  }
}

/** Where a frame of a ring is copied to, at most so long. */
export const RING_FRAME = SIZE;
/** An empty frame: look at the other way. */
const EMPTY_FRAME = new Uint8Array(4);
export const WAKE: readonly Uint8Array[] = [EMPTY_FRAME];

/** One end of both rings. Throws RingError for what the other end does wrong; once closed it is empty and has no room. */
export class Ring {
  readonly memory: SharedMemory;
  readonly #words: Int32Array;
  readonly #out: Producer;
  readonly #in: Consumer;
  readonly #mine: number;
  readonly #theirs: number;
  #open = true;

  constructor(memory: SharedMemory, end: "server" | "client") {
    const server = end === "server";
    this.memory = memory;
    this.#words = memory.words;
    this.#out = new Producer(memory, server ? REPLIES : REQUESTS);
    this.#in = new Consumer(memory, server ? REQUESTS : REPLIES);
    this.#mine = server ? SERVER_SLEEPS : CLIENT_SLEEPS;
    this.#theirs = server ? CLIENT_SLEEPS : SERVER_SLEEPS;
  }
  get open(): boolean {
    return this.#open;
  }
  get waiting(): boolean {
    return this.#open && this.#in.waiting;
  }
  put(parts: readonly Uint8Array[]): boolean {
    return this.#open && this.#out.put(parts);
  }
  take(into: Uint8Array): number {
    return this.#open ? this.#in.take(into) : -1;
  }
  /** This end is about to sleep, or is awake. What came is to be looked for after that once more. */
  sleeps(yes: boolean): void {
    if (this.#open) Atomics.store(this.#words, this.#mine, yes ? 1 : 0);
  }
  get otherSleeps(): boolean {
    return this.#open && Atomics.load(this.#words, this.#theirs) !== 0;
  }
  /** The other end sleeps, and it is ours to wake it: once. */
  mustWake(): boolean {
    return this.otherSleeps && Atomics.exchange(this.#words, this.#theirs, 0) !== 0;
  }
  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.memory.close();
  }
}
