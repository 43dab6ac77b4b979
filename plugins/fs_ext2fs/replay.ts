/** A volume's disk as its journal has it. */
import { JBD2_MAGIC } from "../../src/wire/jbd2.ts";
import { INO_JOURNAL, Super } from "../../src/wire/ext2.ts";
import type { BlockDevice } from "../../src/plugin.ts";
import { findRun } from "./data.ts";
import { compat } from "./features.ts";
import { Inodes } from "./inodes.ts";
import { Journal, type JournalFile, type Placed } from "./journal.ts";
import type { Node } from "./node.ts";
import type { Store } from "./store.ts";

/** The disk with what the journal of `store` says laid over it; a text: why it cannot be. */
export function replayed(store: Store, superBlock: DataView): BlockDevice | string {
  if (!(store.l.compat & compat.has_journal)) return "the journal to be played back is not there";
  const ino = Super.get.journalInode(superBlock, 0);
  if (ino === 0) return "its journal is on another device, and was not played back";
  try {
    const file = journalFile(store, ino);
    const journal = new Journal(file);
    for (const fault of journal.faults.slice(0, MOST_FAULTS)) store.health.found(`journal: ${fault}`);
    if (journal.placed.size > 0) {
      store.health.say(
        `was not unmounted: ${journal.placed.size} blocks are read from its journal; the image stays as it is`,
      );
    }
    return over(store, file, journal.placed);
  } catch (e) {
    if (typeof e === "string") return `the journal cannot be played back: ${e}`;
    if (e === store.errno.EIO) return "the journal cannot be read";
    throw e;
  }
}
const MOST_FAULTS = 3;

function journalFile(store: Store, ino: number): JournalFile {
  const inodes = new Inodes(store);
  inodes.internal.add(ino).add(INO_JOURNAL);
  const node = inodes.of(ino);
  inodes.load(node);
  const { blockSize } = store.l;
  return {
    blockSize,
    blocks: Math.floor(node.size / blockSize),
    read: (block) => store.block(physical(store, node, block)),
  };
}
function physical(store: Store, node: Node, block: number): number {
  const run = findRun(store, node, block, 1);
  if (run.start === 0) throw store.errno.EIO;
  return run.start + block - run.at;
}
/** Reads what was asked for, then puts newer blocks over it. */
function over(store: Store, file: JournalFile, placed: ReadonlyMap<number, Placed>): BlockDevice {
  const { device } = store;
  if (placed.size === 0) return readOnly(device, (into, at) => store.readDisk(into, at));
  const { blockSize } = file;
  return readOnly(device, (into, position) => {
    store.readDisk(into, position);
    const end = position + into.length;
    for (let block = Math.floor(position / blockSize); block * blockSize < end; block++) {
      const at = placed.get(block);
      if (!at) continue;
      const bytes = contentOf(file, at);
      const [from, to] = [Math.max(position, block * blockSize), Math.min(end, (block + 1) * blockSize)];
      into.set(bytes.subarray(from - block * blockSize, to - block * blockSize), from - position);
    }
  });
}
function contentOf(file: JournalFile, { from, escaped }: Placed): Uint8Array {
  const bytes = file.read(from);
  if (!escaped) return bytes;
  const whole = bytes.slice();
  new DataView(whole.buffer).setUint32(0, JBD2_MAGIC, false);
  return whole;
}
const readOnly = (device: BlockDevice, read: (into: Uint8Array, offset: number) => void): BlockDevice => ({
  name: device.name,
  size: device.size,
  blockSize: 1,
  read,
});
