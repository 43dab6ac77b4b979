/**
 * Removed files: what a directory still says of them, as a directory `.deleted` in it. Their clusters are a guess: from the
 * first one on, those that are free now.
 */
import { viewOf } from "../../src/lib/struct.ts";
import {
  ATTR_DIRECTORY,
  ATTR_LONG,
  ATTR_VOLUME,
  FREE,
  LFN_CHECKSUM,
  LFN_UNITS,
  lfnChecksum,
} from "../../src/wire/fat.ts";
import { Directory, type Slots } from "./dir.ts";
import type { Node } from "./node.ts";
import { rootNode, type SlotMap } from "./slots.ts";
import { showable } from "./spelling.ts";
import type { Store } from "./store.ts";

const NAME = ".deleted";
/** Parts a long name may have. */
const MOST_PARTS = 20;
const DOTS = /^.\.? *$/;
/** Attribute bits nobody uses: an entry that has them was none. */
const RESERVED = 0xc0;

/** Put what was removed from `node` into its index: a directory of its own, or beside the rest if it was itself removed. */
export function deletedIn(map: SlotMap, store: Store, node: Node, into: Directory): void {
  const slots = map.of(node);
  const found = find(slots, store);
  if (found.length === 0) return;
  if (node.deleted) return adoptAll(into, found);
  const dir = new Directory({ ...slots, capacity: 0 });
  const place = map.inoBeside(node);
  into.adopt({ ...rootNode(0), ino: place, parent: node, name: NAME, deleted: true, dir });
  adoptAll(dir, found);
}
/** Names may have been used more than once. */
function adoptAll(dir: Directory, nodes: readonly Node[]): void {
  for (const node of nodes) {
    const { name } = node;
    for (let n = 2; dir.find(node.name); n++) node.name = `${name}.${n}`;
    dir.adopt(node);
  }
}
function find(slots: Slots, store: Store): Node[] {
  const found: Node[] = [];
  for (let slot = 0; slot < slots.capacity; slot++) {
    const [bytes, at] = slots.read(slot);
    if (bytes[at] === 0) break;
    if (bytes[at] !== FREE || !isEntry(bytes, at)) continue;
    const node = remove(slots, bytes.slice(at, at + 32), slot);
    const begins = node.cluster === 0 ? !node.isDir : store.fat.valid(node.cluster);
    if (begins && (!node.isDir || isDirectory(store, node.cluster))) found.push(node);
  }
  return found;
}
function isEntry(bytes: Uint8Array, at: number): boolean {
  const attr = bytes[at + 11]!;
  if (attr & (ATTR_VOLUME | RESERVED)) return false;
  const name = String.fromCharCode(...bytes.subarray(at, at + 11));
  return !DOTS.test(name) && [...name.slice(1)].every((c) => c >= " ");
}
/** Its first cluster is free, and begins with an entry "." that leads to it. */
function isDirectory(store: Store, cluster: number): boolean {
  if (store.fat.get(cluster) !== 0) return false;
  const bytes = new Uint8Array(32);
  store.readDisk(bytes, store.position(cluster));
  const low = viewOf(bytes).getUint16(26, true);
  return String.fromCharCode(...bytes.subarray(0, 11)) === ".          " && low === (cluster & 0xffff) &&
    (bytes[11]! & ATTR_DIRECTORY) !== 0;
}
/** The node of a removed entry: its name from the slots before it, which give the first letter of the short one, too. */
function remove(slots: Slots, entry: Uint8Array, slot: number): Node {
  const { units, checksum } = longBefore(slots, slot);
  entry[0] = checksum === undefined ? 0x5f : firstByte(entry, checksum);
  const short = String.fromCharCode(...entry.subarray(0, 11));
  const shown = slots.names.show(short, entry[12]!);
  const long = units.length > 0 && slots.names.long ? showable(String.fromCharCode(...units), false) : undefined;
  return { ...slots.node(viewOf(entry), 0, long ?? shown, short, slot, 1), deleted: true };
}
function longBefore(slots: Slots, slot: number): { units: readonly number[]; checksum: number | undefined } {
  const units: number[] = [];
  let checksum: number | undefined;
  for (let part = 1; part <= MOST_PARTS && slot - part >= 0; part++) {
    const [bytes, at] = slots.read(slot - part);
    if (bytes[at] !== FREE || (bytes[at + 11]! & 0x3f) !== ATTR_LONG) break;
    if (checksum !== undefined && bytes[at + LFN_CHECKSUM] !== checksum) break;
    checksum = bytes[at + LFN_CHECKSUM]!;
    for (const where of LFN_UNITS) units.push(bytes[at + where]! | (bytes[at + where + 1]! << 8));
    if (units.includes(0)) break;
  }
  const end = units.indexOf(0);
  return { units: end < 0 ? units : units.slice(0, end), checksum };
}
/** The one byte that gives a short name the checksum its long name had. */
function firstByte(entry: Uint8Array, checksum: number): number {
  const name = entry.slice(0, 11);
  for (let c = 0; c < 256; c++) {
    name[0] = c;
    if (lfnChecksum(name) === checksum) return c;
  }
  return 0x5f;
}
