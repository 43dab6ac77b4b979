/** Files compressed block by block (zisofs, mkzftree(1)): a header, a table of where blocks begin, zlib streams. */
import { type Async, then } from "../../src/lib/async.ts";
import { viewOf } from "../../src/lib/struct.ts";
import type { Errnos } from "../../src/plugin.ts";
import type { Extent, Node } from "./node.ts";

type Transfer = (extents: readonly Extent[], into: Uint8Array, offset: number) => Async<void>;

/** Inflates what is asked for; the block used last is kept, as readers go on from it. */
export class Unpacker {
  readonly #transfer: Transfer;
  readonly #errno: Errnos;
  #last: { readonly ino: number; readonly block: number; readonly bytes: Uint8Array } | undefined;

  constructor(transfer: Transfer, errno: Errnos) {
    this.#transfer = transfer;
    this.#errno = errno;
  }
  /** Fill all of `into` from `offset` of the unpacked file. */
  async read(node: Node, into: Uint8Array, offset: number): Promise<void> {
    const { block: bits } = node.packed!;
    // 32 KiB to 128 KiB are what writers use; Linux reads no other either.
    if (bits < 15 || bits > 17) throw this.#errno.EIO;
    const size = 2 ** bits;
    for (let done = 0; done < into.length;) {
      const at = offset + done;
      const block = Math.floor(at / size);
      const bytes = await this.#block(node, block, Math.min(size, node.size - block * size));
      const part = bytes.subarray(at - block * size, at - block * size + into.length - done);
      into.set(part, done);
      done += part.length;
    }
  }
  async #block(node: Node, block: number, size: number): Promise<Uint8Array> {
    const last = this.#last;
    if (last?.ino === node.ino && last.block === block) return last.bytes;
    const bytes = await this.#inflated(node, block, size);
    this.#last = { ino: node.ino, block, bytes };
    return bytes;
  }
  async #inflated(node: Node, block: number, size: number): Promise<Uint8Array> {
    const [from, to] = await this.#place(node, block);
    if (from === to) return new Uint8Array(size);
    // What does not shrink grows by a thousandth and a few bytes at most.
    if (to < from || to - from > size * 1.01 + 4096) throw this.#errno.EIO;
    const packed = new Uint8Array(to - from);
    await this.#transfer(node.extents, packed, from);
    const bytes = await inflate(packed, size);
    if (!bytes) throw this.#errno.EIO;
    return bytes;
  }
  #place(node: Node, block: number): Async<readonly [number, number]> {
    const pointers = new Uint8Array(8);
    return then(this.#transfer(node.extents, pointers, node.packed!.header + block * 4), () => {
      const d = viewOf(pointers);
      return [d.getUint32(0, true), d.getUint32(4, true)] as const;
    });
  }
}

/** A zlib stream of exactly `size` bytes; undefined when it is none. */
async function inflate(packed: Uint8Array, size: number): Promise<Uint8Array | undefined> {
  const out = new Uint8Array(size);
  let n = 0;
  try {
    const stream = new Blob([packed as Uint8Array<ArrayBuffer>]).stream().pipeThrough(
      new DecompressionStream("deflate"),
    );
    for await (const chunk of stream) {
      if (n + chunk.length > size) return undefined;
      out.set(chunk, n);
      n += chunk.length;
    }
  } catch {
    return undefined;
  }
  return n === size ? out : undefined;
}
