/** GUID partition tables (UEFI specification, chapter 5): two headers, first and last, each with a table. Little-endian. */
import { crc32 } from "../lib/crc32.ts";
import { bytes, struct, u32, u64, viewOf } from "../lib/struct.ts";
import { type Disk, SECTOR_SIZES, type Slice } from "./slice.ts";

/** LBAs count sectors from the start of the disk. */
export const GptHeader = struct("le", {
  signature: bytes(8),
  revision: u32,
  headerSize: u32,
  headerCrc: u32,
  reserved: u32,
  here: u64,
  other: u64,
  firstUsable: u64,
  lastUsable: u64,
  disk: bytes(16),
  table: u64,
  entries: u32,
  entrySize: u32,
  tableCrc: u32,
}, 92);
export const GptEntry = struct("le", {
  type: bytes(16),
  guid: bytes(16),
  first: u64,
  /** Inclusive. */
  last: u64,
  attributes: bytes(8),
  name: bytes(72),
}, 128);
export const GPT_SIGNATURE = "EFI PART";
export const GPT_REVISION = 0x10000;
/** The largest table that is read, in bytes: 64 times the usual one. */
const MAX_TABLE = 1 << 20;
const MAX_ENTRY = 4096;

export const gptTypes: Readonly<Record<string, string>> = {
  "c12a7328-f81f-11d2-ba4b-00a0c93ec93b": "EFI System",
  "ebd0a0a2-b9e5-4433-87c0-68b6b72699c7": "Microsoft basic data",
  "e3c9e316-0b5c-4db8-817d-f92df00215ae": "Microsoft reserved",
  "de94bba4-06d1-4d40-a16a-bfd50179d6ac": "Windows recovery",
  "21686148-6449-6e6f-744e-656564454649": "BIOS boot",
  "024dee41-33e7-11d3-9d69-0008c781f39f": "MBR scheme",
  "bc13c2ff-59e6-4262-a352-b275fd6f7172": "Linux extended boot",
  "0fc63daf-8483-4772-8e79-3d69d8477de4": "Linux filesystem",
  "4f68bce3-e8cd-4db1-96e7-fbcaf984b709": "Linux root (x86-64)",
  "b921b045-1df0-41c3-af44-4c6f280d3fae": "Linux root (ARM-64)",
  "69dad710-2ce4-4e3c-b16c-21a1d49abed3": "Linux root (ARM)",
  "933ac7e1-2eb4-4f13-b844-0e14e2aef915": "Linux home",
  "0657fd6d-a4ab-43c4-84e5-0933c84b4f4f": "Linux swap",
  "e6d6d379-f507-44c2-a23c-238f2a3df928": "Linux LVM",
  "a19d880f-05fc-4d3b-a006-743f0f84911e": "Linux RAID",
  "3b8f8425-20e0-4f3b-907f-1a25a76f98e8": "Linux server data",
  "49f48d5a-b10e-11dc-b99b-0019d1879648": "NetBSD FFS",
  "49f48d32-b10e-11dc-b99b-0019d1879648": "NetBSD swap",
  "49f48d82-b10e-11dc-b99b-0019d1879648": "NetBSD LFS",
  "49f48daa-b10e-11dc-b99b-0019d1879648": "NetBSD RAID",
  "2db519c4-b10f-11dc-b99b-0019d1879648": "NetBSD concatenated",
  "2db519ec-b10f-11dc-b99b-0019d1879648": "NetBSD encrypted",
  "83bd6b9d-7f41-11dc-be0b-001560b84f0f": "FreeBSD boot",
  "516e7cb4-6ecf-11d6-8ff8-00022d09712b": "FreeBSD disklabel",
  "516e7cb5-6ecf-11d6-8ff8-00022d09712b": "FreeBSD swap",
  "516e7cb6-6ecf-11d6-8ff8-00022d09712b": "FreeBSD UFS",
  "516e7cba-6ecf-11d6-8ff8-00022d09712b": "FreeBSD ZFS",
  "824cc7a0-36a8-11e3-890a-952519ad3f61": "OpenBSD data",
  "48465300-0000-11aa-aa11-00306543ecac": "Apple HFS/HFS+",
  "7c3457ef-0000-11aa-aa11-00306543ecac": "Apple APFS",
};
const UNUSED = "00000000-0000-0000-0000-000000000000";
/** Where the groups of a GUID's text stand in its 16 bytes: the first three are little-endian numbers. */
const GUID_ORDER = [[3, 2, 1, 0], [5, 4], [7, 6], [8, 9], [10, 11, 12, 13, 14, 15]] as const;

/** A GUID as text, in lower case. */
export function guidText(guid: Uint8Array): string {
  return GUID_ORDER.map((group) => group.map((i) => guid[i]!.toString(16).padStart(2, "0")).join("")).join("-");
}
/** A GUID's bytes from its text; undefined: it is none. */
export function guidBytes(text: string): Uint8Array | undefined {
  if (!/^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/i.test(text)) return undefined;
  const digits = text.replaceAll("-", "");
  const out = new Uint8Array(16);
  GUID_ORDER.flat().forEach((to, i) => (out[to] = parseInt(digits.slice(2 * i, 2 * i + 2), 16)));
  return out;
}

export interface Gpt {
  readonly sectorSize: number;
  readonly slices: readonly Slice[];
  /** The disk's GUID. */
  readonly disk: string;
  /** Why the first header was not used, and the one at the disk's end was. */
  readonly damage: string | undefined;
}

/** The table of a disk, from the first header or else the last; a string: there is one, and why it cannot be used. */
export function readGpt(disk: Disk): Gpt | string | undefined {
  let why: string | undefined;
  for (const sectorSize of disk.sectorSize ? [disk.sectorSize] : SECTOR_SIZES) {
    const primary = readHeader(disk, sectorSize, 1);
    if (typeof primary === "object") return { ...primary, damage: undefined };
    const backup = readHeader(disk, sectorSize, Math.floor(disk.size / sectorSize) - 1);
    if (typeof backup === "object") return { ...backup, damage: `first header: ${primary ?? "none"}` };
    why ??= primary ?? backup;
  }
  return why;
}
type Table = Omit<Gpt, "damage">;
function readHeader(disk: Disk, sectorSize: number, lba: number): Table | string | undefined {
  const sector = disk.read(lba * sectorSize, sectorSize);
  if (sector.length < sectorSize || String.fromCharCode(...sector.subarray(0, 8)) !== GPT_SIGNATURE) return undefined;
  const d = viewOf(sector);
  const { get } = GptHeader;
  const size = get.headerSize(d, 0);
  if (size < GptHeader.size || size > sectorSize) return `header size is ${size}`;
  const copy = sector.slice(0, size);
  GptHeader.set.headerCrc(viewOf(copy), 0, 0);
  if (crc32(copy) !== get.headerCrc(d, 0)) return "wrong checksum";
  if (get.here(d, 0) !== lba) return `says it is sector ${get.here(d, 0)}, and is ${lba}`;
  return readTable(disk, sectorSize, d);
}
function readTable(disk: Disk, sectorSize: number, d: DataView): Table | string {
  const { get } = GptHeader;
  const [count, size] = [get.entries(d, 0), get.entrySize(d, 0)];
  if (size < GptEntry.size || size > MAX_ENTRY || (size & (size - 1)) !== 0) return `entry size is ${size}`;
  if (count * size > MAX_TABLE) return `${count} entries are too many`;
  const table = disk.read(get.table(d, 0) * sectorSize, count * size);
  if (table.length < count * size) return "its table lies outside the disk";
  if (crc32(table) !== get.tableCrc(d, 0)) return "wrong checksum of its table";
  const slices = Array.from({ length: count }, (_, i) => slice(table, i, size, sectorSize));
  return { sectorSize, slices: slices.filter((s) => s !== undefined), disk: guidText(get.disk(d, 0)) };
}
function slice(table: Uint8Array, index: number, size: number, sectorSize: number): Slice | undefined {
  const d = viewOf(table);
  const { get } = GptEntry;
  const at = index * size;
  const typeId = guidText(get.type(d, at));
  if (typeId === UNUSED) return undefined;
  const [first, last] = [get.first(d, at), get.last(d, at)];
  return {
    scheme: "GPT",
    id: String(index + 1),
    type: gptTypes[typeId] ?? "unknown",
    typeId,
    label: nameText(get.name(d, at)) || undefined,
    uuid: guidText(get.guid(d, at)),
    offset: first * sectorSize,
    length: Math.max(0, last - first + 1) * sectorSize,
    container: false,
  };
}
/** UTF-16, ended by a NUL or the field's end. */
function nameText(name: Uint8Array): string {
  const d = viewOf(name);
  let text = "";
  for (let i = 0; i < name.length; i += 2) {
    const unit = d.getUint16(i, true);
    if (unit === 0) break;
    text += String.fromCharCode(unit);
  }
  return text;
}
