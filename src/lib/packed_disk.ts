/**
 * Compressed images as disks that are read: of parts that are unpacked each by itself, small ones in memory, those that are too large
 * for that on scratch space, as far as they were asked for.
 */
import type { Errnos } from "../plugin.ts";
import type { BlockDevice } from "./disk.ts";
import { Scratch } from "./scratch.ts";

/** A part: bytes of the disk, and where in the image they are packed. */
export interface Part {
  readonly start: number;
  readonly length: number;
  readonly at: number;
  readonly packed: number;
}
/** Unpacked bytes, one piece after the other. */
export interface Pieces {
  /** Lent until the next call; none: that was all, and it is right. Throws errno. */
  next(): Uint8Array;
  close?(): void;
}
export interface PackedImage {
  readonly name: string;
  /** One behind the other, from 0 on; none is empty. */
  readonly parts: readonly Part[];
  open(part: Part): Pieces;
  readonly base: BlockDevice;
  /** What the parts that are not small need. */
  readonly scratch: BlockDevice | undefined;
  readonly errno: Errnos;
  log(text: string): void;
}

/** Bytes a part may have to be unpacked in memory, and bytes of them kept. */
export const SMALL = 1 << 20;
const KEPT = 32 << 20;
/** Large parts being unpacked at a time: each has a window. */
const MOST_OPEN = 2;

/** An image's disk, which closes what the image is on. */
export function packedDisk(image: PackedImage): BlockDevice {
  const disk = new PackedDisk(image);
  return {
    name: image.name,
    blockSize: 1,
    size: disk.size,
    read: (into, offset) => disk.read(into, offset),
    close() {
      disk.close();
      void image.scratch?.close?.();
      return image.base.close?.();
    },
  };
}

/** A large part that is being unpacked. */
interface Open {
  readonly pieces: Pieces;
  /** Bytes unpacked. */
  at: number;
}
class PackedDisk {
  readonly size: number;
  readonly #image: PackedImage;
  readonly #scratch: Scratch | undefined;
  readonly #small = new Map<Part, Uint8Array>();
  #kept = 0;
  /** Of large parts, the bytes that are on the scratch space. */
  readonly #there = new Map<Part, number>();
  readonly #open = new Map<Part, Open>();
  #told = false;

  constructor(image: PackedImage) {
    const last = image.parts.at(-1);
    this.size = last ? last.start + last.length : 0;
    this.#image = image;
    this.#scratch = image.scratch && new Scratch(image.scratch, this.size, image.errno);
  }
  read(into: Uint8Array, offset: number): void {
    const { errno } = this.#image;
    if (!(offset >= 0) || offset + into.length > this.size) throw errno.EIO;
    for (let done = 0; done < into.length;) {
      const part = this.#partAt(offset + done);
      const from = offset + done - part.start;
      const piece = into.subarray(done, done + Math.min(into.length - done, part.length - from));
      if (part.length <= SMALL) piece.set(this.#unpacked(part).subarray(from, from + piece.length));
      else this.#readLarge(part, piece, from);
      done += piece.length;
    }
  }
  close(): void {
    for (const { pieces } of this.#open.values()) pieces.close?.();
    this.#open.clear();
  }
  /** The part a byte of the disk is in. */
  #partAt(offset: number): Part {
    const { parts } = this.#image;
    let [low, high] = [0, parts.length - 1];
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if (parts[middle]!.start <= offset) low = middle;
      else high = middle - 1;
    }
    return parts[low]!;
  }
  /** A small part, all of it. */
  #unpacked(part: Part): Uint8Array {
    let bytes = this.#small.get(part);
    if (bytes) this.#small.delete(part);
    else {
      bytes = this.#noticed(part, () => this.#whole(part));
      this.#kept += part.length;
    }
    this.#small.set(part, bytes);
    for (const [oldest] of this.#small) {
      if (this.#kept <= KEPT) break;
      this.#small.delete(oldest);
      this.#kept -= oldest.length;
    }
    return bytes;
  }
  #whole(part: Part): Uint8Array {
    const bytes = new Uint8Array(part.length);
    const open = { pieces: this.#image.open(part), at: 0 };
    try {
      while (open.at < part.length) this.#next(part, open, (piece) => bytes.set(piece, open.at));
    } finally {
      open.pieces.close?.();
    }
    return bytes;
  }
  #readLarge(part: Part, into: Uint8Array, from: number): void {
    const to = from + into.length;
    if (to > (this.#there.get(part) ?? 0)) this.#noticed(part, () => this.#advance(part, to));
    this.#scratch!.read(into, part.start + from);
  }
  /** Unpack a large part up to a byte. */
  #advance(part: Part, to: number): void {
    const scratch = this.#scratch;
    if (!scratch) throw this.#image.errno.ENOSPC;
    const open = this.#opened(part);
    const there = this.#there.get(part) ?? 0;
    try {
      // What was unpacked before its window was closed for another is there already.
      while (open.at < there) this.#next(part, open, () => {});
      while (open.at < to) this.#next(part, open, (piece) => scratch.write(piece, part.start + open.at));
    } catch (e) {
      this.#shut(part);
      throw e;
    } finally {
      this.#there.set(part, Math.max(there, open.at));
    }
    if (open.at === part.length) this.#shut(part);
  }
  #opened(part: Part): Open {
    const open = this.#open.get(part) ?? { pieces: this.#image.open(part), at: 0 };
    this.#open.delete(part);
    this.#open.set(part, open);
    if (this.#open.size > MOST_OPEN) this.#shut(this.#open.keys().next().value!);
    return open;
  }
  #shut(part: Part): void {
    this.#open.get(part)?.pieces.close?.();
    this.#open.delete(part);
  }
  /** One piece more, which must be there; behind the last there must be the end. */
  #next(part: Part, open: Open, take: (piece: Uint8Array) => void): void {
    const { EIO } = this.#image.errno;
    const piece = open.pieces.next();
    if (piece.length === 0 || open.at + piece.length > part.length) throw EIO;
    take(piece);
    if (open.at + piece.length === part.length && open.pieces.next().length > 0) throw EIO;
    open.at += piece.length;
  }
  /** The first failure is told in the log. */
  #noticed<T>(part: Part, work: () => T): T {
    try {
      return work();
    } catch (e) {
      const why = e === this.#image.errno.EIO ? "is damaged" : `cannot be unpacked: ${(e as Error).message}`;
      if (!this.#told) this.#image.log(`what is packed at byte ${part.at} ${why}`);
      this.#told = true;
      throw e;
    }
  }
}
