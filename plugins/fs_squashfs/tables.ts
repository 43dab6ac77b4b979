/** Tables of equal entries in metadata blocks, found by a list of pointers: owners, fragments, attributes. */
import { type Async, then, times } from "../../src/lib/async.ts";
import { viewOf } from "../../src/lib/struct.ts";
import type { Blocks } from "./metadata.ts";
import type { Super } from "./superblock.ts";

interface Disk {
  read(into: Uint8Array, offset: number): Async<void>;
}
/** Bytes a metadata block holds. */
const BLOCK = 8192;

/** Entry `n` of a table whose pointers begin at byte `table`. Throws `eio` past the volume's end. */
export function pointedTo(
  { blocks, s, eio }: { readonly blocks: Blocks; readonly s: Super; readonly eio: Error },
  disk: Disk,
  table: number,
  n: number,
  size: number,
): Async<Uint8Array> {
  const each = BLOCK / size;
  const pointer = new Uint8Array(8);
  const at = table + Math.floor(n / each) * 8;
  if (!(at + 8 <= s.bytesUsed)) throw eio;
  return then(disk.read(pointer, at), () => {
    const d = viewOf(pointer);
    const block = d.getUint32(0, true) + d.getUint32(4, true) * 2 ** 32;
    return then(blocks.read(0, { block, offset: (n % each) * size }, size), ({ bytes }) => bytes);
  });
}
/** All owners: user and group numbers by index. */
export function readIds(
  r: { readonly blocks: Blocks; readonly s: Super; readonly eio: Error },
  disk: Disk,
): Async<Uint32Array> {
  const ids = new Uint32Array(r.s.ids);
  const one = (i: number) =>
    then(pointedTo(r, disk, r.s.idTable, i, 4), (bytes) => {
      ids[i] = viewOf(bytes).getUint32(0, true);
    });
  return then(times(ids.length, one), () => ids);
}
