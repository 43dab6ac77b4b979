/** The directory an image is filled from: everything in it in a fixed order, and whether FAT has a place for it. */
import type { Host, HostStat } from "../../host/host.ts";
import { join } from "../files.ts";
import { reasonOf } from "../cli.ts";

/** A file or directory as the image will have it. */
export interface Entry {
  /** Below the top: "EFI/BOOT/BOOTX64.EFI"; "" is the top itself. */
  readonly path: string;
  /** On the host. */
  readonly source: string;
  readonly isDir: boolean;
  /** Bytes; of a directory the number of names in it. */
  readonly size: number;
  /** Seconds since 1970, whole and even as FAT has them. */
  readonly mtime: number;
  /** Directory slots its name takes, at most. */
  readonly slots: number;
}
export interface TreeHow {
  /** Links are followed; false: one is an error. */
  readonly follow: boolean;
  /** No time is later. */
  readonly latest: number | undefined;
}
const MAX_DEPTH = 64;
const MAX_FILE = 0xffff_ffff;
const MAX_ENTRIES = 1_000_000;
/** The least that FAT can tell: 1980. */
const FIRST = 315532800;

/**
 * Everything below `top`, directories before what is in them, names in the order of their characters. Throws an Error
 * that names what FAT cannot have.
 */
export function readTree(host: Host, top: string, how: TreeHow): Entry[] {
  const all: Entry[] = [];
  const walk = (path: string, depth: number) => {
    const names = inOrder(host, top, path);
    for (const name of names) {
      const entry = entryOf(host, top, path === "" ? name : `${path}/${name}`, how);
      if (all.push(entry) > MAX_ENTRIES) throw new Error(`${top}: more than ${MAX_ENTRIES} files`);
      if (!entry.isDir) continue;
      if (depth >= MAX_DEPTH) throw new Error(`${entry.source}: more than ${MAX_DEPTH} directories deep`);
      walk(entry.path, depth + 1);
    }
  };
  if (attempt(top, () => host.stat(top)).type !== "dir") throw new Error(`${top}: not a directory`);
  walk("", 0);
  return all;
}
/** A directory's names, sorted; two that FAT takes for one are an Error. */
function inOrder(host: Host, top: string, path: string): string[] {
  const dir = path === "" ? top : join(top, path);
  const names = attempt(dir, () => host.readdir(dir)).sort((a, b) => (a < b ? -1 : 1));
  const seen = new Map<string, string>();
  for (const name of names) {
    const wrong = nameWrong(name);
    if (wrong) throw new Error(`${join(dir, name)}: ${wrong}`);
    const folded = fold(name);
    const other = seen.get(folded);
    if (other !== undefined) {
      throw new Error(`${join(dir, name)}: the same name as ${other} to FAT, which ignores case`);
    }
    seen.set(folded, name);
  }
  return names;
}
/** Case is folded character by character. */
const fold = (name: string) =>
  Array.from(name, (c) => (c.toUpperCase().length === c.length ? c.toUpperCase() : c)).join("");
function nameWrong(name: string): string | undefined {
  // deno-lint-ignore no-control-regex -- they are what is looked for
  const odd = /[\x00-\x1f"*:<>?\\|\x7f]/.exec(name);
  if (odd) return `${JSON.stringify(odd[0])} cannot stand in a FAT name`;
  if (/[. ]$/.test(name)) return "FAT names do not end in a dot or space";
  return /[\ud800-\udfff\ufffd]/u.test(name) ? "the name is not UTF-8" : undefined;
}
function attempt<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (e) {
    throw new Error(`${path}: ${reasonOf(e)}`);
  }
}

function entryOf(host: Host, top: string, path: string, how: TreeHow): Entry {
  const source = join(top, path);
  let info = attempt(source, () => host.stat(source, false));
  if (info.type === "link") {
    if (!how.follow) throw new Error(`${source}: a symbolic link, which FAT has not (-L copies what it points to)`);
    info = attempt(source, () => host.stat(source));
  }
  if (info.type !== "dir" && info.type !== "file") throw new Error(`${source}: ${kinds[info.type]}, which FAT has not`);
  if (info.size > MAX_FILE && info.type === "file") {
    throw new Error(`${source}: ${info.size} bytes, a FAT file has at most ${MAX_FILE}`);
  }
  const name = path.slice(path.lastIndexOf("/") + 1);
  return {
    path,
    source,
    isDir: info.type === "dir",
    size: info.type === "dir" ? 0 : info.size,
    mtime: timeOf(info.mtime, how.latest),
    slots: 1 + Math.ceil(name.length / 13),
  };
}
const kinds: Readonly<Record<HostStat["type"], string>> = {
  chr: "a character device",
  blk: "a block device",
  fifo: "a named pipe",
  sock: "a socket",
  link: "a symbolic link",
  dir: "a directory",
  file: "a file",
};
function timeOf(mtime: number, latest: number | undefined): number {
  const seconds = Math.max(FIRST, Math.floor(Math.min(mtime, latest ?? Infinity)));
  return seconds - (seconds % 2);
}

const SLOT = 32;
/** Slots of a directory: its names, and "." and "..". */
export function slotsIn(entries: readonly Entry[]): ReadonlyMap<string, number> {
  const slots = new Map<string, number>([["", 1]]); // the label
  for (const e of entries) if (e.isDir) slots.set(e.path, 2);
  for (const e of entries) {
    const parent = e.path.includes("/") ? e.path.slice(0, e.path.lastIndexOf("/")) : "";
    slots.set(parent, slots.get(parent)! + e.slots);
  }
  return slots;
}
/** Clusters everything takes; of FAT12 and FAT16 without the root directory, which has a place of its own. */
export function clustersFor(entries: readonly Entry[], clusterBytes: number, rootToo: boolean): number {
  let n = 0;
  for (const e of entries) if (!e.isDir) n += Math.ceil(e.size / clusterBytes);
  for (const [path, slots] of slotsIn(entries)) {
    if (path !== "" || rootToo) n += Math.max(1, Math.ceil((slots * SLOT) / clusterBytes));
  }
  return n;
}
