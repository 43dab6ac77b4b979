/** Layouts of ECMA-119 (ISO 9660): numbers are there in both byte orders, the little-endian ones are read. */
import { bytes, struct, u16, u32, u8 } from "../../src/lib/struct.ts";

/** Bytes of a logical sector. */
export const SECTOR = 2048;

/** Primary, supplementary or enhanced volume descriptor (8.4, 8.5). */
export const VolumeDescriptor = struct("le", {
  type: u8,
  standard: bytes(5),
  version: u8,
  flags: u8,
  system: bytes(32),
  volume: bytes(32),
  unused: bytes(8),
  blocks: u32,
  blocksBe: u32,
  escapes: bytes(32),
  setSize: u32,
  sequence: u32,
  blockSize: u16,
  blockSizeBe: u16,
  pathTableSize: u32,
  pathTableSizeBe: u32,
  pathTables: bytes(16),
  root: bytes(34),
}, 190);

/** Boot record (El Torito specification, figure 7). */
export const BootRecord = struct("le", {
  type: u8,
  standard: bytes(5),
  version: u8,
  system: bytes(32),
  unused: bytes(32),
  catalog: u32,
}, 75);

/** Directory record (9.1), without its name. */
export const Record = struct("le", {
  length: u8,
  attributeLength: u8,
  extent: u32,
  extentBe: u32,
  size: u32,
  sizeBe: u32,
  date: bytes(7),
  flags: u8,
  unit: u8,
  gap: u8,
  volume: u32,
  nameLength: u8,
}, 33);

export const RECORD_DIRECTORY = 0x02;
export const RECORD_ASSOCIATED = 0x04;
export const RECORD_CONTINUES = 0x80;
