/** What a disk or partition seems to hold, by the marks of the usual formats: for people, and for choosing; nothing is checked further. */
import { viewOf } from "../lib/struct.ts";
import { Bpb, Bpb32, SIGNATURE } from "./fat.ts";
import { ext, identity, marks, serialText } from "./probe_marks.ts";
import type { Disk } from "./slice.ts";

export interface Contents {
  /** "FAT32", "ext4", "gzip-compressed data". */
  readonly name: string;
  /** It begins in the boot sector: what looks like a partition table there is part of it. */
  readonly bootSector: boolean;
  /** As blkid(8) has them; a label that could be there and is not is undefined. */
  readonly label?: string | undefined;
  readonly uuid?: string | undefined;
}

const EXT_SUPERBLOCK = 1024;
const EXT_MAGIC = 0xef53;

const text = (b: Uint8Array) => String.fromCharCode(...b);

/** Look at [offset, offset + length) of a disk; undefined: nothing known. */
export function probe(disk: Disk, offset: number, length: number): Contents | undefined {
  const at = (where: number, n: number) => (where + n > length ? new Uint8Array(0) : disk.read(offset + where, n));
  const boot = at(0, 512);
  const found = marks.find((m) => text(at(m.at, m.mark.length)) === m.mark);
  if (found) return { name: found.name, bootSector: found.bootSector ?? false, ...identity(found, at) };
  const superblock = at(EXT_SUPERBLOCK, 104);
  const name = fatContents(boot) ?? (superblock.length > 0 ? extName(viewOf(superblock)) : undefined);
  return typeof name === "string" ? { name, bootSector: false, ...identity(ext, at) } : name;
}
/** By its features: a journal, extents. */
function extName(d: DataView): string | undefined {
  if (d.getUint16(56, true) !== EXT_MAGIC) return undefined;
  const [compatible, incompatible] = [d.getUint32(92, true), d.getUint32(96, true)];
  return incompatible & 0x2c0 ? "ext4" : compatible & 4 ? "ext3" : "ext2";
}

const isPower = (n: number) => n > 0 && (n & (n - 1)) === 0;
/** Bits a FAT entry of the volume whose boot sector this is; undefined: it is no FAT's. */
export function fatBits(boot: Uint8Array): 12 | 16 | 32 | undefined {
  if (boot.length < 512 || boot[SIGNATURE] !== 0x55 || boot[SIGNATURE + 1] !== 0xaa) return undefined;
  const d = viewOf(boot);
  const { get } = Bpb;
  const [sector, perCluster, fats] = [get.bytesPerSector(d, 0), get.sectorsPerCluster(d, 0), get.fats(d, 0)];
  if (!isPower(sector) || sector < 512 || sector > 32768 || !isPower(perCluster)) return undefined;
  const media = get.media(d, 0);
  if (get.reserved(d, 0) === 0 || fats === 0 || fats > 16 || (media !== 0xf0 && media < 0xf8)) return undefined;
  const total = get.total16(d, 0) || get.total32(d, 0);
  const rootSectors = Math.ceil((get.rootEntries(d, 0) * 32) / sector);
  const size = get.fatSize16(d, 0) || Bpb32.get.fatSize(d, Bpb.size);
  const clusters = Math.floor((total - get.reserved(d, 0) - fats * size - rootSectors) / perCluster);
  if (size === 0 || clusters < 1) return undefined;
  if (get.fatSize16(d, 0) === 0) return 32;
  return clusters <= 4084 ? 12 : 16;
}
/** Where the extended boot record is: its signature 29, then serial number and label. */
const EXTENDED = { 12: 38, 16: 38, 32: 66 } as const;
function fatContents(boot: Uint8Array): Contents | undefined {
  const bits = fatBits(boot);
  if (bits === undefined) return undefined;
  const at = EXTENDED[bits];
  const serial = viewOf(boot).getUint32(at + 1, true);
  const label = text(boot.subarray(at + 5, at + 16)).trimEnd();
  return {
    name: `FAT${bits}`,
    bootSector: true,
    ...(boot[at] === 0x29 && label !== "NO NAME" ? { label: label || undefined } : {}),
    ...(boot[at] === 0x29 || boot[at] === 0x28 ? { uuid: serialText(serial) } : {}),
  };
}
