/** Files compressed block by block (zisofs, mkzftree(1)): a header, a table of where blocks begin, zlib streams. */
import { type Async, then } from "../../src/lib/async.ts";
import { viewOf } from "../../src/lib/struct.ts";
import type { Sys } from "../../src/plugin.ts";
import type { Extent, Node } from "./node.ts";

type Transfer = (extents: readonly Extent[], into: Uint8Array, offset: number) => Async<void>;

/** Inflates what is asked for; the block used last is kept, as readers go on from it. */
export class Unpacker {
  readonly #transfer: Transfer;
  readonly #sys: Sys;
  #last: { readonly ino: number; readonly block: number; readonly bytes: Uint8Array } | undefined;

  constructor(transfer: Transfer, sys: Sys) {
    this.#transfer = transfer;
    this.#sys = sys;
  }
  /** Fill all of `into` from `offset` of the unpacked file. */
  read(node: Node, into: Uint8Array, offset: number): Async<void> {
    const { block: bits } = node.packed!;
    // 32 KiB to 128 KiB are what writers use; Linux reads no other either.
    if (bits < 15 || bits > 17) throw this.#sys.errno.EIO;
    const size = 2 ** bits;
    let done = 0;
    const next = (): Async<void> => {
      if (done === into.length) return;
      const at = offset + done;
      const block = Math.floor(at / size);
      return then(this.#block(node, block, Math.min(size, node.size - block * size)), (bytes) => {
        const part = bytes.subarray(at - block * size, at - block * size + into.length - done);
        into.set(part, done);
        done += part.length;
        return next();
      });
    };
    return next();
  }
  #block(node: Node, block: number, size: number): Async<Uint8Array> {
    const last = this.#last;
    if (last?.ino === node.ino && last.block === block) return last.bytes;
    return then(this.#inflated(node, block, size), (bytes) => {
      this.#last = { ino: node.ino, block, bytes };
      return bytes;
    });
  }
  #inflated(node: Node, block: number, size: number): Async<Uint8Array> {
    const { errno, unpack } = this.#sys;
    return then(this.#place(node, block), ([from, to]) => {
      if (from === to) return new Uint8Array(size);
      // What does not shrink grows by a thousandth and a few bytes at most.
      if (to < from || to - from > size * 1.01 + 4096) throw errno.EIO;
      const packed = new Uint8Array(to - from);
      return then(this.#transfer(node.extents, packed, from), () => {
        const bytes = unpack("zlib", packed, size);
        if (bytes?.length !== size) throw errno.EIO;
        return bytes;
      });
    });
  }
  #place(node: Node, block: number): Async<readonly [number, number]> {
    const pointers = new Uint8Array(8);
    return then(this.#transfer(node.extents, pointers, node.packed!.header + block * 4), () => {
      const d = viewOf(pointers);
      return [d.getUint32(0, true), d.getUint32(4, true)] as const;
    });
  }
}
