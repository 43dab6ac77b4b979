/** Bytes of a stream on their way: a ring that takes memory as it needs it, and gives it back when it is empty. */

const LEAST = 2048;
/** Bytes of each size that are kept for use again. */
const KEPT = 4 << 20;
/** Copies below are faster by hand than by a view. */
const SMALL = 48;
const NONE: Uint8Array = new Uint8Array(0);

function copy(from: Uint8Array, at: number, into: Uint8Array, to: number, n: number): void {
  if (n > SMALL) into.set(at === 0 && n === from.length ? from : from.subarray(at, at + n), to);
  else for (let i = 0; i < n; i++) into[to + i] = from[at + i]!;
}

/** Memory of all rings of a stack: powers of two, used again. */
export class RingPool {
  readonly #free = new Map<number, Uint8Array[]>();
  /** Bytes rings have now. */
  used = 0;

  get(size: number): Uint8Array {
    this.used += size;
    return this.#free.get(size)?.pop() ?? new Uint8Array(size);
  }
  put(bytes: Uint8Array): void {
    const size = bytes.length;
    this.used -= size;
    const free = this.#free.get(size);
    if (!free) this.#free.set(size, [bytes]);
    else if (free.length * size < KEPT) free.push(bytes);
  }
}

export class Ring {
  readonly #pool: RingPool;
  #bytes = NONE;
  #head = 0;
  /** Bytes in order from the beginning. */
  size = 0;
  /** Bytes from the beginning to the last there is: some between may be missing. */
  #extent = 0;

  constructor(pool: RingPool) {
    this.#pool = pool;
  }
  /** Memory it has, bytes. */
  get capacity(): number {
    return this.#bytes.length;
  }
  #reserve(n: number): void {
    if (n <= this.#bytes.length) return;
    let size = Math.max(LEAST, this.#bytes.length * 2);
    while (size < n) size *= 2;
    const bytes = this.#pool.get(size);
    if (this.#extent > 0) this.copy(0, this.#extent, bytes, 0);
    if (this.#bytes !== NONE) this.#pool.put(this.#bytes);
    this.#bytes = bytes;
    this.#head = 0;
  }
  /** Store `n` bytes at an offset from the beginning; they do not count to `size` yet. */
  put(offset: number, from: Uint8Array, at: number, n: number): void {
    if (n === 0) return;
    this.#reserve(offset + n);
    const bytes = this.#bytes;
    const to = (this.#head + offset) & (bytes.length - 1);
    const first = Math.min(n, bytes.length - to);
    copy(from, at, bytes, to, first);
    if (first < n) copy(from, at + first, bytes, 0, n - first);
    if (offset + n > this.#extent) this.#extent = offset + n;
  }
  /** Store at the end. */
  append(from: Uint8Array, at: number, n: number): void {
    this.put(this.size, from, at, n);
    this.size += n;
  }
  /** Memory for the next bytes, `n` of them at most, in one piece; `stored` says how many there are, also when there are none. */
  space(n: number): Uint8Array {
    this.#reserve(this.#extent + n);
    const at = (this.#head + this.#extent) & (this.#bytes.length - 1);
    return this.#bytes.subarray(at, Math.min(at + n, this.#bytes.length));
  }
  stored(n: number): void {
    this.size += n;
    this.#extent += n;
    if (this.#extent === 0) this.clear();
  }
  /** The first bytes in one piece: not all, where the ring begins anew. */
  get front(): Uint8Array {
    return this.#bytes.subarray(this.#head, Math.min(this.#head + this.size, this.#bytes.length));
  }
  /** Give `n` bytes at an offset. */
  copy(offset: number, n: number, into: Uint8Array, to: number): void {
    if (n === 0) return;
    const bytes = this.#bytes;
    const at = (this.#head + offset) & (bytes.length - 1);
    const first = Math.min(n, bytes.length - at);
    copy(bytes, at, into, to, first);
    if (first < n) copy(bytes, 0, into, to + first, n - first);
  }
  /** The first `n` bytes are done with. */
  drop(n: number): void {
    if (n === 0) return;
    this.size -= n;
    this.#extent -= n;
    if (this.#extent === 0) return this.clear();
    this.#head = (this.#head + n) & (this.#bytes.length - 1);
  }
  /** Forget what is not in order. */
  truncate(): void {
    this.#extent = this.size;
    if (this.size === 0) this.clear();
  }
  /** Forget all, and give the memory back. */
  clear(): void {
    this.size = this.#extent = this.#head = 0;
    if (this.#bytes === NONE) return;
    this.#pool.put(this.#bytes);
    this.#bytes = NONE;
  }
}
