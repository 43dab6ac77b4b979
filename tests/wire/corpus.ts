/** Partition tables others made (tests/corpus/disk), as disks in memory: only the sectors that are not zeros are kept. */
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Disk } from "../../src/wire/slice.ts";

const folder = fileURLToPath(new URL("../corpus/disk/", import.meta.url).href);
export const SECTOR = 512;

/** A disk by its sectors; what is not there is zeros. */
export interface Sparse {
  readonly size: number;
  readonly sectors: ReadonlyMap<number, Uint8Array>;
}
/** The samples by name: bsd_slice, sgdisk_two, … */
export function samples(): ReadonlyMap<string, Sparse> {
  return new Map(
    readdirSync(folder).sort().map((file) => {
      const { size, sectors } = JSON.parse(readFileSync(folder + file, "utf8")) as {
        size: number;
        sectors: Record<string, string>;
      };
      const bytes = Object.entries(sectors).map(([at, text]) =>
        [Number(at), Uint8Array.from(atob(text), (c) => c.charCodeAt(0))] as const
      );
      return [file.replace(".json", ""), { size, sectors: new Map(bytes) }];
    }),
  );
}
/** What a disk has been asked for. */
export interface Counted extends Disk {
  readonly reads: number;
  readonly bytes: number;
}
export function sparseDisk({ size, sectors }: Sparse): Counted {
  let [reads, bytes] = [0, 0];
  return {
    size,
    get reads() {
      return reads;
    },
    get bytes() {
      return bytes;
    },
    read(offset, length) {
      reads++;
      const n = Math.max(0, Math.min(length, size - offset)) || 0;
      bytes += n;
      const into = new Uint8Array(n);
      if (n === 0 || offset < 0) return into;
      for (const [at, sector] of sectors) {
        if (at >= offset + n || at + SECTOR <= offset) continue;
        const from = Math.max(0, offset - at);
        into.set(sector.subarray(from, Math.min(SECTOR, offset + n - at)), Math.max(0, at - offset));
      }
      return into;
    },
  };
}
