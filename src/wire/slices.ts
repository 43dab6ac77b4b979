/**
 * Which part of a disk is meant: `image%GPT:1%`, `%MBR:5%`, `%DISKLABEL:e%`, `%OFFSET:1m%`. Errors are plain Errors whose
 * text says what is wrong with the disk or the name.
 */
import { parseSize } from "../lib/getopt.ts";
import { readDisklabel } from "./disklabel.ts";
import { readGpt } from "./gpt.ts";
import { BSD_TYPES, FREEBSD, isProtective, readMbr } from "./mbr.ts";
import { fatBits, probe } from "./probe.ts";
import { type Disk, type Scheme, SECTOR, SECTOR_SIZES, type Slice } from "./slice.ts";

/** A part of an image as it was asked for: `text` is what stands between the percent signs. */
export interface Locator {
  readonly scheme: Scheme | "OFFSET";
  readonly name: string;
}
/** Part of a disk, in bytes. `missing`: how many of them lie behind the disk's end. */
export interface Place {
  readonly offset: number;
  readonly length: number;
  readonly missing: number;
}

const SCHEMES = ["GPT", "MBR", "DISKLABEL", "OFFSET"] as const;
/** Characters of an image's name and the locator behind it; undefined: it has none. Throws for what is nearly one. */
export function splitLocator(image: string): readonly [path: string, locator: Locator | undefined] {
  const m = /^(.*)%([A-Z]+):([^%]*)%$/s.exec(image);
  if (!m) {
    const open = /%(GPT|MBR|DISKLABEL|OFFSET):[^%/]*$/.exec(image);
    if (open) throw new Error(`${open[0]}: the closing % is missing`);
    return [image, undefined];
  }
  const scheme = SCHEMES.find((s) => s === m[2]);
  if (!scheme) throw new Error(`%${m[2]}: no such kind of partition (${SCHEMES.join(", ")})`);
  return [m[1]!, { scheme, name: m[3]! }];
}
export const locatorText = (l: Locator): string => `%${l.scheme}:${l.name}%`;
/** How a partition is named behind an image's name. */
export const sliceLocator = (s: Slice): string => locatorText({ scheme: s.scheme, name: s.id });

/** Everything the partition tables of a disk say. */
export interface Tables {
  readonly slices: readonly Slice[];
  /** What is wrong with a table, for people. */
  readonly complaints: readonly string[];
}
/** Read all tables. A boot sector that is a FAT's own is none. */
export function readTables(disk: Disk): Tables {
  const gpt = readGpt(disk);
  const mbr = (readMbr(disk, mbrSector(disk, typeof gpt === "object" ? gpt.sectorSize : undefined)) ?? [])
    .filter((s) => !isProtective(s));
  const complaints = typeof gpt === "string"
    ? [`GPT: ${gpt}`]
    : gpt?.damage
    ? [`GPT: ${gpt.damage}; the last is used`]
    : [];
  const slices = [...(typeof gpt === "object" ? gpt.slices : []), ...mbr];
  return { slices: [...slices, ...labels(disk, slices)], complaints };
}
/** BSD labels: at the disk's start, else those within slices that may have one. */
function labels(disk: Disk, slices: readonly Slice[]): Slice[] {
  const whole = readDisklabel(disk);
  if (whole) return whole;
  const bsd = slices.filter((s) => BSD_TYPES.includes(s.typeId) || s.type === "FreeBSD disklabel");
  return bsd.flatMap((s) => readDisklabel(disk, s.offset, s.typeId === FREEBSD || s.scheme === "GPT") ?? []);
}
/** An MBR does not say how long its sectors are: 512 bytes, unless a FAT volume is found where longer ones put it. */
function mbrSector(disk: Disk, known: number | undefined): number {
  const sure = disk.sectorSize ?? known;
  if (sure) return sure;
  const holdsFat = (size: number) =>
    (readMbr(disk, size) ?? []).some((s) => {
      const boot = disk.read(s.offset, SECTOR);
      return fatBits(boot) !== undefined && boot[11]! + boot[12]! * 256 === size;
    });
  return SECTOR_SIZES.find(holdsFat) ?? SECTOR;
}

/** The partitions of a disk that is partitioned, and of nothing else: a file system in its boot sector comes first. */
export function partitionsOf(disk: Disk): readonly Slice[] {
  if (probe(disk, 0, disk.size)?.bootSector) return [];
  return readTables(disk).slices.filter((s) => !s.container);
}

/** The part of a disk a locator names. Throws when there is none, or when it begins outside the disk. */
export function resolve(disk: Disk, locator: Locator): Place {
  if (locator.scheme === "OFFSET") return within(disk, bytesAt(disk, locator.name));
  const { slices, complaints } = readTables(disk);
  const those = slices.filter((s) => s.scheme === locator.scheme);
  if (those.length === 0) throw new Error(complaints[0] ?? `no ${tableNames[locator.scheme]}`);
  const found = named(those, locator.name);
  const [first, second] = found;
  if (!first) throw new Error(`no partition ${locatorText(locator)}; there is ${listed(those)}`);
  if (second) throw new Error(`${locatorText(locator)} is more than one partition: ${found.map(exact).join(", ")}`);
  if (first.container) throw new Error(`${locatorText(locator)} is an extended partition: name one of those in it`);
  return within(disk, first);
}
const tableNames: Readonly<Record<Scheme, string>> = {
  GPT: "GUID partition table",
  MBR: "master boot record with partitions",
  DISKLABEL: "BSD disklabel",
};
const SHOWN = 16;
function listed(slices: readonly Slice[]): string {
  const names = slices.slice(0, SHOWN).map(sliceLocator);
  return names.join(", ") + (slices.length > SHOWN ? ", ..." : "");
}
const exact = (s: Slice) => `%OFFSET:${s.offset},${s.length}%`;

/** By number or letter; of a GPT also by `uuid=`, `label=`, `type=`, and by the plain label, or else the plain type. */
function named(slices: readonly Slice[], name: string): Slice[] {
  const [, key, value] = /^(uuid|label|type)=(.*)$/s.exec(name) ?? [];
  const low = (value ?? name).toLowerCase();
  const byType = (s: Slice) => s.type.toLowerCase() === low || s.typeId === low;
  if (key === "uuid") return slices.filter((s) => s.uuid === low);
  if (key === "label") return slices.filter((s) => s.label === value);
  if (key === "type") return slices.filter(byType);
  const tests = [(s: Slice) => s.id === name, (s: Slice) => s.label === name, byType];
  return tests.map((test) => slices.filter(test)).find((found) => found.length > 0) ?? [];
}

/** `start` or `start,length`, in bytes or with a suffix. */
function bytesAt(disk: Disk, text: string): { readonly offset: number; readonly length: number } {
  const [start, length, ...more] = text.split(",").map(parseSize);
  const isRight = start !== undefined && more.length === 0 && (length !== undefined || !text.includes(","));
  if (!isRight) throw new Error(`%OFFSET:${text}%: not a start, or start,length, in bytes`);
  return { offset: start, length: length || Math.max(0, disk.size - start) };
}
function within(disk: Disk, { offset, length }: { readonly offset: number; readonly length: number }): Place {
  if (offset < 0 || offset >= disk.size) {
    throw new Error(`the partition begins at byte ${offset}, the image ends at ${disk.size}`);
  }
  if (length === 0) throw new Error("the partition has no sectors");
  const there = Math.min(length, disk.size - offset);
  return { offset, length: there, missing: length - there };
}
