/** Blocks of a file by its tree of extents (ext4). */
import { Extent, EXTENT_MAGIC, EXTENT_MAX, ExtentHeader, ExtentIndex, Inode } from "../../src/wire/ext2.ts";
import { u16At, u32At } from "./bytes.ts";
import type { Node, Run } from "./node.ts";
import type { Store } from "./store.ts";

const ROW = 12;
const MAX_DEPTH = 5;
/** First block a file cannot have. */
const END = 2 ** 32;

/** A node of the tree: its rows begin at `at` of `bytes`. */
interface Branch {
  readonly bytes: Uint8Array;
  readonly at: number;
  readonly room: number;
}
const entriesOf = ({ bytes, at }: Branch) => u16At(bytes, at + ExtentHeader.at.entries);
const depthOf = ({ bytes, at }: Branch) => u16At(bytes, at + ExtentHeader.at.depth);
const rowAt = ({ at }: Branch, i: number) => at + ExtentHeader.size + i * ROW;
const firstOf = (b: Branch, i: number) => u32At(b.bytes, rowAt(b, i));
/** Length, without the mark of what was never written to. */
const lengthOf = (n: number) => (n > EXTENT_MAX ? n - EXTENT_MAX : n);
const startOf = (bytes: Uint8Array, row: number) =>
  u16At(bytes, row + Extent.at.startHigh) * END + u32At(bytes, row + Extent.at.startLow);
const childOf = (bytes: Uint8Array, row: number) =>
  u16At(bytes, row + ExtentIndex.at.leafHigh) * END + u32At(bytes, row + ExtentIndex.at.leafLow);

/** The last row that begins at or before a block; -1: none. */
function rowOf(b: Branch, block: number): number {
  let [low, high] = [0, entriesOf(b)];
  while (low < high) {
    const mid = (low + high) >> 1;
    if (firstOf(b, mid) <= block) low = mid + 1;
    else high = mid;
  }
  return low - 1;
}
/** A node is what it should be: of this depth, no more rows than there is room for, in order, all on the volume. */
function isSound(store: Store, b: Branch, depth: number): boolean {
  const { bytes, at, room } = b;
  const entries = entriesOf(b);
  const max = u16At(bytes, at + ExtentHeader.at.max);
  if (u16At(bytes, at) !== EXTENT_MAGIC || depthOf(b) !== depth || entries > max || ROW * (1 + max) > room) {
    return false;
  }
  let end = 0;
  for (let i = 0; i < entries; i++) {
    const row = rowAt(b, i);
    const first = firstOf(b, i);
    const length = depth > 0 ? 1 : lengthOf(u16At(bytes, row + Extent.at.length));
    if (length === 0 || first < end || first + length > END) return false;
    if (!store.valid(depth > 0 ? childOf(bytes, row) : startOf(bytes, row), length)) return false;
    end = first + length;
  }
  return true;
}
function rootOf(store: Store, node: Node): Branch {
  const root: Branch = { bytes: node.raw, at: Inode.at.block, room: 60 };
  if (node.checked) return root;
  const depth = depthOf(root);
  if (depth > MAX_DEPTH || !isSound(store, root, depth)) store.damage(`inode ${node.ino}: damaged tree of extents`);
  node.checked = true;
  return root;
}
function childBranch(store: Store, node: Node, block: number, depth: number): Branch {
  const branch = (bytes: Uint8Array): Branch => ({ bytes, at: 0, room: store.l.blockSize });
  const sound = (bytes: Uint8Array) => isSound(store, branch(bytes), depth) && store.sums.extents(node.seed, bytes);
  return branch(store.checked(block, sound, () => `inode ${node.ino}: damaged extents in block ${block}`));
}

/** The run a block of the file is in; a hole is one, too. EIO where the tree is damaged. */
export function findExtent(store: Store, node: Node, block: number): Run {
  let branch = rootOf(store, node);
  let [from, end] = [0, END];
  for (let depth = depthOf(branch); depth > 0; depth--) {
    const i = rowOf(branch, block);
    if (i + 1 < entriesOf(branch)) end = Math.min(end, firstOf(branch, i + 1));
    if (i < 0) return { at: from, start: 0, length: end - from };
    from = Math.max(from, firstOf(branch, i));
    branch = childBranch(store, node, childOf(branch.bytes, rowAt(branch, i)), depth - 1);
  }
  const i = rowOf(branch, block);
  if (i + 1 < entriesOf(branch)) end = Math.min(end, Math.max(firstOf(branch, i + 1), block + 1));
  if (i < 0) return { at: from, start: 0, length: end - from };
  const row = rowAt(branch, i);
  const first = firstOf(branch, i);
  const raw = u16At(branch.bytes, row + Extent.at.length);
  const length = lengthOf(raw);
  if (block >= first + length) return { at: first + length, start: 0, length: end - first - length };
  return { at: first, start: raw > EXTENT_MAX ? 0 : startOf(branch.bytes, row), length };
}
