/** Checksums of metadata (metadata_csum: CRC-32C of the volume's and the inode's seed; uninit_bg: CRC-16 of descriptors). */
import { crc32c } from "../../src/lib/crc32c.ts";
import {
  DirEntry,
  DirTail,
  ExtentHeader,
  FT_CHECKSUM,
  Group,
  GROUP_SIZE,
  Inode,
  XattrHeader,
} from "../../src/wire/ext2.ts";
import { lengthAt, u16At, u32At } from "./bytes.ts";
import { incompat, roCompat } from "./features.ts";
import type { Layout } from "./layout.ts";

/** In the root of an index: behind "." and "..", and eight bytes about itself. A node has one empty entry before it. */
const ROOT_INDEX = 32;
const ZEROS = new Uint8Array(4);
const word = new Uint8Array(8);
const wordView = new DataView(word.buffer);
/** The sum after a number of 32 bits. */
function crcNumber(before: number, n: number): number {
  wordView.setUint32(0, n, true);
  return crc32c(word, before, 0, 4);
}
/** CRC-16 (polynomial A001, reflected): descriptors of uninit_bg. */
function crc16(bytes: Uint8Array, before: number): number {
  let c = before;
  for (const byte of bytes) {
    c ^= byte;
    for (let bit = 0; bit < 8; bit++) c = c & 1 ? (c >>> 1) ^ 0xa001 : c >>> 1;
  }
  return c;
}

export class Checksums {
  /** There are any but those of descriptors. */
  readonly on: boolean;
  readonly #l: Layout;

  constructor(layout: Layout) {
    this.#l = layout;
    this.on = (layout.roCompat & roCompat.metadata_csum) !== 0;
  }
  /** A descriptor's is right. */
  group(group: number, desc: Uint8Array): boolean {
    const { roCompat: ro, seed, uuid } = this.#l;
    const at = Group.at.checksum;
    const stored = u16At(desc, at);
    if (this.on) {
      const c = crc32c(ZEROS, crc32c(desc, crcNumber(seed, group), 0, at), 0, 2);
      return (crc32c(desc, c, at + 2) & 0xffff) === stored;
    }
    if (!(ro & roCompat.uninit_bg)) return true;
    wordView.setUint32(0, group, true);
    const c = crc16(desc.subarray(0, at), crc16(word.subarray(0, 4), crc16(uuid, 0xffff)));
    const wide = this.#l.incompat & incompat["64bit"] && desc.length > GROUP_SIZE;
    return (wide ? crc16(desc.subarray(at + 2), c) : c) === stored;
  }
  /** What the sums of an inode, its directory and extent blocks begin with. */
  seedOf(ino: number, raw: Uint8Array): number {
    return this.on ? crcNumber(crcNumber(this.#l.seed, ino), u32At(raw, Inode.at.generation)) : 0;
  }
  inode(seed: number, raw: Uint8Array): boolean {
    if (!this.on) return true;
    const { checksumLow: low, checksumHigh: high, extraSize } = Inode.at;
    let c = crc32c(ZEROS, crc32c(raw, seed, 0, low), 0, 2);
    const wide = raw.length > 128 && u16At(raw, extraSize) >= high + 2 - 128;
    if (!wide) return (crc32c(raw, c, low + 2) & 0xffff) === u16At(raw, low);
    c = crc32c(ZEROS, crc32c(raw, c, low + 2, high), 0, 2);
    return crc32c(raw, c, high + 2) === ((u16At(raw, low) | (u16At(raw, high) << 16)) >>> 0);
  }
  /** A block of a directory: names, or an index of them, of which the first block of an indexed directory is the root. */
  directory(seed: number, block: Uint8Array, isRoot: boolean): boolean {
    if (!this.on) return true;
    const isNode = u32At(block, 0) === 0 && lengthAt(block, 0) === block.length;
    // Behind an index the mark of names may still stand.
    if (isRoot || isNode) return this.#index(seed, block, isRoot ? ROOT_INDEX : DirEntry.size);
    const tail = block.length - DirTail.size;
    const isMarked = u32At(block, tail) === 0 && u16At(block, tail + 4) === DirTail.size && block[tail + 6] === 0 &&
      block[tail + 7] === FT_CHECKSUM;
    return isMarked && crc32c(block, seed, 0, tail) === u32At(block, tail + DirTail.at.checksum);
  }
  #index(seed: number, block: Uint8Array, at: number): boolean {
    const [limit, count] = [u16At(block, at), u16At(block, at + 2)];
    const tail = at + limit * 8;
    if (count > limit || tail + 8 > block.length) return false;
    const c = crc32c(block, crc32c(block, seed, 0, at + count * 8), tail, tail + 4);
    return crc32c(ZEROS, c) === u32At(block, tail + 4);
  }
  extents(seed: number, block: Uint8Array): boolean {
    const tail = ExtentHeader.size * (1 + u16At(block, ExtentHeader.at.max));
    return !this.on || (tail + 4 <= block.length && crc32c(block, seed, 0, tail) === u32At(block, tail));
  }
  /** A block of extended attributes, which may belong to several inodes. */
  xattrs(at: number, block: Uint8Array): boolean {
    if (!this.on) return true;
    wordView.setUint32(0, at >>> 0, true);
    wordView.setUint32(4, Math.floor(at / 2 ** 32), true);
    const field = XattrHeader.at.checksum;
    const c = crc32c(ZEROS, crc32c(block, crc32c(word, this.#l.seed), 0, field));
    return crc32c(block, c, field + 4) === u32At(block, field);
  }
}
