/** The boot region (exFAT specification, section 3): where things are, or why this is no volume. */
import type { Async } from "../../src/lib/async.ts";
import { then } from "../../src/lib/async.ts";
import { viewOf } from "../../src/lib/struct.ts";

export interface Layout {
  readonly sectorSize: number;
  readonly clusterSize: number;
  /** Clusters of the heap; the first has number 2. */
  readonly clusters: number;
  /** Bytes from the image's start. */
  readonly fat: number;
  readonly heap: number;
  readonly root: number;
  /** Bytes the volume says it has. */
  readonly size: number;
  /** VolumeFlags (3.1.13), as they were read. */
  readonly flags: number;
  readonly serial: number;
  /** Read from the backup: the main region is damaged. */
  readonly isBackup: boolean;
}
/** Of the boot sector: VolumeFlags and PercentInUse, which the checksum leaves out. */
export const FLAGS_AT = 106;
export const PERCENT_AT = 112;
/** VolumeFlags: in use, or left so. */
export const DIRTY = 2;
interface Disk {
  readonly size: number;
  read(into: Uint8Array, offset: number): Async<void>;
}

/** Sectors of a boot region; its backup follows. */
export const REGION = 12;
/** Most clusters there can be (3.1.9). */
const MOST_CLUSTERS = 2 ** 32 - 11;

/** The layout by the main region, or by its backup where that is damaged; a string says why there is none. */
export function readBoot(disk: Disk): Async<Layout | string> {
  if (disk.size < 2 * REGION * 512) return "shorter than its boot regions";
  return then(regionAt(disk, 0, 512), (main) => {
    if (typeof main !== "string") return main;
    // Where the backup is depends on the sector's size, which the main region may no longer tell.
    const sizes = [512, 1024, 2048, 4096];
    const next = (i: number): Async<Layout | string> =>
      i === sizes.length ? main : then(
        regionAt(disk, REGION * sizes[i]!, sizes[i]!),
        (backup) =>
          typeof backup !== "string" && backup.sectorSize === sizes[i] ? { ...backup, isBackup: true } : next(i + 1),
      );
    return next(0);
  });
}
function regionAt(disk: Disk, at: number, guess: number): Async<Layout | string> {
  if (at + guess > disk.size) return "shorter than its boot regions";
  const boot = new Uint8Array(512);
  return then(disk.read(boot, at), () => {
    const layout = parseBoot(boot, disk.size);
    if (typeof layout === "string") return layout;
    const size = REGION * layout.sectorSize;
    if (at + size > disk.size) return "shorter than its boot regions";
    const region = new Uint8Array(size);
    return then(disk.read(region, at), () => sumsUp(region, layout.sectorSize) ? layout : "the checksum is wrong");
  });
}

/** A boot sector's fields, checked (3.1). */
export function parseBoot(boot: Uint8Array, size: number): Layout | string {
  const d = viewOf(boot);
  if (String.fromCharCode(...boot.subarray(3, 11)) !== "EXFAT   ") return "no exFAT boot sector";
  if (d.getUint16(510, true) !== 0xaa55) return "no boot signature";
  const [sectorShift, clusterShift] = [boot[108]!, boot[109]!];
  if (sectorShift < 9 || sectorShift > 12) return `sectors of 2^${sectorShift} bytes`;
  if (clusterShift > 25 - sectorShift) return `clusters of 2^${clusterShift} sectors`;
  if (boot[110] !== 1) return `${boot[110]} FATs`;
  const sectorSize = 2 ** sectorShift;
  const clusterSize = sectorSize * 2 ** clusterShift;
  const clusters = d.getUint32(92, true);
  const [fat, heap] = [d.getUint32(80, true) * sectorSize, d.getUint32(88, true) * sectorSize];
  const [fatSize, root] = [d.getUint32(84, true) * sectorSize, d.getUint32(96, true)];
  if (clusters === 0 || clusters > MOST_CLUSTERS) return `${clusters} clusters`;
  if (fat < 24 * sectorSize || fatSize < (clusters + 2) * 4 || fat + fatSize > heap) return "the FAT has no room";
  if (heap >= size) return "shorter than its heap";
  if (root < 2 || root >= clusters + 2) return "the root directory is outside";
  const volume = Number(d.getBigUint64(72, true)) * sectorSize;
  if (volume < heap + clusters * clusterSize) return "the volume is shorter than its clusters";
  if (boot[105] !== 1) return `revision ${boot[105]}.${boot[104]}`;
  const flags = d.getUint16(FLAGS_AT, true);
  const whole = { size: volume, serial: d.getUint32(100, true) };
  return { sectorSize, clusterSize, clusters, fat, heap, root, flags, isBackup: false, ...whole };
}
/** 3.4: the last sector repeats the sum of those before it. */
function sumsUp(region: Uint8Array, sectorSize: number): boolean {
  return viewOf(region).getUint32(11 * sectorSize, true) === bootSum(region.subarray(0, 11 * sectorSize));
}
/** Of a boot region's first eleven sectors, without flags and percentage. */
export function bootSum(sectors: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i < sectors.length; i++) {
    if (i !== FLAGS_AT && i !== FLAGS_AT + 1 && i !== PERCENT_AT) sum = ((sum << 31 | sum >>> 1) + sectors[i]!) >>> 0;
  }
  return sum;
}
