/** The marks of what can be on a disk, and where its label and number stand. */
import { viewOf } from "../lib/struct.ts";

/** How a number is written: 16 bytes as a UUID, text, a FAT's 4 bytes, NTFS's 8, ISO 9660's date. */
type Writing = "uuid" | "text" | "serial" | "long" | "date";
interface Place {
  readonly label?: readonly [at: number, length: number];
  readonly uuid?: readonly [at: number, writing: Writing];
}
export interface Mark extends Place {
  readonly at: number;
  /** Latin-1. */
  readonly mark: string;
  readonly name: string;
  /** It begins in the boot sector. */
  readonly bootSector?: true;
}
/** ext2, ext3, ext4. */
export const ext: Place = { label: [1024 + 120, 16], uuid: [1024 + 104, "uuid"] };
const BTRFS = 65536;
const ISO = 32768;

export const marks: readonly Mark[] = [
  { at: 3, mark: "NTFS    ", name: "NTFS", bootSector: true, uuid: [72, "long"] },
  { at: 3, mark: "EXFAT   ", name: "exFAT", bootSector: true, uuid: [100, "serial"] },
  { at: 0, mark: "LUKS\xba\xbe", name: "LUKS", uuid: [168, "text"] },
  { at: 0, mark: "hsqs", name: "squashfs" },
  { at: 0, mark: "XFSB", name: "XFS", label: [108, 12], uuid: [32, "uuid"] },
  { at: 0, mark: "\x1f\x8b\x08", name: "gzip-compressed data" },
  { at: 0, mark: "\xfd7zXZ\0", name: "xz-compressed data" },
  { at: 0, mark: "\x28\xb5\x2f\xfd", name: "zstd-compressed data" },
  { at: 0, mark: "BZh", name: "bzip2-compressed data" },
  { at: 0, mark: "PK\x03\x04", name: "a zip archive" },
  { at: 0, mark: "QFI\xfb", name: "a qcow2 image" },
  { at: 0, mark: "KDMV", name: "a VMDK image" },
  { at: 0, mark: "conectix", name: "a VHD image" },
  { at: 0, mark: "vhdxfile", name: "a VHDX image" },
  { at: 512, mark: "LABELONE", name: "LVM" },
  { at: 1024, mark: "H+", name: "HFS+" },
  { at: 1024, mark: "\x10\x20\xf5\xf2", name: "F2FS", uuid: [1024 + 108, "uuid"] },
  { at: 1024, mark: "\xe2\xe1\xf5\xe0", name: "EROFS", label: [1024 + 64, 16], uuid: [1024 + 48, "uuid"] },
  { at: 4086, mark: "SWAPSPACE2", name: "swap", label: [1052, 16], uuid: [1036, "uuid"] },
  { at: 8192 + 1372, mark: "\x54\x19\x01\x00", name: "FFS" },
  { at: 8192 + 1372, mark: "\x00\x01\x19\x54", name: "FFS" },
  { at: 65536 + 1372, mark: "\x19\x01\x54\x19", name: "FFS2" },
  { at: ISO + 1, mark: "CD001", name: "ISO 9660", label: [ISO + 40, 32], uuid: [ISO + 830, "date"] },
  { at: BTRFS + 64, mark: "_BHRfS_M", name: "btrfs", label: [BTRFS + 299, 256], uuid: [BTRFS + 32, "uuid"] },
];

/** Label and number; `at` gives bytes of what is looked at, none behind its end. */
export function identity(
  { label, uuid }: Place,
  at: (where: number, length: number) => Uint8Array,
): { readonly label?: string | undefined; readonly uuid?: string | undefined } {
  const number = uuid && writings[uuid[1]](at(uuid[0], LENGTHS[uuid[1]]));
  return { ...label && { label: textOf(at(...label)) }, ...number !== undefined && { uuid: number } };
}
function textOf(bytes: Uint8Array): string | undefined {
  const end = bytes.indexOf(0);
  return new TextDecoder().decode(end < 0 ? bytes : bytes.subarray(0, end)).trimEnd() || undefined;
}
const LENGTHS: Readonly<Record<Writing, number>> = { uuid: 16, text: 40, serial: 4, long: 8, date: 16 };
const hex = (bytes: Uint8Array) => [...bytes].map((b) => b.toString(16).padStart(2, "0")).join("");
/** Undefined: there is none. */
const writings: Readonly<Record<Writing, (bytes: Uint8Array) => string | undefined>> = {
  uuid: (b) => b.some((n) => n !== 0) ? hex(b).replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-") : undefined,
  text: textOf,
  serial: (b) => b.length < 4 ? undefined : serialText(viewOf(b).getUint32(0, true)),
  long: (b) => b.some((n) => n !== 0) ? hex(b.slice().reverse()).toUpperCase() : undefined,
  date(b) {
    const m = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)$/.exec(textOf(b) ?? "");
    return m ? m.slice(1).join("-") : undefined;
  },
};
/** A FAT's or exFAT's number, as everybody writes it. */
export function serialText(serial: number): string {
  const digits = serial.toString(16).toUpperCase().padStart(8, "0");
  return `${digits.slice(0, 4)}-${digits.slice(4)}`;
}
