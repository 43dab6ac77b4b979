/** The boot catalog (El Torito specification 1.0): what a machine can be started from. Pure and bounded. */
import { viewOf } from "../lib/struct.ts";
import type { Disk } from "./slice.ts";

const SECTOR = 2048;

export interface BootImage {
  /** bios, powerpc, mac, efi. */
  readonly platform: string;
  readonly bootable: boolean;
  /** none, 1.2M, 1.44M, 2.88M, disk. */
  readonly media: string;
  /** Sector (2048 bytes) it begins at. */
  readonly sector: number;
  /** Bytes: those loaded at boot, or the whole emulated diskette. */
  readonly size: number;
  /** Where in memory a PC loads it. */
  readonly address: number;
}

const ENTRY = 32;
const platforms: Readonly<Record<number, string>> = { 0: "bios", 1: "powerpc", 2: "mac", 0xef: "efi" };
const medias: readonly (readonly [name: string, bytes: number])[] = [
  ["none", 0],
  ["1.2M", 1_228_800],
  ["1.44M", 1_474_560],
  ["2.88M", 2_949_120],
  ["disk", 0],
];
const HEADER = 0x90;
const LAST_HEADER = 0x91;
const BOOTABLE = 0x88;
/** Loaded there when the entry says nothing. */
const USUAL_SEGMENT = 0x7c0;

/** The images of a catalog's sector; none when its validation entry is wrong. */
export function bootImages(catalog: Uint8Array): BootImage[] {
  const d = viewOf(catalog);
  if (catalog.length < SECTOR || catalog[0] !== 1 || d.getUint16(30, true) !== 0xaa55 || sum(d) !== 0) return [];
  const images: BootImage[] = [];
  let platform = catalog[1]!;
  take(ENTRY);
  for (let at = 2 * ENTRY; at + ENTRY <= SECTOR;) {
    const kind = catalog[at]!;
    if (kind !== HEADER && kind !== LAST_HEADER) break;
    platform = catalog[at + 1]!;
    const count = d.getUint16(at + 2, true);
    at += ENTRY;
    for (let i = 0; i < count && at + ENTRY <= SECTOR; i++, at += ENTRY) take(at);
    if (kind === LAST_HEADER) break;
  }
  return images;

  function take(at: number): void {
    const [media, whole] = medias[catalog[at + 1]! & 0xf] ?? ["unknown", 0];
    const [count, sector] = [d.getUint16(at + 6, true), d.getUint32(at + 8, true)];
    if (sector === 0) return;
    images.push({
      platform: platforms[platform] ?? `platform ${platform}`,
      bootable: catalog[at] === BOOTABLE,
      media,
      sector,
      size: whole || count * 512,
      address: (d.getUint16(at + 2, true) || USUAL_SEGMENT) * 16,
    });
  }
}
/** The validation entry's words, which add up to 0. */
function sum(d: DataView): number {
  let total = 0;
  for (let at = 0; at < ENTRY; at += 2) total += d.getUint16(at, true);
  return total & 0xffff;
}

/** Volume descriptors begin here (ISO 9660, 6.7.1), and a few are looked at. */
const FIRST = 16;
const MOST = 32;
const CATALOG_AT = 71;
/** The images an ISO 9660 disk's boot record leads to. */
export function bootImagesOf(disk: Disk): BootImage[] {
  for (let n = FIRST; n < FIRST + MOST; n++) {
    const descriptor = disk.read(n * SECTOR, SECTOR);
    const text = String.fromCharCode(...descriptor.subarray(1, 30));
    if (descriptor.length < SECTOR || !text.startsWith("CD001")) return [];
    if (descriptor[0] === 0 && text.slice(6).startsWith("EL TORITO SPECIFICATION")) {
      return bootImages(disk.read(viewOf(descriptor).getUint32(CATALOG_AT, true) * SECTOR, SECTOR));
    }
  }
  return [];
}
