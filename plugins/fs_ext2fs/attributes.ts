/** What stat(2) tells of an inode: owners and times with the parts that came later, devices in both encodings, flags. */
import type { Attr } from "../../src/plugin.ts";
import { FL_APPEND, FL_EXTENTS, FL_HUGE_FILE, FL_IMMUTABLE, FL_NODUMP, Inode } from "../../src/wire/ext2.ts";
import { u32At } from "./bytes.ts";
import { roCompat } from "./features.ts";
import type { Layout } from "./layout.ts";
import type { Node } from "./node.ts";

// chflags(2): what the owner and what the super-user may set (sys/stat.h)
const UF_NODUMP = 1;
const UF_IMMUTABLE = 2;
const UF_APPEND = 4;
const SF_IMMUTABLE = 0x2_0000;
const SF_APPEND = 0x4_0000;

/** chflags(2) bits of i_flags: as NetBSD's ext2fs has them, the super-user's. */
const flagsOf = (flags: number): number =>
  (flags & FL_NODUMP ? UF_NODUMP : 0) | (flags & FL_IMMUTABLE ? SF_IMMUTABLE : 0) |
  (flags & FL_APPEND ? SF_APPEND : 0);
/** i_flags with others for chflags(2) bits. */
export const withFlags = (had: number, asked: number): number =>
  ((had & ~(FL_NODUMP | FL_IMMUTABLE | FL_APPEND)) | (asked & UF_NODUMP ? FL_NODUMP : 0) |
    (asked & (UF_IMMUTABLE | SF_IMMUTABLE) ? FL_IMMUTABLE : 0) | (asked & (UF_APPEND | SF_APPEND) ? FL_APPEND : 0)) >>>
  0;

/** A device number: 8 and 8 bits in the first pointer, or 12 and 20 in the second. As NetBSD packs it. */
function deviceOf(node: Node): number {
  const short = u32At(node.raw, Inode.at.block);
  const long = u32At(node.raw, Inode.at.block + 4);
  const [major, minor] = short
    ? [(short >>> 8) & 0xff, short & 0xff]
    : [(long >>> 8) & 0xfff, (long & 0xff) | ((long >>> 12) & 0xf_ff00)];
  return (((major << 8) & 0xf_ff00) | ((minor << 12) & 0xfff0_0000) | (minor & 0xff)) >>> 0;
}
/** The same the other way: what stands in the first and in the second pointer. */
export function devicePointers(rdev: number): readonly [short: number, long: number] {
  const [major, minor] = [(rdev & 0xf_ff00) >>> 8, ((rdev & 0xfff0_0000) >>> 12) | (rdev & 0xff)];
  if (major < 256 && minor < 256) return [(major << 8) | minor, 0];
  return [0, ((minor & 0xff) | (major << 8) | ((minor & 0xf_ff00) << 12)) >>> 0];
}

type Clock = "atime" | "mtime" | "ctime" | "birthtime";
/** Seconds, signed; two bits more of them and nanoseconds where there is room (2446 is the last year). */
export function timeOf(node: Node, which: Clock): readonly [sec: number, nsec: number] {
  const sec = Inode.get[which](node.view, 0) | 0;
  const extra: `${Clock}Extra` = `${which}Extra`;
  if (!node.has(extra)) return [sec, 0];
  const more = Inode.get[extra](node.view, 0);
  return [sec + (more & 3) * 2 ** 32, Math.min(more >>> 2, 999_999_999)];
}
/** Set a time; what does not fit is the nearest that does. */
export function putTime(node: Node, which: Clock, sec: number, nsec: number): void {
  const extra: `${Clock}Extra` = `${which}Extra`;
  const wide = node.has(extra);
  const kept = Math.max(-(2 ** 31), Math.min(sec, 2 ** 31 - 1 + (wide ? 3 * 2 ** 32 : 0)));
  Inode.set[which](node.view, 0, kept >>> 0);
  if (wide) Inode.set[extra](node.view, 0, (((kept - (kept | 0)) / 2 ** 32) & 3) | (nsec << 2));
}

/** Bytes a file takes: sectors, or blocks when it is that large. */
function allocatedOf(node: Node, l: Layout): number {
  const huge = (l.roCompat & roCompat.huge_file) !== 0;
  const blocks = Inode.get.blocksLow(node.view, 0) + (huge ? Inode.get.blocksHigh(node.view, 0) * 2 ** 32 : 0);
  return blocks * (huge && node.flags & FL_HUGE_FILE ? l.blockSize : 512);
}
/** What an inode that was read says of its file. */
export function attrOf(node: Node, l: Layout): Attr {
  const { get } = Inode;
  const d = node.view;
  const type = node.type!;
  const [atime, atimensec] = timeOf(node, "atime");
  const [mtime, mtimensec] = timeOf(node, "mtime");
  const [ctime, ctimensec] = timeOf(node, "ctime");
  const born = node.has("birthtimeExtra") ? timeOf(node, "birthtime") : undefined;
  const isDevice = type === "chr" || type === "blk";
  return {
    ino: node.ino,
    type,
    size: isDevice ? 0 : node.size,
    mode: get.mode(d, 0) & 0o7777,
    nlink: node.links,
    uid: get.uidLow(d, 0) + get.uidHigh(d, 0) * 0x1_0000,
    gid: get.gidLow(d, 0) + get.gidHigh(d, 0) * 0x1_0000,
    ...(isDevice ? { rdev: deviceOf(node) } : {}),
    allocated: allocatedOf(node, l),
    blockSize: l.blockSize,
    flags: flagsOf(node.flags),
    atime,
    atimensec,
    mtime,
    mtimensec,
    ctime,
    ctimensec,
    ...(born ? { birthtime: born[0], birthtimensec: born[1] } : {}),
  };
}
/** A symbolic link whose target is in the inode. */
export function isFast(node: Node, l: Layout): boolean {
  const xattrSectors = Inode.get.xattrLow(node.view, 0) ? (l.blockSize * l.cluster) / 512 : 0;
  return node.size < 60 && !(node.flags & FL_EXTENTS) && Inode.get.blocksLow(node.view, 0) <= xattrSectors;
}
