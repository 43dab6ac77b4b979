/** The image's file: clusters at its end, tables in memory, and the order in which they are written. */
import { finished } from "../../src/lib/finished.ts";
import { viewOf } from "../../src/lib/struct.ts";
import type { BlockDevice, Errnos } from "../../src/plugin.ts";
import type { Geometry } from "./header.ts";

/** What an image is stored on, at once. Past its end there are zeros; it grows when it is written there. */
export class Store {
  readonly errno: Errnos;
  readonly g: Geometry;
  readonly #base: BlockDevice;
  /** Bytes of the file now. */
  size: number;

  constructor(base: BlockDevice, g: Geometry, errno: Errnos) {
    this.#base = base;
    this.g = g;
    this.errno = errno;
    this.size = base.size;
  }
  get writable(): boolean {
    return this.#base.write !== undefined && this.#base.resize !== undefined;
  }
  /** Fill `into`; what is missing of the last cluster are zeros. EIO: it lies outside the file. */
  read(into: Uint8Array, at: number): void {
    const { clusterSize } = this.g;
    if (!(at >= 0) || at + into.length > Math.ceil(this.size / clusterSize) * clusterSize) throw this.errno.EIO;
    const n = Math.max(0, Math.min(into.length, this.size - at));
    if (n > 0) finished(this.#base.read(into.subarray(0, n), at), this.errno);
    into.fill(0, n);
  }
  write(from: Uint8Array, at: number): void {
    if (at + from.length > this.size) this.#grow(at + from.length);
    finished(this.#base.write!(from, at), this.errno);
  }
  /** So many bytes more or less than there are; what is new are zeros. */
  #grow(size: number): void {
    finished(this.#base.resize!(size), this.errno);
    this.size = size;
  }
  flush(): void {
    if (this.#base.flush) finished(this.#base.flush(), this.errno);
  }
  /** Its bytes are not wanted any more. */
  discard(at: number, length: number): void {
    if (this.#base.discard) finished(this.#base.discard(at, length), this.errno);
  }
  close(): void {
    if (this.#base.close) finished(this.#base.close(), this.errno);
  }
  /** A table of `count` numbers of 64 bits, big-endian. */
  table(at: number, count: number): DataView {
    const bytes = new Uint8Array(count * 8);
    this.read(bytes, at);
    return viewOf(bytes);
  }
}

/** A number of 64 bits in a table, without its flags: bits 9 to 55, the offset of a cluster. */
export const offsetAt = (d: DataView, n: number): number =>
  (d.getUint32(n * 8) & 0x00ff_ffff) * 2 ** 32 + ((d.getUint32(n * 8 + 4) & 0xffff_fe00) >>> 0);
/** Set an entry: an offset and the flags of its upper word. */
export function setEntry(d: DataView, n: number, offset: number, flags: number): void {
  d.setUint32(n * 8, (Math.floor(offset / 2 ** 32) | flags) >>> 0);
  d.setUint32(n * 8 + 4, offset >>> 0);
}
