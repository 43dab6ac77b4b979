/** The superblock: from its bytes to where everything is, or to why it is none. */
import { viewOf } from "../../src/lib/struct.ts";
import { MAGIC, Superblock } from "./layout.ts";
import { type Place, placeOf } from "./metadata.ts";
import { type Compression, compressionOf } from "./unpack.ts";

export interface Super {
  readonly blockSize: number;
  readonly inodes: number;
  readonly fragments: number;
  readonly ids: number;
  readonly compression: Compression;
  readonly root: Place;
  readonly bytesUsed: number;
  readonly idTable: number;
  /** Undefined: no attributes. */
  readonly xattrTable: number | undefined;
  readonly inodeTable: number;
  readonly directoryTable: number;
  readonly fragmentTable: number;
}

const [LEAST_BLOCK, MOST_BLOCK] = [4096, 1 << 20];

/** Read the first 96 bytes of an image of `size` bytes. */
export function parseSuper(bytes: Uint8Array, size: number): Super | string {
  const d = viewOf(bytes);
  const { get } = Superblock;
  if (bytes.length < Superblock.size || get.magic(d, 0) !== MAGIC) return "no superblock";
  const version = `${get.major(d, 0)}.${get.minor(d, 0)}`;
  if (version !== "4.0") return `version ${version}: only 4.0 is supported`;
  const compression = compressionOf(get.compression(d, 0));
  if (!compression) return `compression ${get.compression(d, 0)} is not known`;
  const blockSize = get.blockSize(d, 0);
  if (blockSize !== 2 ** get.blockLog(d, 0) || blockSize < LEAST_BLOCK || blockSize > MOST_BLOCK) {
    return `block size is ${blockSize}`;
  }
  const bytesUsed = get.bytesUsed(d, 0);
  if (bytesUsed > size) return `truncated: the volume has ${bytesUsed} bytes, the image ${size}`;
  const xattrTable = get.xattrTable(d, 0);
  const s: Super = {
    blockSize,
    compression,
    inodes: get.inodes(d, 0),
    fragments: get.fragments(d, 0),
    ids: get.ids(d, 0),
    root: placeOf(get.root(d, 0)),
    bytesUsed,
    idTable: get.idTable(d, 0),
    xattrTable: xattrTable < bytesUsed ? xattrTable : undefined,
    inodeTable: get.inodeTable(d, 0),
    directoryTable: get.directoryTable(d, 0),
    fragmentTable: get.fragmentTable(d, 0),
  };
  const tables = [s.idTable, s.inodeTable, s.directoryTable, ...s.fragments > 0 ? [s.fragmentTable] : []];
  if (tables.some((at) => at >= bytesUsed)) return "a table is past the end";
  if (s.ids === 0) return "no owners";
  return s;
}
