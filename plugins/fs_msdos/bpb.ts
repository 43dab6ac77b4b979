/** The boot sector: from its bytes to a geometry, or to why it is none. Pure; every field is bounded before it is used. */
import { viewOf } from "../../src/lib/struct.ts";
import { Bpb, Bpb32, SIGNATURE, STATE_16, STATE_32 } from "../../src/wire/fat.ts";
import { probe } from "../../src/wire/probe.ts";
import { readTables } from "../../src/wire/slices.ts";

/** Where everything is, in bytes from the start of the volume. */
export interface Geometry {
  readonly bits: 12 | 16 | 32;
  readonly sectorSize: number;
  readonly clusterSize: number;
  /** Clusters 2 … clusters + 1 exist. */
  readonly clusters: number;
  readonly fatStart: number;
  /** Bytes of one FAT. */
  readonly fatSize: number;
  readonly fats: number;
  /** The FAT that is read; all are written when mirrored, else only this one. */
  readonly activeFat: number;
  readonly mirrored: boolean;
  /** The fixed root directory of FAT12 and FAT16. */
  readonly rootStart: number;
  readonly rootSize: number;
  /** First cluster of FAT32's root directory, else 0. */
  readonly rootCluster: number;
  readonly dataStart: number;
  /** FSInfo sector; 0: none. */
  readonly fsInfo: number;
  /** The state byte in the boot sector; without an extended boot record code may stand there. */
  readonly stateByte: number;
  readonly hasState: boolean;
  /** Bytes the volume claims. */
  readonly size: number;
  readonly media: number;
}

const isPower = (n: number) => n > 0 && (n & (n - 1)) === 0;
const MAX_CLUSTER = 256 << 10;
const MAX_12 = 4084;
const MAX_16 = 65524;
const MAX_32 = 0x0ffffff5;

/** Read a boot sector: the volume's first 512 bytes, or more. A string says which field is wrong and what it holds. */
export function parseBpb(boot: Uint8Array, gemdos = false): Geometry | string {
  if (boot.length < 512) return "shorter than a boot sector";
  const d = viewOf(boot);
  const { get } = Bpb;
  const wrong = fieldsWrong(d, gemdos);
  if (wrong) return wrong;
  const sectorSize = get.bytesPerSector(d, 0);
  const clusterSize = sectorSize * get.sectorsPerCluster(d, 0);
  const [fats, rootEntries] = [get.fats(d, 0), get.rootEntries(d, 0)];
  const fat16 = get.fatSize16(d, 0);
  const is32 = fat16 === 0 && rootEntries === 0;
  if (is32) {
    const bad = wrong32(d);
    if (bad) return bad;
  } else if (fat16 === 0) return "sectors per FAT is 0";
  const total = get.total16(d, 0) || get.total32(d, 0);
  if (total === 0) return "number of sectors is 0";
  const fatSize = (is32 ? Bpb32.get.fatSize(d, Bpb.size) : fat16) * sectorSize;
  const fatStart = get.reserved(d, 0) * sectorSize;
  const rootStart = fatStart + fats * fatSize;
  const rootSize = Math.ceil((rootEntries * 32) / sectorSize) * sectorSize;
  const dataStart = rootStart + rootSize;
  const size = total * sectorSize;
  if (dataStart + clusterSize > size) return `${total} sectors leave no room for data`;
  const counted = Math.floor((size - dataStart) / clusterSize);
  const bits = is32 ? 32 : counted <= (gemdos ? 4078 : MAX_12) ? 12 : 16;
  if (bits === 16 && counted > MAX_16) return `${counted} clusters are too many for FAT16`;
  if (bits === 32 && counted > MAX_32) return `${counted} clusters are too many for FAT32`;
  // A FAT smaller than the data: what it has no entry for does not exist.
  const clusters = Math.min(counted, Math.floor((fatSize * 8) / bits) - 2);
  if (clusters < 1) return "the FAT has no entries";
  const rootCluster = is32 ? Bpb32.get.rootCluster(d, Bpb.size) : 0;
  if (is32 && (rootCluster < 2 || rootCluster > clusters + 1)) return `root cluster is ${rootCluster}`;
  return {
    bits,
    sectorSize,
    clusterSize,
    clusters,
    fatStart,
    fatSize,
    fats,
    ...active(d, is32, fats),
    rootStart,
    rootSize,
    rootCluster,
    dataStart,
    fsInfo: is32 ? fsInfoAt(d, sectorSize, fatStart) : 0,
    stateByte: is32 ? STATE_32 : STATE_16,
    hasState: hasState(d, is32 ? STATE_32 : STATE_16, gemdos),
    size,
    media: get.media(d, 0),
  };
}
function fieldsWrong(d: DataView, gemdos: boolean): string | undefined {
  const { get } = Bpb;
  if (!gemdos && d.getUint16(SIGNATURE, true) !== 0xaa55 && !isOld(d)) return "no boot signature 55 AA";
  const sector = get.bytesPerSector(d, 0);
  if (!isPower(sector) || sector < 512 || sector > (gemdos ? 16384 : 4096)) return `bytes per sector is ${sector}`;
  const perCluster = get.sectorsPerCluster(d, 0);
  if (!isPower(perCluster) || perCluster * sector > MAX_CLUSTER) return `sectors per cluster is ${perCluster}`;
  if (get.reserved(d, 0) === 0) return "number of reserved sectors is 0";
  const fats = get.fats(d, 0);
  if (fats === 0 || fats > 16) return `number of FATs is ${fats}`;
  return undefined;
}
/** Formatted before 55 AA was usual: code to jump to, and a FAT where the BPB says, which begins with the media byte. */
function isOld(d: DataView): boolean {
  const { get } = Bpb;
  const jumps = d.getUint8(0) === 0xe9 || (d.getUint8(0) === 0xeb && d.getUint8(2) === 0x90);
  const fat = get.reserved(d, 0) * get.bytesPerSector(d, 0);
  if (!jumps || fat < 512 || fat + 3 > d.byteLength || get.media(d, 0) < 0xf0) return false;
  return d.getUint8(fat) === get.media(d, 0) && d.getUint16(fat + 1, true) === 0xffff;
}
function wrong32(d: DataView): string | undefined {
  const version = Bpb32.get.version(d, Bpb.size);
  if (version !== 0) return `FAT32 version is ${version}`;
  if (Bpb32.get.fatSize(d, Bpb.size) === 0) return "sectors per FAT is 0";
  return undefined;
}
/** Without mirroring one FAT is the valid one; a number beyond them means the first. */
function active(d: DataView, is32: boolean, fats: number): { activeFat: number; mirrored: boolean } {
  const flags = is32 ? Bpb32.get.flags(d, Bpb.size) : 0;
  if ((flags & 0x80) === 0) return { activeFat: 0, mirrored: true };
  return { activeFat: (flags & 15) < fats ? flags & 15 : 0, mirrored: false };
}
/** Only an extended boot record has it: a signature follows. */
function hasState(d: DataView, at: number, gemdos: boolean): boolean {
  const signature = d.getUint8(at + 1);
  return !gemdos && (signature === 0x29 || signature === 0x28);
}
function fsInfoAt(d: DataView, sectorSize: number, fatStart: number): number {
  const at = Bpb32.get.fsInfo(d, Bpb.size) * sectorSize;
  return at > 0 && at + sectorSize <= fatStart ? at : 0;
}

/** What an image that is no FAT seems to be, for people; undefined: no idea. */
export function looksLike(start: Uint8Array): string | undefined {
  if (start.every((b) => b === 0)) return "empty (all zeros): make a file system with newfs_msdos";
  const disk = { size: start.length, read: (at: number, n: number) => start.slice(at, at + n) };
  const found = probe(disk, 0, start.length);
  const { slices, complaints } = found?.bootSector ? { slices: [], complaints: [] } : readTables(disk);
  if (slices[0]) return `a disk with partitions (${slices[0].scheme}), not one of them`;
  if (complaints[0]) return `a disk whose partition table is damaged: ${complaints[0]}`;
  const name = found?.name;
  if (name === undefined || name.startsWith("FAT")) return undefined;
  return /compressed|archive/.test(name) ? `${name}: unpack it first` : `it looks like ${name}`;
}
