/** A file's bytes in memory: 64 KiB chunks, holes take nothing, small files no more than they need. */

/** Bytes a chunk. */
export const CHUNK = 64 << 10;
/** Smallest allocation. */
const LEAST = 64;

/** Room on the volume: `take` refuses with the volume's error, `give` returns bytes. */
export interface Room {
  take(bytes: number): void;
  give(bytes: number): void;
}

export class FileData {
  readonly #room: Room;
  #chunks: (Uint8Array | undefined)[] = [];
  /** Bytes allocated. */
  held = 0;
  size = 0;

  constructor(room: Room) {
    this.#room = room;
  }
  /** Copy out; 0 at the end. */
  read(into: Uint8Array, offset: number): number {
    const n = Math.min(into.length, this.size - offset);
    if (n <= 0) return 0;
    const first = this.#chunks[Math.floor(offset / CHUNK)];
    const at = offset % CHUNK;
    // Nearly always one chunk.
    if (first && at + n <= first.length) {
      into.set(at === 0 && n === first.length ? first : first.subarray(at, at + n));
      return n;
    }
    for (let done = 0; done < n;) done += this.#readPiece(into, done, offset + done, n - done);
    return n;
  }
  #readPiece(into: Uint8Array, done: number, offset: number, left: number): number {
    const at = offset % CHUNK;
    const n = Math.min(left, CHUNK - at);
    const chunk = this.#chunks[Math.floor(offset / CHUNK)];
    const there = chunk ? Math.max(0, Math.min(n, chunk.length - at)) : 0;
    if (there > 0) into.set(chunk!.subarray(at, at + there), done);
    if (there < n) into.fill(0, done + there, done + n);
    return n;
  }
  /** Write all of it, or throw what `room` throws with nothing changed past what was written. */
  write(from: Uint8Array, offset: number): number {
    for (let done = 0; done < from.length;) {
      const at = (offset + done) % CHUNK;
      const n = Math.min(from.length - done, CHUNK - at);
      const chunk = this.#chunk(Math.floor((offset + done) / CHUNK), at + n);
      chunk.set(n === from.length ? from : from.subarray(done, done + n), at);
      done += n;
      if (offset + done > this.size) this.size = offset + done;
    }
    return from.length;
  }
  /** The chunk, at least `need` bytes of it. */
  #chunk(index: number, need: number): Uint8Array {
    const old = this.#chunks[index];
    if (old && old.length >= need) return old;
    let length = old?.length ?? LEAST;
    while (length < need) length *= 2;
    this.#room.take(length - (old?.length ?? 0));
    this.held += length - (old?.length ?? 0);
    const made = new Uint8Array(length);
    if (old) made.set(old);
    // A sparse array of chunks would turn into a hash table: keep it dense.
    while (this.#chunks.length < index) this.#chunks.push(undefined);
    this.#chunks[index] = made;
    return made;
  }
  /** Cut, or lengthen with a hole. */
  resize(size: number): void {
    if (size < this.size) {
      const keep = Math.ceil(size / CHUNK);
      for (let i = keep; i < this.#chunks.length; i++) this.#drop(i);
      this.#chunks.length = Math.min(this.#chunks.length, keep);
      this.#chunks[keep - 1]?.fill(0, size - (keep - 1) * CHUNK);
    }
    this.size = size;
  }
  /** Zero a range; whole chunks are given back. */
  punch(offset: number, length: number): void {
    const end = Math.min(offset + length, this.size);
    while (offset < end) {
      const index = Math.floor(offset / CHUNK);
      const at = offset % CHUNK;
      const n = Math.min(end - offset, CHUNK - at);
      if (n === CHUNK) this.#drop(index);
      else this.#chunks[index]?.fill(0, at, at + n);
      offset += n;
    }
  }
  /** Set room aside without changing what is read. */
  reserve(offset: number, length: number): void {
    const end = offset + length;
    for (let i = Math.floor(offset / CHUNK); i * CHUNK < end; i++) this.#chunk(i, Math.min(CHUNK, end - i * CHUNK));
  }
  free(): void {
    this.resize(0);
  }
  #drop(index: number): void {
    const chunk = this.#chunks[index];
    if (!chunk) return;
    this.#room.give(chunk.length);
    this.held -= chunk.length;
    this.#chunks[index] = undefined;
  }
}
