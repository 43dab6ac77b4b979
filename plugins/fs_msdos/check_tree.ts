/** The tree, twice: first all directories get their clusters, so that no file takes them; then the files. */
import { ATTR_DIRECTORY } from "../../src/wire/fat.ts";
import { checkDirectory, looksLikeDirectory } from "./check_directory.ts";
import { checkFile, claimSound } from "./check_file.ts";
import { Folder, pathOf, type Place } from "./check_folder.ts";
import { type Followed, type State, type Steps, whyOf } from "./check_state.ts";
import { MAX_SLOTS, SLOT } from "./dir.ts";
import { showShort } from "./short_names.ts";

/** Deeper trees are not looked into: no system could name what is there. */
const MAX_DEPTH = 2048;
/** Directories kept in memory on the way down, bytes; beyond, they are read again on the way up. */
const MAX_HELD = 16 << 20;

interface Frame {
  readonly place: Place;
  folder: Folder | undefined;
  slot: number;
}

/**
 * Visit every directory from `root` on, parents first. `enter` says whether (and with what) to go into a subdirectory's
 * slot.
 */
function* walk(
  state: State,
  root: Place,
  visit: (folder: Folder) => void,
  enter: (folder: Folder, slot: number) => boolean,
): Steps {
  const stack: Frame[] = [];
  let held = 0;
  const open = (place: Place) => {
    const folder = load(state, place);
    if (!folder) return;
    held += folder.bytes.length;
    visit(folder);
    stack.push({ place, folder, slot: 0 });
  };
  open(root);
  for (let frame = stack.at(-1); frame; frame = stack.at(-1)) {
    yield Math.min(1, state.owned.count / (state.table.used || 1));
    const had = frame.folder;
    const folder = had ?? load(state, frame.place)!;
    const slot = nextDirectory(folder, frame.slot);
    frame.slot = slot + 1;
    if (slot === folder.count) {
      stack.pop();
      if (had) held -= had.bytes.length;
      continue;
    }
    if (!enter(folder, slot)) continue;
    const name = showShort(folder.short(slot), folder.bytes[slot * SLOT + 12]!, state.page);
    if (had && held > MAX_HELD) {
      frame.folder = undefined;
      held -= had.bytes.length;
    }
    open({ parent: frame.place, name, cluster: folder.start(slot), depth: frame.place.depth + 1 });
  }
}
function nextDirectory(folder: Folder, from: number): number {
  let slot = from;
  while (slot < folder.count && folder.first(slot) !== 0 && !folder.isDirectory(slot)) slot++;
  return slot < folder.count && folder.first(slot) === 0 ? folder.count : slot;
}
function load(state: State, place: Place): Folder | undefined {
  try {
    return new Folder(state, place);
  } catch (e) {
    if (e !== state.errno.EIO) throw e;
    state.found({ kind: "unreadable", text: "cannot be read", path: pathOf(place), block: place.cluster });
    return undefined;
  }
}

/** Directories of the tree at `root`, which is owned already: their clusters, their entries. */
export function checkDirectories(state: State, root: Place): Steps {
  return walk(state, root, (f) => checkDirectory(state, f), (f, slot) => accept(state, f, slot));
}
/**
 * Files of the tree, whose directories were accepted: first those whose chains are as they should be, then the others, so
 * that of two files with one cluster the damaged one loses it.
 */
export function* checkFiles(state: State, root: Place): Steps {
  const each = (what: (folder: Folder, slot: number) => void) => (folder: Folder) => {
    for (let slot = 0; slot < folder.count && folder.first(slot) !== 0; slot++) {
      if (folder.isEntry(slot)) what(folder, slot);
    }
    folder.save();
  };
  const entered: number[] = [];
  const enter = (folder: Folder, slot: number) => {
    const start = folder.start(slot);
    if (!state.table.valid(start) || !state.heads.has(start)) return false;
    state.heads.delete(start);
    entered.push(start);
    return true;
  };
  yield* walk(state, root, each((f, slot) => f.isDirectory(slot) || claimSound(state, f, slot)), enter);
  for (const start of entered.splice(0)) state.heads.add(start);
  const check = (folder: Folder, slot: number) => {
    state.files++;
    if (!folder.isDirectory(slot) && !isClaimed(state, folder, slot)) checkFile(state, folder, slot);
  };
  yield* walk(state, root, each(check), enter);
}
/** Whether a file got its clusters in the first round; told once. */
function isClaimed(state: State, folder: Folder, slot: number): boolean {
  const start = folder.start(slot);
  if (!state.table.valid(start) || !state.sound.has(start) || folder.size(slot) === 0) return false;
  if (!state.fits(start, Math.ceil(folder.size(slot) / state.g.clusterSize), true)) return false;
  state.sound.delete(start);
  return true;
}

/** Take a subdirectory's clusters; false: it is none, or was removed. */
function accept(state: State, folder: Folder, slot: number): boolean {
  const start = folder.start(slot);
  const path = pathOf(folder.place, showShort(folder.short(slot), folder.bytes[slot * SLOT + 12]!, state.page));
  const wrong = wrongStart(state, start);
  if (wrong) {
    const finding = { kind: "directory-start", text: `a directory, ${wrong}`, path, block: start, repair: "remove it" };
    if (state.found(finding)) remove(folder, slot);
    return false;
  }
  if (folder.place.depth >= MAX_DEPTH) {
    state.found({ kind: "too-deep", text: `nested in ${MAX_DEPTH} directories: not checked`, path, block: start });
    return false;
  }
  if (!looks(state, start, folder.size(slot))) return asFile(state, folder, slot, path);
  state.heads.add(start);
  takeChain(state, start, path);
  return true;
}
function wrongStart(state: State, start: number): string | undefined {
  if (!state.table.valid(start)) return `starts at cluster ${start}, which there is not`;
  if (state.owned.has(start)) return `starts at cluster ${start}, which is another's`;
  return undefined;
}
function looks(state: State, start: number, size: number): boolean {
  try {
    return looksLikeDirectory(state, start, size);
  } catch (e) {
    if (e === state.errno.EIO) return true; // said when it is loaded
    throw e;
  }
}
/** Own a directory's chain and see that it ends well. */
export function takeChain(state: State, start: number, path: string): Followed {
  const most = Math.max(1, (MAX_SLOTS * SLOT) / state.g.clusterSize);
  const chain = state.claim(start, most);
  if (chain.stop === "end") return chain;
  const last = chain.last || start;
  const finding = {
    kind: chain.stop === "enough" ? "directory-too-long" : "directory-chain",
    text: chain.stop === "enough"
      ? `has more than ${MAX_SLOTS} slots`
      : `its chain ${whyOf(chain.stop)} after ${chain.length} clusters`,
    path,
    block: chain.at,
    repair: "let it end there",
    safe: chain.length > 0,
  };
  // A first cluster marked free or bad: it looks like a directory, so it is kept.
  const repaired = state.found(finding);
  if (repaired) state.table.end(last);
  if (repaired || chain.length === 0) state.owned.add(last);
  return chain;
}
/** What says it is a directory holds something else: a file, whose size is not known. */
function asFile(state: State, folder: Folder, slot: number, path: string): boolean {
  const start = folder.start(slot);
  const finding = {
    kind: "no-directory",
    text: "what it holds is no directory",
    path,
    block: start,
    repair: "make it a file",
  };
  if (!state.found(finding)) {
    state.claim(start, Infinity);
    return false;
  }
  const chain = state.claim(start, Math.floor(0xffff_ffff / state.g.clusterSize));
  state.disown(start, chain.length);
  const most = chain.length * state.g.clusterSize;
  folder.setAttr(slot, folder.attr(slot) & ~ATTR_DIRECTORY);
  const size = folder.size(slot);
  if (size === 0 || size > most) folder.setSize(slot, most);
  folder.save();
  return false;
}
/** Remove an entry; pieces of its long name go with it. */
function remove(folder: Folder, slot: number): void {
  let from = slot;
  while (from > 0 && folder.isLong(from - 1) && folder.first(from - 1) !== 0xe5) from--;
  folder.free(from, slot);
  folder.save();
}
