/** The ring of a bus file (NetBSD: shmif_busops.c). Others may write anything into it: what is read is checked, loops end. */
import type { SharedFile } from "../../src/plugin.ts";
import { viewOf } from "../../src/lib/struct.ts";
import { ShmifBus, shmifNext, ShmifPacket } from "../../src/wire/shmif.ts";

const HEADER = ShmifPacket.size;
const GENERATION = ShmifBus.at.generation >>> 2;
const FIRST = ShmifBus.at.first >>> 2;
const LAST = ShmifBus.at.last >>> 2;

/** See the head of this file. To be used while the bus is locked, save for `last` and `generation`. */
export class Ring {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #words: Int32Array;
  readonly #header = new Uint8Array(HEADER);
  readonly #headerView = viewOf(this.#header);

  /** Bytes of the ring, and where in the file it begins. */
  readonly size: number;
  readonly #data: number;
  /** No record is as long: what says so was not written by an interface. */
  readonly #longest: number;

  constructor({ bytes, view, words }: SharedFile, data: number) {
    this.#data = data;
    this.size = bytes.length - data;
    this.#longest = this.size >>> 1;
    this.#bytes = bytes;
    this.#view = view;
    this.#words = words;
  }
  get first(): number {
    return Atomics.load(this.#words, FIRST) >>> 0;
  }
  get last(): number {
    return Atomics.load(this.#words, LAST) >>> 0;
  }
  /** Its lower 32 bits. */
  get generation(): number {
    return Atomics.load(this.#words, GENERATION) >>> 0;
  }
  /** Nobody has put anything on it yet. */
  format(): void {
    this.#bytes.fill(0, this.#data, this.#data + HEADER);
    Atomics.store(this.#words, LAST, 0);
    Atomics.store(this.#words, FIRST, this.size);
  }
  /** Copy a record's header; of what it says only `length` is checked: below 0, it makes no sense. */
  header(offset: number): { readonly view: DataView; readonly length: number } {
    this.read(offset, this.#header, HEADER);
    const length = ShmifPacket.get.length(this.#headerView, 0);
    return { view: this.#headerView, length: length > this.#longest ? -1 : length };
  }
  /** Where the record at an offset ends; below 0: there is none that makes sense. */
  end(offset: number): number {
    if (offset > this.size) return -1;
    const at = offset === this.size ? 0 : offset;
    const whole = at + 4 <= this.size;
    const length = whole ? this.#view.getUint32(this.#data + at, true) : this.header(at).length;
    return length < 0 || length > this.#longest ? -1 : shmifNext(offset, length, this.size);
  }
  /** Copy out of the ring. */
  read(offset: number, into: Uint8Array, length: number): void {
    const at = offset >= this.size ? offset - this.size : offset;
    const chunk = Math.min(length, this.size - at);
    into.set(this.#bytes.subarray(this.#data + at, this.#data + at + chunk));
    if (chunk < length) into.set(this.#bytes.subarray(this.#data, this.#data + length - chunk), chunk);
  }
  #write(offset: number, from: Uint8Array): void {
    const at = offset >= this.size ? offset - this.size : offset;
    const chunk = Math.min(from.length, this.size - at);
    this.#bytes.set(chunk === from.length ? from : from.subarray(0, chunk), this.#data + at);
    if (chunk < from.length) this.#bytes.set(from.subarray(chunk), this.#data);
  }
  /** Append a frame behind its header and what else goes before it, over the oldest ones. False: the ring made no sense, and was emptied before. */
  append(header: Uint8Array, frame: Uint8Array): boolean {
    let at = this.#room(header.length + frame.length);
    const sound = at >= 0;
    if (!sound) {
      this.#empty();
      at = HEADER;
    }
    this.#write(at, header);
    this.#write(at + header.length, frame);
    Atomics.store(this.#words, LAST, at);
    if (at + header.length + frame.length >= this.size) this.#wrapped(1);
    return sound;
  }
  /** Behind the newest record, with the oldest ones out of the way; below 0: damage. */
  #room(length: number): number {
    const at = this.last < this.size ? this.end(this.last) : -1;
    if (at < 0) return -1;
    const chunk = Math.min(length, this.size - at);
    const filled = at + chunk === this.size;
    const sound = this.#advance(at, chunk + (filled ? 1 : 0)) && this.#advance(0, length - chunk);
    return sound ? at : -1;
  }
  /** The oldest record is the first one outside [offset, offset + length). */
  #advance(offset: number, length: number): boolean {
    let first = this.first;
    for (let i = 0; first >= 0 && i <= this.size / HEADER; i++) {
      if (offset > first + HEADER || offset + length <= first || length === 0) {
        Atomics.store(this.#words, FIRST, first);
        return first <= this.size;
      }
      first = this.end(first);
    }
    return false;
  }
  /** Readers are told by the generation that what they waited for is gone. */
  #empty(): void {
    this.format();
    this.#wrapped(2);
  }
  #wrapped(times: number): void {
    const low = this.generation + times;
    Atomics.store(this.#words, GENERATION, low | 0);
    if (low > 0xffff_ffff) Atomics.add(this.#words, GENERATION + 1, 1);
  }
}
