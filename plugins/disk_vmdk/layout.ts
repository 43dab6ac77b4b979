/** Layout of sparse extents of VMware's virtual disks (Virtual Disk Format 5.0): little-endian, in sectors of 512 bytes. */
import { struct, u16, u32, u64, u8 } from "../../src/lib/struct.ts";

export const SECTOR = 512;
export const Header = struct("le", {
  magic: u32,
  version: u32,
  flags: u32,
  capacity: u64,
  grainSize: u64,
  descriptorOffset: u64,
  descriptorSize: u64,
  tableSize: u32,
  spareDirectory: u64,
  directory: u64,
  overhead: u64,
  unclean: u8,
  lineEnds: u32,
  compression: u16,
}, 79);
export const MAGIC = 0x564d444b;
/** "\n \r\n": whoever changed line ends on the way has damaged it. */
export const LINE_ENDS = 0x0a0d_200a;
/** Flags: the line ends are to be looked at; things are announced by markers. */
export const VALID = 1;
export const MARKERS = 0x20000;
export const DEFLATE = 1;
/** Flags: there is a second set of tables; entry 1 is a grain of zeros; grains are compressed. */
export const SPARE = 2;
export const ZEROED = 4;
export const COMPRESSED = 0x10000;
/** The directory is at the end: the footer tells where. */
export const AT_END = 2 ** 64;
/** Before a compressed grain: which sector it is for, and its bytes. */
export const Marker = struct("le", { sector: u64, size: u32 }, 12);
/** Before other things of a packed image; a sector. */
export const MetadataMarker = struct("le", { sectors: u64, size: u32, type: u32 }, 16);
