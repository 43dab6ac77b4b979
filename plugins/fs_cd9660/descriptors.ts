/** The volume descriptors: from the image's start to where its trees are, or to why there are none. Pure and bounded. */
import type { Async } from "../../src/lib/async.ts";
import { then } from "../../src/lib/async.ts";
import { viewOf } from "../../src/lib/struct.ts";
import { BootRecord, SECTOR, VolumeDescriptor } from "./layout.ts";
import { type Raw, readRecord } from "./record.ts";

/** A directory tree of the volume. */
export interface Tree {
  readonly root: Raw;
  /** Names are UTF-16 (Joliet). */
  readonly wide: boolean;
}
export interface Layout {
  /** Bytes of a logical block. */
  readonly blockSize: number;
  /** Blocks the volume claims. */
  readonly blocks: number;
  readonly label: string;
  readonly primary: Tree;
  readonly joliet?: Tree;
  /** Sector of the boot catalog. */
  readonly bootCatalog?: number;
}

/** The descriptors begin here, in sectors of the session. */
const FIRST = 16;
/** More than this many are no volume. */
const MOST = 64;

/** Read the set that begins at sector `session` + 16. */
export function readDescriptors(
  disk: { readonly size: number; read(into: Uint8Array, offset: number): Async<void> },
  session: number,
): Async<Layout | string> {
  const from = (session + FIRST) * SECTOR;
  if (from + SECTOR > disk.size) return "shorter than a volume descriptor";
  const set = new Uint8Array(Math.min(MOST * SECTOR, Math.floor((disk.size - from) / SECTOR) * SECTOR));
  return then(disk.read(set, from), () => parseDescriptors(set));
}

const ascii = (b: Uint8Array) => String.fromCharCode(...b);
/** What stands there instead. */
const others: readonly (readonly [string, string])[] = [
  ["BEA01", "UDF without ISO 9660"],
  ["NSR02", "UDF without ISO 9660"],
  ["NSR03", "UDF without ISO 9660"],
];

/** From the sectors of a set; a string says why it is none. */
export function parseDescriptors(set: Uint8Array): Layout | string {
  const d = viewOf(set);
  let found: Omit<Layout, "joliet" | "bootCatalog"> | undefined;
  let joliet: Tree | undefined;
  let bootCatalog: number | undefined;
  for (let at = 0; at + SECTOR <= set.length; at += SECTOR) {
    const standard = ascii(VolumeDescriptor.get.standard(d, at));
    if (standard !== "CD001") {
      const other = others.find(([id]) => id === standard);
      if (at === 0) return other ? other[1] : "no volume descriptor";
      break;
    }
    const type = VolumeDescriptor.get.type(d, at);
    if (type === 255) break;
    if (type === 0) bootCatalog ??= catalogOf(d, at);
    if (type === 1 && !found) {
      const primary = primaryOf(set, d, at);
      if (typeof primary === "string") return primary;
      found = primary;
    }
    if (type === 2) joliet ??= jolietOf(set, d, at);
  }
  if (!found) return "no primary volume descriptor";
  return { ...found, ...joliet && { joliet }, ...bootCatalog !== undefined && { bootCatalog } };
}

function primaryOf(set: Uint8Array, d: DataView, at: number): Omit<Layout, "joliet" | "bootCatalog"> | string {
  const blockSize = VolumeDescriptor.get.blockSize(d, at);
  if (![512, 1024, 2048].includes(blockSize)) return `block size is ${blockSize}`;
  const root = rootOf(set, at);
  if (!root) return "the root directory's record is damaged";
  return {
    blockSize,
    blocks: VolumeDescriptor.get.blocks(d, at),
    label: ascii(VolumeDescriptor.get.volume(d, at)).replace(/[\0 ]+$/, ""),
    primary: { root, wide: false },
  };
}
function rootOf(set: Uint8Array, at: number): Raw | undefined {
  const from = at + VolumeDescriptor.at.root;
  const root = readRecord(set.subarray(from, from + 34), 0, 34);
  return root?.isDirectory ? root : undefined;
}
/** Joliet specification 1: the escape sequences of UCS-2, levels 1 to 3. */
function jolietOf(set: Uint8Array, d: DataView, at: number): Tree | undefined {
  const escapes = ascii(VolumeDescriptor.get.escapes(d, at).subarray(0, 3));
  if (!["%/@", "%/C", "%/E"].includes(escapes)) return undefined;
  const root = rootOf(set, at);
  return root && { root, wide: true };
}
function catalogOf(d: DataView, at: number): number | undefined {
  return ascii(BootRecord.get.system(d, at)).startsWith("EL TORITO SPECIFICATION")
    ? BootRecord.get.catalog(d, at)
    : undefined;
}
