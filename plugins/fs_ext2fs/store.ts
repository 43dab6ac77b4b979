/** The volume's blocks: metadata through the cache, checked when first seen; file data straight to and from the disk. */
import { finished } from "../../src/lib/finished.ts";
import type { Health } from "../../src/lib/health.ts";
import type { BlockDevice, Buffers, Errnos, Sys } from "../../src/plugin.ts";
import { Group } from "../../src/wire/ext2.ts";
import { u16At, u32At } from "./bytes.ts";
import { Checksums } from "./checksums.ts";
import { descriptorAt, type Layout } from "./layout.ts";

/** Where a group's bitmaps and inodes are. */
export interface GroupPlace {
  readonly blockBitmap: number;
  readonly inodeBitmap: number;
  readonly inodeTable: number;
}

export class Store {
  readonly l: Layout;
  readonly device: BlockDevice;
  readonly buffers: Buffers;
  readonly errno: Errnos;
  readonly health: Health;
  readonly sums: Checksums;
  /** Too much is held back: the volume writes it. */
  pressure: () => void = () => {};
  /** Blocks in the cache whose checksum and structure were found right. */
  readonly #sound = new WeakSet<Uint8Array>();
  readonly #places = new Map<number, GroupPlace>();

  constructor(sys: Sys, device: BlockDevice, layout: Layout, health: Health) {
    this.l = layout;
    this.device = device;
    this.errno = sys.errno;
    this.health = health;
    this.sums = new Checksums(layout);
    this.buffers = sys.buffers(device, { size: layout.blockSize, pressure: () => this.pressure() });
  }
  /** `length` blocks from `start` on are of the volume, and can be a file's. */
  valid(start: number, length = 1): boolean {
    return start > this.l.firstDataBlock && start + length <= this.l.blocks;
  }
  /** Damage was found: a line, and EIO. */
  damage(what: string): never {
    this.health.found(what);
    throw this.errno.EIO;
  }
  /** A block for reading. EIO outside of the volume and its image. */
  block(n: number): Uint8Array {
    if (n < 0 || n >= this.l.blocks) throw this.errno.EIO;
    return finished(this.buffers.get(n), this.errno);
  }
  /** The same of a kind that is checked once for as long as it is in the cache. */
  checked(n: number, isSound: (bytes: Uint8Array) => boolean, what: () => string): Uint8Array {
    const bytes = this.block(n);
    if (this.#sound.has(bytes)) return bytes;
    if (bytes.length !== this.l.blockSize || !isSound(bytes)) this.damage(what());
    this.#sound.add(bytes);
    return bytes;
  }
  change(n: number): Uint8Array {
    return finished(this.buffers.modify(n), this.errno);
  }
  /** A group's descriptor, as it stands. */
  descriptor(group: number): Uint8Array {
    const [block, at] = descriptorAt(this.l, group);
    return this.block(block).subarray(at, at + this.l.descSize);
  }
  place(group: number): GroupPlace {
    const had = this.#places.get(group);
    if (had) return had;
    const desc = this.descriptor(group);
    if (!this.sums.group(group, desc)) this.damage(`group ${group}: descriptor with a wrong checksum`);
    const wide = desc.length >= Group.size;
    const at = (low: number, high: number) => u32At(desc, low) + (wide ? u32At(desc, high) * 2 ** 32 : 0);
    const place: GroupPlace = {
      blockBitmap: at(Group.at.blockBitmapLow, Group.at.blockBitmapHigh),
      inodeBitmap: at(Group.at.inodeBitmapLow, Group.at.inodeBitmapHigh),
      inodeTable: at(Group.at.inodeTableLow, Group.at.inodeTableHigh),
    };
    const tableBlocks = Math.ceil((this.l.inodesPerGroup * this.l.inodeSize) / this.l.blockSize);
    const inside = this.valid(place.blockBitmap) && this.valid(place.inodeBitmap) &&
      this.valid(place.inodeTable, tableBlocks);
    if (!inside) this.damage(`group ${group}: bitmaps or inodes outside of the volume`);
    if (this.#places.size < MOST_PLACES) this.#places.set(group, place);
    return place;
  }
  /** A count of a descriptor: free blocks, free inodes, directories. */
  count(group: number, what: "freeBlocks" | "freeInodes" | "usedDirs"): number {
    const desc = this.descriptor(group);
    const high = desc.length >= Group.size ? u16At(desc, Group.at[`${what}High`]) : 0;
    return high * 0x1_0000 + u16At(desc, Group.at[`${what}Low`]);
  }
  /** Where an inode stands: its block, and the byte in it. EIO for a number that is none. */
  inodeAt(ino: number): readonly [block: number, at: number] {
    const { inodesPerGroup, inodeSize, blockSize } = this.l;
    if (ino < 1 || ino > this.l.inodes) throw this.errno.EIO;
    const nth = ((ino - 1) % inodesPerGroup) * inodeSize;
    const { inodeTable } = this.place(Math.floor((ino - 1) / inodesPerGroup));
    return [inodeTable + Math.floor(nth / blockSize), nth % blockSize];
  }
  /** Bytes of the disk, past the cache: file data. */
  readDisk(into: Uint8Array, position: number): void {
    finished(this.device.read(into, position), this.errno);
  }
}
const MOST_PLACES = 1 << 16;
