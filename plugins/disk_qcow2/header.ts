/** The header: from the image's start to where its tables are, or to why it cannot be read. Pure and bounded. */
import { viewOf } from "../../src/lib/struct.ts";
import { decodeName } from "../../src/lib/text.ts";
import {
  BACKING_FORMAT,
  Compression,
  COMPRESSION_AT,
  COMPRESSION_TYPE,
  CORRUPT,
  DIRTY,
  Extension,
  Header,
  Header3,
  HEADER3_AT,
  MAGIC,
} from "./layout.ts";

export interface Geometry {
  readonly version: 2 | 3;
  readonly clusterSize: number;
  /** Bytes of the disk. */
  readonly size: number;
  readonly l1Size: number;
  readonly l1Offset: number;
  readonly refcountOffset: number;
  readonly refcountClusters: number;
  /** Bits of a count. */
  readonly refcountBits: number;
  readonly packing: "deflate" | "zstd";
  /** The name of the image this one is a change of. */
  readonly backing: string | undefined;
  readonly backingFormat: string | undefined;
  readonly snapshots: number;
  readonly snapshotsOffset: number;
  /** Why it should not be written. */
  readonly readOnly: string | undefined;
  /** There are notes of other programs that a write makes untrue. */
  readonly autoclear: boolean;
}
/** Bytes of the start that are looked at. */
export const START = 4096;
/** The largest first table: QEMU's own bound. */
const MOST_L1 = 32 << 20 >> 3;
const MOST_REFCOUNTS = 8 << 20;
const LONGEST_NAME = 1023;

/** See the head of this file; `start`: as much of the image as it has, to behind the name of its backing file. */
export function parseHeader(start: Uint8Array): Geometry | string {
  if (start.length < COMPRESSION_AT) return "shorter than a header";
  const d = viewOf(start);
  const { get } = Header;
  const version = get.version(d, 0);
  if (get.magic(d, 0) !== MAGIC) return "no magic number";
  if (version !== 2 && version !== 3) return `version ${version}`;
  const features = version === 3 ? Header3.get.incompatible(d, HEADER3_AT) : 0;
  const wrong = unsupported(d, features) ?? sizesWrong(d, version);
  if (wrong) return wrong;
  const compression = features & COMPRESSION_TYPE ? Compression.get.type(d, COMPRESSION_AT) : 0;
  if (compression > 1) return `compression ${compression} is not supported`;
  const backing = backingName(start, d);
  if (backing === null) return "the backing file's name is damaged";
  return {
    version,
    clusterSize: 2 ** get.clusterBits(d, 0),
    size: get.size(d, 0),
    l1Size: get.l1Size(d, 0),
    l1Offset: get.l1Offset(d, 0),
    refcountOffset: get.refcountOffset(d, 0),
    refcountClusters: get.refcountClusters(d, 0),
    refcountBits: version === 3 ? 2 ** Header3.get.refcountOrder(d, HEADER3_AT) : 16,
    packing: compression === 1 ? "zstd" : "deflate",
    backing,
    backingFormat: backing === undefined ? undefined : backingFormat(start, d, version),
    snapshots: get.snapshots(d, 0),
    snapshotsOffset: get.snapshotsOffset(d, 0),
    readOnly: features & CORRUPT ? "marked as corrupt" : features & DIRTY ? "its counts are not up to date" : undefined,
    autoclear: version === 3 && Header3.get.autoclear(d, HEADER3_AT) !== 0,
  };
}
function unsupported(d: DataView, features: number): string | undefined {
  const crypt = Header.get.crypt(d, 0);
  if (crypt !== 0) return "encrypted: not supported";
  const unknown = features & ~(DIRTY | CORRUPT | COMPRESSION_TYPE);
  if (unknown & 4) return "its data is in another file: not supported";
  if (unknown & 16) return "extended tables: not supported";
  return unknown ? `unknown features 0x${(unknown >>> 0).toString(16)}` : undefined;
}
function sizesWrong(d: DataView, version: number): string | undefined {
  const { get } = Header;
  const bits = get.clusterBits(d, 0);
  if (bits < 9 || bits > 21) return `clusters of 2^${bits} bytes`;
  const size = get.size(d, 0);
  const l1Size = get.l1Size(d, 0);
  // A table of the second kind tells of as many clusters as it has entries.
  if (!Number.isSafeInteger(size) || size > l1Size * 2 ** (bits - 3) * 2 ** bits) return `a disk of ${size} bytes`;
  if (l1Size > MOST_L1) return `a table of ${l1Size} entries`;
  if (get.refcountClusters(d, 0) * 2 ** bits > MOST_REFCOUNTS) return "its table of counts is too large";
  for (const at of [get.l1Offset(d, 0), get.refcountOffset(d, 0)]) {
    if (!Number.isSafeInteger(at) || at % 2 ** bits !== 0) return "a table is in the middle of a cluster";
  }
  if (version === 3 && Header3.get.refcountOrder(d, HEADER3_AT) > 6) return "counts of more than 64 bits";
  return undefined;
}
/** Null: it is damaged. */
function backingName(start: Uint8Array, d: DataView): string | undefined | null {
  const [at, length] = [Header.get.backingOffset(d, 0), Header.get.backingSize(d, 0)];
  if (at === 0) return undefined;
  if (length === 0 || length > LONGEST_NAME || at + length > start.length) return null;
  return decodeName(start.subarray(at, at + length));
}
/** As an extension of the header tells it. */
function backingFormat(start: Uint8Array, d: DataView, version: number): string | undefined {
  const first = version === 3 ? Header3.get.headerLength(d, HEADER3_AT) : HEADER3_AT;
  for (let at = first; at + Extension.size <= start.length;) {
    const [type, length] = [Extension.get.type(d, at), Extension.get.length(d, at)];
    if (type === 0) return undefined;
    const data = start.subarray(at + Extension.size, at + Extension.size + length);
    if (type === BACKING_FORMAT) return decodeName(data);
    at += Extension.size + Math.ceil(length / 8) * 8;
  }
  return undefined;
}
