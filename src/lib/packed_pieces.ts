/** What an unpacking of the runtime's makes of an image's bytes, a piece at a time. */
import type { Errnos } from "../plugin.ts";
import type { BlockDevice } from "./disk.ts";
import type { Pieces } from "./packed_disk.ts";
import { PackedFile } from "./packed_file.ts";
import type { Unpacking } from "./unpack.ts";

const PIECE = 1 << 20;

/** Unpack [from, to) of an image. Throws EIO for what is damaged, or goes on behind that. */
export function unpackedPieces(
  unpacking: Unpacking,
  base: BlockDevice,
  [from, to]: readonly [number, number],
  errnos: Errnos,
): Pieces & { readonly at: number } {
  const file = new PackedFile(base, from, to, errnos);
  const into = new Uint8Array(PIECE);
  return {
    get at() {
      return file.at;
    },
    next() {
      for (;;) {
        const input = file.peek();
        const step = unpacking.step(input, into, file.at + input.length >= Math.min(to, base.size));
        if (!step) throw errnos.EIO;
        file.skip(step.taken);
        if (step.made > 0) return into.subarray(0, step.made);
        if (file.isEmpty) return into.subarray(0, 0);
        // Neither taken nor made: what follows is no stream.
        if (step.taken === 0) throw errnos.EIO;
      }
    },
    close: () => unpacking.close(),
  };
}
