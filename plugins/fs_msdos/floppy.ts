/** Diskettes of DOS 1 and 2: no boot sector says how they are made, the FAT's first byte does. */
import type { Geometry } from "./bpb.ts";

interface Format {
  readonly kib: number;
  readonly media: number;
  readonly perCluster: number;
  readonly rootEntries: number;
  readonly fatSectors: number;
}
const formats: readonly Format[] = [
  { kib: 160, media: 0xfe, perCluster: 1, rootEntries: 64, fatSectors: 1 },
  { kib: 180, media: 0xfc, perCluster: 1, rootEntries: 64, fatSectors: 2 },
  { kib: 320, media: 0xff, perCluster: 2, rootEntries: 112, fatSectors: 1 },
  { kib: 360, media: 0xfd, perCluster: 2, rootEntries: 112, fatSectors: 2 },
];
const SECTOR = 512;

/** The geometry of an image of just such a size whose two FATs begin as that format's do; undefined: it is none. */
export function floppyWithoutBpb(start: Uint8Array, size: number): Geometry | undefined {
  const f = formats.find(({ kib }) => kib * 1024 === size);
  if (!f) return undefined;
  const begins = (at: number) => start[at] === f.media && start[at + 1] === 0xff && start[at + 2] === 0xff;
  const fatSize = f.fatSectors * SECTOR;
  if (!begins(SECTOR) || !begins(SECTOR + fatSize)) return undefined;
  const clusterSize = f.perCluster * SECTOR;
  const rootStart = SECTOR + 2 * fatSize;
  const rootSize = f.rootEntries * 32;
  const dataStart = rootStart + rootSize;
  return {
    bits: 12,
    sectorSize: SECTOR,
    clusterSize,
    clusters: Math.floor((size - dataStart) / clusterSize),
    fatStart: SECTOR,
    fatSize,
    fats: 2,
    activeFat: 0,
    mirrored: true,
    rootStart,
    rootSize,
    rootCluster: 0,
    dataStart,
    fsInfo: 0,
    stateByte: 0,
    hasState: false,
    size,
    media: f.media,
  };
}
