/** Zstandard-compressed images, read: a frame by itself where all tell their sizes, else unpacked whole when they are opened. */
import { packedDriver } from "../../src/lib/packed_driver.ts";
import { unpackedPieces } from "../../src/lib/packed_pieces.ts";
import { framesOf } from "./frames.ts";

export default packedDriver("zstd", (o) => {
  const { sys, base } = o;
  const pieces = (from: number, to: number) => unpackedPieces(sys.unpacking("zstd"), base, [from, to], sys.errno);
  const found = framesOf(base, sys.errno);
  if (typeof found === "string") return o.refuse(found);
  return found.sized
    ? o.disk(found.frames, ({ at, packed }) => pieces(at, at + packed))
    : o.whole(pieces(0, base.size));
});
