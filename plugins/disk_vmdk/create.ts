/** New images: the header, the description, and both sets of tables, all empty. */
import * as v from "valibot";
import { viewOf } from "../../src/lib/struct.ts";
import { Header, LINE_ENDS, MAGIC, SECTOR, SPARE, VALID } from "./layout.ts";

export const creation = v.strictObject({
  compress: v.optional(
    v.pipe(v.picklist(["none", "zlib"]), v.description("packed: streamOptimized, written once, as OVF has it")),
    "none",
  ),
});
export type Creation = v.InferOutput<typeof creation>;

export const GRAIN_SECTORS = 128;
export const TABLE_ENTRIES = 512;
const TABLE_SECTORS = TABLE_ENTRIES * 4 / SECTOR;
/** Places are 32-bit numbers of sectors. */
const MOST = 2 ** 32 * SECTOR;
const DESCRIPTION_AT = 1;
const DESCRIPTION_SECTORS = 20;

export interface NewImage {
  /** Bytes of the disk. */
  readonly size: number;
  /** What the image's file is called. */
  readonly name: string;
  /** A number of its own. */
  readonly id: number;
}
/** What is not zeros of an empty image, and its length in bytes. */
interface Empty {
  readonly length: number;
  readonly pieces: readonly (readonly [offset: number, bytes: Uint8Array])[];
}
/** A string: why there can be none. */
export function emptyImage(image: NewImage): Empty | string {
  const capacity = Math.ceil(image.size / SECTOR);
  if (capacity * SECTOR >= MOST) return `a disk of ${image.size} bytes: at most ${MOST}`;
  const tables = Math.max(1, Math.ceil(capacity / GRAIN_SECTORS / TABLE_ENTRIES));
  const directorySectors = Math.ceil(tables * 4 / SECTOR);
  const spare = DESCRIPTION_AT + DESCRIPTION_SECTORS;
  const directory = spare + directorySectors + tables * TABLE_SECTORS;
  const overhead = roundUp(directory + directorySectors + tables * TABLE_SECTORS, GRAIN_SECTORS);
  const header = new Uint8Array(SECTOR);
  Header.write(viewOf(header), 0, {
    magic: MAGIC,
    version: 1,
    flags: VALID | SPARE,
    capacity,
    grainSize: GRAIN_SECTORS,
    descriptorOffset: DESCRIPTION_AT,
    descriptorSize: DESCRIPTION_SECTORS,
    tableSize: TABLE_ENTRIES,
    spareDirectory: spare,
    directory,
    overhead,
    lineEnds: LINE_ENDS,
  });
  const text = description(image, capacity, "monolithicSparse");
  if (text.length > DESCRIPTION_SECTORS * SECTOR) return "its name is too long";
  const places = (at: number) => {
    const d = viewOf(new Uint8Array(tables * 4));
    for (let i = 0; i < tables; i++) d.setUint32(i * 4, at + directorySectors + i * TABLE_SECTORS, true);
    return [at * SECTOR, new Uint8Array(d.buffer)] as const;
  };
  return {
    length: overhead * SECTOR,
    pieces: [[0, header], [DESCRIPTION_AT * SECTOR, text], places(spare), places(directory)],
  };
}
const roundUp = (n: number, unit: number) => Math.ceil(n / unit) * unit;

/** The description in words (Virtual Disk Format 5.0), as VMware's programs want it. */
export function description({ name, id }: NewImage, capacity: number, type: string): Uint8Array {
  const [heads, track] = [16, 63];
  return new TextEncoder().encode(`# Disk DescriptorFile
version=1
CID=${id.toString(16).padStart(8, "0")}
parentCID=ffffffff
createType="${type}"

# Extent description
RW ${capacity} SPARSE "${name.replace(/["\p{C}]/gu, "_")}"

# The Disk Data Base
#DDB

ddb.virtualHWVersion = "4"
ddb.geometry.cylinders = "${Math.min(16383, Math.floor(capacity / heads / track))}"
ddb.geometry.heads = "${heads}"
ddb.geometry.sectors = "${track}"
ddb.adapterType = "ide"
`);
}
