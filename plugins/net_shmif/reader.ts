/** Where an interface is in a bus's ring, and taking frames off it (NetBSD: if_shmem.c shmif_rcv). */
import { shmifNext, ShmifPacket } from "../../src/wire/shmif.ts";
import type { Ring } from "./ring.ts";

const ETHER_HEADER = 14;
const HEADER = ShmifPacket.size;

/** Who reads, and what it wants. */
export interface Station {
  mac: Uint8Array;
  /** All frames, not only its own. */
  promiscuous: boolean;
  /** 64 bits at random. */
  readonly id: readonly [low: number, high: number];
}

/** What is taken off a ring. */
export interface Shape {
  /** Bytes of the longest frame, with what stands before it. */
  readonly longest: number;
  /** Bytes that stand before a frame. */
  readonly before: number;
  /** Frames taken at a time. */
  readonly batch: number;
  /** Bytes a writer must be away from what is copied while the bus is not locked. */
  readonly margin: number;
}

/** See the head of this file. */
export class Reader {
  readonly #ring: Ring;
  readonly #station: Station;
  readonly #shape: Shape;
  #next = 0;
  #generation = 0;
  /** Where the newest frame is, is to be found out: what was before is not shown. */
  #lost = true;
  /** What the bus was like at the last look, and whether that was all. */
  #last = -1;
  #lastGeneration = -1;
  #more = false;
  readonly #slots: readonly Uint8Array[];
  /** The frames taken: views of the slots, kept for the next one of the same length. */
  readonly frames: Uint8Array[];
  filled = 0;
  /** Times frames were overwritten before they were read, and times the bus made no sense. */
  overruns = 0;
  damages = 0;
  /** Who sent the last frame, of those that were taken, that was not sent by this interface. */
  sender: readonly [low: number, high: number] | undefined;

  constructor(ring: Ring, station: Station, shape: Shape) {
    this.#ring = ring;
    this.#shape = shape;
    this.#slots = Array.from({ length: shape.batch }, () => new Uint8Array(shape.longest));
    this.frames = [...this.#slots];
    this.#station = station;
  }
  /** Begin with what comes from now on; the bus is locked. */
  start(): void {
    this.forget();
    this.take();
  }
  /** Begin with what comes after the next look. */
  forget(): void {
    this.#lost = true;
    this.#last = -1;
  }
  /** Whether the bus has changed since the last look, or not all was taken then. */
  get waiting(): boolean {
    return this.#more || this.#ring.last !== this.#last || this.#ring.generation !== this.#lastGeneration;
  }
  /** Copy frames that are for us into `frames`, `filled` of them; the bus is locked. True: there is more. */
  take(): boolean {
    const ring = this.#ring;
    this.#last = ring.last;
    this.#lastGeneration = ring.generation;
    this.filled = 0;
    const end = this.#last < this.#ring.size ? ring.end(this.#last) : -1;
    if (end < 0) return this.#damaged();
    if (this.#lost) this.#to(end, this.#lastGeneration);
    else if (!this.#valid(end)) this.#overrun();
    return (this.#more = this.#records(end));
  }
  /**
   * The same without the lock, unless `busy`: what was copied is good if no writer has come near it meanwhile. Undefined: the
   * bus must be locked to find out.
   */
  peek(busy: () => boolean): boolean | undefined {
    const { last, generation } = this.#ring;
    const [next, mine, newest, newestGeneration] = [this.#next, this.#generation, this.#last, this.#lastGeneration];
    const before = this.#lost ? -1 : this.#ahead(next, mine);
    // Nobody was in the midst of writing what is newest.
    if (before < 0 || busy() || this.#ring.last !== last || this.#ring.generation !== generation) return undefined;
    [this.#last, this.#lastGeneration, this.filled] = [last, generation, 0];
    const { damages } = this;
    const more = this.#records(this.#ring.end(last));
    if (!this.#lost && this.#ahead(next, mine) >= before) return (this.#more = more);
    [this.#last, this.#lastGeneration, this.damages, this.filled] = [newest, newestGeneration, damages, 0];
    this.#to(next, mine);
    this.#more = true;
    return undefined;
  }
  /** Bytes from a place to where the newest frame ends; below 0: a writer may be about to come round to it. */
  #ahead(next: number, generation: number): number {
    const { last, generation: now, size } = this.#ring;
    const end = last < size ? this.#ring.end(last) : -1;
    const ahead = ((now - generation) | 0) * size + end - next;
    return end >= 0 && ahead <= size - this.#shape.margin ? ahead : -1;
  }
  /** Never past the end, so that also of a damaged ring only so much is read. False: all are done. */
  #records(end: number): boolean {
    for (let i = 0; this.filled < this.#shape.batch; i++) {
      if (this.#next === end && this.#generation === this.#lastGeneration) return false;
      if (i >= LOOKED_AT) return true;
      const length = this.#record(end);
      if (length < 0) return this.#damaged();
      const wraps = this.#next + HEADER + length >= this.#ring.size;
      this.#to(shmifNext(this.#next, length, this.#ring.size), (this.#generation + (wraps ? 1 : 0)) >>> 0);
      if (this.#next === end) this.#generation = this.#lastGeneration;
    }
    return true;
  }
  /** The length of the next one, copied if it is wanted; below 0: it does not fit before the end. */
  #record(end: number): number {
    const { view, length } = this.#ring.header(this.#next);
    const left = (end - this.#next + this.#ring.size) % this.#ring.size || this.#ring.size;
    if (length < 0 || HEADER + length > left) return -1;
    const { before, longest } = this.#shape;
    if (length >= before + ETHER_HEADER && length <= longest && !this.#mine(view)) {
      this.#copy(this.#next + HEADER, length);
    }
    return length;
  }
  #mine(view: DataView): boolean {
    const [low, high] = this.#station.id;
    const [a, b] = [ShmifPacket.get.senderLow(view, 0), ShmifPacket.get.senderHigh(view, 0)];
    if (a === low && b === high) return true;
    if (this.sender?.[0] !== a || this.sender[1] !== b) this.sender = [a, b];
    return false;
  }
  #copy(offset: number, length: number): void {
    const i = this.filled;
    const slot = this.#slots[i]!;
    this.#ring.read(offset, slot, length);
    if (!this.#wanted(slot)) return;
    if (this.frames[i]!.length !== length) this.frames[i] = slot.subarray(0, length);
    this.filled = i + 1;
  }
  #wanted(frame: Uint8Array): boolean {
    const at = this.#shape.before;
    if (this.#station.promiscuous || (frame[at]! & 1) !== 0) return true;
    const { mac } = this.#station;
    for (let i = 0; i < 6; i++) if (frame[at + i] !== mac[i]) return false;
    return true;
  }

  #to(next: number, generation: number): void {
    this.#next = next;
    this.#generation = generation;
    this.#lost = false;
  }
  /** Wait for a writer to set it right. */
  #damaged(): false {
    this.damages++;
    this.#lost = true;
    return (this.#more = false);
  }
  /** Go on with the oldest frame there is. */
  #overrun(): void {
    this.overruns++;
    const { first } = this.#ring;
    this.#to(
      Math.min(first, this.#ring.size),
      first > this.#last ? (this.#lastGeneration - 1) >>> 0 : this.#lastGeneration,
    );
  }
  /** What comes next for us was not overwritten: it lies between the oldest and the end, on a line of two rings. */
  #valid(end: number): boolean {
    const behind = (this.#lastGeneration - this.#generation) >>> 0;
    if (behind > 1) return false;
    const { first } = this.#ring;
    const broken = first >= end;
    if (!broken && behind === 1) return false;
    const next = this.#next + (broken && behind === 0 ? this.#ring.size : 0);
    return next >= first && next <= (broken ? end + this.#ring.size : end);
  }
}
/** Records looked at while the bus is locked, wanted or not. */
const LOOKED_AT = 256;
