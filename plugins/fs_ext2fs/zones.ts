/** Blocks that hold the volume's own structures: no file has them, whatever an inode says. */
import { Super } from "../../src/wire/ext2.ts";
import { isSet } from "./bitmaps.ts";
import { descriptorAt, descriptorBlocks, groupBlocks, groupStart, hasSuper } from "./layout.ts";
import type { Store } from "./store.ts";

export class Zones {
  readonly #store: Store;
  /** [from, to) in order, neighbours joined. */
  readonly #ranges: [from: number, to: number][] = [];

  constructor(store: Store) {
    this.#store = store;
    const { l } = store;
    const superBlock = store.block(l.superBlock);
    const view = new DataView(superBlock.buffer, superBlock.byteOffset + (l.superBlock === 0 ? 1024 : 0), Super.size);
    const copies = 1 + descriptorBlocks(l) + Super.get.reservedGdtBlocks(view, 0);
    const table = Math.ceil((l.inodesPerGroup * l.inodeSize) / l.blockSize);
    const all: [number, number][] = [[0, l.superBlock + 1]];
    for (let g = 0; g < l.groups; g++) {
      const { blockBitmap, inodeBitmap, inodeTable } = store.place(g);
      const start = groupStart(l, g);
      if (hasSuper(l, g)) all.push([start, start + (l.firstMetaBg === Infinity ? copies : 1)]);
      const [descriptors] = descriptorAt(l, g);
      all.push([descriptors, descriptors + 1], [blockBitmap, blockBitmap + 1], [inodeBitmap, inodeBitmap + 1]);
      all.push([inodeTable, inodeTable + table]);
    }
    this.#join(all);
  }
  #join(all: [number, number][]): void {
    for (const [from, to] of all.sort((a, b) => a[0] - b[0])) {
      const last = this.#ranges.at(-1);
      if (last && from <= last[1]) last[1] = Math.max(last[1], to);
      else this.#ranges.push([from, to]);
    }
  }
  /** The first range that ends behind a block. */
  #after(block: number): number {
    let [low, high] = [0, this.#ranges.length];
    while (low < high) {
      const mid = (low + high) >> 1;
      if (this.#ranges[mid]![1] > block) high = mid;
      else low = mid + 1;
    }
    return low;
  }
  meets(start: number, length: number): boolean {
    const range = this.#ranges[this.#after(start)];
    return range !== undefined && range[0] < start + length;
  }
  /** A group's bitmap has all of them. */
  areSet(group: number, bits: Uint8Array): boolean {
    const start = groupStart(this.#store.l, group);
    const end = start + groupBlocks(this.#store.l, group);
    for (let i = this.#after(start); i < this.#ranges.length && this.#ranges[i]![0] < end; i++) {
      const [from, to] = this.#ranges[i]!;
      for (let b = Math.max(from, start); b < Math.min(to, end); b++) if (!isSet(bits, b - start)) return false;
    }
    return true;
  }
}
