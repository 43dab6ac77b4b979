/** New images, of fixed size and growing ones. */
import * as v from "valibot";
import { viewOf } from "../../src/lib/struct.ts";
import {
  DISK_DYNAMIC,
  DISK_FIXED,
  DynamicHeader,
  Footer,
  FOOTER_SIZE,
  HEADER_SIZE,
  SECTOR,
  sum,
  UNUSED,
} from "./layout.ts";

export const creation = v.strictObject({
  subformat: v.optional(
    v.pipe(v.picklist(["dynamic", "fixed"]), v.description("as large as what is in it, or as the disk")),
    "dynamic",
  ),
});
export type Creation = v.InferOutput<typeof creation>;

const BLOCK = 2 << 20;
/** 2040 GiB: what the table of a growing image, and everybody's tools, take. */
const MOST = 2040 * 2 ** 30;
/** The time in a footer counts from 2000 on. */
const EPOCH_SECONDS = 946_684_800;
const FEATURES = 2;
const VERSION = 0x1_0000;
/**
 * Hyper-V's name: of its images readers take the size as it stands in the footer, of others some take what the geometry
 * makes of it, which is less.
 */
const CREATOR = [..."win \0\x0a\0\0Wi2k"].map((c) => c.charCodeAt(0));

export interface NewImage extends Creation {
  /** Bytes of the disk, whole sectors. */
  readonly size: number;
  /** Milliseconds since 1970. */
  readonly now: number;
  readonly id: Uint8Array;
}
/** What there is of an empty image, and its length in bytes. */
interface Empty {
  readonly length: number;
  readonly footer: Uint8Array;
  readonly pieces: readonly (readonly [offset: number, bytes: Uint8Array])[];
}
/** A string: why there can be none. */
export function emptyImage(image: NewImage): Empty | string {
  const { size } = image;
  if (size > MOST) return `a disk of ${size} bytes: at most ${MOST}`;
  const footer = footerOf(image);
  if (image.subformat === "fixed") return { length: size + FOOTER_SIZE, footer, pieces: [[size, footer]] };
  const entries = Math.ceil(size / BLOCK);
  const table = new Uint8Array(Math.ceil(entries * 4 / SECTOR) * SECTOR).fill(UNUSED & 0xff);
  const tableAt = FOOTER_SIZE + HEADER_SIZE;
  const end = tableAt + table.length;
  return {
    length: end + FOOTER_SIZE,
    footer,
    pieces: [[0, footer], [FOOTER_SIZE, headerOf(tableAt, entries)], [tableAt, table], [end, footer]],
  };
}
function footerOf({ size, subformat, now, id }: NewImage): Uint8Array {
  const footer = new Uint8Array(FOOTER_SIZE);
  const d = viewOf(footer);
  Footer.write(d, 0, {
    cookie: ascii("conectix"),
    features: FEATURES,
    version: VERSION,
    dataOffset: FOOTER_SIZE,
    time: Math.max(0, Math.floor(now / 1000) - EPOCH_SECONDS),
    creator: Uint8Array.from(CREATOR),
    originalSize: size,
    size,
    geometry: geometryOf(size / SECTOR),
    type: subformat === "fixed" ? DISK_FIXED : DISK_DYNAMIC,
    id,
  });
  if (subformat === "fixed") footer.fill(0xff, Footer.at.dataOffset, Footer.at.time);
  Footer.set.checksum(d, 0, sum(footer, Footer.at.checksum));
  return footer;
}
function headerOf(tableOffset: number, entries: number): Uint8Array {
  const header = new Uint8Array(HEADER_SIZE);
  const d = viewOf(header);
  DynamicHeader.write(d, 0, { cookie: ascii("cxsparse"), tableOffset, version: VERSION, entries, blockSize: BLOCK });
  header.fill(0xff, DynamicHeader.at.dataOffset, DynamicHeader.at.tableOffset);
  DynamicHeader.set.checksum(d, 0, sum(header, DynamicHeader.at.checksum));
  return header;
}
const ascii = (text: string) => Uint8Array.from(text, (c) => c.charCodeAt(0));

/** Cylinders, heads and sectors a track, as the specification's appendix counts them. */
function geometryOf(all: number): number {
  const sectors = Math.min(all, 65535 * 16 * 255);
  let [heads, track] = [16, 255];
  if (sectors < 65536 * 16 * 63) {
    track = 17;
    heads = Math.max(4, Math.ceil(Math.floor(sectors / track) / 1024));
    if (Math.floor(sectors / track) >= heads * 1024 || heads > 16) [heads, track] = [16, 31];
    if (Math.floor(sectors / track) >= heads * 1024) [heads, track] = [16, 63];
  }
  const cylinders = Math.min(0xffff, Math.floor(sectors / track / heads));
  return ((cylinders << 16) | (heads << 8) | track) >>> 0;
}
