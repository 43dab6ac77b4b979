/** Where everything is on a volume: its superblock, checked once, so that what is computed from it is sound. */
import { crc32c } from "../../src/lib/crc32c.ts";
import { viewOf } from "../../src/lib/struct.ts";
import { FIRST_INODE, GROUP_SIZE, INODE_SIZE, Super, SUPER_MAGIC } from "../../src/wire/ext2.ts";
import { compat, incompat, roCompat, unreadable } from "./features.ts";

export interface Layout {
  readonly blockSize: number;
  readonly blocks: number;
  readonly reserved: number;
  readonly firstDataBlock: number;
  /** The block with the superblock. */
  readonly superBlock: number;
  readonly blocksPerGroup: number;
  readonly groups: number;
  readonly inodes: number;
  readonly inodesPerGroup: number;
  readonly firstInode: number;
  /** Bytes. */
  readonly inodeSize: number;
  readonly descSize: number;
  /** Blocks a bit of a block bitmap stands for. */
  readonly cluster: number;
  readonly firstMetaBg: number;
  readonly compat: number;
  readonly incompat: number;
  readonly roCompat: number;
  /** What checksums of metadata begin with. */
  readonly seed: number;
  readonly uuid: Uint8Array;
  readonly label: string;
  /** Groups with copies of the superblock, where these are two (sparse_super2). */
  readonly backups: readonly [number, number];
}

const MAX_LOG_BLOCK = 6;
const MAX_BLOCKS = 2 ** 48;

/** A superblock's layout, or why it is none. */
export function parseSuper(bytes: Uint8Array): Layout | string {
  const d = viewOf(bytes);
  const { get } = Super;
  if (bytes.length < Super.size || get.magic(d, 0) !== SUPER_MAGIC) return "not an ext2, ext3 or ext4 volume";
  const dynamic = get.revision(d, 0) > 0;
  const bits = dynamic ? [get.compat(d, 0), get.incompat(d, 0), get.roCompat(d, 0)] as const : [0, 0, 0] as const;
  if (bits[1] & incompat.journal_dev) return "is an external journal of another volume";
  const unknown = unreadable(bits[1]);
  if (unknown) return unknown;
  if (bits[2] & roCompat.metadata_csum && crc32c(bytes, ~0, 0, Super.at.checksum) !== get.checksum(d, 0)) {
    return "superblock is damaged: its checksum is wrong (e2fsck mends it; -o sb=32768 takes a copy of it)";
  }
  const layout = layoutOf(d, bits, dynamic);
  const wrong = layout ? impossible(layout, d) : "block size";
  return layout && !wrong ? layout : `superblock is damaged: ${wrong}`;
}
function layoutOf(
  d: DataView,
  [compatBits, incompatBits, roBits]: readonly [number, number, number],
  dynamic: boolean,
): Layout | undefined {
  const { get } = Super;
  const log = get.logBlockSize(d, 0);
  if (log > MAX_LOG_BLOCK) return undefined;
  const blockSize = 1024 << log;
  const wide = (incompatBits & incompat["64bit"]) !== 0;
  const high = (n: number) => (wide ? n * 2 ** 32 : 0);
  const firstDataBlock = get.firstDataBlock(d, 0);
  const blocks = get.blocksLow(d, 0) + high(get.blocksHigh(d, 0));
  const blocksPerGroup = get.blocksPerGroup(d, 0);
  const uuid = get.uuid(d, 0).slice();
  return {
    blockSize,
    blocks,
    reserved: get.reservedLow(d, 0) + high(get.reservedHigh(d, 0)),
    firstDataBlock,
    superBlock: blockSize === 1024 ? 1 : 0,
    blocksPerGroup,
    groups: Math.ceil((blocks - firstDataBlock) / blocksPerGroup),
    inodes: get.inodes(d, 0),
    inodesPerGroup: get.inodesPerGroup(d, 0),
    firstInode: dynamic ? get.firstInode(d, 0) : FIRST_INODE,
    inodeSize: dynamic ? get.inodeSize(d, 0) : INODE_SIZE,
    descSize: wide ? get.descSize(d, 0) : GROUP_SIZE,
    cluster: roBits & roCompat.bigalloc
      ? 2 ** Math.min(32, Math.max(0, get.logClusterSize(d, 0) - get.logBlockSize(d, 0)))
      : 1,
    firstMetaBg: incompatBits & incompat.meta_bg ? get.firstMetaBg(d, 0) : Infinity,
    compat: compatBits,
    incompat: incompatBits,
    roCompat: roBits,
    seed: incompatBits & incompat.metadata_csum_seed ? get.checksumSeed(d, 0) : crc32c(uuid, ~0),
    uuid,
    label: get.volumeName(d, 0),
    backups: [get.backupGroups0(d, 0), get.backupGroups1(d, 0)],
  };
}
const isPower = (n: number) => n > 0 && (n & (n - 1)) === 0;
/** What cannot be; empty: nothing. */
function impossible(l: Layout, d: DataView): string {
  const bits = l.blockSize * 8;
  const first = l.blockSize === 1024 && l.cluster === 1 ? 1 : 0;
  const checks: Readonly<Record<string, boolean>> = {
    "number of blocks": l.blocks > l.firstDataBlock && l.blocks <= MAX_BLOCKS,
    "first block": l.firstDataBlock === first,
    "blocks per group": l.blocksPerGroup > 0 && l.blocksPerGroup <= bits * l.cluster,
    "clusters per group": l.cluster === 1 || Super.get.clustersPerGroup(d, 0) * l.cluster === l.blocksPerGroup,
    "inode size": isPower(l.inodeSize) && l.inodeSize >= INODE_SIZE && l.inodeSize <= l.blockSize,
    "inodes per group": l.inodesPerGroup > 0 && l.inodesPerGroup <= bits,
    "number of inodes": l.inodes === l.groups * l.inodesPerGroup,
    "first inode": l.firstInode >= FIRST_INODE && l.firstInode <= l.inodesPerGroup,
    "descriptor size": isPower(l.descSize) && l.descSize >= GROUP_SIZE && l.descSize <= 1024,
    "reserved blocks": l.reserved <= l.blocks,
  };
  return Object.keys(checks).find((name) => !checks[name]) ?? "";
}

export const groupStart = (l: Layout, group: number): number => l.firstDataBlock + group * l.blocksPerGroup;
/** Blocks of a group; the last one may be shorter. */
export const groupBlocks = (l: Layout, group: number): number =>
  Math.min(l.blocksPerGroup, l.blocks - groupStart(l, group));
const isPowerOf = (n: number, base: number): boolean => {
  while (n > 1 && n % base === 0) n /= base;
  return n === 1;
};
/** A copy of the superblock begins the group, and of the descriptors unless they are spread (meta_bg). */
export function hasSuper(l: Layout, group: number): boolean {
  if (group === 0) return true;
  if (l.compat & compat.sparse_super2) return l.backups.includes(group);
  if (group === 1 || !(l.roCompat & roCompat.sparse_super)) return true;
  return [3, 5, 7].some((base) => isPowerOf(group, base));
}
/** Where a group's descriptor stands: its block, and the byte in it. */
export function descriptorAt(l: Layout, group: number): readonly [block: number, at: number] {
  const perBlock = Math.floor(l.blockSize / l.descSize);
  const nth = Math.floor(group / perBlock);
  const at = (group % perBlock) * l.descSize;
  if (nth < l.firstMetaBg) return [l.superBlock + 1 + nth, at];
  const first = nth * perBlock;
  const after = first === 0 ? l.superBlock + 1 - l.firstDataBlock : hasSuper(l, first) ? 1 : 0;
  return [groupStart(l, first) + after, at];
}
/** Blocks for descriptors at the start of groups that have a copy of them. */
export const descriptorBlocks = (l: Layout): number =>
  Math.min(Math.ceil(l.groups / Math.floor(l.blockSize / l.descSize)), l.firstMetaBg);
