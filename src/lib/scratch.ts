/** Scratch space that is as long as a disk, and has the room only of what is not zero. */
import type { Errnos } from "../plugin.ts";
import type { BlockDevice } from "./disk.ts";
import { finished } from "./finished.ts";

/** Zeros that are so many bytes, at such a place, are left out. */
const PAGE = 4096;

export class Scratch {
  readonly #disk: BlockDevice;
  readonly #errnos: Errnos;
  #size = 0;

  /** Its room, of so many bytes; more are made as they are written. */
  constructor(disk: BlockDevice, size: number, errnos: Errnos) {
    this.#disk = disk;
    this.#errnos = errnos;
    this.#grow(size);
  }
  read(into: Uint8Array, offset: number): void {
    finished(this.#disk.read(into, offset), this.#errnos);
  }
  /** What is there was never written before. Throws errno: ENOSPC when it has no more room. */
  write(bytes: Uint8Array, offset: number): void {
    if (offset + bytes.length > this.#size) this.#grow(Math.max(offset + bytes.length, this.#size * 1.5));
    let begin = 0;
    for (let at = 0; at < bytes.length;) {
      const next = Math.min(bytes.length, at + PAGE - (offset + at) % PAGE);
      if (isZero(bytes, at, next)) {
        this.#put(bytes.subarray(begin, at), offset + begin);
        begin = next;
      }
      at = next;
    }
    this.#put(bytes.subarray(begin), offset + begin);
  }
  #put(bytes: Uint8Array, offset: number): void {
    if (bytes.length > 0) finished(this.#disk.write!(bytes, offset), this.#errnos);
  }
  #grow(size: number): void {
    this.#size = Math.ceil(size / PAGE) * PAGE;
    finished(this.#disk.resize!(this.#size), this.#errnos);
  }
}
function isZero(bytes: Uint8Array, from: number, to: number): boolean {
  for (let i = from; i < to; i++) if (bytes[i] !== 0) return false;
  return true;
}
