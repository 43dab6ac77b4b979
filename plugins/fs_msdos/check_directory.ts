/** One directory: its dots, its end, and each of its entries. */
import { ATTR_DIRECTORY, ATTR_VOLUME, Dirent, FREE as FREE_SLOT, LOWER_BASE, LOWER_EXT } from "../../src/wire/fat.ts";
import { DOT, type Folder, pathOf } from "./check_folder.ts";
import { DOT_NAME, DOTS_NAME, hasDot, isGarbage, isPlausible, Names } from "./check_names.ts";
import type { State } from "./check_state.ts";
import { MAX_SLOTS, SLOT } from "./dir.ts";
import { showShort } from "./short_names.ts";

/** Check a directory and write what was mended. */
export function checkDirectory(state: State, folder: Folder): void {
  if (!folder.isRoot) checkDots(state, folder);
  checkEnd(state, folder);
  const names = new Names(state, folder);
  for (let slot = 0; slot < folder.count; slot++) {
    const first = folder.first(slot);
    if (first === 0) break;
    if (first === FREE_SLOT) names.orphans();
    else if (folder.isLong(slot)) names.piece(slot);
    else checkSlot(state, folder, slot, names);
  }
  names.orphans();
  folder.save();
}
/** A slot that is no piece of a long name. */
function checkSlot(state: State, folder: Folder, slot: number, names: Names): void {
  const short = folder.short(slot);
  if (!folder.isRoot && short === (slot === 0 ? DOT_NAME : slot === 1 ? DOTS_NAME : "")) return;
  if (short === DOT_NAME || short === DOTS_NAME) return void (names.orphans(), strayDot(state, folder, slot));
  if (isGarbage(short, folder.start(slot), state.table.valid(folder.start(slot)))) {
    names.orphans();
    const finding = {
      kind: "no-entry",
      text: `slot ${slot} holds no entry`,
      path: pathOf(folder.place),
      repair: "free it",
    };
    return void (state.found(finding) && folder.free(slot));
  }
  if (folder.attr(slot) & ATTR_VOLUME && isLabel(state, folder, slot)) return names.orphans();
  const name = names.entry(slot);
  if (name === undefined) return;
  const path = pathOf(folder.place, name);
  const isDir = (folder.attr(slot) & ATTR_DIRECTORY) !== 0;
  if (isDir && folder.size(slot) !== 0) {
    const text = `a directory, has a size of ${folder.size(slot)}`;
    const finding = { kind: "directory-size", text, path, repair: "set it to 0", safe: true };
    if (state.found(finding)) folder.setSize(slot, 0);
  }
  checkReserved(state, folder, slot, path);
  checkTimes(state, folder, slot, path);
}
/** NTRes has two bits; programs take the others for what they like (fsck.fat for a bad name). */
function checkReserved(state: State, folder: Folder, slot: number, path: string): void {
  const at = slot * SLOT + Dirent.at.ntCase;
  const bits = folder.bytes[at]! & (LOWER_BASE | LOWER_EXT);
  if (bits === folder.bytes[at]) return;
  const finding = { kind: "reserved-bits", text: "reserved bits are set", path, repair: "clear them", safe: true };
  if (!state.found(finding)) return;
  folder.bytes[at] = bits;
  folder.change(slot);
}
function strayDot(state: State, folder: Folder, slot: number): void {
  const text = `"${folder.short(slot).trim()}" where it does not belong`;
  const finding = { kind: "stray-dot", text, path: pathOf(folder.place), repair: "remove it", safe: true };
  if (state.found(finding)) folder.free(slot);
}
/** True: nothing more to check. What has clusters and a size is a file whose attributes went wrong. */
function isLabel(state: State, folder: Folder, slot: number): boolean {
  const attr = folder.attr(slot);
  const path = pathOf(folder.place, showShort(folder.short(slot), 0, state.page));
  if (folder.start(slot) !== 0 || folder.size(slot) !== 0 || attr & ATTR_DIRECTORY) {
    const finding = {
      kind: "label-attribute",
      text: "a file marked as a label",
      path,
      repair: "clear the mark",
      safe: true,
    };
    if (!state.found(finding)) return true;
    folder.setAttr(slot, attr & ~ATTR_VOLUME);
    return false;
  }
  if (folder.isRoot && state.label === undefined) {
    state.label = folder.short(slot);
    return true;
  }
  const text = folder.isRoot ? "a second volume label" : "a volume label outside the root directory";
  if (state.found({ kind: "stray-label", text, path, repair: "remove it", safe: true })) folder.free(slot);
  return true;
}

/** "." and ".." come first and say where the directory and its parent are; that of the root is 0. */
function checkDots(state: State, folder: Folder): void {
  const { place } = folder;
  const parent = place.parent!;
  const above = parent.parent ? parent.cluster : 0;
  const also = state.g.bits === 32 ? parent.cluster : above;
  for (const [slot, name, start] of [[0, DOT_NAME, place.cluster], [1, DOTS_NAME, above]] as const) {
    const isThere = slot < folder.count && folder.short(slot) === name && folder.first(slot) === DOT;
    const right = isThere && (folder.attr(slot) & ATTR_DIRECTORY) !== 0 &&
      (folder.start(slot) === start || (slot === 1 && folder.start(slot) === also)) && folder.size(slot) === 0 &&
      (folder.bytes[slot * SLOT + Dirent.at.ntCase]! & ~(LOWER_BASE | LOWER_EXT)) === 0;
    if (right) continue;
    const text = isThere
      ? `"${name.trim()}" is wrong: it starts at ${folder.start(slot)}, not ${start}`
      : `"${name.trim()}" is missing`;
    const repair = isThere || makeRoom(folder, slot, false) ? "mend it" : undefined;
    const finding = { kind: "dots", text, path: pathOf(place), safe: true, ...(repair ? { repair } : {}) };
    if (!state.found(finding)) continue;
    if (!isThere) makeRoom(folder, slot, true);
    writeDot(folder, slot, name, start);
  }
}
/** Free a slot by moving what stands there and behind it up to the next free one; false: there is none. */
function makeRoom(folder: Folder, slot: number, really: boolean): boolean {
  let free = slot;
  while (free < folder.count && folder.first(free) !== 0 && folder.first(free) !== FREE_SLOT) free++;
  if (free >= folder.count) return false;
  if (!really) return true;
  const wasEnd = folder.first(free) === 0;
  folder.bytes.copyWithin((slot + 1) * SLOT, slot * SLOT, free * SLOT);
  // What stood behind the end mark may be anything.
  if (wasEnd && free + 1 < folder.count) folder.bytes[(free + 1) * SLOT] = 0;
  for (let s = slot; s <= Math.min(free + 1, folder.count - 1); s++) folder.change(s);
  return true;
}
export function writeDot(folder: Folder, slot: number, name: string, start: number): void {
  const at = slot * SLOT;
  const had = folder.short(slot) === name;
  if (!had) folder.bytes.fill(0, at, at + SLOT);
  for (let i = 0; i < 11; i++) folder.bytes[at + i] = name.charCodeAt(i);
  folder.bytes[at + Dirent.at.ntCase] = 0;
  folder.setAttr(slot, ATTR_DIRECTORY);
  folder.setStart(slot, start);
  folder.setSize(slot, 0);
}

/** Behind the end mark nothing counts. Entries that look like entries stand there when the mark is a mistake. */
function checkEnd(state: State, folder: Folder): void {
  let end = 0;
  while (end < folder.count && folder.first(end) !== 0) end++;
  let [good, bad, last] = [0, 0, -1];
  for (let slot = end; slot < folder.count; slot++) {
    if (folder.first(slot) === 0) continue;
    last = slot;
    if (folder.first(slot) === FREE_SLOT) continue;
    const fine = isPlausible(folder.bytes, slot * SLOT, (c) => state.table.valid(c), state.g.bits === 32);
    fine ? good++ : bad++;
  }
  if (good + bad === 0) return;
  const keep = good > bad;
  const finding = {
    kind: "entries-behind-end",
    text: `${good + bad} entries behind the end mark`,
    path: pathOf(folder.place),
    repair: keep ? "let the directory go on" : "erase them",
    safe: true,
  };
  if (!state.found(finding)) return;
  for (let slot = end; slot <= last; slot++) {
    if (keep && folder.first(slot) === 0) folder.free(slot);
    else if (!keep) {
      folder.bytes.fill(0, slot * SLOT, (slot + 1) * SLOT);
      folder.change(slot);
    }
  }
}

/** Dates and times no clock shows. A field of zeros means that nobody noted it. */
function checkTimes(state: State, folder: Folder, slot: number, path: string): void {
  const at = slot * SLOT;
  const { get, set } = Dirent;
  const { view } = folder;
  const wrong: ("cdate" | "adate" | "mdate" | "ctime" | "mtime")[] = [];
  for (const field of ["cdate", "adate", "mdate"] as const) {
    const date = get[field](view, at);
    const [month, day] = [(date >> 5) & 15, date & 31];
    if (date !== 0 && (month < 1 || month > 12 || day < 1)) wrong.push(field);
  }
  for (const field of ["ctime", "mtime"] as const) {
    const time = get[field](view, at);
    if (time >> 11 > 23 || ((time >> 5) & 63) > 59 || (time & 31) > 29) wrong.push(field);
  }
  if (wrong.length === 0) return;
  const finding = { kind: "bad-time", text: "has a time no clock shows", path, repair: "clear it", safe: true };
  if (!state.found(finding)) return;
  for (const field of wrong) set[field](view, at, field.endsWith("date") ? FIRST_DAY : 0);
  folder.change(slot);
}
const FIRST_DAY = (1 << 5) | 1;

/** Whether a cluster may be a directory's first: its dots are there; else it has no size, as files have, and looks like one. */
export function looksLikeDirectory(state: State, cluster: number, size: number): boolean {
  const bytes = state.read(state.position(cluster), Math.min(state.g.clusterSize, MAX_SLOTS * SLOT));
  if (hasDot(bytes)) return true;
  if (size !== 0) return false;
  let [good, bad] = [0, 0];
  for (let at = 0; at < bytes.length && bytes[at] !== 0; at += SLOT) {
    if (isPlausible(bytes, at, (c) => state.table.valid(c), state.g.bits === 32)) good++;
    else bad++;
  }
  return good > bad || (good + bad === 0 && bytes.every((b) => b === 0));
}
