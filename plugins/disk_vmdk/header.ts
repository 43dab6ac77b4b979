/** The header: from its bytes to where the tables are, or to why it cannot be read. Pure and bounded. */
import { viewOf } from "../../src/lib/struct.ts";
import { COMPRESSED, Header, MAGIC, SECTOR, SPARE, ZEROED } from "./layout.ts";

/** All in bytes. */
export interface Geometry {
  readonly size: number;
  readonly grainSize: number;
  /** Entries of a table. */
  readonly tableSize: number;
  /** Entries of the directory. */
  readonly tables: number;
  readonly directory: number;
  readonly spare: number | undefined;
  readonly zeroed: boolean;
  readonly compressed: boolean;
  readonly unclean: boolean;
  readonly descriptorOffset: number;
  readonly descriptorSize: number;
}
/** Directory entries: 32 MiB of tables' places. */
const MOST_TABLES = 8 << 20;
const LONGEST_DESCRIPTOR = 64 << 10;

/** The geometry in the start of an image of so many bytes, or why it cannot be read. */
export function parseHeader(start: Uint8Array, fileSize: number): Geometry | string {
  const d = viewOf(start);
  const { get } = Header;
  if (get.magic(d, 0) !== MAGIC) return "no magic number";
  const version = get.version(d, 0);
  if (version < 1 || version > 3) return `version ${version}`;
  const flags = get.flags(d, 0);
  const compressed = (flags & COMPRESSED) !== 0;
  if (compressed && get.compression(d, 0) !== 1) return `compression ${get.compression(d, 0)}`;
  const [size, grainSize, tableSize] = [get.capacity(d, 0) * SECTOR, get.grainSize(d, 0) * SECTOR, get.tableSize(d, 0)];
  if (!Number.isSafeInteger(size)) return `a disk of ${size} bytes`;
  if (!(grainSize >= 4096 && grainSize <= 1 << 20) || grainSize & grainSize - 1) return `grains of ${grainSize} bytes`;
  if (tableSize < 1 || tableSize > 1 << 16) return `tables of ${tableSize} entries`;
  const tables = Math.ceil(size / grainSize / tableSize);
  const directory = get.directory(d, 0) * SECTOR;
  if (tables > MOST_TABLES || !(directory + tables * 4 <= fileSize)) return "its directory is past the end";
  const spare = get.spareDirectory(d, 0) * SECTOR;
  const [descriptorOffset, length] = [get.descriptorOffset(d, 0) * SECTOR, get.descriptorSize(d, 0) * SECTOR];
  const descriptorSize = descriptorOffset > 0 && descriptorOffset + length <= fileSize
    ? Math.min(length, LONGEST_DESCRIPTOR)
    : 0;
  return {
    size,
    grainSize,
    tableSize,
    tables,
    directory,
    spare: flags & SPARE && spare + tables * 4 <= fileSize ? spare : undefined,
    zeroed: (flags & ZEROED) !== 0,
    compressed,
    unclean: get.unclean(d, 0) !== 0,
    descriptorOffset: descriptorSize > 0 ? descriptorOffset : 0,
    descriptorSize,
  };
}
