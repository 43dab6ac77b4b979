/** Blocks of a file by pointers (ext2): twelve direct ones, and blocks of pointers one, two and three deep. */
import { Inode } from "../../src/wire/ext2.ts";
import { u32At } from "./bytes.ts";
import type { Node, Run } from "./node.ts";
import type { Store } from "./store.ts";

export const DIRECT = 12;

/** How many blocks of a file a tree of pointers so deep covers. */
export const covered = (perBlock: number, depth: number): number => perBlock ** depth;
/** Blocks a file can have. */
export const maxBlocks = (perBlock: number): number =>
  DIRECT + covered(perBlock, 1) + covered(perBlock, 2) + covered(perBlock, 3);

/** Which tree a block is in: its depth (0: direct), the tree's first block, and the slot in the inode. */
export function treeOf(perBlock: number, block: number): { depth: number; first: number; slot: number } | undefined {
  if (block < DIRECT) return { depth: 0, first: 0, slot: block };
  let first = DIRECT;
  for (let depth = 1; depth <= 3; depth++) {
    if (block < first + covered(perBlock, depth)) return { depth, first, slot: DIRECT + depth - 1 };
    first += covered(perBlock, depth);
  }
  return undefined;
}
/** Pointers in a row from `i` on that lead to neighbours, or to nothing. */
function rowOf(bytes: Uint8Array, base: number, i: number, end: number): { start: number; length: number } {
  const start = u32At(bytes, base + i * 4);
  let length = 1;
  while (i + length < end && u32At(bytes, base + (i + length) * 4) === (start === 0 ? 0 : start + length)) length++;
  return { start, length };
}
/** A pointer that leads outside of the volume is damage. */
export function pointerOf(store: Store, node: Node, pointer: number, length = 1): number {
  if (pointer !== 0 && !store.valid(pointer, length)) {
    store.damage(`inode ${node.ino}: points outside of the volume (block ${pointer})`);
  }
  return pointer;
}
/** Pointers looked at beyond what is wanted: more of them cost more than the next search. */
const AHEAD = 256;

/** The run a block of the file is in, from it on; `want`: how many blocks are asked for. EIO where pointers are damaged. */
export function findPointer(store: Store, node: Node, block: number, want: number): Run {
  const perBlock = store.l.blockSize / 4;
  const tree = treeOf(perBlock, block);
  if (!tree) throw store.errno.EIO;
  const { depth, first, slot } = tree;
  if (depth === 0) {
    const { start, length } = rowOf(node.raw, Inode.at.block, slot, DIRECT);
    return { at: block, start: pointerOf(store, node, start, length), length };
  }
  let pointer = pointerOf(store, node, u32At(node.raw, Inode.at.block + slot * 4));
  let [from, span] = [first, covered(perBlock, depth)];
  for (let left = depth; left > 0; left--) {
    if (pointer === 0) return { at: block, start: 0, length: from + span - block };
    const bytes = store.block(pointer);
    span /= perBlock;
    const i = Math.floor((block - from) / span);
    if (left === 1) {
      const { start, length } = rowOf(bytes, 0, i, Math.min(perBlock, i + Math.max(want, AHEAD)));
      return { at: block, start: pointerOf(store, node, start, length), length };
    }
    pointer = pointerOf(store, node, u32At(bytes, i * 4));
    from += i * span;
  }
  throw store.errno.EIO;
}
