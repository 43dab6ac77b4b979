/** xz-compressed images, read: by the index at the end of each stream, a block by itself. */
import { packedDriver } from "../../src/lib/packed_driver.ts";
import { blockPieces } from "./blocks.ts";
import { blocksOf } from "./find.ts";

export default packedDriver("xz", (o) => {
  const blocks = blocksOf(o.base, o.sys.errno);
  if (typeof blocks === "string") return o.refuse(blocks);
  return o.disk(blocks, (part) => blockPieces(o, part as (typeof blocks)[number]));
});
