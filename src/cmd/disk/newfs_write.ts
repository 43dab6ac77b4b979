/** Writing a new FAT volume: boot sectors, FSInfo, the FATs' first entries, an empty root directory. */
import { viewOf } from "../../lib/struct.ts";
import {
  ATTR_VOLUME,
  BOOT_TAIL,
  BootTail,
  Bpb,
  Bpb32,
  Dirent,
  FsInfo,
  FSINFO_AT,
  FSINFO_LEAD,
  FSINFO_TAIL,
  SIGNATURE,
} from "../../wire/fat.ts";
import { type Layout, NONE } from "./newfs_plan.ts";

/** Where a volume is written to; offsets in bytes from its start. */
export interface Target {
  write(bytes: Uint8Array, offset: number): void;
  /** Make a range zeros: what is a hole already stays one. */
  zero(offset: number, length: number): void;
}
/** What is not geometry. */
export interface Identity {
  readonly serial: number;
  /** Eleven characters, padded; undefined: none. */
  readonly label: string | undefined;
  readonly oem: string;
  /** FAT date and time words of the label. */
  readonly stamp: { readonly date: number; readonly time: number };
  /** Its first sectors, up to the reserved ones; undefined: our own, which says that it does not boot. */
  readonly bootCode: Uint8Array | undefined;
}

const MESSAGE = "\r\nThis is not a bootable disk. Insert one and press any key to try again.\r\n";
/** Print the message that follows, wait for a key, boot again: xor ax,ax; mov ds,ax; cld; mov si,message; lodsb ... */
const code = (at: number): Uint8Array => {
  const loop = [0xac, 0x84, 0xc0, 0x74, 0x08, 0xb4, 0x0e, 0x31, 0xdb, 0xcd, 0x10, 0xeb, 0xf3];
  const rest = [0x30, 0xe4, 0xcd, 0x16, 0xcd, 0x19];
  const message = 0x7c00 + at + 8 + loop.length + rest.length;
  const start = [0x31, 0xc0, 0x8e, 0xd8, 0xfc, 0xbe, message & 0xff, message >> 8];
  return new Uint8Array([...start, ...loop, ...rest, ...new TextEncoder().encode(`${MESSAGE}\0`)]);
};
const ascii = (text: string, length: number) => new TextEncoder().encode(text.padEnd(length).slice(0, length));

/** Write all of it; the boot sector last: a volume half made is none. */
export function writeVolume(target: Target, l: Layout, id: Identity): void {
  const fatStart = l.reserved * l.sector;
  const rootStart = fatStart + l.fats * l.fatSize * l.sector;
  const rootBytes = l.bits === 32 ? l.perCluster * l.sector : l.rootEntries * 32;
  target.zero(0, rootStart + rootBytes);
  for (let n = 0; n < l.fats; n++) target.write(firstEntries(l), fatStart + n * l.fatSize * l.sector);
  if (id.label !== undefined) target.write(labelEntry(id.label, id.stamp), rootStart);
  const boot = bootSectors(l, id);
  const rest = boot.subarray(l.sector);
  if (l.bits === 32) writeReserved(target, l, boot.subarray(0, l.sector), rest);
  else if (rest.length > 0) target.write(rest, l.sector);
  target.write(boot.subarray(0, l.sector), 0);
}
/** FAT32's other reserved sectors: FSInfo, the end mark behind it that NetBSD and Windows want, and copies of the three. */
function writeReserved(target: Target, l: Layout, boot: Uint8Array, rest: Uint8Array): void {
  if (rest.length > 0) target.write(rest, l.sector);
  const third = rest.length === 0 && l.fsInfo !== NONE && l.fsInfo + 1 < l.reserved && l.fsInfo + 1 !== l.backup;
  if (l.fsInfo !== NONE) target.write(fsInfo(l), l.fsInfo * l.sector);
  if (third) target.write(signed(new Uint8Array(l.sector)), (l.fsInfo + 1) * l.sector);
  if (l.backup === NONE) return;
  target.write(boot, l.backup * l.sector);
  const behind = l.backup + l.fsInfo;
  if (l.fsInfo === NONE || behind >= l.reserved || l.backup < l.fsInfo + 1) return;
  target.write(fsInfo(l), behind * l.sector);
  if (third && behind + 1 < l.reserved) target.write(signed(new Uint8Array(l.sector)), (behind + 1) * l.sector);
}
function signed(sector: Uint8Array): Uint8Array {
  viewOf(sector).setUint16(SIGNATURE, 0xaa55, true);
  return sector;
}

/** The boot sector, with what a boot program has behind its first. */
function bootSectors(l: Layout, id: Identity): Uint8Array {
  const own = id.bootCode ?? new Uint8Array(0);
  const out = new Uint8Array(Math.max(l.sector, Math.ceil(own.length / l.sector) * l.sector));
  out.set(own);
  const d = viewOf(out);
  const is32 = l.bits === 32;
  const tail = is32 ? Bpb.size + Bpb32.size : Bpb.size;
  const start = tail + BootTail.size;
  if (!id.bootCode) {
    out.set([0xeb, start - 2, 0x90]);
    out.set(code(start), start);
  }
  Bpb.write(d, 0, {
    oem: ascii(id.oem, 8),
    bytesPerSector: l.sector,
    sectorsPerCluster: l.perCluster,
    reserved: l.reserved,
    fats: l.fats,
    rootEntries: l.rootEntries,
    total16: !is32 && l.total <= 0xffff ? l.total : 0,
    media: l.media,
    fatSize16: is32 ? 0 : l.fatSize,
    sectorsPerTrack: l.track,
    heads: l.heads,
    hidden: l.hidden,
    total32: !is32 && l.total <= 0xffff ? 0 : l.total,
  });
  if (is32) {
    Bpb32.write(d, Bpb.size, {
      fatSize: l.fatSize,
      flags: 0,
      version: 0,
      rootCluster: 2,
      fsInfo: l.fsInfo,
      backup: l.backup === NONE ? 0 : l.backup, // both mean none; fsck.fat only knows 0
      reserved: new Uint8Array(12),
    });
  }
  BootTail.write(d, tail, {
    drive: l.media === 0xf8 ? 0x80 : 0,
    state: 0,
    signature: BOOT_TAIL,
    serial: id.serial,
    label: ascii(id.label ?? "NO NAME", 11),
    type: ascii(`FAT${l.bits}`, 8),
  });
  return signed(out);
}
/** Everything free but the root directory's first cluster. */
function fsInfo(l: Layout): Uint8Array {
  const out = new Uint8Array(l.sector);
  const d = viewOf(out);
  d.setUint32(0, FSINFO_LEAD, true);
  FsInfo.write(d, FSINFO_AT, { tail: FSINFO_TAIL, free: l.clusters - 1, next: 2 });
  return signed(out);
}
/** Entry 0 has the media byte, entry 1 an end mark (which also says: clean), entry 2 of FAT32 is the root directory. */
function firstEntries(l: Layout): Uint8Array {
  const out = new Uint8Array(12).fill(0xff);
  out[0] = l.media;
  if (l.bits === 12) return out.subarray(0, 3);
  if (l.bits === 16) return out.subarray(0, 4);
  for (const at of [3, 7, 11]) out[at] = 0x0f;
  return out;
}
function labelEntry(label: string, stamp: Identity["stamp"]): Uint8Array {
  const out = new Uint8Array(Dirent.size);
  const { date, time } = stamp;
  Dirent.write(viewOf(out), 0, { name: ascii(label, 11), attr: ATTR_VOLUME, mtime: time, mdate: date });
  return out;
}
