/**
 * gzip-compressed images, read. A gzip file tells its size to 32 bits only, and nothing of it can be had without what is before: it
 * is unpacked whole when it is opened. One of blocks that tell their sizes (BGZF: bgzip, tabix) is not.
 */
import { packedDriver } from "../../src/lib/packed_driver.ts";
import { unpackedPieces } from "../../src/lib/packed_pieces.ts";
import { blocksOf } from "./bgzf.ts";

export default packedDriver("gzip", (o) => {
  const { sys, base } = o;
  const pieces = (from: number, to: number) => unpackedPieces(sys.unpacking("gzip"), base, [from, to], sys.errno);
  const blocks = blocksOf(base, sys.errno);
  return blocks ? o.disk(blocks, ({ at, packed }) => pieces(at, at + packed)) : o.whole(pieces(0, base.size));
});
