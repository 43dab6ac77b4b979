/** What partition tables have in common: where they are read from, and what a partition is. */

/** A disk as partition tables are read from it. */
export interface Disk {
  /** Bytes. */
  readonly size: number;
  /** Bytes a sector, where the medium says so; an image file does not. */
  readonly sectorSize?: number;
  /** What is there of [offset, offset + length): cut at the disk's end, empty beyond it. */
  read(offset: number, length: number): Uint8Array;
}

export type Scheme = "GPT" | "MBR" | "DISKLABEL";

/** A partition of a disk, as its table has it: nothing says that it lies on the disk. */
export interface Slice {
  readonly scheme: Scheme;
  /** What it is called by in `image%SCHEME:id%`: a number, or the letter of a BSD disklabel. */
  readonly id: string;
  /** What its type is called, and the type itself: a GUID, two hexadecimal digits, a number. */
  readonly type: string;
  readonly typeId: string;
  /** GPT: the partition's name. */
  readonly label: string | undefined;
  /** GPT: its GUID; MBR: the disk's number and its own, as Linux's PARTUUID has it. */
  readonly uuid: string | undefined;
  /** Bytes from the start of the disk. */
  readonly offset: number;
  readonly length: number;
  /** An extended partition: holds others, and no file system. */
  readonly container: boolean;
}

/** Sector sizes there are, likeliest first. */
export const SECTOR_SIZES = [512, 4096, 2048, 1024] as const;
export const SECTOR = 512;
