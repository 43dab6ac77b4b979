/** Where everything of a new FAT volume goes: from what was asked for and the room there is to a layout, or why not. */
import { MAX_CLUSTERS } from "../../wire/fat.ts";

export type FatBits = 12 | 16 | 32;
/** What is asked for; left out: chosen. Sizes in sectors where not said otherwise. */
export interface Want {
  /** Bytes there are. */
  readonly room: number;
  readonly bits?: FatBits | undefined;
  /** Bytes. */
  readonly sector?: number | undefined;
  readonly total?: number | undefined;
  readonly perCluster?: number | undefined;
  /** Bytes a cluster. */
  readonly clusterBytes?: number | undefined;
  readonly reserved?: number | undefined;
  readonly fats?: number | undefined;
  readonly fatSize?: number | undefined;
  readonly rootEntries?: number | undefined;
  readonly media?: number | undefined;
  readonly heads?: number | undefined;
  readonly track?: number | undefined;
  readonly hidden?: number | undefined;
  /** NONE: none. */
  readonly fsInfo?: number | undefined;
  readonly backup?: number | undefined;
  /** A diskette, by its KiB. */
  readonly format?: number | undefined;
}
/** A volume, in sectors. */
export interface Layout {
  readonly bits: FatBits;
  readonly sector: number;
  readonly perCluster: number;
  readonly reserved: number;
  readonly fats: number;
  readonly fatSize: number;
  readonly rootEntries: number;
  readonly total: number;
  readonly clusters: number;
  readonly media: number;
  readonly track: number;
  readonly heads: number;
  readonly hidden: number;
  readonly fsInfo: number;
  readonly backup: number;
  /** What came out otherwise than one might think. */
  readonly warnings: readonly string[];
}
export const NONE = 0xffff;

/** Diskettes: sectors, track, heads, sectors a cluster, root entries, media, bytes a sector. */
const diskettes: Readonly<Record<number, readonly [number, number, number, number, number, number, number]>> = {
  160: [320, 8, 1, 1, 64, 0xfe, 512],
  180: [360, 9, 1, 1, 64, 0xfc, 512],
  320: [640, 8, 2, 2, 112, 0xff, 512],
  360: [720, 9, 2, 2, 112, 0xfd, 512],
  640: [1280, 8, 2, 2, 112, 0xfb, 512],
  720: [1440, 9, 2, 2, 112, 0xf9, 512],
  1200: [2400, 15, 2, 1, 224, 0xf9, 512],
  1232: [1232, 8, 2, 1, 192, 0xfe, 1024],
  1440: [2880, 18, 2, 1, 224, 0xf0, 512],
  2880: [5760, 36, 2, 2, 240, 0xf0, 512],
};
export const formats: readonly number[] = Object.keys(diskettes).map(Number);

const MAX_TOTAL = 0xffff_ffff;
const MAX_PER_CLUSTER = 128;
/** Larger clusters nobody reads. */
const MAX_CLUSTER_BYTES = 256 << 10;
const MIN_CLUSTERS = { 12: 1, 16: 4085, 32: 65525 } as const;
/** Counts so close to a type's limit are taken for the other type by some. */
const MARGIN = 16;
const ROOT_ENTRIES = 512;
const FAT32_RESERVED = 32;
const MiB = 1 << 20;
const GiB = 1 << 30;

const isPower = (n: number) => Number.isInteger(n) && n > 0 && Number.isInteger(Math.log2(n));
const up = (n: number, multiple: number) => Math.ceil(n / multiple) * multiple;

function check(wrong: boolean, why: string): void {
  if (wrong) throw new Error(why);
}
function between(name: string, value: number | undefined, least: number, most: number): void {
  if (value !== undefined) check(!(value >= least && value <= most), `${name} ${value}: not from ${least} to ${most}`);
}
function checkAll(w: Want): void {
  const sector = w.sector ?? 512;
  check(!isPower(sector) || sector < 512 || sector > 32768, `-S ${sector}: not a power of 2 from 512 to 32768`);
  check(w.bits !== undefined && ![12, 16, 32].includes(w.bits), `-F ${w.bits}: not 12, 16 or 32`);
  const cluster = w.perCluster;
  check(
    cluster !== undefined && (!isPower(cluster) || cluster > MAX_PER_CLUSTER),
    `-c ${cluster}: not a power of 2 from 1 to ${MAX_PER_CLUSTER}`,
  );
  const bytes = w.clusterBytes;
  check(bytes !== undefined && cluster !== undefined, "-b and -c: choose one");
  check(
    bytes !== undefined && (!isPower(bytes) || bytes < sector || bytes / sector > MAX_PER_CLUSTER),
    `-b ${bytes}: not ${sector} bytes (a sector) times a power of 2 up to ${MAX_PER_CLUSTER}`,
  );
  between("-n", w.fats, 1, 16);
  between("-r", w.reserved, 1, 0xffff);
  between("-a", w.fatSize, 1, w.bits === 32 ? 0xffff_ffff : 0xffff);
  between("-e", w.rootEntries, 1, 0xffff);
  between("-h", w.heads, 1, 0xffff);
  between("-u", w.track, 1, 0xffff);
  between("-o", w.hidden, 0, 0xffff_ffff);
  between("-s", w.total, 1, MAX_TOTAL);
  const media = w.media;
  check(
    media !== undefined && media !== 0xf0 && !(media >= 0xf8 && media <= 0xff),
    `-m ${media}: not 0xf0 or 0xf8 to 0xff`,
  );
  for (const [name, at] of [["-i", w.fsInfo], ["-k", w.backup]] as const) {
    check(
      at !== undefined && at !== NONE && !(at >= 1 && at < NONE),
      `${name} ${at}: not a sector, nor 0xffff for none`,
    );
    check(at !== undefined && (w.bits ?? 32) !== 32, `${name} ${at}: only FAT32 has one`);
  }
  check(w.rootEntries !== undefined && w.bits === 32, `-e ${w.rootEntries}: a FAT32 root directory grows by itself`);
}

/** Tracks and heads as SD cards and BIOSes have them: they only matter to what does not know LBA. */
function geometry(total: number): readonly [track: number, heads: number] {
  const small = ([[4096, 16, 2], [32768, 32, 2], [65536, 32, 4], [262144, 32, 8], [524288, 32, 16]] as const)
    .find(([most]) => total <= most);
  if (small) return [small[1], small[2]];
  return [63, [16, 32, 64, 128].find((heads) => total <= heads * 63 * 1024) ?? 255];
}

/** Plan a volume. Throws an Error that names the option at fault. */
export function plan(asked: Want): Layout {
  checkAll(asked);
  const w = withFormat(asked);
  const sector = w.sector ?? 512;
  const room = Math.floor(w.room / sector);
  check(w.total !== undefined && w.total > room, `-s ${w.total}: there are only ${room} sectors of ${sector} bytes`);
  const most = Math.min(w.total ?? room, MAX_TOTAL);
  const warnings = room > most && w.total === undefined
    ? [`${(room - most) * sector} bytes at the end are left unused: a FAT volume has at most ${MAX_TOTAL} sectors`]
    : [];
  const [track, heads] = geometry(most);
  const spt = w.track ?? track;
  // Some readers want whole tracks.
  const total = w.total ?? (most - (most % spt) || most);
  const fixed = { ...w, perCluster: w.clusterBytes === undefined ? w.perCluster : w.clusterBytes / sector };
  const chosen = choose(fixed, sector, total, most * sector);
  if (sector > 4096) warnings.push(`sectors of ${sector} bytes: most systems read at most 4096`);
  return {
    ...chosen,
    sector,
    fats: w.fats ?? 2,
    media: w.media ?? 0xf8,
    track: spt,
    heads: w.heads ?? heads,
    hidden: w.hidden ?? 0,
    warnings: [...warnings, ...chosen.warnings],
  };
}
/** A diskette's numbers, where nothing else is asked for; also of an image that is exactly as large as one. */
function withFormat(w: Want): Want {
  const plain = w.bits === undefined && w.perCluster === undefined && w.clusterBytes === undefined &&
    w.sector === undefined && w.total === undefined && w.hidden === undefined;
  const size = w.format ?? (plain ? formats.find((f) => f !== 1232 && f * 1024 === w.room) : undefined);
  if (size === undefined) return w;
  const row = diskettes[size];
  if (!row) throw new Error(`-f ${size}: not one of ${formats.join(" ")}`);
  const [total, track, heads, perCluster, rootEntries, media, sector] = row;
  const format: Want = {
    room: w.room,
    bits: 12,
    total,
    track,
    heads,
    perCluster,
    rootEntries,
    media,
    sector,
    reserved: 1,
  };
  const given = Object.fromEntries(Object.entries(w).filter(([, value]) => value !== undefined));
  if (w.clusterBytes !== undefined) return { ...format, perCluster: undefined, ...given } as Want;
  return { ...format, ...given };
}

type Chosen = Omit<Layout, "sector" | "fats" | "media" | "track" | "heads" | "hidden">;

/** FAT type and cluster size; `size`: bytes there are, before they were cut to whole tracks. */
function choose(w: Want, sector: number, total: number, size: number): Chosen {
  const only32 = w.fsInfo !== undefined || w.backup !== undefined;
  const at = (bits: FatBits, perCluster: number) => lay(w, sector, total, bits, perCluster);
  if (w.perCluster !== undefined) {
    check(
      w.perCluster * sector > MAX_CLUSTER_BYTES,
      `clusters of ${w.perCluster * sector} bytes: at most ${MAX_CLUSTER_BYTES}`,
    );
    return finish(at(w.bits ?? typeOf(at, w.perCluster, only32, w.rootEntries !== undefined), w.perCluster), w);
  }
  if ((w.bits ?? (only32 || (size >= 512 * MiB && !w.rootEntries) ? 32 : 16)) === 32) {
    return finish(choose32(at, sector, size), w);
  }
  return finish(chooseSmall(at, w.bits, sector), w);
}
type At = (bits: FatBits, perCluster: number) => Laid;
function typeOf(at: At, perCluster: number, only32: boolean, never32: boolean): FatBits {
  if (only32) return 32;
  if (at(12, perCluster).clusters <= MAX_CLUSTERS[12]) return 12;
  return never32 || at(16, perCluster).clusters <= MAX_CLUSTERS[16] ? 16 : 32;
}
/** Clusters of 4 KiB up to 8 GiB, then more; one sector below 260 MiB; and smaller ones where there would be too few. */
function choose32(at: At, sector: number, size: number): Laid {
  const row = ([[260 * MiB, 512], [8 * GiB, 4096], [16 * GiB, 8192], [32 * GiB, 16384]] as const)
    .find(([below]) => (below === 260 * MiB ? size < below : size <= below));
  let perCluster = Math.min(MAX_PER_CLUSTER, Math.max(1, (row?.[1] ?? 32768) / sector));
  while (perCluster > 1 && at(32, perCluster).clusters < MIN_CLUSTERS[32] + MARGIN) perCluster /= 2;
  while (at(32, perCluster).clusters > MAX_CLUSTERS[32] && perCluster < MAX_PER_CLUSTER) perCluster *= 2;
  return at(32, perCluster);
}
/** Four sectors a cluster, doubled until they fit, well clear of the limit between the types. */
function chooseSmall(at: At, bits: FatBits | undefined, sector: number): Laid {
  const fits = (l: Laid) => l.clusters <= MAX_CLUSTERS[l.bits] - MARGIN;
  const most = Math.min(MAX_PER_CLUSTER, MAX_CLUSTER_BYTES / sector);
  for (let perCluster = 4; perCluster < most; perCluster *= 2) {
    const twelve = at(12, perCluster);
    if (bits !== 16 && fits(twelve)) return twelve;
    const sixteen = at(16, perCluster);
    const close = sixteen.clusters < MIN_CLUSTERS[16] + MARGIN;
    if (bits === 16 && close) return at(16, smaller(at, perCluster));
    if (bits !== 12 && fits(sixteen) && !close) return sixteen;
  }
  return at(bits ?? 16, most);
}
function smaller(at: At, perCluster: number): number {
  while (perCluster > 1 && at(16, perCluster).clusters < MIN_CLUSTERS[16] + MARGIN) perCluster /= 2;
  return perCluster;
}

interface Laid {
  readonly bits: FatBits;
  readonly perCluster: number;
  readonly reserved: number;
  readonly fatSize: number;
  readonly rootEntries: number;
  readonly dataStart: number;
  readonly clusters: number;
  readonly total: number;
  /** Entries one FAT has. */
  readonly entries: number;
}
/** Areas in sectors; unless sizes are given they are whole clusters, so that clusters lie where flash and pages want them. */
function lay(w: Want, sector: number, total: number, bits: FatBits, perCluster: number): Laid {
  const aligned = w.reserved === undefined && w.fatSize === undefined && (bits === 32 || total > 8192);
  const unit = aligned ? perCluster : 1;
  const reserved = w.reserved ?? up(bits === 32 ? FAT32_RESERVED : 1, unit);
  const asked = bits === 32 ? 0 : Math.ceil(((w.rootEntries ?? ROOT_ENTRIES) * 32) / sector);
  const rootSectors = w.rootEntries === undefined ? up(asked, unit) : asked;
  const fats = w.fats ?? 2;
  const data = total - reserved - rootSectors;
  // data = fats * fatSize + perCluster * clusters, and a FAT holds clusters + 2 entries.
  const needed = (sectors: number) => up(Math.max(1, Math.ceil(sectors)), unit);
  const each = (sector * 8) / bits;
  const full = needed((data + 2 * perCluster) / (perCluster * each + fats));
  const fatSize = w.fatSize ?? Math.min(full, needed((MAX_CLUSTERS[bits] + 2) / each));
  const clusters = Math.floor((data - fats * fatSize) / perCluster);
  return {
    bits,
    perCluster,
    reserved,
    fatSize,
    rootEntries: (rootSectors * sector) / 32,
    dataStart: reserved + rootSectors + fats * fatSize,
    clusters,
    total,
    entries: Math.floor(fatSize * each),
  };
}

/** The last checks: enough clusters, not too many, everything in the reserved sectors has its place. */
function finish(l: Laid, w: Want): Chosen {
  const name = `FAT${l.bits}`;
  check(l.clusters < 1, `${l.total} sectors leave no room for data`);
  check(l.bits !== 32 && l.fatSize > 0xffff, `${name}: ${l.fatSize} sectors a FAT are too many`);
  check(l.rootEntries > 0xffff, `-e ${l.rootEntries}: not from 1 to 65535`);
  check(l.reserved > 0xffff, `-r ${l.reserved}: not from 1 to 65535`);
  const limit = Math.min(MAX_CLUSTERS[l.bits], l.entries - 2);
  const clusters = Math.min(l.clusters, limit);
  // FAT12 and FAT16 are told apart by nothing but the count.
  const least = MIN_CLUSTERS[l.bits];
  check(
    clusters < least,
    `${clusters} clusters are too few for ${name}, it needs ${least}: a larger volume, or smaller clusters (-c)`,
  );
  const [fsInfo, backup] = l.bits === 32 ? special(l, w) : [NONE, NONE];
  return {
    bits: l.bits,
    perCluster: l.perCluster,
    reserved: l.reserved,
    fatSize: l.fatSize,
    rootEntries: l.rootEntries,
    total: clusters < l.clusters ? l.dataStart + clusters * l.perCluster : l.total,
    clusters,
    fsInfo,
    backup,
    warnings: clusters < l.clusters ? [`${w.fatSize ? "-a" : name} limits the volume to ${clusters} clusters`] : [],
  };
}
/** FSInfo in sector 1, the backup boot sector in 6, as everybody has them, where there is room. */
function special(l: Laid, w: Want): readonly [fsInfo: number, backup: number] {
  const fsInfo = w.fsInfo ?? (l.reserved > 1 ? 1 : NONE);
  const backup = w.backup ?? (l.reserved > 8 ? 6 : l.reserved > 2 && fsInfo !== 2 ? 2 : NONE);
  for (const [name, at] of [["-i", fsInfo], ["-k", backup]] as const) {
    check(at !== NONE && at >= l.reserved, `${name} ${at}: there are ${l.reserved} reserved sectors (-r)`);
  }
  check(fsInfo !== NONE && fsInfo === backup, `-i ${fsInfo} and -k ${backup}: one sector for two things`);
  return [fsInfo, backup];
}
