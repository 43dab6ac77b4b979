/** A new image: the header, counts for what it has so far, and an empty table. */
import * as v from "valibot";
import { viewOf } from "../../src/lib/struct.ts";
import { encodeName } from "../../src/lib/text.ts";
import {
  BACKING_FORMAT,
  Compression,
  COMPRESSION_AT,
  COMPRESSION_TYPE,
  Extension,
  Header,
  Header3,
  HEADER3_AT,
  MAGIC,
} from "./layout.ts";

export const creation = v.strictObject({
  cluster_size: v.optional(
    v.pipe(
      v.number(),
      v.check((n) => n >= 512 && n <= 2 << 20 && Number.isInteger(Math.log2(n)), "a power of two from 512 to 2m"),
      v.description("bytes that get their room at once: 512 to 2m"),
      v.metadata({ format: "size" }),
    ),
    64 << 10,
  ),
  compress: v.optional(
    v.pipe(v.picklist(["none", "zlib", "zstd"]), v.description("pack what is written")),
    "none",
  ),
});
export type Creation = v.InferOutput<typeof creation>;

/** Bits of a count: 16, as everybody has. */
const COUNT_BYTES = 2;
const HEADER_LENGTH = 112;
const LONGEST_NAME = 1023;
const LONGEST_HEADER = 2048;
/** QEMU's own bounds on the first table, and on that of counts. */
const MOST_L1 = 32 << 20;
const MOST_REFCOUNTS = 8 << 20;

export interface NewImage extends Creation {
  /** Bytes of the disk. */
  readonly size: number;
  readonly backing: { readonly name: string; readonly format: string } | undefined;
}
/** Clusters of an image without data: header, table of counts, counts, first table, in this order. */
interface Plan {
  readonly clusterSize: number;
  readonly tableClusters: number;
  readonly blocks: number;
  readonly l1Size: number;
  readonly clusters: number;
}
function plan({ size, cluster_size: clusterSize }: NewImage): Plan | string {
  const whole = (bytes: number) => Math.ceil(bytes / clusterSize);
  const l1Size = Math.max(1, Math.ceil(whole(size) / (clusterSize / 8)));
  if (l1Size * 8 > MOST_L1) return `a disk of ${size} bytes needs larger clusters than ${clusterSize}`;
  const each = clusterSize / COUNT_BYTES;
  // All clusters there may ever be, tables and counts among them, and some.
  const most = whole(size) * (1 + 8 / clusterSize + 1 / each) + 8;
  const tableClusters = whole(Math.min(Math.ceil(most / each) * 8, MOST_REFCOUNTS));
  const before = 1 + tableClusters + whole(l1Size * 8);
  let blocks = 1;
  while (blocks * each < before + blocks) blocks++;
  return { clusterSize, tableClusters, blocks, l1Size, clusters: before + blocks };
}
/** What is not zeros of an empty image, and its length. */
interface Empty {
  readonly length: number;
  readonly pieces: readonly (readonly [offset: number, bytes: Uint8Array])[];
}
/** A string: why there can be none. */
export function emptyImage(image: NewImage): Empty | string {
  const p = plan(image);
  if (typeof p === "string") return p;
  const { clusterSize, tableClusters, blocks, clusters } = p;
  const head = new Uint8Array(Math.min(clusterSize, LONGEST_HEADER));
  const wrong = header(viewOf(head), image, p);
  if (wrong) return wrong;
  const blocksAt = (1 + tableClusters) * clusterSize;
  const table = viewOf(new Uint8Array(blocks * 8));
  for (let i = 0; i < blocks; i++) table.setUint32(i * 8 + 4, blocksAt + i * clusterSize);
  const counts = viewOf(new Uint8Array(clusters * COUNT_BYTES));
  for (let i = 0; i < clusters; i++) counts.setUint16(i * COUNT_BYTES, 1);
  const bytes = (d: DataView) => new Uint8Array(d.buffer);
  return {
    length: clusters * clusterSize,
    pieces: [[0, head], [clusterSize, bytes(table)], [blocksAt, bytes(counts)]],
  };
}
function header(d: DataView, { size, compress, backing }: NewImage, p: Plan): string | undefined {
  const { clusterSize, tableClusters, blocks, l1Size } = p;
  Header.write(d, 0, {
    magic: MAGIC,
    version: 3,
    clusterBits: Math.log2(clusterSize),
    size,
    l1Size,
    l1Offset: (1 + tableClusters + blocks) * clusterSize,
    refcountOffset: clusterSize,
    refcountClusters: tableClusters,
  });
  const incompatible = compress === "zstd" ? COMPRESSION_TYPE : 0;
  Header3.write(d, HEADER3_AT, {
    incompatible,
    refcountOrder: Math.log2(COUNT_BYTES * 8),
    headerLength: HEADER_LENGTH,
  });
  Compression.set.type(d, COMPRESSION_AT, compress === "zstd" ? 1 : 0);
  return backing && name(d, backing);
}
/** The backing image's format in an extension of the header, its name behind the last one. */
function name(d: DataView, backing: NonNullable<NewImage["backing"]>): string | undefined {
  const [path, format] = [encodeName(backing.name), encodeName(backing.format)];
  const at = HEADER_LENGTH + Extension.size + Math.ceil(format.length / 8) * 8 + Extension.size;
  if (path.length > LONGEST_NAME || at + path.length > d.byteLength) return "the backing image's name is too long";
  const bytes = new Uint8Array(d.buffer, d.byteOffset, d.byteLength);
  Extension.write(d, HEADER_LENGTH, { type: BACKING_FORMAT, length: format.length });
  bytes.set(format, HEADER_LENGTH + Extension.size);
  bytes.set(path, at);
  Header.set.backingOffset(d, 0, at);
  Header.set.backingSize(d, 0, path.length);
  return undefined;
}
