/** Where everything of a new image goes: partition table, volume, and how large it must be for what it is to hold. */
import { gptSectors } from "../../wire/gpt_write.ts";
import { clustersFor, type Entry, slotsIn } from "./disk_tree.ts";
import { type FatBits, type Layout, plan } from "./newfs_plan.ts";

export type Table = "gpt" | "mbr" | "none";
export interface ImageWant {
  readonly table: Table;
  readonly sector: number;
  /** Bytes of the image; undefined: as many as needed, and `extra` free ones. */
  readonly size: number | undefined;
  readonly extra: number;
  readonly bits: FatBits | undefined;
  /** An EFI system partition: FAT32 wherever there is room for one. */
  readonly esp: boolean;
  readonly entries: readonly Entry[];
}
export interface ImagePlan {
  /** Bytes. */
  readonly size: number;
  readonly offset: number;
  readonly length: number;
  readonly layout: Layout;
  /** Clusters free when it is filled, at least. */
  readonly free: number;
}
const MiB = 1 << 20;
/** Partitions begin at whole MiB, and end there, too, or on small images at whole pages. */
const START = MiB;
const endUnit = (size: number) => (size >= 64 * MiB ? MiB : 4096);
const SLOT = 32;
/** A directory of FAT has at most so many slots. */
const MAX_SLOTS = 65536;

/** Plan an image. Throws an Error that says what does not fit. */
export function planImage(w: ImageWant): ImagePlan {
  for (const [path, slots] of slotsIn(w.entries)) {
    if (slots > MAX_SLOTS) throw new Error(`/${path}: more names than a FAT directory holds`);
  }
  if (w.size === undefined) return fit(w);
  const made = at(w, Math.ceil(w.size / w.sector) * w.sector);
  if (made.free >= 0) return made;
  const needed = fit({ ...w, size: undefined });
  throw new Error(
    `needs ${Math.ceil(needed.size / MiB)}m for what is to be in it, --size ${w.size} is too small (--size fit)`,
  );
}
function at(w: ImageWant, size: number): ImagePlan {
  const offset = w.table === "none" ? 0 : START;
  const behind = w.table === "gpt" ? gptSectors(w.sector).end * w.sector : 0;
  const end = size - behind;
  const length = w.table === "none" ? end : end - (end % endUnit(size)) - offset;
  if (length <= 0) throw new Error(`--size ${size}: no room for a partition`);
  const layout = volume(w, offset, length);
  const needed = clustersFor(w.entries, layout.perCluster * w.sector, layout.bits === 32);
  return { size, offset, length, layout, free: layout.clusters - needed };
}
/** FAT32 for an EFI system partition that is large enough; else what newfs_msdos chooses. */
function volume(w: ImageWant, offset: number, room: number): Layout {
  const root = slotsIn(w.entries).get("")!;
  const perSector = w.sector / SLOT;
  const rootEntries = root > 512 ? Math.ceil(root / perSector) * perSector : undefined;
  const small = (bits: FatBits | undefined) => (bits === 32 ? {} : { rootEntries });
  const want = (bits: FatBits | undefined) =>
    plan({ room, sector: w.sector, bits, hidden: offset / w.sector, fats: 2, media: 0xf8, ...small(bits) });
  if (w.bits !== undefined || !w.esp) return want(w.bits ?? (rootEntries && room >= 512 * MiB ? 32 : undefined));
  try {
    return want(32);
  } catch {
    return want(undefined);
  }
}
/** The smallest whole number of MiB in which everything has room. */
function fit(w: ImageWant): ImagePlan {
  const data = w.entries.reduce((sum, e) => sum + e.size, 0) + w.extra;
  let size = Math.max(2, Math.ceil(data / MiB)) * MiB;
  let failed: unknown;
  const tried = (bytes: number) => {
    try {
      const p = at(w, bytes);
      return p.free * p.layout.perCluster * w.sector >= w.extra ? p : undefined;
    } catch (e) {
      failed = e;
      return undefined;
    }
  };
  // Doubling finds a size that does; then halving the steps back finds the least.
  let step = MiB;
  let found = tried(size);
  for (; !found && size < 2 ** 42; found = tried(size)) {
    size += step;
    step *= 2;
  }
  if (!found) throw failed ?? new Error("too much for a FAT volume");
  for (; step >= MiB; step /= 2) {
    const less = size - step >= MiB ? tried(size - step) : undefined;
    if (!less) continue;
    found = less;
    size -= step;
  }
  return found;
}
