/** A file's bytes: runs of blocks read straight into the reader's memory, holes as zeros, small files out of the inode. */
import { BLOCK_ROOM, FL_ENCRYPT, FL_EXTENTS, Inode } from "../../src/wire/ext2.ts";
import { findExtent } from "./extents.ts";
import { findPointer } from "./indirect.ts";
import type { Node, Run } from "./node.ts";
import type { Store } from "./store.ts";
import type { Xattrs } from "./xattrs.ts";

/** The run a block of the file is in; `want` blocks are asked for. EIO where the inode's map is damaged. */
export function findRun(store: Store, node: Node, block: number, want: number): Run {
  const { run } = node;
  if (run && block >= run.at && block < run.at + run.length) return run;
  return (node.run = node.flags & FL_EXTENTS ? findExtent(store, node, block) : findPointer(store, node, block, want));
}
/** Read [offset, offset + into.length), which is inside of the file. */
export function readRuns(store: Store, node: Node, into: Uint8Array, offset: number): void {
  const { blockSize } = store.l;
  const end = Math.ceil((offset + into.length) / blockSize);
  for (let at = 0; at < into.length;) {
    const block = Math.floor((offset + at) / blockSize);
    const run = findRun(store, node, block, end - block);
    const inside = offset + at - run.at * blockSize;
    const n = Math.min(into.length - at, run.length * blockSize - inside);
    const part = n === into.length ? into : into.subarray(at, at + n);
    if (run.start === 0) part.fill(0);
    else store.readDisk(part, run.start * blockSize + inside);
    at += n;
  }
}
/** What a small file or directory has in its inode: sixty bytes, and an attribute. */
export function inlineData(node: Node, xattrs: Xattrs): Uint8Array {
  const size = Math.min(node.size, node.raw.length);
  const out = new Uint8Array(size);
  const at = Inode.at.block;
  out.set(node.raw.subarray(at, at + Math.min(size, BLOCK_ROOM)));
  if (size <= BLOCK_ROOM) return out;
  const rest = xattrs.inode(node, "system.data");
  if (rest) out.set(rest.subarray(0, size - BLOCK_ROOM), BLOCK_ROOM);
  return out;
}
/** Fill `into` from `offset`; how much there is. EACCES for what is encrypted: the key is not here. */
export function readFile(store: Store, xattrs: Xattrs, node: Node, into: Uint8Array, offset: number): number {
  const n = Math.min(into.length, node.size - offset);
  if (n <= 0) return 0;
  if (node.flags & FL_ENCRYPT) {
    store.health.found("encrypted files are not read: their keys are not known here");
    throw store.errno.EACCES;
  }
  const part = n === into.length ? into : into.subarray(0, n);
  if (node.isInline) part.set(inlineData(node, xattrs).subarray(offset, offset + n));
  else readRuns(store, node, part, offset);
  return n;
}
