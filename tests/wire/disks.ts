/** Disks in memory with partition tables, made byte by byte from the standards' text: what the parsers are tested on. */
import { crc32 } from "../../src/lib/crc32.ts";
import { viewOf } from "../../src/lib/struct.ts";
import { GPT_SIGNATURE, GptEntry, GptHeader, guidBytes } from "../../src/wire/gpt.ts";
import { MBR_SIGNATURE, MBR_TABLE, MbrEntry } from "../../src/wire/mbr.ts";
import type { Disk } from "../../src/wire/slice.ts";

/** Bytes as a disk; `size`: how long it claims to be. */
export const diskOf = (bytes: Uint8Array, size = bytes.length): Disk => ({
  size,
  read: (
    offset,
    length,
  ) => (offset >= 0 && offset < bytes.length ? bytes.slice(offset, offset + length) : new Uint8Array(0)),
});

export interface Part {
  readonly type: number;
  readonly start: number;
  readonly sectors: number;
}
/** A boot record with its entries into the sector at `at`. */
export function boot(bytes: Uint8Array, at: number, parts: readonly Part[]): void {
  const d = viewOf(bytes);
  parts.forEach((p, i) => MbrEntry.write(d, at + MBR_TABLE + i * MbrEntry.size, p));
  d.setUint16(at + MBR_SIGNATURE, 0xaa55, true);
}

export const ESP = "c12a7328-f81f-11d2-ba4b-00a0c93ec93b";
export const LINUX = "0fc63daf-8483-4772-8e79-3d69d8477de4";
export interface GptPart {
  readonly type: string;
  readonly guid: string;
  readonly first: number;
  readonly last: number;
  readonly name: string;
}
/** Both headers and tables of a GPT whose disk is `bytes`. */
export function gpt(bytes: Uint8Array, sector: number, parts: readonly GptPart[]): void {
  const sectors = bytes.length / sector;
  const table = new Uint8Array(128 * 128);
  const d = viewOf(table);
  parts.forEach((p, i) => {
    const name = new Uint8Array(72);
    [...p.name].forEach((c, k) => viewOf(name).setUint16(2 * k, c.charCodeAt(0), true));
    const [type, guid] = [guidBytes(p.type)!, guidBytes(p.guid)!];
    GptEntry.write(d, i * 128, { type, guid, first: p.first, last: p.last, name });
  });
  const tableSectors = table.length / sector;
  for (
    const [here, other, at] of [[1, sectors - 1, 2], [sectors - 1, 1, sectors - 1 - tableSectors]] as const
  ) {
    bytes.set(table, at * sector);
    const header = bytes.subarray(here * sector, here * sector + 92);
    header.fill(0);
    GptHeader.write(viewOf(header), 0, {
      signature: new TextEncoder().encode(GPT_SIGNATURE),
      revision: 0x10000,
      headerSize: 92,
      here,
      other,
      firstUsable: 2 + tableSectors,
      lastUsable: sectors - 2 - tableSectors,
      table: at,
      entries: 128,
      entrySize: 128,
      tableCrc: crc32(table),
    });
    GptHeader.set.headerCrc(viewOf(header), 0, crc32(header));
  }
}

export interface LabelPart {
  readonly size: number;
  readonly offset: number;
  readonly type: number;
}
/** A BSD label at `at`. */
export function label(
  bytes: Uint8Array,
  at: number,
  parts: readonly LabelPart[],
  { le = true, sector = 512 }: { readonly le?: boolean; readonly sector?: number } = {},
): void {
  const d = viewOf(bytes);
  d.setUint32(at, 0x82564557, le);
  d.setUint32(at + 132, 0x82564557, le);
  d.setUint32(at + 40, sector, le);
  d.setUint16(at + 136, 0, le);
  d.setUint16(at + 138, parts.length, le);
  parts.forEach((p, i) => {
    d.setUint32(at + 148 + 16 * i, p.size, le);
    d.setUint32(at + 152 + 16 * i, p.offset, le);
    d.setUint8(at + 160 + 16 * i, p.type);
  });
  let sum = 0;
  for (let i = at; i < at + 148 + 16 * parts.length; i += 2) sum ^= d.getUint16(i, le);
  d.setUint16(at + 136, sum, le);
}
